"""The index of runs: it reads what has changed, starts from what it has left, and believes nothing that is damaged."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.past import unkept
from pipeline_builder.release.past.index import RunIndex
from pipeline_builder.release.past.keeping import keep_run
from pipeline_builder.release.past.query import RunQuery
from pipeline_builder.release.past.remembered import Entry, Remembered
from pipeline_builder.release.past.summary import dump_summary, load_summary, summarise
from pipeline_builder.release.record import RunRecord, ScoreRecord, VerdictRecord
from pipeline_builder.target import Target
from tests.engine.definitions import definition, run, script
from tests.engine.definitions import target as engine_target
from tests.release.records import BEGIN, package, run_record

ARN = "arn:aws:sagemaker:localhost:000000000000:pipeline/churn/execution/"


def record(number: int, *models: str, **changes: object) -> RunRecord:
    started = BEGIN + timedelta(minutes=number)
    own = {"execution": f"{ARN}r{number:011d}", "started": started, "ended": started + timedelta(seconds=6)}
    return run_record(*(models or ("churn",)), **{**own, **changes})


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return open_local_target(tmp_path / "state", LocalSettings())


def fill(target: Target, count: int) -> None:
    for number in range(count):
        assert keep_run(record(number), target)


def index_of(target: Target, path: Path | None = None) -> RunIndex:
    found = RunIndex(target, lambda: ("churn",), path)
    found.refresh()
    return found


def test_a_summary_is_the_same_when_it_comes_back() -> None:
    blocked = VerdictRecord(passed=False, reasons=("auc is 0.1, at least 0.8",))
    for one in (record(1), record(2, "a", "b", verdict=blocked, trigger="a push"), record(3, ended=None)):
        found = summarise(one)
        assert load_summary(json.loads(json.dumps(dump_summary(found)))) == found


def test_a_summary_names_the_metrics_that_have_a_bound() -> None:
    bounds = tuple(
        BoundEvidence(metric=f"binary_classification_metrics.{name}.value", min=0.5) for name in ("auc", "f1", "auc")
    )
    (found,) = summarise(record(1, packages=(package("churn", bounds=bounds),))).models
    assert found.gated == ("auc", "f1")


def test_only_what_has_changed_is_read(target: Target, tmp_path: Path) -> None:
    fill(target, 5)
    first = index_of(target, tmp_path / "index")
    assert (first.reads, first.runs(RunQuery())[1]) == (5, 5)
    again = index_of(target, tmp_path / "index")
    assert (again.reads, again.runs(RunQuery())) == (0, first.runs(RunQuery()))
    generation = again.generation
    assert again.refresh() == generation
    keep_run(record(5), target)
    assert again.refresh() != generation
    assert (again.reads, [run.id[-1] for run in again.runs(RunQuery(), limit=3)[0]]) == (1, ["5", "4", "3"])
    keep_run(record(0, trigger="a push to churn"), target)
    again.refresh()
    assert again.reads == 2
    assert index_of(target, tmp_path / "index").reads == 0


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda content: content[: len(content) // 2],
    "another version's": lambda content: content.replace(b'"format": 2', b'"format": 1', 1),
    "another place's": lambda content: content.replace(b"s3://local/", b"s3://other/", 1),
    "a line of nothing": lambda content: content + b"{}\n[1]\nnull\n[1,2,3]\n",
    "without an end": lambda content: content[:-1],
    "noise": lambda _: b"\xff\xfe\x00" * 100,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_damaged_index_is_made_anew(target: Target, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    fill(target, 4)
    path = tmp_path / "index"
    before = index_of(target, path).runs(RunQuery())
    path.write_bytes(harm(path.read_bytes()))
    assert index_of(target, path).runs(RunQuery()) == before
    keep_run(record(9), target)
    assert index_of(target, path).runs(RunQuery())[1] == 5
    assert index_of(target, path).reads == 0


def test_two_at_once_find_the_same(target: Target, tmp_path: Path) -> None:
    fill(target, 3)
    path = tmp_path / "index"
    two = [RunIndex(target, lambda: ("churn",), path) for _ in range(2)]

    def look(index: RunIndex) -> None:
        for _ in range(10):
            index.refresh()

    threads = [threading.Thread(target=look, args=(index,)) for index in (*two, *two)]
    for thread in threads:
        thread.start()
    for number in range(3, 8):
        keep_run(record(number), target)
    for thread in threads:
        thread.join()
    for index in (*two, index_of(target, path)):
        index.refresh()
        assert index.runs(RunQuery())[1] == 8


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    found = summarise(record(0))
    entries: dict[str, Entry] = {}
    remembered = Remembered(tmp_path / "index", "here")
    assert remembered.load() == {}
    for number in range(3000):
        entries |= (changed := {f"run {number % 3}": (str(number), found)})
        remembered.add(changed, entries)
    assert (tmp_path / "index").read_bytes().count(b"\n") < 1010
    assert Remembered(tmp_path / "index", "here").load() == entries
    assert Remembered(tmp_path / "index", "there").load() == {}


def test_what_is_gone_is_shown_no_more(target: Target, tmp_path: Path) -> None:
    fill(target, 3)
    index = index_of(target, tmp_path / "index")
    (newest,) = (tmp_path / "state" / "store").glob("local/churn/evidence/runs/*2/run.json")
    newest.unlink()
    index.refresh()
    assert index.runs(RunQuery())[1] == 2


def test_queries(target: Target) -> None:
    waits = package("a")
    blocked = VerdictRecord(passed=False, reasons=("auc is 0.1, at least 0.8",))
    for one in (
        record(0, "a", packages=(waits.model_copy(update={"status": "Approved", "approval_description": "by x"}),)),
        record(1, "b", verdict=blocked, trigger="a push to prices@1f3c9ab"),
        record(2, "a", status="Failed", packages=(), failure_reason="no rows"),
        record(3, "a", packages=(waits.model_copy(update={"version": 3}),)),
    ):
        keep_run(one, target)
    index = index_of(target)

    def found(**asked: object) -> str:
        return "".join(run.id[-1] for run in index.runs(RunQuery(**asked))[0])  # type: ignore[arg-type]

    assert found() == "3210"
    assert (found(model="a"), found(model="b")) == ("30", "1")
    assert (found(state="failed"), found(state="blocked"), found(state="promoted"), found(state="waiting")) == (
        "2", "1", "0", "3",
    )  # fmt: skip
    assert (found(trigger="PRICES"), found(text="no ROWS"), found(commit="1F3c"), found(commit="2")) == (
        "1", "2", "3210", "",
    )  # fmt: skip
    assert (found(since=BEGIN + timedelta(minutes=2)), found(until=BEGIN + timedelta(minutes=1))) == ("32", "0")
    assert (found(pipeline="churn"), found(pipeline="other"), found(kind="inference")) == ("3210", "", "")
    assert [run.id[-1] for run in index.runs(RunQuery(), offset=1, limit=2)[0]] == ["2", "1"]
    assert [model.version for _, model in index.of_model("a")] == [2, 3]
    assert index.groups() == ("a", "b")


def test_a_run_that_scores_has_its_models_and_makes_no_versions(target: Target) -> None:
    scored = ScoreRecord(model="a", date="2026-11-01", group="a", package_version=3, rows_out=7, status="published")
    blocked = scored.model_copy(update={"model": "b", "status": "blocked", "rows_out": None})
    keep_run(record(0, packages=(), kind="inference", date="2026-11-01", scores=(scored, blocked)), target)
    index = index_of(target)
    (run,), _ = index.runs(RunQuery(model="a"))
    assert [(one.model, one.version, one.status, one.passed) for one in run.models] == [
        ("a", 3, "published", True), ("b", 3, "blocked", False),
    ]  # fmt: skip
    assert (run.date, dict(run.models[0].metrics), index.of_model("a"), index.groups()) == (
        "2026-11-01", {"rows": 7.0}, (), (),
    )  # fmt: skip


@pytest.mark.long
def test_five_thousand_runs(target: Target, tmp_path: Path) -> None:
    """A start takes less than a second of a processor, a new run one read; 2 KB of memory for each at most."""
    count, store = 5000, tmp_path / "state" / "store" / "local" / "churn" / "evidence" / "runs"
    text = record(0, "a", "b", "c").model_dump_json().encode()
    for number in range(count):
        (store / f"r{number:011d}").mkdir(parents=True)
        (store / f"r{number:011d}" / "run.json").write_bytes(text.replace(b"r00000000000", f"r{number:011d}".encode()))
    path = tmp_path / "index"
    assert index_of(target, path).reads == count
    begun = time.process_time()
    index = index_of(target, path)
    assert time.process_time() - begun < 1.0
    assert (index.reads, index.runs(RunQuery())[1]) == (0, count)
    assert path.stat().st_size < 2048 * count
    keep_run(record(count), target)
    index.refresh()
    assert (index.reads, index.runs(RunQuery())[1]) == (1, count + 1)
    begun = time.process_time()
    assert len(index.runs(RunQuery(text="nothing of that"))[0]) == 0
    assert len(index.of_model("b")) == count
    assert time.process_time() - begun < 0.3


def test_a_run_that_goes_on_again_is_as_the_target_says(target: Target) -> None:
    fill(target, 1)
    index = index_of(target)
    (kept,), _ = index.runs(RunQuery())
    assert (kept.kept, kept.status, kept.passed) == (True, "Succeeded", True)
    assert index.run("churn", kept.execution) == index.run("churn", kept.id) == kept
    assert index.run("other", kept.id) is None
    assert replace(kept, status="Executing").states == {"executing", "waiting"}


def test_a_run_that_nobody_kept_is_summed_up_once_and_by_its_record_when_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = engine_target(tmp_path)
    content = definition(script("Train", "true"))
    _, ended, _ = run(local, content)
    asked: list[str] = []
    monkeypatch.setattr(unkept, "_SETTLED", timedelta(0))
    steps = local.pipelines.list_steps

    def counted(arn: str) -> tuple[StepState, ...]:
        asked.append(arn)
        return tuple(steps(arn))

    monkeypatch.setattr(local.pipelines, "list_steps", counted)
    for _ in range(2):  # the second starts with what the first has left
        index = RunIndex(local, lambda: (ended.pipeline,), tmp_path / "index")
        index.refresh()
        index.refresh()
        (known,) = index.runs(RunQuery())[0]
        assert (known.id, known.steps, known.kept) == (ended.id, 1, False)
    assert len(asked) == 1
    keep_run(record(1).model_copy(update={"execution": ended.arn, "pipeline": ended.pipeline}), local)
    index.refresh()
    assert [(one.id, one.kept) for one in index.runs(RunQuery())[0]] == [(ended.id, True)]


def test_executions_that_are_listed_already_are_not_asked_for_again(target: Target) -> None:
    fill(target, 1)
    index = RunIndex(target, lambda: ("churn",))
    (kept,), _ = (index_of(target)).runs(RunQuery())
    execution = Execution(
        arn=kept.execution, pipeline="churn", version=1, status=ExecutionStatus.EXECUTING, definition_sha256="",
        parameters={}, fingerprint="", started=kept.started,
    )  # fmt: skip
    index.refresh(listed=[execution])
    assert [run.status for run in index.runs(RunQuery())[0]] == ["Executing"]
    index.refresh()
    assert [run.status for run in index.runs(RunQuery())[0]] == ["Succeeded"]

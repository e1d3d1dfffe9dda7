"""What comes from outside, too much, too deep, damaged or forged, is answered with words and an id, and in time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sqlite3
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from werkzeug.test import Client, TestResponse

from pipeline_builder.cli.boundary import show_failure
from pipeline_builder.cli.output import Coloured, coloured, problems_json, say, show, show_problems
from pipeline_builder.conf.registration import GateSection
from pipeline_builder.dag.outline import Node
from pipeline_builder.descriptions import StepState, StepStatus
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.engine.jobs.logs import WHOLE
from pipeline_builder.engine.local import open_engine, open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state import catalogue, package_details
from pipeline_builder.engine.state.damage import problem_of
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import (
    InputProblems,
    OutsideFailure,
    PipelineBuilderError,
    Place,
    Problem,
    limit_per_file,
    render_problem,
)
from pipeline_builder.inert import inert_json, inert_line, inert_text
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.release.approval import approval_text
from pipeline_builder.release.gate import judge
from pipeline_builder.release.junit import render_junit, render_junit_problems
from pipeline_builder.release.metrics import MOST_LEVELS, MOST_NAME, MOST_NUMBERS, MOST_VALUES, parse_metrics
from pipeline_builder.release.plan_files import load_plans
from pipeline_builder.release.record import RunRecord, StepRecord, VerdictRecord
from pipeline_builder.serve.application import Application
from pipeline_builder.serve.background import Background
from pipeline_builder.views.evidence import render_evidence
from pipeline_builder.views.graphs.picture import render_svg
from pipeline_builder.views.progress import describe
from pipeline_builder.views.report import render_report
from pipeline_builder.views.summary import failure_code, failure_problems, render_result
from tests.definition.composing import compose_definition
from tests.release.records import METRICS, package, run_record, steps
from tests.security.disks import on_small_disk
from tests.security.fuzzing import fill_state
from tests.tiny import variant
from tests.workspaces import make_workspace

# Each would forge a line of its own, or hide or turn what stands around it.
CHUNKED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
FORGED = (
    "auc\napproved by ada",
    "auc\r\napproved by ada",
    "auc\x1b[2K\x1b[1Gapproved by ada",
    "auc \u202e0.1 :cua\u202c",
    "auc\u2066 0.99 \u2069",
    "auc\x85approved by ada",
    "auc\u2028approved by ada",
    "auc\u2029approved by ada",
    "auc\u200b\u200d\ufeff",
    "auc\x00\x07\x08\x7f",
    "auc\u009b31m",
    "auc\U000e0041",
)


def is_inert(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


# --- what is shown


@pytest.mark.parametrize("name", FORGED)
def test_no_name_is_more_than_a_name(name: str) -> None:
    shown = inert_line(name)
    assert shown.isprintable()
    assert shown.startswith("auc")
    assert is_inert(inert_text(name))
    assert json.loads(inert_json({name: name})) == {name: name}
    assert is_inert(inert_json({name: [name]}))


def test_a_line_has_an_end() -> None:
    assert len(inert_line("x" * 3_000_000)) == 4096
    assert len(inert_line("\x00" * 3_000_000)) == 4096
    assert inert_line("é", 1) == "é"


def forged(name: str) -> RunRecord:
    """A run that has the name wherever others write one."""
    record = run_record("churn")
    repo = record.repos[0].model_copy(update={"subject": name, "url": name, "author": name, "name": name})
    failing = {"status": "Failed", "failure_reason": name, "log": name, "link": name, "log_tail": (name,)}
    model = package(
        "churn", metrics={name: 1.5, "confusion_matrix": {name: {name: 1}}}, approval_description=name, arn=name
    )
    return record.model_copy(
        update={
            "repos": (repo,),
            "packages": (model,),
            "steps": steps("churn", **failing),
            "verdict": VerdictRecord(passed=False, reasons=(name,)),
            "trigger": name,
            "parameters": {name: name, "ManifestCommit": name},
        }
    )


SHOWN: dict[str, Callable[[RunRecord], str]] = {
    "evidence": render_evidence,
    "result": lambda record: render_result(record, "report.html"),
    "approval": approval_text,
    "report": render_report,
    "junit": render_junit,
    "problems": lambda record: "\n".join(map(render_problem, failure_problems(record))),
    "progress": lambda record: describe(
        StepState(name="A", type="Training", status=StepStatus.FAILED, failure_reason=record.steps[-1].failure_reason)
    ),
    "drawing": lambda record: render_svg(
        [Node(name=record.repos[0].subject, type="Training", step_class="Training", model=record.repos[0].subject)]
    ),
}


@pytest.mark.parametrize("where", SHOWN)
def test_what_others_name_is_shown_inert(where: str) -> None:
    lines = {}
    for name in ("auc", *FORGED):
        text = SHOWN[where](forged(name))
        assert is_inert(text), (name, where)
        lines[name] = sum(line.startswith("approved") for line in text.split("\n"))
    # What a job says of itself has lines, in a block of its own.
    assert where in ("report", "junit") or set(lines.values()) == {0}


def test_only_a_reason_and_a_log_have_lines() -> None:
    plain = render_result(forged("auc"), "report.html").count("\n")
    assert {render_result(forged(name), "report.html").count("\n") for name in FORGED} == {plain}
    assert {len(render_evidence(forged(name)).split("\n")) for name in FORGED} == {4}


def test_no_line_of_a_problem_passes_for_another_problem() -> None:
    place = Place("conf\nPB100 y", 1, 2, "text\x1b[2J")
    problem = Problem(id="PB204", message="'x\nPB000 all is well'", hint="a\nb", place=place, related=(place,))
    first, *others = render_problem(problem).split("\n")
    assert first.startswith("conf\\nPB100 y:1:2: PB204 ")
    assert all(line.startswith("  ") for line in others)
    assert is_inert(render_problem(problem))


def test_a_gate_names_its_metric_in_one_line() -> None:
    record = run_record("churn")
    gate = GateSection(metric="['auc\nthe execution succeeded']", min=0.5)
    verdict = judge(record, planned_sha256=record.definition_sha256, gates={"churn": (gate,)})
    assert not verdict.passed
    assert all(reason.isprintable() for reason in verdict.reasons)


def test_colours_are_ours_only(capsys: pytest.CaptureFixture[str]) -> None:
    text = coloured("  + step \x1b[31mx")
    assert isinstance(text, Coloured)
    assert "\\x1b[31mx" in text
    show({}, as_json=False, text="\x1b[2Jpassed")
    show({"a": "\u202e"}, as_json=True, text="")
    say("\x1b[2Jpassed\u202e")
    found = capsys.readouterr()
    assert found.out.split("\n")[0] == "\\x1b[2Jpassed"
    assert '"\\u202e"' in found.out
    assert found.err == "\\x1b[2Jpassed\\u202e\n"


# --- metrics

# Made where they are asked for: megabytes, which every process of a run would make as it collects the tests.
WITHOUT_MEASURE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a lone surrogate": (lambda: b'{"auc": 0.9, "about": "\\ud800"}', "half a character"),
    "a lone surrogate in a name": (lambda: b'{"\\udc00": 1}', "a name with half a character"),
    "900 levels": (lambda: b'{"a":' * 900 + b"1" + b"}" * 900, f"more than {MOST_LEVELS} levels"),
    "900 lists": (lambda: b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", f"more than {MOST_LEVELS} levels"),
    "100,000 lists": (lambda: b"[" * 100_000 + b"]" * 100_000, f"more than {MOST_LEVELS} levels"),
    "300,000 numbers": (
        lambda: json.dumps({str(n): 1 for n in range(300_000)}).encode(),
        "300,000 numbers with a name",
    ),
    "a curve of 300,000 points": (lambda: json.dumps({"curve": [0.5] * 300_000}).encode(), "300,002 values"),
    "a name of 3 MB": (lambda: b'{"' + b"x" * 3_000_000 + b'": 1}', "a name of 3,000,000 characters"),
}


@pytest.mark.parametrize("kind", WITHOUT_MEASURE)
def test_metrics_without_measure(kind: str) -> None:
    make, said = WITHOUT_MEASURE[kind]
    content = make()
    begun = time.process_time()
    with pytest.raises(InputProblems) as caught:
        parse_metrics(content, "s3://b/metrics.json")
    text = str(caught.value)
    assert text.startswith("PB671 the evaluation report 's3://b/metrics.json' can't be used: it has ")
    assert said in text
    assert all(f"{limit:,}" in text for limit in (MOST_LEVELS, MOST_NUMBERS, MOST_VALUES, MOST_NAME))
    assert len(text) < 1000
    assert time.process_time() - begun < 5


def test_metrics_within_measure() -> None:
    deep: Any = 1
    for _ in range(MOST_LEVELS - 1):
        deep = {"a": deep}
    for good in (METRICS, deep, {"x" * MOST_NAME: 1}, {str(n): n for n in range(MOST_NUMBERS)}, {"c": [0.5] * 100_000}):
        assert parse_metrics(json.dumps(good).encode(), "m") == good


def test_metrics_that_cannot_be_used_block_a_model() -> None:
    record = run_record("churn")
    model = package("churn", metrics=None, metrics_fault="PB671 the evaluation report can't be used\nby anybody")
    record = record.model_copy(update={"packages": (model,)})
    verdict = judge(record, planned_sha256=record.definition_sha256)
    assert not verdict.passed
    assert verdict.reasons == ("churn version 2: PB671 the evaluation report can't be used\\nby anybody",)
    assert "PB671 the evaluation report" in render_report(record)


# --- the report


@pytest.mark.long
def test_a_report_is_bounded_and_says_what_it_leaves_out() -> None:
    record = run_record("churn")
    many = {f"metric {n}": float(n) for n in range(9_000)}
    points = [n / 60_000 for n in range(60_000)]
    labels = [f"label {n}" for n in range(200)]
    report = {
        **many,
        "confusion_matrix": {a: dict.fromkeys(labels, 1) for a in labels},
        "receiver_operating_characteristic_curve": {"false_positive_rates": points, "true_positive_rates": points},
    }
    tail = tuple("x" * 4000 for _ in range(40))
    more = tuple(
        StepRecord(name=f"s{n}", type="Training", step_class="Training", model="m", log_tail=tail, failure_reason="y" * 90_000,
                   status="Failed" if n == 1499 else "Succeeded")
        for n in range(1500)
    )  # fmt: skip
    model = package("churn", metrics=report)
    record = record.model_copy(
        update={
            "packages": (model,) * 120,
            "steps": more,
            "verdict": VerdictRecord(passed=False, reasons=tuple(f"reason {n}" for n in range(900))),
            "parameters": {f"P{n}": "v" for n in range(300)},
        }
    )
    begun = time.process_time()
    page = render_report(record.model_copy(update={"packages": (model,)}))
    assert time.process_time() - begun < 10
    assert len(page) < 5_000_000
    assert (
        "Left out of this page, and in the record of the run: 500 steps, 50 parameters, 400 reasons of the gate, "
        in page
    )
    assert "8500 more metrics are left out here" in page
    assert "150 more labels are left out here" in page
    assert "<h2>s1499 failed</h2>" in page, "what failed is shown, however many steps there are"
    bare = record.model_copy(update={"packages": (package("churn", metrics=None),) * 120, "steps": ()})
    assert "20 models" in render_report(bare)


# --- problems by the hundred thousand


def problems(count: int, *files: str) -> list[Problem]:
    return [
        Problem(id="PB202", message=f"the key 'k{n}' is not known here", place=Place(file, n + 1, 1, "x"))
        for file in files
        for n in range(count)
    ]


@pytest.mark.long
def test_150_000_problems(capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.process_time()
    error = InputProblems(*problems(50_000, "a.yaml", "b.yaml", "c.yaml"))
    show_problems(error, wants_json=True)
    assert time.process_time() - begun < 10
    found = capsys.readouterr()
    assert found.err.count(" PB202 ") == 300
    assert "b.yaml: 49,900 more like these" in found.err
    assert "150,000 problems; 'pipeline-builder explain PB202' says more" in found.err
    answer = json.loads(found.out)
    assert (len(answer["problems"]), answer["left_out"]) == (10_000, 140_000)
    assert answer["counts"] == {"errors": 150_000, "warnings": 0}
    assert len(str(error)) < 100_000
    cases = ET.fromstring(render_junit_problems("build", error.problems)).findall(".//testcase")
    assert len(cases) == 303


@pytest.mark.long
def test_thousands_of_problems_in_one_long_line() -> None:
    text = "{version: 1, repos: [" + ", ".join(f"{{url: [1], k{n}: 2}}" for n in range(8_000)) + "]}"
    begun = time.process_time()
    with pytest.raises(InputProblems) as caught:
        build_manifest(parse_yaml(Source("model_repos.yaml", text), "PB100"))
    assert time.process_time() - begun < 5
    assert len(caught.value.problems) == 16_000
    assert len(str(caught.value)) < 100_000
    assert len(inert_json(problems_json(caught.value.problems))) < 20_000_000


def test_errors_are_shown_before_warnings() -> None:
    noise = [Problem(id="PB332", message=str(n), place=Place("a"), warning=True) for n in range(500)]
    last = Problem(id="PB202", message="x", place=Place("a", 9))
    kept, left = limit_per_file([*noise, last])
    assert last in kept
    assert left == {"a": 401}
    assert problems_json([*noise, last])["counts"] == {"errors": 1, "warnings": 500}


# --- a damaged state


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill_state(folder / "state.db")
    return folder / "state.db"


LOOKS: dict[str, Callable[[Path], object]] = {
    "executions": lambda folder: open_local_target(folder, LocalSettings()).pipelines.list_executions(),
    "steps": lambda folder: [
        open_local_target(folder, LocalSettings()).pipelines.list_steps(execution.arn)
        for execution in open_local_target(folder, LocalSettings()).pipelines.list_executions()
    ],
    "packages": lambda folder: open_local_target(folder, LocalSettings()).registry.list_packages("g"),
    "approvals": lambda folder: open_local_target(folder, LocalSettings()).registry.list_approvals(),
    "versions": lambda folder: catalogue.list_versions(State(folder / "state.db"), "p"),
    "pipelines": lambda folder: catalogue.list_pipelines(State(folder / "state.db")),
    "package_groups": lambda folder: package_details.list_groups(State(folder / "state.db")),
}
ROWS = (
    ("executions", "details", '{"Na'), ("executions", "parameters", "[]"), ("executions", "status", "Well"),
    ("executions", "started", "yesterday"), ("executions", "ended", "\x00"), ("executions", "version", "one"),
    ("steps", "metadata", "{"), ("steps", "status", ""), ("steps", "attempts", "x"), ("steps", "started", 5),
    ("packages", "request", "nothing"), ("packages", "metadata", '"text"'), ("packages", "status", "approved"),
    ("packages", "version", "two"), ("packages", "details", "{"), ("approvals", "before", "x"), ("approvals", "at", ""),
    ("approvals", "after", "\x1b[2J"), ("versions", "details", b"\xff"), ("versions", "created", "?"), ("pipelines", "details", "1"),
    ("versions", "content", b'{"Steps'), ("versions", "content", 5), ("pipelines", "created", "{}"), ("package_groups", "created", "then"),
)  # fmt: skip


@pytest.mark.parametrize(("table", "column", "value"), ROWS)
def test_a_damaged_row(filled: Path, tmp_path: Path, table: str, column: str, value: object) -> None:
    shutil.copy(filled, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as db:
        db.execute(f"UPDATE {table} SET {column} = ?", (value,))
    with pytest.raises(OutsideFailure) as caught:
        LOOKS[table](tmp_path)
    said = str(caught.value)
    # SQLite itself looks into the JSON of one of them, and says of it what it says of a page.
    assert f"the column '{column}' is" in said or "it is damaged (malformed JSON)" in said
    assert said[:5] in ("PB672", "PB532")
    assert "put a copy of 'state.db' in its place, or move it away" in said
    assert is_inert(said)


def answer_of(look: Callable[[Path], object], folder: Path) -> str:
    """Return the id of the problem that a look has met, empty where it has met none."""
    try:
        look(folder)
    except PipelineBuilderError as error:
        return error.problems[0].id
    return ""


@pytest.mark.long
def test_every_page_that_can_be_damaged(filled: Path, tmp_path: Path) -> None:
    """Whichever page is overwritten, there is an answer with an id, or the page was of no use to the question."""
    content = filled.read_bytes()
    said = set()
    for page in range(len(content) // 4096):
        (tmp_path / "state.db").write_bytes(content[: page * 4096] + b"\xa5" * 4096 + content[(page + 1) * 4096 :])
        for look in LOOKS.values():
            said.add(answer_of(look, tmp_path))
        for name in ("state.db-wal", "state.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
    assert "PB532" in said
    assert said <= {"", "PB532", "PB672", "PB673", "PB441"}


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def other_schema(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE pipelines (id INTEGER)")


def other_program(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE moz_places (id INTEGER)")
        db.execute("PRAGMA user_version = 3")


def formatted(number: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA user_version = {number}")

    return write


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("not a database " * 100), "PB532"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "PB532"),
    "folder": (a_folder, "PB532"),
    "a newer format": (formatted(99), "PB530"),
    "a format below zero": (formatted(-1), "PB530"),
    "other tables": (other_schema, "PB673"),
    "another program's": (other_program, "PB673"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_state_that_is_none(filled: Path, tmp_path: Path, kind: str) -> None:
    spoil, number = FOREIGN[kind]
    shutil.copy(filled, tmp_path)
    spoil(tmp_path / "state.db")
    with pytest.raises(PipelineBuilderError) as caught:
        LOOKS["executions"](tmp_path)
    assert caught.value.problems[0].id == number
    assert caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("database is locked", "another process has kept it locked"),
        ("database or disk is full", "disk full"),
        ("attempt to write a readonly database", "it can only be read"),
        ("unable to open database file", "it can't be opened"),
        ("disk I/O error", "its disk is full, damaged or gone"),
        ("database disk image is malformed", "it is damaged"),
        ("FOREIGN KEY constraint failed", "what it says contradicts itself"),
        ("Could not decode to UTF-8 column 'x'", "it is damaged"),
    ],
)
def test_what_sqlite_says_in_words(said: str, words: str) -> None:
    problem = problem_of(Path("state.db"), sqlite3.OperationalError(said))
    assert problem is not None
    assert words in problem.message
    assert said in problem.message


def test_a_path_that_is_longer_than_sqlite_opens(tmp_path: Path) -> None:
    for length in (504, 505, 600):
        folder = tmp_path / "/".join(["c" * 200, "d" * 150, "e" * (length - 362 - len(os.fsencode(tmp_path)))])
        path = folder / "state.db"
        assert len(os.fsencode(path)) == length
        refused = pytest.raises(OutsideFailure, match=f"its path has {length} bytes, and SQLite opens 504")
        with refused if length > 504 else contextlib.nullcontext():
            State(path)


def test_a_mistake_in_a_statement_is_a_bug() -> None:
    assert problem_of(Path("state.db"), sqlite3.OperationalError('near "SELEC": syntax error')) is None


# --- a full disk

_WRITES = """
import os, sys
from pathlib import Path
from pipeline_builder.engine.local import open_engine
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.jobs.archives import pack
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.machine.refusals import refusal
from pipeline_builder.machine.streams import write_file
from pipeline_builder.checkout.git import Git
disk = Path(sys.argv[1])
engine = open_engine(disk / "state", LocalSettings())
(disk / "state" / "store" / "local").mkdir(parents=True)
(disk / "code").mkdir()
(disk / "code" / "x").write_bytes(b"x")
(disk / "fill").write_bytes(b"")
with (disk / "fill").open("wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
from pipeline_builder.machine.tree import Tree, survey
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.application import Application
from werkzeug.test import Client
code = Tree(root=disk / "code")
said = []
client = Client(Application(engine=engine, background=Background(engine, said.append), report=said.append))
def serve(method, path, **more):
    answer = client.open(path, method=method, base_url="http://127.0.0.1/", **more)
    print(answer.status_code, answer.get_data(as_text=True).replace("\\n", " ")[:300], said)
def table():
    for name, write in {
        "file": lambda: write_file(disk / "run.json", bytes(200_000)),
        "store": lambda: engine.store.put("s3://local/x", bytes(200_000)),
        "upload": lambda: engine.store.upload(code, survey(code), "s3://local/y"),
        "state": lambda: engine.registry.put_group("g" * 100_000, "x" * 100_000),
        "new state": lambda: State(disk / "other" / "state.db"),
    }.items():
        try:
            write()
            print(name, "done")
        except PipelineBuilderError as error:
            print(name, error.problems[0].id, error.problems[0].message)
        except OSError as error:
            print(name, refusal(error).problems[0].id, refusal(error).problems[0].message)
table()
serve("PUT", "/local/z", data=bytes(200_000))
serve("POST", "/", data='{"ModelPackageGroupName": "%s"}' % ("g" * 60),
      headers={"X-Amz-Target": "SageMaker.CreateModelPackageGroup", "Content-Type": "application/x-amz-json-1.1"})
(disk / "fill").unlink()
table()
"""


def test_a_full_disk_is_said_by_all_that_write_and_they_go_on_after(tmp_path: Path) -> None:
    said = on_small_disk(tmp_path, "3m", _WRITES).splitlines()
    assert said[0].startswith("file PB674 disk full: cannot write 'disk/run.json' (No space left on device)")
    assert said[1].startswith(("store PB674 disk full: cannot write 'disk/state/store'", "store PB532 the state '"))
    assert said[2].startswith(("upload PB674 disk full: cannot write 'disk/state/store'", "upload PB532 the state '"))
    assert "disk full" in said[1]
    assert "disk full" in said[2]
    assert said[3].startswith("state PB532 the state '")
    assert "disk full" in said[3]
    assert said[4].startswith(("new state PB674 disk full: ", "new state PB532 the state"))
    assert said[5].startswith("507 <?xml")
    assert "<Code>InternalError</Code><Message>PB" in said[5]
    assert "disk full" in said[5]
    assert said[5].endswith(" []"), "it is no bug that is reported"
    assert said[6].startswith("507 {")
    assert "disk full" in said[6]
    assert said[7:] == [f"{name} done" for name in ("file", "store", "upload", "state", "new state")]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "PB674 disk full: cannot write 'x'"),
        (errno.EDQUOT, "PB674 disk full: cannot write 'x'"),
        (errno.EROFS, "PB001 cannot use 'x': Read-only file system"),
        (errno.EIO, "PB001 cannot use 'x': Input/output error"),
        (errno.EMFILE, "PB001 cannot use 'x': Too many open files"),
        (errno.EFBIG, "PB001 cannot use 'x': File too large"),
        (errno.EBUSY, "PB001 cannot use 'x': Device or resource busy\n  hint: another file system is mounted there"),
        (errno.EXDEV, "PB001 cannot use 'x': Invalid cross-device link\n  hint: another file system is mounted"),
        (errno.ENOLCK, "PB001 cannot use 'x': No locks available\n  hint: the file system has no locks"),
        (errno.ENOTCONN, "PB001 cannot use 'x': Transport endpoint is not connected\n  hint: what was mounted there"),
        (errno.ENOTEMPTY, "PB001 cannot use 'x': Directory not empty\n  hint: a program writes there meanwhile"),
    ],
)
def test_what_the_system_refuses_ends_with_4(number: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_failure(OSError(number, os.strerror(number), "x"), wants_json=False) == 4
    assert capsys.readouterr().err.startswith(said)


def test_a_run_that_fails_for_this_machine_only_ends_with_4() -> None:
    record = run_record("churn", status="Failed")
    for reasons, code in (
        (("PB674 disk full: x",), 4),
        (("PB674 disk full: x", "exit code 1"), 5),
        (("exit code 1",), 5),
    ):
        failed = tuple(
            StepRecord(name=str(n), type="T", step_class="T", model="m", status="Failed", failure_reason=reason)
            for n, reason in enumerate(reasons)
        )
        assert failure_code(record.model_copy(update={"steps": failed})) == code


_UP = """
import subprocess, sys
from pathlib import Path
from tests.security.disks import run_apart
from tests.workspaces import Workspace
disk, workspace = Path(sys.argv[1]), Workspace(Path(sys.argv[3]))
for _ in range(2):
    ended = run_apart(workspace, "up")
    print(ended.code, (workspace.root / "build" / "run.json").is_file(), (workspace.root / "build" / "report.html").is_file())
    print(ended.err.replace("\\n", " "))
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
"""
_BIG = "\nopen(os.environ['SM_MODEL_DIR'] + '/big', 'wb').write(os.urandom(3_000_000))\n"


@pytest.mark.long
@pytest.mark.parametrize("place", ["store", "jobs"])
def test_a_run_on_a_full_disk_has_its_record_and_goes_on(tmp_path: Path, place: str) -> None:
    workspace = make_workspace(tmp_path / "work")
    workspace.push("scripts/train.py", (workspace.remote / "scripts" / "train.py").read_text() + _BIG)
    (workspace.root / ".pipeline_builder" / place).symlink_to(tmp_path / "disk")
    first, words, second, _ = on_small_disk(tmp_path, "2m", _UP, str(workspace.root)).splitlines()
    assert first == "4 True True", words
    assert "PB500 step 'churn-Train' failed: PB674 disk full" in words
    assert second == "0 True True"


_CHECKOUT = """
import subprocess, sys
from pathlib import Path
from tests.checkout.repositories import git
from tests.security.disks import run_apart
from tests.workspaces import Workspace
disk, remote, workspace = Path(sys.argv[1]), Path(sys.argv[3]), Workspace(Path(sys.argv[1]) / "work")
workspace.root.mkdir()
(workspace.root / "model_repos.yaml").write_text(f"version: 1\\nrepos:\\n  - url: {remote}\\n")
print(run_apart(workspace, "checkout").code)
for left in (0, 8, 24, 40):
    (remote / "scripts" / "train.py").write_text(str(left) * 1000)
    git(remote, "commit", "-qam", "Change")
    (disk / "fill").write_bytes(b"")
    room = int(subprocess.check_output(["df", "-k", "--output=avail", disk], text=True).split()[1])
    (disk / "fill").write_bytes(bytes(1024 * (room - left)))
    ended = run_apart(workspace, "checkout")
    (disk / "fill").unlink()
    again = run_apart(workspace, "checkout")
    print(ended.code, again.code, (ended.err.splitlines() or [""])[0], "|", *again.err.splitlines())
print(sorted(path.name for path in (workspace.root / "aws-train").iterdir()))
"""


@pytest.mark.long
def test_a_checkout_on_a_full_disk_goes_on_from_what_is_there(tmp_path: Path) -> None:
    """Nothing that is kept counts as damaged, nor what an earlier checkout has written as somebody's work."""
    remote = make_workspace(tmp_path / "work").remote
    first, *changed, names = on_small_disk(tmp_path, "8m", _CHECKOUT, str(remote)).splitlines()
    assert (first, names) == ("0", f"['{remote.name}']")
    assert len(changed) == 4
    for line in changed:
        code, again, said = line.split(" ", 2)
        assert again == "0", line
        assert "PB159" not in line
        assert code == "0" or said.startswith(
            f"model_repos.yaml:3:10: PB674 disk full: the repository '{remote.name}': "
        )
    assert any(line.startswith("4 0 ") for line in changed), "none was stopped"


# --- serve


class Served:
    """The application itself, without a network, and what it reports as bugs."""

    def __init__(self, folder: Path) -> None:
        (folder / "data").mkdir()
        self.bugs: list[str] = []
        engine = open_engine(folder / "state", LocalSettings(mounts={"mounted": folder / "data"}))
        background = Background(engine, self.bugs.append)
        self.client = Client(Application(engine=engine, background=background, report=self.bugs.append))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # As they came over the wire: the client would write them anew.
        address, _, query = path.partition("?")
        raw = {"PATH_INFO": unquote_to_bytes(address).decode("latin-1"), "QUERY_STRING": query}
        answer = self.client.open(
            "/", method=method, base_url="http://127.0.0.1/", data=body, headers=named, environ_overrides=raw
        )
        assert self.bugs == [], self.bugs[0]
        return answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    found = Served(tmp_path_factory.mktemp("served"))
    assert found.ask("PUT", "/box").status_code == 200
    return found


def code_of(answer: TestResponse) -> str:
    text = answer.get_data(as_text=True)
    if not text:
        return ""
    ET.fromstring(text)  # it is XML, whatever was asked
    return text.partition("<Code>")[2].partition("</Code>")[0]


KEYS = (
    ("PUT", "k" * 1024, "KeyTooLongError"), ("PUT", "k" * 1025, "KeyTooLongError"), ("GET", "k" * 1024, "NoSuchKey"),
    ("GET", "k" * 1025, "KeyTooLongError"), ("DELETE", "k" * 1024, ""), ("PUT", "/".join(["k" * 255] * 4), ""),
    ("GET", "/".join(["k" * 255] * 4), ""), ("PUT", "a%00b", "InvalidArgument"), ("GET", "a%00b", "NoSuchKey"),
    ("PUT", "a//b", "InvalidArgument"), ("GET", "a//b", "NoSuchKey"), ("DELETE", "a//b", ""), ("PUT", "a/../b", "InvalidArgument"),
    ("PUT", "%FF%FE", "InvalidURI"), ("GET", "%ED%A0%80", "InvalidURI"), ("PUT", "a%5Cb", "InvalidArgument"),
    ("PUT", "a%0Ab", ""), ("GET", "a%0Ab", ""), ("PUT", "a%01b", ""),
)  # fmt: skip


@pytest.mark.parametrize(("method", "key", "code"), KEYS)
def test_a_key(served: Served, method: str, key: str, code: str) -> None:
    answer = served.ask(method, f"/box/{key}", b"x" if method == "PUT" else b"")
    assert (code_of(answer) if answer.status_code >= 400 else "") == code


DOCUMENTS: dict[str, bytes] = {
    "UTF-16": "<?xml version='1.0' encoding='UTF-16'?><Delete><Object><Key>a</Key></Object></Delete>".encode("utf-16"),
    "UTF-16 with entities": "<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a [<!ENTITY x 'y'>]><Delete><Object><Key>&x;</Key>"
    "</Object></Delete>".encode("utf-16"),
    "entities": b"<!DOCTYPE a [<!ENTITY x 'y'>]><Delete><Object><Key>&x;</Key></Object></Delete>",
    "200,000 keys": b"<Delete>" + b"<Object><Key>a</Key></Object>" * 200_000 + b"</Delete>",
    "1,001 keys": b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1_001 + b"</Delete>",
    "no key": b"<Delete></Delete>",
    "a key without a name": b"<Delete><Object><Key></Key></Object></Delete>",
    "another document": b"<Remove><Object><Key>a</Key></Object></Remove>",
    "100,000 levels": b"<a>" * 100_000 + b"</a>" * 100_000,
    "nothing": b"",
    "NUL": b"<Delete><Object><Key>\x00</Key></Object></Delete>",
    "a forbidden character": b"<Delete><Object><Key>&#0;</Key></Object></Delete>",
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_of_deletes(served: Served, kind: str) -> None:
    begun = time.process_time()
    answer = served.ask("POST", "/box?delete", DOCUMENTS[kind])
    assert (answer.status_code, code_of(answer)) == (400, "MalformedXML")
    assert time.process_time() - begun < 5


def test_deletes_that_are_none_too_many(served: Served) -> None:
    for encoding in (b"UTF-8", b"wat", b"UTF-16"):  # what the bytes are decides, and they are UTF-8
        body = b"<?xml version='1.0' encoding='%s'?><Delete>%s</Delete>" % (
            encoding,
            b"<Object><Key>a</Key></Object>" * 1000,
        )
        assert served.ask("POST", "/box?delete", body).get_data().count(b"<Deleted>") == 1000


QUERIES = (
    ("max-keys=%C2%B2", "InvalidArgument"), ("max-keys=-1", "InvalidArgument"), ("max-keys=" + "9" * 5000, ""),
    ("max-keys=wat", "InvalidArgument"), ("prefix=%00", ""), ("prefix=%FF", "InvalidURI"), ("prefix=..%2F..", ""),
    ("list-type=2&continuation-token=wat", "InvalidArgument"), ("delimiter=%01", ""), ("wat", "NotImplemented"),
)  # fmt: skip


@pytest.mark.parametrize(("query", "code"), QUERIES)
def test_a_listing(served: Served, query: str, code: str) -> None:
    assert code_of(served.ask("GET", f"/box?{query}")) == code


def test_parts_and_headers(served: Served) -> None:
    begun = served.ask("POST", "/box/up?uploads").get_data(as_text=True)
    upload = begun.partition("<UploadId>")[2].partition("<")[0]
    for number in ("0", "10001", "%C2%B2", "-1", "9" * 5000, ""):
        assert code_of(served.ask("PUT", f"/box/up?uploadId={upload}&partNumber={number}", b"x")) == "InvalidArgument"
    part = "<Part><PartNumber>{}</PartNumber><ETag>x</ETag></Part>"
    many = f"<C>{''.join(part.format(n + 1) for n in range(20_000))}</C>".encode()
    assert code_of(served.ask("POST", f"/box/up?uploadId={upload}", many)) == "MalformedXML"
    twice = f"<C>{part.format(1) * 2}</C>".encode()
    assert code_of(served.ask("POST", f"/box/up?uploadId={upload}", twice)) == "InvalidPartOrder"
    served.ask("PUT", "/box/x", b"xyz")
    assert code_of(served.ask("PUT", f"/box/up?uploadId={upload}&partNumber=1", x_amz_copy_source="box/x",
                             x_amz_copy_source_range="bytes=1-0")) == "InvalidArgument"  # fmt: skip
    assert code_of(served.ask("PUT", "/box/x", b"x", x_amz_meta_a="v" * 3000)) == "MetadataTooLarge"
    assert code_of(served.ask("PUT", "/box/x", b"x", x_amz_content_sha256="STREAMING-X")) == "InvalidArgument"
    chunk = b"5\r\nhello\r\n0\r\n" + b"".join(b"a%d:b\r\n" % n for n in range(1000))
    assert code_of(served.ask("PUT", "/box/x", chunk, x_amz_content_sha256=CHUNKED)) == "IncompleteBody"
    assert code_of(served.ask("PUT", "/box/x", b"-5\r\nx", x_amz_content_sha256=CHUNKED)) == "IncompleteBody"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 900, b"\xff\xfe{", b'{"NextToken": "\\ud800"}', b"9" * 5000,
                                  b'{"MaxResults": 1e400}', b"[]", b'{"PipelineName": NaN}',
                                  b'{"PipelineName": "p", "PipelineDefinition": "{\\uD800}", "RoleArn": "arn:aws:iam::000000000000:role/x"}'])  # fmt: skip
def test_a_body_that_is_no_request(served: Served, body: bytes) -> None:
    for name in ("ListPipelines", "CreatePipeline", "StartPipelineExecution", "UpdateModelPackage"):
        answer = served.ask(
            "POST", "/", body, X_Amz_Target=f"SageMaker.{name}", Content_Type="application/x-amz-json-1.1"
        )
        assert answer.status_code == 400
        assert answer.get_json(force=True)["__type"] in ("SerializationException", "ValidationException")
        assert len(answer.get_data()) < 20_000


# --- plans, logs, links, addresses


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"base_version": 1e400}', b"\xff", b"[]", b'{"pipeline": "\\ud800"}', b"null"]
)
def test_a_plan_that_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(text)
    with pytest.raises(InputProblems, match="PB424"):
        load_plans(tmp_path / "plan.json")


@pytest.mark.long
def test_a_log_is_whole_or_says_what_is_left_out(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    train = (workspace.remote / "scripts" / "train.py").read_text()
    workspace.push("scripts/train.py", f"{train}\nfor n in range(60_000):\n    print('line', n)\n")
    ended = workspace.call("up")
    assert ended.code == 0, ended.err
    text = workspace.call("logs", "churn-Train").out
    assert "line 0\n" in text
    assert "line 59999" in text
    log = next((tmp_path / ".pipeline_builder" / "jobs").glob("*/churn-Train/log.txt"))
    with log.open("ab") as file:
        file.truncate(WHOLE + 1000)
    first = workspace.call("logs", "churn-Train").out.partition("\n")[0]
    assert first == f"the first 1,000 bytes are left out here, the whole log is '{log}'"


def test_a_link_out_of_a_mounted_folder_is_said(tmp_path: Path) -> None:
    for name in ("data", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text("1\n")
    (tmp_path / "data" / "leaving").symlink_to(tmp_path / "outside")
    engine = open_engine(tmp_path / "state", LocalSettings(mounts={"m": tmp_path / "data"}))
    with pytest.raises(InputProblems, match="what is there is no object: '.*/leaving' \\(a link that leads out of"):
        engine.store.download("s3://m/leaving/", tmp_path / "in")
    (said,) = engine.store.download("s3://m/", tmp_path / "in")
    assert "/leaving' (a link that leads out of" in said
    assert engine.store.download("s3://m/x", tmp_path / "other") == ()


def test_an_empty_name_in_an_address(tmp_path: Path) -> None:
    conf = variant(("s3://SMP_S3BUCKETNAME/churn/numbers.csv", "s3://SMP_S3BUCKETNAME/churn//numbers.csv"))
    workspace = make_workspace(tmp_path, conf=conf, state=False)
    assert workspace.call("checkout").code == 0
    ended = workspace.call("validate")
    assert (ended.code, ended.err.count("PB677")) == (1, 2), ended.err
    assert "conf/conf.yaml:12:" in ended.err


def test_no_data_fingerprint_of_lists(tmp_path: Path) -> None:
    conf = variant(("        entry_point: preprocess.py\n", "        entry_point: preprocess.py\n        s3_data_type: ManifestFile\n"
                    "        cache: {data: true}\n"))  # fmt: skip
    with pytest.raises(
        InputProblems, match="PB329 step 'churn-Preprocess': 'cache.data' looks at the step's own files"
    ):
        compose_definition(tmp_path, conf)


@pytest.mark.long
def test_a_git_that_is_none_for_gitpython(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, state=False)
    ended = workspace.run("checkout", GIT_PYTHON_GIT_EXECUTABLE="/nowhere/git")
    assert ended.code == 4
    assert "the variable GIT_PYTHON_GIT_EXECUTABLE names '/nowhere/git', which is no git that works" in ended.err


@pytest.fixture(autouse=True)
def _no_bug_is_left(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert "This is a bug" not in capsys.readouterr().err

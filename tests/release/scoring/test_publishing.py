"""Predictions are published whole: whoever follows the pointer sees one run's, at whatever moment a writer dies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems, PlanRefused
from pipeline_builder.release.scoring.before import has_readers
from pipeline_builder.release.scoring.holding import hold_day
from pipeline_builder.release.scoring.ledger import (
    ledger_uri,
    list_days,
    read_day,
    write_day,
)
from pipeline_builder.release.scoring.publishing import POINTER, day_folder, publish
from pipeline_builder.target import Target
from tests.engine import definitions
from tests.places import ROOT
from tests.release.scoring import dying as dying_module
from tests.release.scoring.dying import DATE, TO, day, scored
from tests.serve.serving import ROLE, serving

DAY = f"{TO}dt={DATE}/"


@pytest.fixture(params=["local", "aws"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    if request.param == "local":
        yield definitions.target(tmp_path)
        return
    with serving(tmp_path) as served:
        served.s3.create_bucket(Bucket="local")
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        aws = Aws("us-east-1", session=boto3.session.Session(**served.keys))
        yield open_aws_target(AwsSettings(region="us-east-1", role=ROLE, bucket="local"), aws=aws)
        aws.client("s3").close()


def read(target: Target) -> tuple[str, list[bytes]] | None:
    """Return what a reader of the day finds by its pointer: the run, and all of its objects."""
    found = target.store.read(f"{DAY}{POINTER}")
    if found is None:
        return None
    pointer = json.loads(found[0])
    manifest = json.loads(target.store.get(pointer["manifest"]))
    assert len(manifest["objects"]) == pointer["objects"]
    contents = [target.store.get(item["uri"]) for item in manifest["objects"]]
    assert [len(content) for content in contents] == [item["size"] for item in manifest["objects"]]
    return pointer["execution"].rsplit("/", 1)[-1], contents


@pytest.mark.long
def test_a_run_is_published_and_the_next_one_after_it(target: Target) -> None:
    first = publish(scored(target, "run1"), target)
    assert read(target) == ("run1", [b"1\n2\n"] * 2)
    assert (first.run, first.pointer, first.count) == (f"{DAY}run=run1/", f"{DAY}_current.json", 2)
    assert [item.uri for item in first.objects] == [f"{DAY}run=run1/day/{number}.csv.out" for number in (0, 1)]
    before = target.store.entries(DAY)
    again = scored(target, "run1")
    assert publish(again, target) == first
    assert target.store.entries(DAY) == before  # nothing was written
    publish(scored(target, "run2", b"3\n"), target)
    assert read(target) == ("run2", [b"3\n"] * 2)
    with pytest.raises(PlanRefused, match="PB895 .* has the predictions of a later run, run2"):
        publish(again, target)
    assert read(target) == ("run2", [b"3\n"] * 2)
    publish(again, target, force=True)
    assert read(target) == ("run1", [b"1\n2\n"] * 2)
    with hold_day(target, "p", DATE), pytest.raises(PlanRefused, match="PB975"):
        hold_day(target, "p", DATE).__enter__()


def test_what_moves_meanwhile_is_not_published(target: Target) -> None:
    publish(scored(target, "run1"), target)
    late = scored(target, "run2")
    target.store.put(f"{late.predictions}day/1.csv.out", b"another")
    with pytest.raises(PlanRefused, match="PB461 .* have changed while they were published"):
        publish(late, target)
    assert read(target) == ("run1", [b"1\n2\n"] * 2)
    target.store.put(f"{DAY}{POINTER}", b'{"mine": true}')
    with pytest.raises(PlanRefused, match=r"PB896 the pointer .*/_current.json' is somebody else's: it is none of"):
        publish(scored(target, "run3"), target)


@pytest.mark.parametrize("gone", ["_current.json", "run=run1/_manifest.json", "run=run1/day/1.csv.out", "run=run1/"])
def test_what_was_published_and_is_gone_is_published_again(tmp_path: Path, gone: str) -> None:
    target = definitions.target(tmp_path)
    wanted = scored(target, "run1")
    published = day(wanted.execution, execution=wanted.about["execution"], publication=publish(wanted, target))
    assert has_readers(published, target)
    store = target.store
    assert isinstance(store, LocalStore)
    for uri in store.entries(f"{DAY}{gone}"):
        Path(store.place(uri)).unlink()
    assert not has_readers(published, target)
    assert publish(wanted, target) == published.publication
    assert has_readers(published, target)
    assert read(target) == ("run1", [b"1\n2\n"] * 2)


def test_two_models_in_one_folder_and_a_file_of_the_manifests_name(tmp_path: Path) -> None:
    target = definitions.target(tmp_path)
    publish(scored(target, "run1"), target)
    other = scored(target, "run2")
    other.about["model"] = "reach"  # type: ignore[index] # it is a dict here
    for group, renamed in ((other.about["package"].group, True), ("another", False)):
        other.about["package"] = other.about["package"].model_copy(update={"group": group})  # type: ignore[index]
        with pytest.raises(PlanRefused, match="PB896 .* it is of 'churn' of the pipeline 'p'") as refused:
            publish(other, target)
        assert ("take its pointers away" in (refused.value.problems[0].hint or "")) is renamed
    target.store.put(f"{other.predictions}_manifest.json", b"")
    with pytest.raises(InputProblems, match="PB897"):
        publish(scored(target, "run2"), target)


def test_folders_of_days() -> None:
    assert day_folder("s3://b/scores", DATE) == "s3://b/scores/dt=2026-11-29/"
    assert day_folder("s3://b/scores/", f"{DATE}T07") == "s3://b/scores/dt=2026-11-29/hour=07/"
    assert day_folder("s3://b/${year}/${month}/${day}", DATE) == "s3://b/2026/11/29/"
    # A part of the date is the same on other dates, whose pointers would take each other's place.
    assert day_folder("s3://b/${year}/${month}/", DATE) == "s3://b/2026/11/dt=2026-11-29/"
    assert day_folder("s3://b/${date}", f"{DATE}T07") == "s3://b/2026-11-29/dt=2026-11-29/hour=07/"
    assert day_folder("s3://b/${date}/${hour}", f"{DATE}T07") == "s3://b/2026-11-29/07/"


@contextmanager
def dying(folder: Path) -> Iterator[Callable[[int, str], int]]:
    """Give what publishes a run in a process of its own that dies at that write, and returns how it has ended."""
    command = [sys.executable, "-m", dying_module.__name__, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        given, said = process.stdin, process.stdout

        def end_of(lives: int, run: str) -> int:
            given.write(f"{lives} {run}\n")
            given.flush()
            return int(said.readline())

        yield end_of
        given.close()


@pytest.mark.long
def test_a_reader_never_sees_half_a_day_wherever_a_writer_dies(tmp_path: Path) -> None:
    target = definitions.target(tmp_path)
    publish(scored(target, "run1"), target)
    seen: list[str] = []
    ended = threading.Event()

    def look() -> None:
        reader = definitions.target(tmp_path)
        while not ended.is_set():
            found = read(reader)
            assert found
            assert found[1] == [b"1\n2\n"] * 2
            seen.append(found[0])
            time.sleep(0.001)

    runs = ["run1"]
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(look)
        try:
            with dying(tmp_path) as end_of:
                while (end := end_of(len(runs), f"run{len(runs) + 1}")) == -signal.SIGKILL:
                    runs.append(f"run{len(runs) + 1}")
                    assert read(target) in [(run, [b"1\n2\n"] * 2) for run in runs[-2:]]
                    assert end_of(0, runs[-1]) == 0
                    assert read(target) == (runs[-1], [b"1\n2\n"] * 2)
                    assert [one.execution for one in list_days(target, "p")] == [runs[-1]]
                assert end == 0
        finally:
            ended.set()
        watching.result()  # what has gone wrong there is said, and not that it has seen little
    assert len(runs) == 14 + 1  # two copies, manifest, pointer, ledger: before, after, and within the transaction
    assert {*seen} <= {*runs, f"run{len(runs) + 1}"}
    assert len({*seen}) > 3


# --- the ledger


@pytest.mark.long
def test_the_ledger(target: Target) -> None:
    assert list_days(target, "p") == ()
    publication = publish(scored(target, "run1"), target)
    written = write_day(target, day("run1", publication=publication, published="2026"))
    assert write_day(target, day("run1", publication=publication, published="2027")) == written  # nothing changed
    blocked = write_day(target, day("run2", status="blocked"))
    assert (blocked.status, blocked.publication) == ("blocked", publication)  # which readers see still
    assert write_day(target, day("run1", publication=publication)) == blocked  # a later one was first
    assert read_day(target, "p", "churn", DATE) == blocked
    write_day(target, day("run3", date="2026-11-28"))
    write_day(target, day("run3", model="reach"))
    target.store.put("s3://local/p/ledger/churn/other.json", b"{}")
    target.store.put(ledger_uri(target, "p", "churn", "2026-11-27"), b"{")
    with hold_day(target, "p", DATE):
        found = list_days(target, "p")
    assert [(one.date, one.model) for one in found] == [("2026-11-28", "churn"), (DATE, "churn"), (DATE, "reach")]
    assert [one.date for one in list_days(target, "p", model="churn", most=1)] == [DATE]

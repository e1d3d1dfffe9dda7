"""What starts pipelines besides pushes: a real store and registry, a clock of the test's own, runs that are only noted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline_builder.aws.polling import Clock
from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import Problem
from pipeline_builder.gitops.due import Due, Known
from pipeline_builder.gitops.noted import load_noted
from pipeline_builder.gitops.surroundings import Around, Loaded, Surroundings
from pipeline_builder.gitops.triggers import Triggers
from pipeline_builder.manifest.manifest import Manifest, build_manifest
from pipeline_builder.release.scoring.requests import Request, list_requests, put_new
from pipeline_builder.target import Target
from pipeline_builder.workspace import Workspace
from tests.engine import definitions
from tests.test_contract import REGISTER, content, run

MANIFEST = """\
version: 1
pipelines:
  - {name: training}
  - {name: scoring, kind: inference, trigger: {data: ["s3://local/landing/", "s3://local/labels/"], approval: true}}
repos:
  - {url: "https://example.com/churn.git"}
"""
LANDING = "s3://local/landing/dt=2026-11-{day:02}/{name}"


def manifest_of(text: str) -> Manifest:
    return build_manifest(parse_yaml(Source("model_repos.yaml", text), "PB100"))


@dataclass
class Place:
    """A state with what is watched; `look` runs what is due, which ends with the next of `codes`, and returns it."""

    root: Path
    target: Target
    manifest: Manifest
    now: float = 1000.0
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    reported: list[Problem] = field(default_factory=list)
    retry_failed: bool = False
    broken: bool = False
    conf_broken: bool = False

    def land(self, day: int, name: str = "a.csv", content: bytes = b"1") -> None:
        self.target.store.put(LANDING.format(day=day, name=name), content)

    def triggers(self) -> Triggers:
        around = Surroundings(
            files=(), private=(), load=lambda: self.loaded, run=lambda *_: pytest.fail("nothing was pushed"),
            say=self.said.append, report=self.report, clock=Clock(now=lambda: self.now),
        )  # fmt: skip
        besides = Around(
            target=lambda _: self.opened(), known=lambda _: self.known(),
            start=lambda *_: pytest.fail("the test runs it"), wall=lambda: self.now,
        )  # fmt: skip
        pause = lambda times: 60.0 * 2 ** (times - 1)  # noqa: E731 - as the watch gives it
        return Triggers(around, besides, state=self.root, pause=pause, retry_failed=self.retry_failed)

    @property
    def loaded(self) -> Loaded:
        workspace = Workspace(
            manifest_path=self.root / "m.yaml", state=self.root, build=self.root, target="local", jobs=1, environment={},
            values={},
        )  # fmt: skip
        return Loaded(workspace=workspace, manifest=self.manifest)

    def opened(self) -> Target:
        if self.broken:
            self.target.store.get("none")
        return self.target

    def known(self) -> tuple[Known, ...]:
        training, scoring = self.manifest.pipelines
        return (
            Known(entry=training, name="training"),
            Known(entry=scoring, name="scoring", broken=True) if self.conf_broken else Known(
                entry=scoring, name="scoring", uses=(("g", ""), ("g", "production")),
                inputs=("s3://local/landing/dt=${date}/",),
                labels=("s3://local/labels/dt=${date}/",),
            ),
        )  # fmt: skip

    def report(self, problems: Iterable[Problem]) -> None:
        self.reported.extend(problems)

    def look(self, triggers: Triggers) -> Due | None:
        pending = triggers.find(self.loaded, 1)
        if pending:
            pending.note(self.codes.pop(0) if self.codes else 0)
        return pending.due if pending else None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    manifest = manifest_of(MANIFEST)
    return Place(root=tmp_path / "watch", target=definitions.target(tmp_path), manifest=manifest)


def test_what_comes_is_taken_together_for_a_while_and_run_once(place: Place) -> None:
    place.land(1)
    triggers = place.triggers()
    assert place.look(triggers) is None
    assert place.said == ["scoring: 1 objects are there already; new ones start it; 'backfill' runs earlier days"]
    place.land(2)
    assert place.look(triggers) is None
    assert place.said[1:] == [
        f"scoring: '{LANDING.format(day=2, name='a.csv')}' came; it starts in 5 min, with all that comes until then"
    ]
    place.now += 200
    place.land(3)
    assert place.look(place.triggers()) is None  # another watch goes on with the same batch
    place.now += 100
    first = LANDING.format(day=2, name="a.csv")
    cause = f"data: 2 objects (the first '{first}'), of 2026-11-02, 2026-11-03"
    assert place.look(triggers := place.triggers()) == Due(
        pipeline="scoring", cause=cause, dates=("2026-11-02", "2026-11-03")
    )
    place.now += 1000
    assert place.look(triggers) is None
    assert place.look(place.triggers()) is None
    assert place.said[3:] == []


def test_a_changed_object_starts_it_and_one_that_goes_does_not(place: Place) -> None:
    place.land(1)
    triggers = place.triggers()
    place.look(triggers)
    place.land(1, content=b"more")
    assert place.look(triggers) is None
    place.now += 300
    due = place.look(triggers)
    assert due
    assert due.dates == ("2026-11-01",)
    (place.root.parent / "state" / "store" / LANDING.format(day=1, name="a.csv").removeprefix("s3://")).unlink()
    place.now += 300
    assert place.look(triggers) is None


def test_labels_that_come_late_are_of_days_that_are_watched_again(place: Place) -> None:
    triggers = place.triggers()
    place.look(triggers)
    for day in (1, 2):
        place.target.store.put(f"s3://local/labels/dt=2026-11-0{day}/labels.csv", b"1")
    place.land(2)
    place.target.store.put("s3://local/landing/other.csv", b"1")
    place.look(triggers)
    place.now += 300
    due = place.look(triggers)
    assert due
    assert (due.dates, due.labels) == (("2026-11-02",), ("2026-11-01",))


def test_a_prefix_that_is_added_has_what_it_had(place: Place) -> None:
    place.look(place.triggers())
    place.target.store.put("s3://local/more/1", b"1")
    text = MANIFEST.replace('"s3://local/labels/"', '"s3://local/labels/", "s3://local/more/"')
    place.manifest = manifest_of(text)
    triggers = place.triggers()
    assert place.look(triggers) is None
    place.now += 300
    assert place.look(triggers) is None
    place.target.store.put("s3://local/more/2", b"1")
    place.look(triggers)
    place.now += 300
    assert place.look(triggers) == Due(pipeline="scoring", cause="data: 's3://local/more/2'")


@pytest.mark.parametrize(("code", "again"), [(4, True), (3, True), (5, False), (1, False), (70, False)])
def test_what_failed_is_tried_again_where_that_may_help(place: Place, code: int, again: bool) -> None:
    triggers = place.triggers()
    place.look(triggers)
    place.land(1)
    place.look(triggers)
    place.now += 300
    place.codes = [code, code]
    assert place.look(triggers)
    assert place.look(triggers) is None
    place.now += 60
    assert bool(place.look(triggers)) is again
    place.now += 60
    assert place.look(triggers) is None  # twice as long now
    place.now += 60
    assert bool(place.look(triggers)) is again


def test_a_killed_run_is_done_again(place: Place) -> None:
    triggers = place.triggers()
    place.look(triggers)
    place.land(1)
    place.look(triggers)
    place.now += 300
    assert triggers.find(place.loaded, 1)  # and nothing is noted
    assert place.look(place.triggers())
    assert place.look(place.triggers()) is None


def test_what_is_noted_and_damaged_is_as_none(place: Place) -> None:
    place.land(1)
    place.look(place.triggers())
    path = place.root / "watch" / "triggers.json"
    (seen,) = load_noted(path).landed["scoring"].seen
    assert json.loads(path.read_bytes())["landed"]["scoring"]["seen"] == seen  # and not the addresses of a million
    assert len(seen) == 16
    path.write_bytes(b'{"version": 1}')
    place.look(place.triggers())
    assert len(place.said) == 2


def test_what_can_t_be_looked_at_is_said_once_and_tried_again(place: Place) -> None:
    triggers = place.triggers()
    place.look(triggers)
    place.broken = True
    for _ in range(3):
        assert place.look(triggers) is None
        place.now += 200
    assert [problem.id for problem in place.reported] == ["PB521"] * 3  # of each kind once
    assert triggers.exit_code == 1
    place.broken = False
    place.land(1)
    place.now += 1000
    place.look(triggers)
    place.now += 300
    assert place.look(triggers)
    assert triggers.exit_code == 0


def test_an_approval_runs_what_uses_the_model(place: Place) -> None:
    place.target.store.put("s3://local/model.tar.gz", b"")
    run(place.target, content(REGISTER))
    (package,) = place.target.registry.list_packages("g")
    triggers = place.triggers()
    assert place.look(triggers) is None
    place.target.registry.set_approval(package.arn, ApprovalStatus.APPROVED, description="ada", metadata={}, by="ada")
    place.codes = [4]
    due = Due(pipeline="scoring", cause="approval: g version 1 is in use now")
    assert [place.look(triggers), place.look(triggers)] == [due, None]
    place.now += 60
    assert [place.look(place.triggers()), place.look(place.triggers())] == [due, None]
    place.target.registry.set_stage(package.arn, "Production", "Approved", description="ada")
    place.codes = [0]
    assert [place.look(triggers), place.look(triggers)] == [due, None]
    place.target.registry.set_approval(package.arn, ApprovalStatus.REJECTED, description="ada", metadata={}, by="ada")
    assert place.look(triggers) is None


def test_while_a_conf_is_broken_what_comes_for_its_pipeline_waits(place: Place) -> None:
    place.target.store.put("s3://local/model.tar.gz", b"")
    run(place.target, content(REGISTER))
    (package,) = place.target.registry.list_packages("g")
    place.target.registry.set_approval(package.arn, ApprovalStatus.APPROVED, description="ada", metadata={}, by="ada")
    assert place.look(place.triggers()) is None
    place.conf_broken = True
    place.land(1)
    triggers = place.triggers()
    for _ in range(3):
        assert place.look(triggers) is None
        place.now += 300
    place.conf_broken = False
    triggers = place.triggers()
    assert place.look(triggers) is None
    place.now += 300
    due = place.look(triggers)
    assert due
    assert due.dates == ("2026-11-01",)
    assert place.look(triggers) is None  # and no approval is taken for new


def request(pipeline: str = "training") -> Request:
    return Request(
        group="g", champion="arn:g/1", version=1, cause="drift of 'age'", causes=("drift age",), execution="e",
        date="2026-11-01", requested="2026-11-01T12:00:00Z", pipeline=pipeline,
    )  # fmt: skip


def test_a_request_runs_the_training_that_it_is_for(place: Place) -> None:
    triggers = place.triggers()
    put_new(request("another"), place.target)
    assert place.look(triggers) is None
    put_new(request(), place.target)
    place.codes = [4]
    cause = "the retraining of g version 1, for the scores of 2026-11-01: drift of 'age'"
    due = Due(pipeline="training", cause=cause)
    assert [place.look(triggers), place.look(triggers)] == [due, None]
    place.now += 60
    assert [place.look(triggers), place.look(triggers)] == [due, None]
    assert place.said == [
        "g version 1: its retraining was asked for by the scores of 2026-11-01: the run has registered no version of it"
    ]
    assert [kept.request.state for kept in list_requests(place.target, "training")] == ["settled"]


def test_a_request_whose_run_failed_waits_for_a_push(place: Place) -> None:
    put_new(request(), place.target)
    place.codes = [5]
    assert place.look(place.triggers())
    assert place.look(place.triggers()) is None
    place.retry_failed = True
    assert place.look(place.triggers())


def test_without_anything_to_look_at_nothing_is_opened(place: Place) -> None:
    text = 'version: 1\nrepos:\n  - {url: "https://example.com/churn.git"}\n'
    place.manifest = manifest_of(text)
    place.broken = True
    triggers = place.triggers()
    triggers.begin(place.loaded)
    assert place.look(triggers) is None
    assert place.reported == []

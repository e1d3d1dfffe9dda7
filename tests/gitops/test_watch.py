"""The watch, with real repositories and pushes, a clock of the test's own, and runs that only note what they are given."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline_builder.aws.polling import Clock
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.heads import Handled, Head, Inputs, parse_handled
from pipeline_builder.checkout.remotes import fetch_heads
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.gitops.alone import only_watch
from pipeline_builder.gitops.surroundings import Loaded, Ran, Surroundings
from pipeline_builder.gitops.watch import LONGEST_PAUSE, Watch
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.workspace import Workspace, load_manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository, serve

MANIFEST = """\
version: 1
repos:
  - url: remotes/churn.git
  - url: remotes/fraud.git
"""


@dataclass
class Place:
    """A manifest, bare repositories with a clone of each to push from, and what a watch of them does and says."""

    root: Path
    now: float = 1000.0
    runs: list[dict[str, str]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    told: list[Handled | None] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    reported: list[Problem] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def write(self, manifest: str) -> None:
        (self.root / "model_repos.yaml").write_text(manifest)

    def bare(self, name: str) -> Path:
        return self.root / "remotes" / f"{name}.git"

    def add(self, name: str) -> None:
        clone = self.root / "clones" / name
        clone.mkdir(parents=True)
        (clone / "file").write_text("1")
        make_repository(clone)
        git(self.root, "clone", "--quiet", "--bare", str(clone), str(self.bare(name)))
        git(clone, "remote", "add", "origin", str(self.bare(name)))

    def push(self, name: str, *options: str, branch: str = "main") -> str:
        clone = self.root / "clones" / name
        new = commit(clone, "another")
        git(clone, "push", "--quiet", *options, "origin", f"HEAD:refs/heads/{branch}")
        return new

    def head(self, name: str) -> str:
        return git(self.bare(name), "rev-parse", "main")

    def watch(self, *, interval: float = 60, retry_failed: bool = False) -> Watch:
        workspace = Workspace(
            manifest_path=self.root / "model_repos.yaml", state=self.root / "state", build=self.root / "build",
            target="local", jobs=1, environment=ENVIRONMENT, values={},
        )  # fmt: skip
        around = Surroundings(
            files=(workspace.manifest_path,),
            private=(self.root / ".env",),
            load=lambda: Loaded(workspace=workspace, manifest=load_manifest(workspace)),
            run=self.run,
            say=self.said.append,
            report=self.report,
            clock=Clock(now=lambda: self.now, sleep=self.sleep, jitter=lambda _, most: most),
        )
        return Watch(around, state=workspace.state, interval=interval, retry_failed=retry_failed)

    def run(self, loaded: Loaded, inputs: Inputs) -> Ran:
        assert [repo.name for repo in loaded.manifest.repos] == list(inputs.heads)
        self.runs.append({name: head.commit for name, head in inputs.heads.items()})
        return Ran(code=self.codes.pop(0) if self.codes else 0, tell=self.tell)

    def tell(self) -> None:
        """See what is noted, as another watch would that is begun as soon as somebody is told of a run."""
        noted = self.root / "state" / "watch" / "heads.json"
        self.told.append(parse_handled(noted.read_bytes()) if noted.exists() else None)

    def report(self, problems: Iterable[Problem]) -> None:
        self.reported.extend(problems)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if len(self.slept) > 3:
            raise KeyboardInterrupt


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    for name in ("churn", "fraud"):
        found.add(name)
    found.write(MANIFEST)
    return found


def test_the_first_look_runs_and_then_each_push_does_once(place: Place) -> None:
    watch = place.watch()
    assert [watch.look(), watch.look()] == [0, None]
    first = {"churn": place.head("churn"), "fraud": place.head("fraud")}
    place.push("churn")
    newest = place.push("churn")
    assert [watch.look(), watch.look(), watch.look()] == [0, None, None]
    assert place.runs == [first, {**first, "churn": newest}]
    assert place.said[-1] == f"churn: main moved from {first['churn'][:7]} to {newest[:7]}"
    assert place.reported == []


@pytest.mark.parametrize("code", [0, 5])
def test_what_is_told_of_a_run_no_other_watch_does_again(place: Place, code: int) -> None:
    place.codes = [code]
    watch = place.watch()
    assert watch.look() == code
    assert place.told == [watch.handled]
    assert (watch.running, place.watch().look(), len(place.runs)) == (False, None, 1)


def test_ended_while_it_notes_a_run_it_has_noted_and_told_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = place.watch()
    noted = watch.note

    def note(inputs: Inputs, code: int) -> None:
        signal.raise_signal(signal.SIGINT)
        noted(inputs, code)

    monkeypatch.setattr(watch, "note", note)
    with pytest.raises(KeyboardInterrupt):
        watch.look()
    assert place.told == [watch.handled]
    assert (watch.running, place.watch().look(), len(place.runs)) == (False, None, 1)


def test_another_branch_is_nobodys_business(place: Place) -> None:
    watch = place.watch()
    watch.look()
    place.push("churn", branch="feature")
    assert watch.look() is None


@pytest.mark.long
def test_a_push_during_a_run_comes_right_after_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []
    slept_before: list[int] = []

    def run(loaded: Loaded, inputs: Inputs) -> Ran:
        slept_before.append(len(place.slept))
        if not pushed:
            pushed.extend([place.push("churn"), place.push("fraud"), place.push("churn")])
        return Place.run(place, loaded, inputs)

    monkeypatch.setattr(place, "run", run)
    with pytest.raises(KeyboardInterrupt):
        place.watch().loop()
    assert place.runs[1:] == [{"churn": pushed[2], "fraud": pushed[1]}]
    assert slept_before == [0, 0]
    assert place.slept == [66.0] * 4  # the interval and the most of its jitter


def test_another_watch_goes_on_where_the_last_one_was(place: Place) -> None:
    place.watch().look()
    assert place.watch().look() is None
    newest = place.push("fraud")
    assert place.watch().look() == 0
    assert place.runs[-1]["fraud"] == newest


def test_what_is_noted_and_damaged_is_as_none(place: Place) -> None:
    place.watch().look()
    (place.root / "state" / "watch" / "heads.json").write_bytes(b"{")
    assert place.watch().look() == 0


def test_a_run_that_was_interrupted_is_done_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(loaded: Loaded, inputs: Inputs) -> Ran:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, "run", run)
    watch = place.watch()
    with pytest.raises(KeyboardInterrupt):
        watch.look()
    assert watch.running
    monkeypatch.undo()
    assert place.watch().look() == 0


@pytest.mark.parametrize("code", [1, 3, 5, 70])
def test_a_run_that_failed_waits_for_a_change(place: Place, code: int) -> None:
    place.codes = [code]
    watch = place.watch()
    assert watch.look() == code
    place.now += 10 * LONGEST_PAUSE
    assert watch.look() is None
    assert place.watch().look() is None
    place.push("churn")
    assert watch.look() == 0


def test_a_run_that_failed_is_tried_again_where_that_is_asked_for(place: Place) -> None:
    place.codes = [5, 5, 5]
    watch = place.watch(retry_failed=True)
    assert watch.look() == 5
    for pause in (60, 120):
        place.now += pause - 1
        assert watch.look() is None
        place.now += 1
        assert watch.look() == 5
    assert place.said[-1] == "the last run of this failed with exit code 5: another try"
    assert place.watch().look() is None
    assert place.watch(retry_failed=True).look() == 0
    assert len(place.runs) == 4
    assert len({tuple(run.items()) for run in place.runs}) == 1


def test_where_something_outside_failed_it_is_tried_again(place: Place) -> None:
    place.codes = [4, 4]
    watch = place.watch()
    assert [watch.look(), watch.look()] == [4, None]
    place.now += 60
    assert [watch.look(), watch.look()] == [4, None]
    place.now += 60
    assert watch.look() is None  # twice as long now
    newest = place.push("churn")
    assert watch.look() == 0  # something new isn't held back
    assert place.runs[-1]["churn"] == newest


def test_where_something_outside_failed_the_next_watch_tries_again(place: Place) -> None:
    place.codes = [4]
    assert [place.watch().look(), place.watch().look(), place.watch().look()] == [4, 0, None]
    assert place.said[-1] == "the last run of this failed with exit code 4: another try"


def test_pauses_grow_up_to_a_quarter_of_an_hour(place: Place) -> None:
    watch = place.watch()
    assert [watch.pause(times) for times in (1, 2, 3, 4, 5, 6, 5000)] == [60, 120, 240, 480, 900, 900, 900]
    assert place.watch(interval=3600).pause(7) == 3600


def test_a_remote_that_cannot_be_reached_is_said_once_and_the_others_go_on(place: Place) -> None:
    watch = place.watch()
    watch.look()
    away = place.bare("churn").rename(place.root / "away")
    before = place.runs[0]["churn"]
    assert [watch.look() for _ in range(3)] == [None] * 3
    place.now += 60
    assert watch.look() is None
    assert [problem.id for problem in place.reported] == ["PB151"]
    assert place.said[-1] == f"churn: stays at {before[:7]} until main is there again"
    fraud = place.push("fraud")
    assert watch.look() == 0
    assert place.runs[-1] == {"churn": before, "fraud": fraud}
    # It is left alone for two minutes now.
    away.rename(place.bare("churn"))
    newest = place.push("churn")
    place.now += 119
    assert watch.look() is None
    place.now += 1
    assert watch.look() == 0
    assert place.runs[-1] == {"churn": newest, "fraud": fraud}
    assert "churn: main is there again" in place.said
    place.bare("churn").rename(away)
    watch.look()
    assert [problem.id for problem in place.reported] == ["PB151", "PB151"]


def test_nothing_runs_before_every_remote_was_reached_once(place: Place) -> None:
    away = place.bare("churn").rename(place.root / "away")
    watch = place.watch()
    assert [watch.look(), watch.look()] == [None, None]
    assert place.said == ["nothing can run before these have been reached: churn"]
    assert watch.once() == 4
    away.rename(place.bare("churn"))
    place.now += 60
    assert watch.look() == 0


def test_a_remote_that_cannot_be_reached_is_the_exit_code_of_one_look(place: Place) -> None:
    assert place.watch().once() == 0
    place.bare("churn").rename(place.root / "away")
    assert place.watch().once() == 4
    place.push("fraud")
    place.codes = [5]
    assert place.watch().once() == 5


def test_an_address_that_is_mended_is_asked_at_once(place: Place) -> None:
    place.write(MANIFEST.replace("churn.git", "chrun.git\n    name: churn"))
    watch = place.watch()
    assert watch.look() is None
    place.now += 60
    assert watch.look() is None  # and now not for two minutes
    place.write(MANIFEST)
    assert watch.look() == 0


def test_a_token_that_is_not_set_is_said_once(place: Place) -> None:
    watch = place.watch()
    watch.look()
    place.write(MANIFEST.replace("churn.git", "churn.git\n    credentials: env:NOBODY_HAS_SET_IT"))
    for _ in range(3):
        watch.look()
        place.now += 60
    assert [problem.id for problem in place.reported] == ["PB110"]


def test_history_that_was_rewritten_is_a_move(place: Place) -> None:
    watch = place.watch()
    first = place.head("churn")
    watch.look()
    second = place.push("churn")
    watch.look()
    clone = place.root / "clones" / "churn"
    git(clone, "reset", "--quiet", "--hard", first)
    git(clone, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert watch.look() == 0
    assert place.said[-1] == f"churn: main moved back from {second[:7]} to {first[:7]}"
    git(clone, "commit", "--quiet", "--amend", "--message", "rewritten")
    git(clone, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert watch.look() == 0
    assert place.runs[-1]["churn"] == place.head("churn")
    assert len({run["churn"] for run in place.runs}) == 3


@pytest.mark.long
def test_a_branch_that_is_deleted_is_said_once_and_seen_when_it_is_back(place: Place) -> None:
    git(place.bare("churn"), "symbolic-ref", "HEAD", "refs/heads/other")
    watch = place.watch()
    watch.look()
    before = place.runs[0]["churn"]
    git(place.root / "clones" / "churn", "push", "--quiet", "origin", ":main")
    assert [watch.look(), watch.look()] == [None, None]
    assert [problem.message for problem in place.reported] == ["the repository 'churn' has no revision 'main'"]
    fraud = place.push("fraud")
    assert watch.look() == 0
    assert place.runs[-1] == {"churn": before, "fraud": fraud}
    newest = place.push("churn")
    assert watch.look() == 0  # at once: the server did answer
    assert place.runs[-1] == {"churn": newest, "fraud": fraud}


def test_a_tag_that_is_moved(place: Place) -> None:
    clone = place.root / "clones" / "churn"
    git(clone, "tag", "v1")
    git(clone, "push", "--quiet", "origin", "v1")
    place.write(MANIFEST.replace("churn.git", "churn.git\n    revision: v1"))
    watch = place.watch()
    watch.look()
    newest = place.push("churn")
    assert watch.look() is None
    git(clone, "tag", "--force", "--annotate", "--message", "one", "v1")
    git(clone, "push", "--quiet", "--force", "origin", "v1")
    assert watch.look() == 0
    assert place.runs[-1]["churn"] == newest


def test_a_commit_that_is_named_is_asked_of_nobody(place: Place) -> None:
    place.write(MANIFEST.replace("churn.git", f"churn.git\n    revision: {place.head('churn')}"))
    shutil.rmtree(place.bare("churn"))
    assert place.watch().look() == 0


def test_a_manifest_that_changed_is_read_anew(place: Place) -> None:
    watch = place.watch()
    watch.look()
    place.add("third")
    place.write(MANIFEST + "  - url: remotes/third.git\n")
    assert [watch.look(), watch.look()] == [0, None]
    assert list(place.runs[-1]) == ["churn", "fraud", "third"]
    assert place.said[-2] == "model_repos.yaml changed"
    place.push("churn", branch="next")
    place.write(MANIFEST.replace("churn.git", "churn.git\n    revision: next"))
    assert [watch.look(), watch.look()] == [0, None]
    assert list(place.runs[-1]) == ["churn", "fraud"]
    assert place.runs[-1]["churn"] == git(place.bare("churn"), "rev-parse", "next")


@pytest.mark.parametrize("broken", ["version: 1\nrepos: [", "version: 1\nrepos: []\n", None])
def test_a_broken_manifest_is_said_once_and_the_last_good_one_stays(place: Place, broken: str | None) -> None:
    watch = place.watch()
    watch.look()
    if broken is None:
        (place.root / "model_repos.yaml").unlink()
    else:
        place.write(broken)
    assert [watch.look(), watch.look()] == [None, None]
    assert len(place.reported) == 1
    assert place.said[-1] == "the files as they were stay in use until this is mended"
    newest = place.push("churn")
    assert watch.look() == 0
    assert place.runs[-1]["churn"] == newest
    place.write(MANIFEST)
    assert watch.look() is None
    assert place.said[-1] == "the files are in order again"
    place.write(MANIFEST + "# a comment\n")
    assert watch.look() == 0
    assert len(place.reported) == 1


def test_without_a_good_manifest_there_is_nothing_to_watch(place: Place) -> None:
    place.write("version: 1\n")
    with pytest.raises(InputProblems, match="PB103"):
        place.watch()


def test_a_file_of_values_is_looked_at_too_and_not_noted(place: Place) -> None:
    watch = place.watch()
    watch.look()
    (place.root / ".env").write_text("SMP_TOKEN=s3cret")
    assert [watch.look(), watch.look()] == [0, None]
    assert place.said[-1] == ".env changed"


def test_a_repository_without_trigger_starts_nothing_and_goes_along(place: Place) -> None:
    place.write(MANIFEST.replace("churn.git", "churn.git\n    trigger: none"))
    watch = place.watch()
    watch.look()
    churn = place.push("churn")
    assert watch.look() is None
    fraud = place.push("fraud")
    assert [watch.look(), watch.look()] == [0, None]
    assert place.runs[-1] == {"churn": churn, "fraud": fraud}


def test_there_is_one_watch_for_a_state(tmp_path: Path) -> None:
    with only_watch(tmp_path, "process 1"), pytest.raises(PlanRefused) as caught, only_watch(tmp_path, "process 2"):
        raise AssertionError
    assert str(caught.value).splitlines()[0] == "PB680 another watch has this state: process 1"
    with only_watch(tmp_path, "process 3"):
        assert (tmp_path / "watch" / "lock").read_text() == "process 3"


@pytest.mark.long
def test_folders_of_one_repository_are_asked_for_once(place: Place) -> None:
    text = "version: 1\nrepos:\n" + "".join(
        f"  - {{url: 'https://example.com/churn.git', name: n{number}, path: p{number}}}\n" for number in range(5)
    )
    repos = build_manifest(parse_yaml(Source("m.yaml", text), "PB100")).repos
    with serve(place.root / "remotes") as (url, log):
        remote = Remote(url=f"{url}/churn.git", local=False)
        found = fetch_heads(repos, Git(environment=ENVIRONMENT), lambda _: remote)
    head = Head(url="https://example.com/churn.git", revision="main", commit=place.head("churn"))
    assert found == {f"n{number}": head for number in range(5)}
    assert log == ["GET git-upload-pack", "POST git-upload-pack"]

"""A service that waits in a state machine, rehearsed: how its runs end, who ends the wait, and what Retry does then."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.access.waiting import TOO_LONG
from pipeline_builder.service.cloudformation.rendering.rendering import render_templates
from pipeline_builder.service.rehearsal import rehearse
from pipeline_builder.service.rehearsal.record import ActionRecord, Rehearsal
from pipeline_builder.service.rehearsal.rehearse import Rehearsing
from pipeline_builder.service.rehearsal.tools import Answer, Question
from tests.checkout.repositories import make_repository
from tests.doors import Door
from tests.engine.environments import share_environment
from tests.interpreting import quick_python
from tests.service.rehearsal.waiting.waits import Inside
from tests.service.services import ACCOUNT, REGION, read_service
from tests.service.test_stack_of_before import BEFORE
from tests.tiny import DATA, TRAIN, write_model

pytestmark = pytest.mark.long
MANIFEST = """\
version: 1
repos:
  - {name: churn, url: ., path: models/churn, revision: HEAD}
local:
  s3: {local/churn: data}
"""
# The real stages, without the set-up of an environment in each build, nor a Python that has all to import.
BUILDSPEC = """\
version: 0.2
env:
  shell: bash
  exported-variables: [EXECUTION_ARN, VERDICT, SUMMARY, REPORT_URL, APPROVAL, DEFINITION_SHA256, PIPELINE_VERSION]
phases:
  build:
    commands:
      - '"$PY" -I -m pipeline_builder stage "$STAGE"'
  post_build:
    commands:
      - . build/stage.env
artifacts:
  files: ["**/*"]
  exclude-paths: [".git/**/*"]
"""
_TIMEOUT = 120


@dataclass
class Play:
    """A rehearsal that is played beside the test; `said` are its lines."""

    playing: Future[tuple[Path, Rehearsal]]
    said: list[str]

    def wait_for(self, words: str) -> str:
        """Return the line with these words, when it has been said."""
        deadline = time.monotonic() + _TIMEOUT
        while not (found := [line for line in self.said if words in line]):
            assert not self.playing.done(), (self.playing.result()[1].status, self.said)
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)
        return found[-1]

    def end(self) -> Rehearsal:
        """Return the record when it has been played."""
        return self.playing.result(_TIMEOUT)[1]


@dataclass
class Lean:
    """The service in a folder of its own, with the tiny model; `doors` are what its training waits for, and needs."""

    root: Path
    python: Path
    waits: Door
    needs: Door
    answer: Answer | None = None
    id: str = ""
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def shared(self) -> Path:
        return self.root / "rehearsals"

    def begin(self) -> Play:
        return self._play(lambda at: rehearse.begin(at, self.root / "rendered", {}))

    def resume(self, *, whole: bool = False, pace: float = 1) -> Play:
        return self._play(lambda at: rehearse.resume(replace(at, pace=pace), self.id, whole=whole))

    def _play(self, play: Callable[[Rehearsing], tuple[Path, Rehearsal]]) -> Play:
        said, warned = list[str](), list[Problem]()
        at = Rehearsing(
            shared=self.shared,
            manifest=self.root / "repo" / "model_repos.yaml",
            account=ACCOUNT,
            region=REGION,
            environment={"PATH": "/usr/bin:/bin", "HOME": str(self.root)},
            given={"PY": str(self.python)},
            say=said.append,
            warn=warned.append,
            ask=self._ask,
            unchecked=True,
            interpreter=Inside(),
        )
        return Play(self.pool.submit(play, at), said)

    def _ask(self, question: Question) -> Answer | None:
        assert question.action == "Approve"
        return self.answer

    @property
    def target(self) -> Any:
        return open_local_target(self.shared / "target", LocalSettings(jobs=1))

    @property
    def execution(self) -> Any:
        """SageMaker's execution: there is one, however often it was tried."""
        (found,) = self.target.pipelines.list_executions()
        return found

    def statuses(self) -> list[str]:
        return [package.status.value for package in self.target.registry.list_packages("tiny-churn")]


@pytest.fixture
def lean(tmp_path: Path) -> Iterator[Lean]:
    repo, waits, needs = tmp_path / "repo", Door(), Door()
    write_model(repo / "models" / "churn")
    train = f"{waits.wait}{needs.enter}{TRAIN}"
    (repo / "models" / "churn" / "scripts" / "train.py").write_text(train)
    (repo / "data").mkdir()
    for name, text in (("data/numbers.csv", DATA), ("model_repos.yaml", MANIFEST), ("buildspec.yml", BUILDSPEC)):
        (repo / name).write_text(text)
    make_repository(repo)
    (tmp_path / "rendered").mkdir()
    own = {"name": "churn", "url": ".", "path": "models/churn", "revision": "HEAD"}
    model, _ = read_service((own,), (), wait="step-functions", run_timeout_minutes=5)
    for name, text in render_templates(model).items():
        (tmp_path / "rendered" / name).write_text(text)
    share_environment(tmp_path / "rehearsals" / "target")
    with quick_python(tmp_path) as python:
        made = Lean(tmp_path, python, waits, needs)
        yield made
        waits.shut()
        needs.shut()
        made.pool.shutdown()


def train(record: Rehearsal, action: str) -> ActionRecord:
    return record.stage("Train").action(action)


def codepipeline(play: Play, by: str) -> Any:
    """Return a person's client of the rehearsal's CodePipeline, at the address that it has said."""
    url = play.wait_for("put-approval-result").split("--endpoint-url ")[1].split()[0]
    return boto3.client(
        "codepipeline", endpoint_url=url, region_name=REGION, aws_access_key_id=by, aws_secret_access_key="x"
    )


def answer(play: Play, status: str, why: str) -> None:
    """Answer Wait, as a person does who doesn't wait for it."""
    client = codepipeline(play, "ada")
    state = client.get_pipeline_state(name="model-service")
    token = state["stageStates"][2]["actionStates"][1]["latestExecution"]["token"]
    client.put_approval_result(
        pipelineName="model-service", stageName="Train", actionName="Wait", token=token,
        result={"summary": why, "status": status},
    )  # fmt: skip


def test_a_run_that_is_stopped_answered_early_or_over_its_time(lean: Lean) -> None:
    play = lean.begin()
    play.wait_for("churn-Train  Executing")
    lean.target.pipelines.stop_execution(lean.execution.arn)  # as somebody does elsewhere
    record = play.end()
    lean.id = record.id
    wait, judge = train(record, "Wait"), train(record, "Judge")
    assert (record.status, wait.status, judge.status) == ("Failed", "Succeeded", "Failed")
    assert wait.decision is not None
    assert wait.decision.by == "the state machine model-service-wait"
    assert wait.decision.comment == f"The execution {lean.execution.arn} of SageMaker is Stopped."
    assert "Stopped" in judge.variables["SUMMARY"]
    by_start, by_rule = sorted(record.machines, key=lambda one: one.rule)
    assert (by_start.name, by_start.status, by_rule.status) == (record.id, "SUCCEEDED", "SUCCEEDED")
    assert not (*by_start.denied, *by_rule.denied)
    assert by_rule.calls.keys() <= {"states:DescribeExecution", "codepipeline:GetPipelineState"}

    # A person ends the wait: what goes on is followed to its end in the build, and judged then.
    play = lean.resume(whole=True)
    play.wait_for("churn-Train  Executing")
    answer(play, "Approved", "no time")
    log = Path(play.wait_for("Train/Judge build").rpartition("log: ")[2])
    while "goes on, and is followed" not in (log.read_text() if log.exists() else ""):
        assert not play.playing.done()
        time.sleep(0.02)
    lean.target.pipelines.stop_execution(lean.execution.arn)
    record = play.end()
    wait, judge = train(record, "Wait"), train(record, "Judge")
    assert wait.decision is not None
    assert (wait.attempt, wait.decision.by, judge.status) == (2, "ada", "Failed")

    # Five minutes pass in three seconds.
    record = lean.resume(whole=True, pace=100).end()
    stops = [one for one in record.machines if "sagemaker:StopPipelineExecution" in one.calls]
    assert f"{record.id}-3" in [one.name for one in stops]
    last_answer(record, f" is Stopped: {TOO_LONG}.")
    judge = train(record, "Judge")
    assert (judge.status, judge.variables["SUMMARY"]) == ("Failed", "the time that the run may take is over")
    assert lean.execution.status.value == "Stopped"
    assert [attempt.status for attempt in train(record, "Start").attempts] == ["Succeeded"] * 3


def last_answer(record: Rehearsal, words: str) -> Any:
    """Return the answer of Wait, which ends with these words."""
    decision = train(record, "Wait").decision
    assert decision is not None
    assert decision.comment.endswith(words)
    return decision


def test_a_rejected_wait_a_failure_and_an_approval_that_expires(lean: Lean) -> None:
    play = lean.begin()
    play.wait_for("churn-Train  Executing")
    answer(play, "Rejected", "not today")
    record = play.end()
    lean.id = record.id
    assert (record.status, train(record, "Judge").status) == ("Failed", "Waiting")
    assert train(record, "Wait").message == "rejected by ada: not today"
    assert record.events == ()  # the rule on rejections is about models
    assert not list(lean.shared.rglob("target-source"))
    assert lean.execution.status.value == "Executing"

    # Retried, Wait is asked again; the rule's machine waits for what Start has said. The training fails.
    play = lean.resume()
    play.wait_for("churn-Train  Executing")
    lean.waits.open()
    record = play.end()
    assert (train(record, "Start").attempt, train(record, "Wait").attempt) == (1, 2)
    last_answer(record, " is Failed.")
    assert train(record, "Judge").status == "Failed"
    assert "churn-Train" in train(record, "Judge").variables["SUMMARY"]

    # Judge alone goes on with it in the build, as the stage of before did.
    lean.needs.open()
    record = lean.resume().end()
    assert (train(record, "Start").attempt, train(record, "Wait").attempt, train(record, "Judge").attempt) == (1, 2, 2)
    assert (train(record, "Judge").status, record.status) == ("Succeeded", "Pending")
    assert lean.statuses() == ["PendingManualApproval"]

    # Nobody answers in time: nothing is rejected, and it can be asked again.
    state = lean.shared / record.id / "state.json"
    late = json.loads(state.read_bytes())
    opened = late["stages"][3]["actions"][0]
    opened["started"] = (datetime.now(timezone.utc) - timedelta(days=8)).isoformat()
    state.write_text(json.dumps(late))
    record = lean.resume().end()
    approve = record.stage("Approve").action("Approve")
    assert (approve.status, approve.message) == ("Failed", "nobody has answered within 10080 minutes")
    assert [event.status for event in record.events] == ["Succeeded"]
    assert lean.statuses() == ["PendingManualApproval"]
    lean.answer = Answer(approved=True, by="grace", comment="fine")
    record = lean.resume().end()
    assert (record.status, lean.statuses()) == ("Succeeded", ["Approved"])


def test_a_stack_of_before_goes_on_with_a_build_that_waits(lean: Lean) -> None:
    """Rendered by the version before: one action, Train, whose project says what it is. Its failure is retried."""
    # With a clone as its source, which a manifest that names its own repository has got then, too.
    before = BEFORE.replace("OutputArtifactFormat: CODE_ZIP", "OutputArtifactFormat: CODEBUILD_CLONE_REF", 1)
    (lean.root / "rendered" / "service.yaml").write_text(before)
    lean.waits.open()
    record = lean.begin().end()
    lean.id = record.id
    assert [action.name for action in record.stage("Train").actions] == ["Train"]
    assert (record.status, train(record, "Train").status) == ("Failed", "Failed")
    assert "churn-Train" in train(record, "Train").variables["SUMMARY"]
    assert record.machines == ()

    lean.needs.open()
    lean.answer = Answer(approved=True, by="grace", comment="fine")
    record = lean.resume().end()
    assert (record.status, train(record, "Train").attempt, lean.statuses()) == ("Succeeded", 2, ["Approved"])
    assert lean.execution.cause == record.id

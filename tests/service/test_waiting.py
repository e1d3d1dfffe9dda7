"""The halves of Train, Start and Judge, against SageMaker's API as `serve` has it: what each does, and hands on."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.service.cloudformation.access.waiting import TOO_LONG
from tests.doors import telling
from tests.release.test_executions import ONE, Service, make_service
from tests.serve.serving import serving, until
from tests.tiny import DATA

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:models-wait"


@dataclass
class Others:
    """Step Functions and CodePipeline, as far as the halves ask them; `taken` are names of executions that have ended."""

    taken: set[str] = field(default_factory=set)
    started: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, target: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match target.rsplit(".", 1)[1]:
            case "StartExecution" if request["name"] in self.taken:
                return 400, {"__type": "ExecutionAlreadyExists", "message": "Execution Already Exists"}
            case "StartExecution":
                self.started.append(request)
                return 200, {"executionArn": MACHINE, "startDate": 1.0}
            case "ListActionExecutions":
                return 200, {"actionExecutionDetails": self.actions}
            case _:
                return 200, {"pipelineExecution": {}}


@pytest.fixture
def others() -> Iterator[tuple[Others, str]]:
    known = Others()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code, said = known.answer(self.headers["X-Amz-Target"], body)
            content = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield known, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(30)


@dataclass
class Pipeline:
    """A service's pipeline on AWS; `stage` is one of its builds."""

    service: Service
    others: Others
    environment: dict[str, str]

    def stage(self, name: str, cause: str = ONE, **more: str) -> Any:
        return self.service.run("stage", name, **{**self.environment, "SMP_CODEPIPELINE_EXECUTION": cause, **more})

    def exported(self) -> dict[str, str]:
        lines = (self.service.root / "build" / "stage.env").read_text().splitlines()
        return dict(" ".join(shlex.split(line)[1:]).split("=", 1) for line in lines)

    def wait(self) -> None:
        until(lambda: self.service.executions(**self.environment)[0][1] != "Executing")

    def done(self, action: str, at: float) -> None:
        self.others.actions.append({"actionName": action, "status": "Failed", "startTime": at})

    def answered(self, words: str, at: float) -> None:
        said = {"executionResult": {"externalExecutionSummary": words}}
        self.others.actions.append({"actionName": "Wait", "status": "Succeeded", "startTime": at, "output": said})


@pytest.fixture
def pipeline(tmp_path: Path, others: tuple[Others, str]) -> Iterator[Pipeline]:
    root = tmp_path / "workspace"
    known, url = others
    with telling(root / "word") as port, serving(tmp_path / "served") as served:
        service = make_service(root, port)
        environment = {
            **served.environment,
            "AWS_ENDPOINT_URL_SFN": url,
            "AWS_ENDPOINT_URL_CODEPIPELINE": url,
            "SMP_CODEPIPELINE": "models",
            "SMP_WAIT_MACHINE": MACHINE,
            "SMP_TIMEOUT": "20000",
        }
        found = Pipeline(service, known, environment)
        served.s3.create_bucket(Bucket="local")
        served.s3.put_object(Bucket="local", Key="churn/numbers.csv", Body=DATA.encode())
        for name in ("checkout", "apply"):  # what Build does, without a look at what `serve` hasn't got
            built = service.run(name, **environment)
            assert built.code == 0, built.err
        yield found


@pytest.mark.long
def test_a_run_is_started_waited_for_judged_and_gone_on_with(pipeline: Pipeline) -> None:
    pipeline.service.say("no")
    started = pipeline.stage("start")
    assert started.code == 0, started.err
    exported = pipeline.exported()
    assert set(exported) == {"EXECUTION_ARN", "SUMMARY"}
    assert exported["SUMMARY"].startswith("execution ")
    (wait,) = pipeline.others.started
    assert (wait["name"], wait["stateMachineArn"]) == (ONE, MACHINE)
    given = {"cause": ONE, "execution": exported["EXECUTION_ARN"], "limit": 1_200_000, "own": True}
    assert json.loads(wait["input"]) == given
    handed = json.loads((pipeline.service.root / "build" / "started.json").read_text())
    assert handed == {"execution": exported["EXECUTION_ARN"], "reused": False}
    pipeline.wait()
    pipeline.done("Start", 1.0)

    judged = pipeline.stage("judge")  # green, as the other model waits; what failed is said first
    assert (judged.code, "late FAILED in step late-Check" in pipeline.exported()["SUMMARY"]) == (0, True), judged.err
    assert "continuing execution" not in judged.err
    pipeline.done("Judge", 2.0)
    # Judge alone is retried: it goes on with the execution, as a stage that waits in its build does.
    pipeline.service.say("go")
    again = pipeline.stage("judge")
    assert (again.code, "continuing execution" in again.err) == (0, True), again.err
    ((_, status),) = pipeline.service.executions(**pipeline.environment)
    assert status == "Succeeded"

    # All actions are retried: the same execution, and a wait of its own.
    pipeline.others.taken.add(ONE)
    assert pipeline.stage("start").code == 0
    assert pipeline.exported()["EXECUTION_ARN"] == exported["EXECUTION_ARN"]
    assert pipeline.others.started[-1]["name"] == f"{ONE}-2"
    pipeline.done("Start", 3.0)
    third = pipeline.stage("judge")
    assert (third.code, pipeline.exported()["VERDICT"]) == (0, "pass"), third.err

    # Nothing is to be run: what was judged is judged again, and isn't this one's to stop.
    other = ONE[:-1] + "2"
    push = {"SMP_TRIGGER": "webhook", "SMP_REPOSITORY": "churn"}
    assert pipeline.stage("start", other, **push).code == 0
    assert json.loads(pipeline.others.started[-1]["input"])["own"] is False
    ended = pipeline.stage("judge", other, **push)
    assert (ended.code, pipeline.exported()["EXECUTION_ARN"]) == (0, exported["EXECUTION_ARN"]), ended.err
    assert len(pipeline.service.executions(**pipeline.environment)) == 1


@pytest.mark.long
def test_a_wait_that_a_person_has_ended_is_followed_to_its_end(pipeline: Pipeline) -> None:
    assert pipeline.stage("start").code == 0
    process = pipeline.service.start("stage", "judge", **{**pipeline.environment, "SMP_CODEPIPELINE_EXECUTION": ONE})
    pipeline.service.say("go")
    _, said = process.communicate(timeout=300)
    assert (process.wait(), "somebody has ended the wait for it" in said) == (0, True), said
    assert pipeline.exported()["VERDICT"] == "pass"


@pytest.mark.long
def test_a_run_that_was_stopped_for_its_time_says_so_and_one_that_a_person_stopped_does_not(pipeline: Pipeline) -> None:
    assert pipeline.stage("start", SMP_TIMEOUT="0.05").code == 0
    assert json.loads(pipeline.others.started[-1]["input"])["limit"] == 3
    execution = pipeline.exported()["EXECUTION_ARN"]
    assert pipeline.service.run("stop", execution, **pipeline.environment).code == 0
    pipeline.answered(f"The execution {execution} of SageMaker is Stopped: {TOO_LONG}.", 1.0)
    ended = pipeline.stage("judge", SMP_TIMEOUT="5")
    assert (ended.code, "PB444 the time that the run may take is over" in ended.err) == (5, True), ended.err
    pipeline.answered(f"The execution {execution} of SageMaker is Stopped.", 2.0)  # retried, and stopped by a person
    stopped = pipeline.stage("judge", SMP_TIMEOUT="5")
    assert (stopped.code, "PB444" in stopped.err) == (5, False), stopped.err


def test_a_judge_without_a_start_says_what_to_do(pipeline: Pipeline) -> None:
    ended = pipeline.stage("judge")
    assert (ended.code, "PB740 " in ended.err, pipeline.exported()["VERDICT"]) == (1, True, "failed"), ended.err
    handed = pipeline.service.root / "build" / "started.json"
    handed.write_text(json.dumps({"execution": THEIRS.replace("/theirs/", "/tiny/"), "reused": False}))
    gone = pipeline.stage("judge")
    assert (gone.code, "PB741 " in gone.err) == (5, True), gone.err
    assert "PB741" in (pipeline.service.root / "build" / "junit.xml").read_text()


THEIRS = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/theirs/execution/gone12345678"


THEIR_OTHERS = THEIRS.replace("/theirs/", "/tiny/").replace(":0000", ":1111")
TAMPERED = (
    ("[" * 100_000, "PB740"),
    ('{"execution": ["arn"], "reused": false}', "PB740"),
    ('{"execution": "last", "reused": true}', "PB740"),
    (json.dumps({"execution": f"{THEIRS}\nexport VERDICT=pass\u001b[2J", "reused": True}), "PB740"),
    (json.dumps({"execution": f"{THEIRS}/../../tiny/execution/gone12345678", "reused": True}), "PB740"),
    (json.dumps({"execution": THEIRS, "reused": False}), "PB746"),
    (json.dumps({"execution": THEIR_OTHERS, "reused": True}), "PB746"),
)


@pytest.mark.long
def test_what_was_handed_over_is_believed_for_its_own_pipeline_only(pipeline: Pipeline) -> None:
    for text, problem in TAMPERED:
        (pipeline.service.root / "build" / "started.json").write_text(text)
        ended = pipeline.stage("judge")
        assert (ended.code, f"{problem} " in ended.err) == (1, True), ended.err
        assert "\x1b" not in ended.err
        assert pipeline.exported()["VERDICT"] == "failed"

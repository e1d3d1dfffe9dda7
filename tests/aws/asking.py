"""CodePipeline as far as a question to a person goes: an HTTP server that plays its state, and takes one answer."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SINCE = datetime(2026, 11, 29, 13, 5, tzinfo=timezone.utc)
ANSWERED = SINCE.replace(minute=3)
CALLER = "arn:aws:sts::000000000000:assumed-role/Approvers/ada"


@dataclass
class Asking:
    """A pipeline of CodePipeline whose action Approve waits for a word about a run of SageMaker.

    `answers` has what was answered: status, summary, the last at `answered`; `promoted` is when its stage has begun.
    `before_answer` is done before an answer is looked at, as whoever
    is faster does.
    """

    run: str
    approval: str
    pipeline: str = "models"
    execution: str = "0f7c1f3c-9ab0-4c2d-8e1f-000000000001"
    token: str = "0f7c1f3c-9ab0-4c2d-8e1f-00000000000a"
    open: bool = True
    denied: bool = False
    answers: list[tuple[str, str]] = field(default_factory=list)
    answered: datetime = ANSWERED
    promoted: datetime | None = None
    before_answer: Callable[[], None] = lambda: None
    url: str = ""

    def answer(self, status: str, summary: str) -> None:
        """Answer as somebody in the service's own page does."""
        self.answers.append((status, summary))
        self.open = False

    def ask_anew(self) -> None:
        """Ask again, as a retry of the stage does."""
        self.token, self.open = str(uuid.uuid4()), True

    # --- as the service answers

    def get_pipeline_state(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.denied:
            return _error("AccessDeniedException")
        if asked["name"] != self.pipeline:
            return _error("PipelineNotFoundException")
        waits = {"status": "InProgress", "token": self.token, "lastStatusChange": SINCE.timestamp()}
        latest = waits if self.open else {"status": "Succeeded"}
        stages = [
            {
                "stageName": "Train",
                "actionStates": [{"actionName": "Train", "latestExecution": {"status": "Succeeded"}}],
            },
            {
                "stageName": "Approve",
                "latestExecution": {"pipelineExecutionId": self.execution, "status": "InProgress"},
                "actionStates": [{"actionName": "Approve", "latestExecution": latest}],
            },
        ]
        return 200, {"pipelineName": self.pipeline, "stageStates": stages}

    def list_action_executions(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if asked["filter"] != {"pipelineExecutionId": self.execution}:
            return _error("PipelineExecutionNotFoundException")
        variables = {"EXECUTION_ARN": self.run, "APPROVAL": self.approval, "SUMMARY": "churn"}
        older = {"EXECUTION_ARN": self.run, "APPROVAL": "before"}
        details = [
            _detail("Train", 1, outputVariables=older),
            _detail("Train", 2, outputVariables=variables),
            _detail("Build", 0),
        ]
        if self.answers:
            status, summary = self.answers[-1]
            said = _detail("Approve", 3, executionResult={"externalExecutionSummary": summary})
            ended = {"status": "Succeeded" if status == "Approved" else "Failed", "updatedBy": CALLER}
            details.append({**said, **ended, "lastUpdateTime": self.answered.timestamp()})
        if self.promoted:
            details.append({**_detail("Promote", 0), "startTime": self.promoted.timestamp()})
        return 200, {"actionExecutionDetails": details}

    def put_approval_result(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.before_answer()
        if not self.open:
            return _error("ApprovalAlreadyCompletedException")
        if asked["token"] != self.token:
            return _error("InvalidApprovalTokenException")
        assert (asked["stageName"], asked["actionName"]) == ("Approve", "Approve")
        assert len(asked["result"]["summary"]) <= 512
        self.answer(asked["result"]["status"], asked["result"]["summary"])
        return 200, {"approvedAt": SINCE.timestamp()}


def _detail(action: str, minute: int, **output: Any) -> dict[str, Any]:
    when = SINCE.replace(minute=minute).timestamp()
    found = {"actionName": action, "status": "Succeeded", "startTime": when, "lastUpdateTime": when}
    return {**found, "output": output} if output else found


def _error(code: str) -> tuple[int, dict[str, Any]]:
    return 400, {"__type": code, "message": "no"}


@contextmanager
def asking(one: Asking) -> Iterator[Asking]:
    """Serve it on a free port, for AWS_ENDPOINT_URL_CODEPIPELINE; STS answers there too."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            operations = {
                "GetPipelineState": one.get_pipeline_state,
                "ListActionExecutions": one.list_action_executions,
                "PutApprovalResult": one.put_approval_result,
            }
            status, found = operations[name](json.loads(body))
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    one.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

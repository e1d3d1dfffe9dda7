"""CodePipeline's own API on 127.0.0.1, as far as the stages of the service ask it: who has approved, and why.

AWS JSON 1.1; requests and answers are checked against the service model, as those of the local SageMaker are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from pipeline_builder.definition.shapes.services import load_service
from pipeline_builder.serve.protocol import ServiceError, fit, parse_body
from pipeline_builder.serve.server import HOST, JSON_LIMIT, Quiet, json_error, listen, refused
from pipeline_builder.service.rehearsal.record import ActionRecord, Rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TARGET = "CodePipeline_20150709"
_STATUS = {"Pending": "InProgress", "Skipped": "Abandoned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Answers from the record of the rehearsal as it is at that moment."""

    state: Callable[[], Rehearsal]
    account: str

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = JSON_LIMIT
        return (refused(request) or self._answer(request))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            body = self._operate(request.headers.get("X-Amz-Target", ""), request.get_data())
        except ServiceError as error:
            return json_error(error)
        return Response(body, content_type="application/x-amz-json-1.1")

    def _operate(self, target: str, body: bytes) -> str:
        service, _, operation = target.rpartition(".")
        if service != TARGET or operation not in _OPERATIONS:
            raise ServiceError("UnknownOperationException", f"'{target}' is not answered by a rehearsal")
        model = load_service("codepipeline")
        shapes = model.operations[operation]
        asked = parse_body(body)
        if faults := model.check(shapes["input"]["shape"], asked):
            raise ServiceError("ValidationException", "; ".join(f"{f.path}: {f.message}" for f in faults))
        answer = _OPERATIONS[operation](self.state(), self.account, asked)
        return json.dumps(fit(model, shapes["output"]["shape"], answer))


@contextmanager
def answer_codepipeline(state: Callable[[], Rehearsal], account: str) -> Iterator[str]:
    """Give the address at which CodePipeline answers while the body runs.

    Raises:
        OutsideFailure: PB542 where no port can be had.
    """
    listening = listen(0)
    try:
        application = Application(state=state, account=account)
        http = make_server(HOST, 0, application, threaded=True, request_handler=Quiet, fd=listening.fileno())
    finally:
        listening.close()  # the server has a copy
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{http.port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


# --- operations


def _known(state: Rehearsal, asked: Mapping[str, Any]) -> None:
    name = asked.get("pipelineName", asked.get("name", state.pipeline))
    if name != state.pipeline:
        raise ServiceError("PipelineNotFoundException", f"there is no pipeline '{name}'")


def _get_pipeline_execution(state: Rehearsal, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    del account
    _known(state, asked)
    if asked["pipelineExecutionId"] != state.id:
        raise ServiceError(
            "PipelineExecutionNotFoundException", f"there is no execution '{asked['pipelineExecutionId']}'"
        )
    source = {"name": "Source", "revisionId": state.commit, "revisionSummary": state.subject}
    return {
        "pipelineExecution": {
            "pipelineName": state.pipeline,
            "pipelineVersion": 1,
            "pipelineExecutionId": state.id,
            "status": _status(state.status),
            "artifactRevisions": [source],
            "variables": [{"name": name, "resolvedValue": value} for name, value in state.variables.items()],
            "executionMode": "QUEUED",
        }
    }


def _list_action_executions(state: Rehearsal, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    _known(state, asked)
    wanted = (asked.get("filter") or {}).get("pipelineExecutionId", state.id)
    details = [
        _detail(state, account, stage.name, action)
        for stage in reversed(state.stages)
        for action in reversed(stage.actions)
        if action.status != "Waiting" and wanted == state.id
    ]
    first, most = _page(asked)
    more = {"nextToken": str(first + most)} if first + most < len(details) else {}
    return {"actionExecutionDetails": details[first : first + most], **more}


def _page(asked: Mapping[str, Any]) -> tuple[int, int]:
    token = asked.get("nextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("InvalidNextTokenException", f"'{token}' is no token of this operation")
    return int(token), int(asked.get("maxResults") or 100)


def _detail(state: Rehearsal, account: str, stage: str, action: ActionRecord) -> dict[str, Any]:
    category, _, provider = action.kind.partition("/")
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    result = {
        "externalExecutionId": action.build.id if action.build else None,
        "externalExecutionSummary": action.decision.comment if action.decision else action.message or None,
        "externalExecutionUrl": action.build.log if action.build else None,
    }
    return {
        "pipelineExecutionId": state.id,
        "actionExecutionId": f"{state.id[:-1]}{action.attempt % 10}",
        "pipelineVersion": 1,
        "stageName": stage,
        "actionName": action.name,
        "startTime": action.started,
        "lastUpdateTime": action.ended or action.started,
        "updatedBy": _person(account, action),
        "status": _status(action.status),
        "input": {
            "actionTypeId": kind,
            "resolvedConfiguration": action.configuration,
            "namespace": action.namespace or None,
        },
        "output": {"executionResult": result, "outputVariables": action.variables},
    }


def _person(account: str, action: ActionRecord) -> str | None:
    """Only what a person did has a name on it."""
    return f"arn:aws:iam::{account}:user/{action.decision.by}" if action.decision else None


def _status(status: str) -> str:
    return _STATUS.get(status, status)


_OPERATIONS: Mapping[str, Callable[[Rehearsal, str, Mapping[str, Any]], dict[str, Any]]] = {
    "GetPipelineExecution": _get_pipeline_execution,
    "ListActionExecutions": _list_action_executions,
}

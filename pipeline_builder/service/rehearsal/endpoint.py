"""The address of a rehearsal on 127.0.0.1: CodePipeline's API, SageMaker's for its target, and its own for what waits.

AWS JSON 1.1; requests and answers are checked against the service model, as those of the local SageMaker are.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from pipeline_builder.definition.shapes.services import load_service
from pipeline_builder.serve.application import JSON_LIMIT, json_error, refused
from pipeline_builder.serve.protocol import ServiceError, fit, parse_body
from pipeline_builder.serve.server import HOST, Quiet, listen
from pipeline_builder.service.rehearsal import states
from pipeline_builder.service.rehearsal.approvals import put_approval_result
from pipeline_builder.service.rehearsal.record import Book
from pipeline_builder.service.rehearsal.waiting import executions
from pipeline_builder.service.rehearsal.waiting.machines import Machines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TARGET, SAGEMAKER, OWN = "CodePipeline_20150709", "SageMaker", "Rehearsal"
# The model of a service, and its name in policies.
_SERVICES = {TARGET: ("codepipeline", "codepipeline"), executions.TARGET: ("stepfunctions", "states")}
_Operation = Callable[[Mapping[str, Any]], dict[str, Any]]
_KEY = re.compile(r"Credential=([^/\s]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Answers from the record of the rehearsal as it is at that moment; `sagemaker` is None before it is waited for."""

    book: Book
    now: Callable[[], datetime]
    machines: Machines
    sagemaker: Callable[[], WSGIApplication | None]
    answered: Callable[[], None]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = JSON_LIMIT
        answer = refused(request) or self._answer(request)
        if isinstance(answer, Response):
            answer.headers["x-amzn-RequestId"] = secrets.token_hex(16)
        return answer(environ, start_response)

    def _answer(self, request: Request) -> Response | WSGIApplication:
        service, _, operation = request.headers.get("X-Amz-Target", "").rpartition(".")
        signed = _KEY.search(request.headers.get("Authorization", ""))
        key = signed[1] if signed else ""
        try:
            asked = parse_body(request.get_data(cache=True))
            if service == SAGEMAKER and (sagemaker := self.sagemaker()):
                self.machines.admit(key, f"sagemaker:{operation}", asked)
                return _again(sagemaker, request)
            answer = self._operate(service, operation, asked, key)
        except ServiceError as error:
            return json_error(error)
        return Response(json.dumps(answer), content_type="application/x-amz-json-1.1")

    def _operate(self, service: str, operation: str, asked: dict[str, Any], key: str) -> Any:
        if service == OWN:
            return self.machines.hear(key, operation, asked)
        answer, name, prefix = self._operations(service, key).get(operation), *_SERVICES.get(service, ("", ""))
        if answer is None:
            raise ServiceError("UnknownOperationException", f"'{service}.{operation}' is not answered by a rehearsal")
        model = load_service(name)
        shapes = model.operations[operation]
        if faults := model.check(shapes["input"]["shape"], asked):
            raise ServiceError("ValidationException", "; ".join(f"{f.path}: {f.message}" for f in faults))
        self.machines.admit(key, f"{prefix}:{operation}", asked)
        return fit(model, shapes["output"]["shape"], answer(asked))

    def _operations(self, service: str, key: str) -> Mapping[str, _Operation]:
        if service == executions.TARGET:
            stage = next((one.name for one in self.book.state.stages if one.status == "InProgress"), "")
            return {name: partial(one, self.machines, stage) for name, one in executions.OPERATIONS.items()}
        if service != TARGET:
            return {}
        reading = {name: partial(one, self.book.state) for name, one in states.OPERATIONS.items()}
        return {**reading, "PutApprovalResult": partial(self._answer_approval, key)}

    def _answer_approval(self, key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = put_approval_result(self.book, asked, self.machines.caller_of(key), self.now())
        self.answered()
        return answer


def _again(application: WSGIApplication, request: Request) -> WSGIApplication:
    """Return the application for a request whose body has been read."""
    body = request.get_data()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return application({**environ, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}, start_response)

    return answer


@contextmanager
def answer_at(application: Application) -> Iterator[str]:
    """Give the address at which the application answers while the body runs.

    Raises:
        OutsideFailure: PB542 where no port can be had.
    """
    listening = listen(0)
    try:
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

"""The HTTP side: one address for all services, told apart by what a request says; only for this machine."""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from pipeline_builder.engine.execution.scheduler import Engine
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.refusals import is_of_this_machine, refusal
from pipeline_builder.serve import (
    executions,
    identity,
    jobs,
    logs,
    models,
    packages,
    pipelines,
    steps,
    tagging,
    tunings,
)
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.protocol import Handler, ServiceError, answer_sagemaker, service_error
from pipeline_builder.serve.regions import outwards, region_of
from pipeline_builder.serve.s3 import s3

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"
JSON_LIMIT = 16 << 20
"""Bytes of a request that is no upload; a definition has at most one megabyte."""
UPLOAD_LIMIT = 5 << 30
"""Bytes of one upload; S3's own limit for one PutObject or part."""
OPERATIONS: dict[str, Handler] = {
    **pipelines.OPERATIONS,
    **executions.OPERATIONS,
    **steps.OPERATIONS,
    **jobs.OPERATIONS,
    **tunings.OPERATIONS,
    **models.OPERATIONS,
    **packages.OPERATIONS,
    **tagging.OPERATIONS,
}
_HOSTS = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d+)?", re.IGNORECASE)
# What a browser adds to a request that a page has made; no AWS client does.
_OF_BROWSERS = ("Origin", "Sec-Fetch-Site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The WSGI application. `report` gets the text of what nobody expected, which is a bug."""

    engine: Engine
    background: Background
    report: Callable[[str], None]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        number = secrets.token_hex(16)
        response = self._answer(request)
        response.headers["x-amzn-RequestId"] = response.headers["x-amz-request-id"] = number
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            return refused(request) or self._service(request)
        except ClientDisconnected:
            return Response(status=400)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug in one request must not end the server
            return json_error(self._said(error))

    def _said(self, error: Exception) -> ServiceError:
        """Return what is answered instead of a result; what nobody expected is reported."""
        match error:
            case RequestEntityTooLarge():
                return ServiceError("RequestEntityTooLarge", "the request's body is too large", 413)
            case HTTPException():
                return ServiceError("BadRequest", error.description or "", error.code or 400)
            case OutsideFailure():
                return service_error(error)
            case OSError() if is_of_this_machine(error):
                return service_error(refusal(error))
        import traceback

        self.report("".join(traceback.format_exception(error)))
        return ServiceError("InternalFailure", f"{type(error).__name__}: {error}", 500)

    def _service(self, request: Request) -> Response:
        service, _, operation = request.headers.get("X-Amz-Target", "").rpartition(".")
        if service:
            region = region_of(request.headers.get("Authorization", ""))
            answered = self._json(request, service, operation, region)
            answered.set_data(outwards(answered.get_data(), region))
            return answered
        if request.mimetype != "application/x-www-form-urlencoded":
            request.max_content_length = UPLOAD_LIMIT
            return s3.answer_s3(request, self.engine.store, self.engine.state)
        request.max_content_length = request.max_form_memory_size = JSON_LIMIT
        return identity.answer_query(request.form)

    def _json(self, request: Request, service: str, operation: str, region: str) -> Response:
        request.max_content_length = JSON_LIMIT
        try:
            match service:
                case "SageMaker":
                    body = answer_sagemaker(
                        OPERATIONS,
                        operation,
                        request.get_data(),
                        self.engine,
                        self.background,
                        region=region,
                        report=self.report,
                    )
                case "Logs_20140328":
                    body = logs.answer_logs(operation, request.get_data(), self.engine.state)
                case _:
                    error = ServiceError("UnknownOperationException", f"'{service}.{operation}' is not served here")
                    return json_error(error)
        except ServiceError as refused:
            return json_error(refused)
        return Response(body, content_type="application/x-amz-json-1.1")


def refused(request: Request) -> Response | None:
    """Answer what no AWS client on this machine sends: another host's name, or a page in a browser."""
    if not _HOSTS.fullmatch(request.headers.get("Host", "")):
        return json_error(ServiceError("AccessDeniedException", "the host must be 127.0.0.1 or localhost", 403))
    if any(name in request.headers for name in _OF_BROWSERS):
        return json_error(ServiceError("AccessDeniedException", "requests of web pages are not answered", 403))
    return None


def json_error(error: ServiceError) -> Response:
    """Return an error as the JSON protocols have it."""
    body = json.dumps({"__type": error.code, "Message": error.message, "message": error.message})
    response = Response(body, status=error.status, content_type="application/x-amz-json-1.1")
    response.headers["x-amzn-ErrorType"] = error.code
    return response


class Quiet(WSGIRequestHandler):
    """Logs nothing; a client that keeps its connection open and says nothing doesn't keep its thread."""

    timeout = 60

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        del type, message, args

    def version_string(self) -> str:
        return "pipeline-builder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that listens; `serve` answers until `close` is called from another thread, or it is interrupted."""

    background: Background
    http: BaseWSGIServer

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http.port}"

    def serve(self) -> None:
        """Go on with what was interrupted, and answer requests."""
        self.background.resume()
        try:
            self.http.serve_forever(poll_interval=0.1)
        finally:
            self.http.server_close()
            self.background.end()

    def close(self) -> None:
        """Let `serve` come to its end."""
        threading.Thread(target=self.http.shutdown, daemon=True).start()


def make_server_on(
    port: int, engine: Engine, *, say: Callable[[str], None], report: Callable[[str], None] | None = None
) -> Server:
    """Return a server that listens on the port of 127.0.0.1; 0 takes one that is free.

    `say` gets a line for people about each execution that starts or ends.

    Raises:
        OutsideFailure: PB542 where the port can't be had.
    """
    background = Background(engine, say)
    application = Application(engine=engine, background=background, report=report or say)
    listening = listen(port)
    try:
        http = make_server(HOST, port, application, threaded=True, request_handler=Quiet, fd=listening.fileno())
    finally:
        listening.close()  # the server has a copy
    return Server(background=background, http=http)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on the port of 127.0.0.1; 0 takes one that is free.

    Raises:
        OutsideFailure: PB542 where the port can't be had.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        message = f"cannot listen on port {port} of {HOST}: {getattr(error, 'strerror', None) or error}"
        raise OutsideFailure(Problem(id="PB542", message=message, hint="'--port 0' takes a free one")) from error
    return listening

"""The WSGI application: one address for all services, told apart by what a request says; only for this machine."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.machine.refusals import is_of_this_machine, refusal
from pipeline_builder.serve import identity, logs, surroundings
from pipeline_builder.serve.access import faults
from pipeline_builder.serve.access.access import Access, Caller
from pipeline_builder.serve.access.faults import AccessError, words_of
from pipeline_builder.serve.access.rights import denied
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.kinds import SERVED, Kind, check_scope, elsewhere, kind_of
from pipeline_builder.serve.operations import OPERATIONS
from pipeline_builder.serve.protocol import REQUEST_ID, ServiceError, answer_sagemaker, service_error
from pipeline_builder.serve.regions import outwards
from pipeline_builder.serve.s3 import s3

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

JSON_LIMIT = 16 << 20
"""Bytes of a request that is no upload; a definition has at most one megabyte."""
UPLOAD_LIMIT = 5 << 30
"""Bytes of one upload; S3's own limit for one PutObject or part."""
_HOSTS = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d+)?", re.IGNORECASE)
# What a browser adds to a request that a page has made; no AWS client does.
_OF_BROWSERS = ("Origin", "Sec-Fetch-Site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The WSGI application, for whom `access` lets in. `report` gets the text of what nobody expected, a bug."""

    engine: Engine
    background: Background
    report: Callable[[str], None]
    access: Access = field(default_factory=Access)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._answer(request)
        number = response.headers.get(REQUEST_ID) or secrets.token_hex(16)  # that which its body has, too
        response.headers["x-amzn-RequestId"] = response.headers[REQUEST_ID] = number
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
        kind = kind_of(request)
        request.max_content_length = UPLOAD_LIMIT if kind is Kind.S3 else JSON_LIMIT
        request.max_form_memory_size = JSON_LIMIT
        try:
            caller = self.access.caller(request)
            match kind:
                case Kind.JSON:
                    return self._json(request, caller)
                case Kind.QUERY if caller.service not in ("", *SERVED):
                    return identity.error_response("InvalidAction", elsewhere(caller.service).message)
                case Kind.QUERY:
                    check_scope(caller.service, "sts", "iam")
                    return identity.answer_query(request.values, caller)
                case Kind.S3:
                    return s3.answer_s3(request, self.engine.store, self.engine.state, caller)
                case _:
                    return json_error(elsewhere(caller.service))
        except AccessError as error:
            return unsigned(kind, error, request.path)

    def _json(self, request: Request, caller: Caller) -> Response:
        service, _, operation = request.headers["X-Amz-Target"].rpartition(".")
        try:
            match service:
                case "SageMaker":
                    check_scope(caller.service, "sagemaker")
                    body = self._sagemaker(operation, request.get_data(), caller)
                case "Logs_20140328":
                    check_scope(caller.service, "logs")
                    check_owner(caller, f"logs:{operation}")
                    body = logs.answer_logs(operation, request.get_data(), self.engine.state)
                case "AmazonEC2ContainerRegistry_V20150921" | "ServiceQuotasV20190624":
                    check_scope(caller.service, surroundings.SIGNED_FOR[service])
                    check_owner(caller, f"{caller.service}:{operation}")
                    body = surroundings.answer(service, operation, request.get_data(), self.engine.images)
                case _:
                    error = ServiceError("UnknownOperationException", f"'{service}.{operation}' is not served here")
                    return json_error(error)
        except ServiceError as refused:
            answered = json_error(refused)
        else:
            answered = Response(body, content_type="application/x-amz-json-1.1")
        answered.set_data(outwards(answered.get_data(), caller.region, caller.account))
        return answered

    def _sagemaker(self, operation: str, body: bytes, caller: Caller) -> bytes:
        return answer_sagemaker(
            OPERATIONS,
            operation,
            body,
            self.engine,
            self.background,
            region=caller.region,
            account=caller.account,
            step=caller.step,
            report=self.report,
        )


def check_owner(caller: Caller, action: str) -> None:
    """Raise ServiceError where a job asks, which may not."""
    if caller.step is not None:
        raise ServiceError("AccessDeniedException", denied(caller.step.arn, action, "*"))


def unsigned(kind: Kind, error: AccessError, path: str) -> Response:
    """Answer a request that isn't signed as it should be, as its protocol does."""
    match kind:
        case Kind.S3:
            code, message, status = words_of(error, faults.S3)
            return s3.error_response(code, message, path, status)
        case Kind.QUERY:
            return identity.error_response(*words_of(error, faults.QUERY))
        case _:
            return json_error(ServiceError(*words_of(error, faults.JSON)))


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

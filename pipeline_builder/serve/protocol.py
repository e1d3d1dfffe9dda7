"""AWS JSON 1.1: operations by name, requests and responses after the service model, errors with the service's codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pipeline_builder.definition.shapes.fault import Fault
from pipeline_builder.definition.shapes.services import load_sagemaker
from pipeline_builder.definition.shapes.shapes import Shapes
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, limit_per_file
from pipeline_builder.machine.refusals import is_full
from pipeline_builder.serve.access.rights import denied, may_operate, resource_of
from pipeline_builder.serve.access.steps import StepKey
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.regions import ACCOUNT, HOME_ARN, request_inwards

VALIDATION = "ValidationException"
NOT_FOUND = "ResourceNotFound"
CONFLICT = "ConflictException"
TOO_MANY = "ResourceLimitExceeded"
IN_USE = "ResourceInUse"
FULL, UNAVAILABLE = 507, 503
REQUEST_ID = "x-amz-request-id"
"""The header with what an answer is called; an answer in XML has it in its body as well."""
# The codes of problems that are no mistake in the request itself.
_CODES = {"PB540": CONFLICT}
_MOST_LEVELS = 100


class ServiceError(Exception):
    """What an operation answers instead of a result: the service's code, a message, the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code}: {message}")


def service_error(error: PipelineBuilderError) -> ServiceError:
    """Return what is answered where something was found: about the request, or about this machine."""
    kept, left = limit_per_file(error.problems)
    said = "; ".join(
        [*(f"{problem.id} {problem.message}" for problem in kept), *([f"{sum(left.values())} more"] if left else [])]
    )
    if isinstance(error, OutsideFailure):
        # Clients try a 503 again, which helps where another process has the state locked, and not where a disk is full.
        return ServiceError("InternalFailure", said, FULL if is_full(error) else UNAVAILABLE)
    return ServiceError(_CODES.get(error.problems[0].id, VALIDATION), said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an operation of SageMaker: what was asked, of which Region, and what it is answered from."""

    operation: str
    request: Mapping[str, Any]
    engine: Engine
    background: Background
    region: str
    account: str = ACCOUNT

    def not_found(self, what: str) -> ServiceError:
        """Return the error for a resource that isn't there, by the code that the operation has for it."""
        listed = [error["shape"] for error in load_sagemaker().operations[self.operation].get("errors", ())]
        return ServiceError(NOT_FOUND if NOT_FOUND in listed else VALIDATION, what)


Handler = Callable[[Call], Mapping[str, Any] | None]


def answer_sagemaker(
    operations: Mapping[str, Handler],
    operation: str,
    body: bytes,
    engine: Engine,
    background: Background,
    *,
    region: str,
    account: str = ACCOUNT,
    step: StepKey | None = None,
    report: Callable[[str], None],
) -> bytes:
    """Return the JSON that answers an operation; where a job asks, `step` says what it may.

    An answer that the service would not give is reported: it is a bug.

    Raises:
        ServiceError: the request is wrong, or can't be done.
    """
    handler = operations.get(operation)
    if handler is None:
        known = operation in load_sagemaker().operations
        why = "is not served by the local engine" if known else "is no operation of SageMaker"
        raise ServiceError("UnknownOperationException", f"'{operation}' {why}")
    request = parse_body(request_inwards(body, region, account))
    if step is not None and not may_operate(step, operation, request):
        resource = resource_of(request, HOME_ARN)
        raise ServiceError("AccessDeniedException", denied(step.arn, f"sagemaker:{operation}", resource))
    _check(operation, request)
    _check_tags(request.get("Tags") or ())
    try:
        call = Call(
            operation=operation,
            request=request,
            engine=engine,
            background=background,
            region=region,
            account=account,
        )
        result = handler(call)
    except PipelineBuilderError as error:
        raise service_error(error) from error
    shape = load_sagemaker().operations[operation].get("output")
    return json.dumps(_checked(operation, shape["shape"], result or {}, report) if shape else {}).encode()


def _checked(operation: str, shape: str, result: Mapping[str, Any], report: Callable[[str], None]) -> Any:
    answer = fit(load_sagemaker(), shape, result)
    if faults := load_sagemaker().check(shape, answer):
        report(f"the answer to {operation} is not as SageMaker has it: {'; '.join(_said(fault) for fault in faults)}")
    return answer


def _check_tags(tags: Iterable[Mapping[str, str]]) -> None:
    """Raise ServiceError for tags that no resource can have, which the service's model says nothing of."""
    keys = [tag["Key"] for tag in tags]
    if own := next((key for key in keys if key.lower().startswith("aws:")), None):
        raise ServiceError(VALIDATION, f"the tag '{own}' can't be given: keys that begin with 'aws:' are AWS's own")
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ServiceError(VALIDATION, f"Duplicate tag keys found: '{twice}'. Please note that Tag keys are unique.")


def parse_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a request has as its body.

    Raises:
        ServiceError: SerializationException where it is none.
    """
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        known: dict[type[Exception], str] = {json.JSONDecodeError: str(error), UnicodeDecodeError: "it is not UTF-8"}
        why = known.get(type(error), "a number too long, or too many levels")
        raise ServiceError("SerializationException", f"the request's body is no JSON: {why}") from error
    if rb"\ud" in body.lower():
        _refuse_halves(request)
    if not isinstance(request, dict):
        raise ServiceError("SerializationException", "the request's body is no JSON object")
    return request


def _refuse_halves(request: Any) -> None:
    """Half a character, which JSON can write, is in no file and in no database."""
    try:
        json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ServiceError("SerializationException", "the request's body has text that is no Unicode") from error


def _check(operation: str, request: dict[str, Any]) -> None:
    model = load_sagemaker()
    shape = model.operations[operation].get("input")
    if _is_deep(request):  # of a shape that has itself in it, as a search's expression
        raise ServiceError(VALIDATION, "the request has too many levels")
    faults = model.check(shape["shape"], request) if shape else ()
    if faults:
        said = "; ".join(_said(fault) for fault in faults)
        many = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected: "
        raise ServiceError(VALIDATION, many + said)


def _is_deep(request: Any) -> bool:
    """Tell whether a request has more levels than any that is meant, whatever Python's own limit is just now."""
    level = [request]
    for _ in range(_MOST_LEVELS):
        items = (item for one in level for item in (one.values() if isinstance(one, dict) else one))
        level = [item for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _said(fault: Fault) -> str:
    where = ".".join(str(part) for part in fault.path)
    hint = f" ({fault.hint})" if fault.hint else ""
    return f"'{where}' {fault.message}{hint}" if where else f"{fault.message}{hint}"


def fit(model: Shapes, name: str, value: Any) -> Any:
    """Return the value as the shape has it: no other members, nothing empty, times as seconds since 1970."""
    shape = model.shapes[name]
    match shape["type"]:
        case "structure":
            members = shape["members"]
            known = {key: item for key, item in value.items() if key in members and item is not None}
            return {key: fit(model, members[key]["shape"], item) for key, item in known.items()}
        case "list":
            return [fit(model, shape["member"]["shape"], item) for item in value]
        case "map":
            return {key: fit(model, shape["value"]["shape"], item) for key, item in value.items()}
        case "timestamp" if isinstance(value, datetime):
            return round(value.timestamp(), 3)
        case "string" if "max" in shape and isinstance(value, str):
            return value[: shape["max"]]
        case _:
            return value


def time_of(value: Any) -> datetime:
    """Return a time of a request, which is seconds since 1970.

    Raises:
        ServiceError: it is none.
    """
    try:
        return datetime.fromtimestamp(float(value), tz=timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ServiceError("SerializationException", f"{value!r} is no time in seconds since 1970") from error

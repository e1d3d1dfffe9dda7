"""Which protocol a request speaks, and what is answered for a service that isn't here."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from pipeline_builder.serve.access.faults import AccessError, Fault
from pipeline_builder.serve.protocol import ServiceError

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

SERVED = ("sagemaker", "s3", "logs", "sts", "iam", "ecr", "servicequotas")
_SCOPE = re.compile(r"Credential=[^\s,]+?/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request")


class Kind(enum.Enum):
    """A protocol: AWS JSON, the query protocol, S3's REST, or that of a service which isn't here."""

    JSON = enum.auto()
    QUERY = enum.auto()
    S3 = enum.auto()
    OTHER = enum.auto()


def kind_of(request: Request) -> Kind:
    """Return which protocol a request speaks; of REST services S3 alone is here."""
    if "." in request.headers.get("X-Amz-Target", ""):
        return Kind.JSON
    found = _SCOPE.search(f"Credential={request.args.get('X-Amz-Credential', '')}") or _SCOPE.search(
        request.headers.get("Authorization", "")
    )
    service = found[1] if found else "s3"
    form = request.mimetype == "application/x-www-form-urlencoded"
    # An object may be a form as well, and has a path.
    if (form and request.path == "/") or (service != "s3" and (form or "Action" in request.args)):
        return Kind.QUERY
    return Kind.S3 if service == "s3" else Kind.OTHER


def check_scope(signed_for: str, *services: str) -> None:
    """Raise AccessError where a request is signed for another service; one that isn't signed is for any."""
    if signed_for and signed_for not in services:
        raise AccessError(Fault.SCOPE, f"Credential should be scoped to correct service: '{services[0]}'.")


def elsewhere(service: str) -> ServiceError:
    """Return the error for a REST service that isn't here; its operation is in no header."""
    message = f"'{service}' is not served by the local engine in this way; it has {', '.join(SERVED)}"
    return ServiceError("UnknownOperationException", message, 501)

"""What can be wrong with how a request is signed, in the words that each of AWS's protocols has for it."""

from __future__ import annotations

import enum


class Fault(enum.Enum):
    """What is wrong with how a request is signed."""

    MISSING = enum.auto()
    MALFORMED = enum.auto()
    QUERY = enum.auto()
    UNKNOWN_KEY = enum.auto()
    MISMATCH = enum.auto()
    SKEWED = enum.auto()
    EXPIRED = enum.auto()
    SCOPE = enum.auto()
    UNCOVERED = enum.auto()
    TWICE = enum.auto()


class AccessError(Exception):
    """A request is not signed as it should be; `more` is what AWS adds to its words."""

    def __init__(self, fault: Fault, more: str = "") -> None:
        self.fault = fault
        self.more = more
        super().__init__(f"{fault.name}: {more}")


Words = tuple[str, str, int]
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_MISMATCH_OF_S3 = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
_NONE = "The request signature does not conform to AWS standards."
_TWICE = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)
_NO_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - words
JSON: dict[Fault, Words] = {
    Fault.MISSING: ("MissingAuthenticationTokenException", "Missing Authentication Token", 400),
    Fault.MALFORMED: ("IncompleteSignatureException", _NONE, 400),
    Fault.QUERY: ("IncompleteSignatureException", _NONE, 400),
    Fault.UNKNOWN_KEY: ("UnrecognizedClientException", _NO_TOKEN, 400),
    Fault.MISMATCH: ("InvalidSignatureException", _MISMATCH, 400),
    Fault.SKEWED: ("InvalidSignatureException", "", 400),
    Fault.EXPIRED: ("InvalidSignatureException", "", 400),
    Fault.SCOPE: ("InvalidSignatureException", "Credential should be scoped to correct service.", 400),
    Fault.UNCOVERED: ("IncompleteSignatureException", "", 400),
    Fault.TWICE: ("IncompleteSignatureException", _TWICE, 400),
}
QUERY: dict[Fault, Words] = {
    Fault.MISSING: ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
    Fault.MALFORMED: ("IncompleteSignature", _NONE, 400),
    Fault.QUERY: ("IncompleteSignature", _NONE, 400),
    Fault.UNKNOWN_KEY: ("InvalidClientTokenId", _NO_TOKEN, 403),
    Fault.MISMATCH: ("SignatureDoesNotMatch", _MISMATCH, 403),
    Fault.SKEWED: ("SignatureDoesNotMatch", "", 403),
    Fault.EXPIRED: ("SignatureDoesNotMatch", "", 403),
    Fault.SCOPE: ("SignatureDoesNotMatch", "Credential should be scoped to correct service.", 403),
    Fault.UNCOVERED: ("IncompleteSignature", "", 400),
    Fault.TWICE: ("IncompleteSignature", _TWICE, 400),
}
S3: dict[Fault, Words] = {
    Fault.MISSING: ("AccessDenied", "Access Denied", 403),
    Fault.MALFORMED: ("AuthorizationHeaderMalformed", "The authorization header is malformed.", 400),
    Fault.QUERY: ("AuthorizationQueryParametersError", "", 400),
    Fault.UNKNOWN_KEY: (
        "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403,
    ),
    Fault.MISMATCH: ("SignatureDoesNotMatch", _MISMATCH_OF_S3, 403),
    Fault.SKEWED: (
        "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403,
    ),
    Fault.EXPIRED: ("AccessDenied", "Request has expired", 403),
    Fault.SCOPE: ("AuthorizationHeaderMalformed", "The authorization header is malformed.", 400),
    Fault.UNCOVERED: ("AccessDenied", "There were headers present in the request which were not signed", 403),
    Fault.TWICE: ("InvalidArgument", _TWICE, 400),
}  # fmt: skip


def words_of(error: AccessError, said: dict[Fault, Words]) -> Words:
    """Return code, message and HTTP status, in a protocol's words."""
    code, message, status = said[error.fault]
    beside = said is not S3 or error.fault in (Fault.MALFORMED, Fault.QUERY, Fault.SCOPE)
    return code, " ".join(filter(None, (message, error.more if beside else ""))), status

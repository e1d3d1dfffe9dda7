"""Calls to AWS: one session, one policy of retries, and every failure as a problem that says what to do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline_builder import __version__
from pipeline_builder.aws.answers import (
    answered,
    comes_through,
    failed_parsing,
    not_aws,
    page_of,
    refuse_nothing,
    watch_answers,
)
from pipeline_builder.errors import OutsideFailure, Problem

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.exceptions import ClientError

_ATTEMPTS = 8
_PARTS = 4
"""Parts of a large upload at once; they are read from the file as they are sent."""
_PART_COPIED = 512 << 20
"""Bytes of a part of a large copy: of ten thousand an object has five terabytes."""
_CREDENTIALS = (
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
    "SignatureDoesNotMatch", "InvalidAccessKeyId", "IncompleteSignature", "InvalidSignatureException",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "TokenRefreshRequired",
)  # fmt: skip
_UNKNOWN_KEYS = ("InvalidClientTokenId", "UnrecognizedClientException")
_GIVERS = "botocore/credentials.py"
"""What asks programs, files and services of the configuration for credentials, and lets their failures through."""
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired")
_SIGNED = ("SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure")
_CLOCK = re.compile(r"(?i)signature (expired|not yet current)")
"""There is no code of its own for that, only these words."""
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403")
_THROTTLED = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException")
_LIMITS = ("ResourceLimitExceeded", "ServiceQuotaExceededException", "LimitExceededException")
_ABSENT = (
    "ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "NoSuchBucket", "NotFound", "404", "NoSuchEntity",
    "NotFoundException", "ImageNotFoundException", "RepositoryNotFoundException", "ChangeSetNotFound",
    "NoSuchTagSet", "PipelineNotFoundException", "PipelineExecutionNotFoundException", "StageNotFoundException",
    "ActionNotFoundException",
    "StateMachineDoesNotExist",
)  # fmt: skip
_CHANGED = (
    "PreconditionFailed", "ConditionalRequestConflict", "ExecutionAlreadyExists", "InvalidApprovalTokenException",
    "ApprovalAlreadyCompletedException", "BucketNotEmpty",
)  # fmt: skip
_MOVED = (
    "AlreadyExistsException",
    "InvalidChangeSetStatus",
    "OperationInProgressException",
    "TokenAlreadyExistsException",
)
"""What CloudFormation says where somebody else was faster."""

_INVALID = ("ValidationException", "ValidationError")
"""What some services, CloudFormation with the second, answer for something that isn't there too."""


class NotFoundError(OutsideFailure):
    """What was asked for isn't there; the caller knows what that means, and if nobody does it is said."""

    said = ""


class ChangedError(OutsideFailure):
    """What was to be replaced is another by now; the caller knows what that means, and if nobody does it is said."""


class UnservedError(OutsideFailure):
    """Whoever is asked has no such operation: an emulator of parts of AWS, as `serve` is."""


def not_found(operation: str, said: str) -> NotFoundError:
    """Return that what a call was about isn't there; `said` is the service's word on it."""
    message = f"AWS has nothing there for {operation}: {_short(said)}"
    hint = "was it deleted meanwhile? Then repeat the command"
    error = NotFoundError(Problem(id="PB707", message=message, hint=hint))
    error.said = said
    return error


def _changed(operation: str, said: str) -> ChangedError:
    message = f"somebody else was faster than {operation}: {_short(said)}"
    return ChangedError(Problem(id="PB707", message=message, hint="repeat the command"))


class Aws:
    """AWS as the credentials and the Region of this process reach it; clients are made when first used."""

    def __init__(self, region: str, *, session: Session | None = None) -> None:
        self.region = region
        self._session = session
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.most_copied = 5 << 30
        """Bytes that S3 copies in one go (CopyObject: up to 5 GB)."""
        self.calls: dict[str, int] = {}
        """How often each operation was called, for the benchmarks."""

    def client(self, service: str) -> Any:
        """Return the service's client; clients may be used by several threads, sessions may not."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            connect_timeout=10,
            read_timeout=60,
            user_agent_extra=f"pipeline-builder/{__version__}",
            max_pool_connections=16,
        )
        with translated(service, "client"):
            self._session = self._session or boto3.Session(region_name=self.region or None)
            client = _made(self._session, service, region_name=self.region or None, config=config)
        watch_answers(client)
        return client

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation (in snake case) and return its response.

        Raises:
            NotFoundError: where the service says that what was asked for isn't there.
            ChangedError: where a condition of the call doesn't hold any more.
            OutsideFailure: PB701 to PB707 for everything else.
        """
        client = self.client(service)
        self.calls[operation] = self.calls.get(operation, 0) + 1
        with translated(service, operation):
            response: dict[str, Any] = answered(getattr(client, operation)(**arguments), f"{service} {operation}")
            return response

    def upload(self, file: Path, bucket: str, key: str, options: dict[str, str]) -> None:
        """Upload a file of any size, a large one in parts, all or none; it raises as `call` does."""
        from boto3.s3.transfer import TransferConfig, create_transfer_manager

        client = self.client("s3")
        self.calls["put_object"] = self.calls.get("put_object", 0) + 1
        config = TransferConfig(max_concurrency=_PARTS, preferred_transfer_client="classic")  # the same everywhere
        with translated("s3", "put_object"), create_transfer_manager(client, config) as transfer:
            transfer.upload(str(file), bucket, key, extra_args=options).result()

    def copy(self, source: tuple[str, str], to: tuple[str, str], options: dict[str, str]) -> None:
        """Let S3 copy an object (bucket, key) of any size, a large one in parts, all or none; it raises as `call` does.

        The parts are of one object: each is asked for by the ETag that the first look has seen.
        """
        from boto3.s3.transfer import TransferConfig, create_transfer_manager

        client = self.client("s3")
        self.calls["copy_object"] = self.calls.get("copy_object", 0) + 1
        config = TransferConfig(
            multipart_threshold=self.most_copied,
            multipart_chunksize=min(self.most_copied, _PART_COPIED),
            max_concurrency=_PARTS,
            preferred_transfer_client="classic",
        )
        about = {"Bucket": source[0], "Key": source[1]}
        with translated("s3", "copy_object"), create_transfer_manager(client, config) as transfer:
            transfer.copy(about, *to, extra_args=options).result()

    def pages(self, service: str, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing."""
        paginator = self.client(service).get_paginator(operation)
        with translated(service, operation):
            for page in paginator.paginate(**arguments):
                self.calls[operation] = self.calls.get(operation, 0) + 1
                refuse_nothing(page)
                yield answered(page, f"{service} {operation}")


def _made(session: Session, service: str, **options: Any) -> Any:
    try:
        return session.client(service, **options)
    except ValueError as error:
        if comes_through(error.__traceback__, _GIVERS):
            raise
        hint = "correct AWS_ENDPOINT_URL, or 'endpoint_url' of the profile"
        problem = Problem(id="PB707", message=f"AWS can't be asked for {service}: {_short(str(error))}", hint=hint)
        raise OutsideFailure(problem) from error


class translated:  # noqa: N801 - it is used as a function
    """A context that turns botocore's exceptions into our own or problems with an id."""

    def __init__(self, service: str, operation: str) -> None:
        self._asked, self._operation = f"{service} {operation}", operation

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, ClientError):
            self._refuse(error)
        if problem := _keys_problem(error):
            raise OutsideFailure(problem) from error
        if isinstance(error, BotoCoreError):
            raise OutsideFailure(_unreachable(self._operation, error)) from error
        if isinstance(error, Exception) and (unread := failed_parsing(error)):
            raise OutsideFailure(not_aws(self._asked, unread)) from error

    def _refuse(self, error: ClientError) -> NoReturn:
        """Raise what AWS, or who answers in its place, has said."""
        if page := page_of(error.response):
            raise OutsideFailure(not_aws(self._asked, page)) from error
        found = error.response.get("Error", {})
        code, said = str(found.get("Code", "")), str(found.get("Message", ""))
        if code in _ABSENT or (code in _INVALID and re.search(r"does not exist|not found|^Could not find", said)):
            raise not_found(self._operation, said or code) from error
        if code == "UnknownOperationException":
            raise UnservedError(_refused(self._operation, code, said)) from error
        if code in _CHANGED or (code in _MOVED and self._asked.startswith("cloudformation ")):
            raise _changed(self._operation, said or code) from error
        if code in _SKEWED or (code in _SIGNED and _CLOCK.search(said)):
            raise OutsideFailure(_skewed(self._operation, code, said, error.response)) from error
        raise OutsideFailure(_refused(self._operation, code, said)) from error


def _skewed(operation: str, code: str, said: str, response: Mapping[str, Any]) -> Problem:
    there = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    message = f"this machine's clock is wrong: AWS refused {operation}: {code}: {_short(said)}"
    hint = f"set the clock of this machine{f', AWS has {there}' if there else ''}; then repeat the command"
    return Problem(id="PB764", message=message, hint=hint)


def _refused(operation: str, code: str, said: str) -> Problem:
    shown = f"AWS refused {operation}: {code}: {_short(said)}"
    if code in _CREDENTIALS:
        hint = "the credentials are expired or wrong: log in again ('aws sso login'), or check AWS_PROFILE"
        if code in _UNKNOWN_KEYS:
            hint += "; a Region that the account hasn't enabled knows none either"
        return Problem(id="PB701", message=shown, hint=hint)
    if code in _DENIED:
        return Problem(id="PB704", message=shown, hint="the role or user needs a permission for that")
    if code in _THROTTLED:
        hint = f"it was tried {_ATTEMPTS} times; repeat the command, it goes on where it was"
        return Problem(id="PB705", message=shown, hint=hint)
    if code in _LIMITS:
        return Problem(id="PB706", message=shown, hint="ask for a higher quota in Service Quotas, or wait for others")
    if code.startswith("5") or code in ("InternalFailure", "InternalError", "ServiceUnavailable", "ServiceException"):
        return Problem(id="PB703", message=shown, hint="a fault of the service: repeat the command")
    return Problem(id="PB707", message=shown)


def _keys_problem(error: BaseException) -> Problem | None:
    """Return the problem that there are no credentials, or none that can be sent; None for any other failure.

    What gives them fails in its own way: a program that isn't there, a file, an answer that is none.
    """
    from botocore import exceptions

    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        if "Invalid header value" not in str(error):  # with the value, which is a token or a key
            return None
        hint = "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew, each without it"
        message = "the credentials can't be sent: one has the end of a line in it, as files of Windows have"
        return Problem(id="PB701", message=message, hint=hint)
    said = _short(str(error))
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError
                  | exceptions.CredentialRetrievalError | exceptions.TokenRetrievalError
                  | exceptions.ProfileNotFound | exceptions.SSOError):  # fmt: skip
        hint = "log in ('aws configure', 'aws sso login'), or name a profile with AWS_PROFILE"
        return Problem(id="PB701", message=f"no credentials for AWS: {said}", hint=hint)
    if not isinstance(error, Exception) or not comes_through(error.__traceback__, _GIVERS):
        return None
    message = f"no credentials for AWS: what is to give them fails: {type(error).__name__}: {said}"
    hint = "look at the profile (credential_process, source_profile, sso_session) and AWS's variables, or log in anew"
    return Problem(id="PB701", message=message, hint=hint)


def _unreachable(operation: str, error: Exception) -> Problem:
    from botocore import exceptions

    said = _short(str(error))
    if isinstance(error, exceptions.NoRegionError):
        return Problem(id="PB702", message="no Region for AWS", hint="set SMP_REGION or AWS_DEFAULT_REGION")
    if isinstance(error, exceptions.SSLError):
        hint = "where a proxy looks into connections, name its certificate with AWS_CA_BUNDLE; else look at the address"
        return Problem(id="PB703", message=f"no safe connection to AWS for {operation}: {said}", hint=hint)
    if isinstance(error, exceptions.IncompleteReadError | exceptions.FlexibleChecksumError):
        hint = "something on the way cuts answers off or changes them: look at the proxy; then repeat the command"
        return Problem(id="PB703", message=f"the answer to {operation} came damaged: {said}", hint=hint)
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        hint = "look at the network, the proxy variables and the Region; then repeat the command"
        return Problem(id="PB703", message=f"AWS could not be reached for {operation}: {said}", hint=hint)
    return Problem(id="PB707", message=f"AWS could not be asked for {operation}: {said}")


def _short(text: str) -> str:
    """Return a service's words in one line; a token or signature in them never gets out."""
    plain = re.sub(r"(?i)(token|signature|secret|credential)=[^&\s]+", r"\1=***", " ".join(text.split()))
    return plain if len(plain) <= 400 else f"{plain[:399]}…"

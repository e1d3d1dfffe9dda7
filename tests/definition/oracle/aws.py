"""AWS for the SDK's scripts: credentials that are none, S3 uploads that go nowhere, and no network at all.

Runs inside an SDK environment, so it imports nothing of ours. Whatever the SDK asks of AWS other than to keep a file
ends the script, and so does any connection.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

gc.disable()  # a third of what the import of the SDK takes, and these scripts end soon
ACCOUNT = "000000000000"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipeline"
BUCKET = "local"


def cut_the_network() -> None:
    """Make every connection an error, whichever library wants it."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",
        AWS_DEFAULT_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
        SAGEMAKER_TELEMETRY_OPT_OUT="true",
    )
    sys.addaudithook(_refuse)


def only_this_machine(url: str) -> None:
    """Let AWS's clients talk to the address, which is one of this machine, and make every other connection an error.

    The key is that of the environment.
    """
    os.environ.update(
        AWS_ENDPOINT_URL=url,
        AWS_DEFAULT_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
        SAGEMAKER_TELEMETRY_OPT_OUT="true",
    )
    host, port = url.removeprefix("http://").split(":")

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and tuple(arguments[1])[:2] != (host, int(port)):
            _end(f"a connection was tried: {arguments[1]!r}")
        if event == "socket.getaddrinfo" and arguments[0] != host:
            _end(f"an address was asked for: {arguments[0]!r}")

    sys.addaudithook(refuse)


def believe_the_configuration() -> None:
    """Leave out what the SDK does with every value that it looks up: it holds its configuration against a schema.

    Ours says that no telemetry is wanted, and nothing else.
    """
    import jsonschema

    jsonschema.validate = lambda *_, **__: None


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        _end(f"a connection was tried: {event} {arguments[-1]!r}")


def _end(message: str) -> NoReturn:
    """End the process at once, because the SDK swallows exceptions in some places."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    os._exit(3)


def boto_session() -> Any:
    """Return a session whose clients answer uploads themselves, without sending them."""
    import boto3

    session = boto3.Session(region_name=REGION)
    session.events.register("before-send", _answer)
    return session


# The address of every file that the SDK uploaded while composing.
UPLOADED: list[str] = []
_BUCKETS = f"<ListAllMyBucketsResult><Buckets><Bucket><Name>{BUCKET}</Name></Bucket></Buckets></ListAllMyBucketsResult>"
_DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>by the test</Message></Error></ErrorResponse>"
_ANSWERS = {
    "ListBuckets": (200, _BUCKETS),
    "HeadBucket": (200, ""),
    "PutObject": (200, ""),
    # Version 3 asks IAM about the role, and goes on where it may not.
    "SimulatePrincipalPolicy": (403, _DENIED),
    "GetRole": (403, _DENIED),
}


def _answer(request: Any, event_name: str, **_: Any) -> Any:
    """Botocore takes what a handler of `before-send` returns for the service's answer."""
    from botocore.awsrequest import AWSResponse

    operation = event_name.rpartition(".")[2]
    if operation not in _ANSWERS:
        _end(f"an AWS call was tried: {event_name} {request.url}")
    if operation == "PutObject":
        UPLOADED.append(request.url)
    status, body = _ANSWERS[operation]
    return AWSResponse(request.url, status, {}, _Body(body.encode()))


class _Body:
    """The body of an answer, as urllib3 hands it over."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.content

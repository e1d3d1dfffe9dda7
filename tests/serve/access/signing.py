"""Requests by hand, signed as any AWS client may do it: with a key, at a time, for a service."""

from __future__ import annotations

import hashlib
import http.client
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EMPTY = hashlib.sha256().hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, the code of the error in whichever protocol it came, and the body."""

    status: int
    body: str

    @property
    def code(self) -> str:
        found = re.search(r'<Code>(\w+)</Code>|"__type": "(\w+)"', self.body)
        return (found[1] or found[2]) if found else ""


def send(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"", *, host: str = "127.0.0.1"
) -> Answer:
    """Send a request as it is."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        named = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), **headers}
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(status=answer.status, body=answer.read().decode())
    finally:
        connection.close()


@dataclass(kw_only=True)
class Signing:
    """Signs with a key, `late` seconds after it says; `edit` changes what is sent after it was signed."""

    port: int
    id: str
    secret: str
    late: float = 0
    region: str = "us-east-1"
    edit: Callable[[dict[str, str]], Any] = len

    def headers(self, service: str, method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Return the headers of a signed request."""
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        url = f"http://127.0.0.1:{self.port}{path}"
        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        with at(time.time() - self.late):
            signer = kind(Credentials(self.id, self.secret), service, self.region)
            if "x-amz-content-sha256" in headers:
                signer.payload = lambda _: headers["x-amz-content-sha256"]
            signer.add_auth(request)
        return dict(request.headers.items())

    def ask(self, service: str, method: str = "POST", path: str = "/", body: bytes = b"{}", **headers: str) -> Answer:
        """Send a signed request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = self.headers(service, method, path, named, body)
        self.edit(signed)
        return send(self.port, method, path, signed, body)

    def sagemaker(self, operation: str = "ListPipelines", body: bytes = b"{}") -> Answer:
        """Ask SageMaker."""
        target = {"X_Amz_Target": f"SageMaker.{operation}", "Content_Type": "application/x-amz-json-1.1"}
        return self.ask("sagemaker", body=body, **target)


@contextmanager
def at(moment: float) -> Iterator[None]:
    """Let botocore's signers have another time."""
    then = datetime.fromtimestamp(moment, tz=timezone.utc)
    with mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
        yield

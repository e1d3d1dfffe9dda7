"""Secrets of AWS Secrets Manager."""

from __future__ import annotations

import functools
import threading

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import SecretReader


def make_secret_reader(region: str, aws: Aws | None = None) -> SecretReader:
    """Return a reader that asks for each secret once, whatever the number of repositories that name it.

    The reader raises InputProblems with PB164 where a secret isn't there or isn't text.
    """
    lock = threading.Lock()
    used = aws or Aws(region)

    @functools.cache
    def read(secret: str) -> str:
        try:
            found = used.call("secretsmanager", "get_secret_value", SecretId=secret)
        except NotFoundError as error:
            message = f"the secret '{secret}' is not there"
            hint = "make it in AWS Secrets Manager, in the Region of the service"
            raise InputProblems(Problem(id="PB164", message=message, hint=hint)) from error
        if "SecretString" not in found:
            raise InputProblems(Problem(id="PB164", message=f"the secret '{secret}' is no text"))
        return str(found["SecretString"])

    def read_once(secret: str) -> str:
        with lock:
            return read(secret)

    return read_once

"""What a container is to a batch transform: it answers a body with a body, or refuses it with a status.

This is all that the two sides know of each other: `batch` cuts files into requests, has them answered and writes what
came; `handlers` opens what answers them, be it the handlers of a program, TensorFlow Serving or a server of the image.
Like all that runs in a job it is for the Python of any image, from 3.8 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answer = Callable[["Asked"], "Answered"]

SERVER_ERROR = 500


class Asked(NamedTuple):
    """One request to `/invocations`. `accept` is None where the request has no such header."""

    body: bytes
    content_type: str | None
    accept: str | None


class Answered(NamedTuple):
    """The answer, of status 200; `content_type` is what the next container of a pipeline is told."""

    body: bytes
    content_type: str


class AnswerError(Exception):
    """The container refuses a request, with the HTTP status that it would answer with on SageMaker.

    From 500 on the request is tried again; any other exception counts as 500.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ServerError(AnswerError):
    """A container's own server refuses a request, or doesn't answer it; where that was is in its own log."""


class Container(NamedTuple):
    """A container that is up.

    `concurrent` tells whether it answers several threads at once; `parameters` are those of
    `GET /execution-parameters`, which hold where the job leaves them open.
    """

    answer: Answer
    concurrent: bool = False
    parameters: Mapping[str, Any] | None = None

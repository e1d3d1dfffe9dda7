"""Answers that aren't AWS's: a proxy's page, a network's login, half a document, one that says nothing of the question.

botocore takes some of them for empty answers, fails at others with an exception of its parser, and gives up at once on
pages with which a proxy says that it is busy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

from pipeline_builder.errors import OutsideFailure, Problem

_WORDS = "x-pipeline-builder-words"
_MOST = 120
_PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
# What S3 has always a tag for; who answers without one has stored nothing, and read nothing.
_TAGGED = ("GetObject", "HeadObject", "PutObject", "UploadPart")


class NotAwsError(Exception):
    """What answered isn't AWS; `words` are the first of its answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"status {status}: {words}")
        self.status, self.words = status, words


class Answer(dict[str, Any]):
    """An answer, or a part of it, in which everything that is looked for has to be there."""

    asked = ""

    def __missing__(self, key: str) -> Any:
        words = f"it has no '{key}', only {', '.join(map(repr, sorted(self)[:5])) or 'nothing'}"
        raise OutsideFailure(not_aws(self.asked, NotAwsError(200, words)))


def answered(value: Any, asked: str) -> Any:
    """Return an answer whose mappings say what is missing in them; `asked` is the service with its operation."""
    if isinstance(value, dict):
        found = Answer({key: answered(item, asked) for key, item in value.items()})
        found.asked = asked
        return found
    return [answered(item, asked) for item in value] if isinstance(value, list) else value


def refuse_nothing(page: Mapping[str, Any]) -> None:
    """Refuse a page of a listing that has nothing of one, not even the number that AWS gives every request.

    Raises:
        NotAwsError: for such a page.
    """
    if page.keys() <= {"ResponseMetadata"} and not page.get("ResponseMetadata", {}).get("RequestId"):
        raise NotAwsError(200, "nothing of what was asked for")


def watch_answers(client: Any) -> None:
    """Let the client look at each answer before it is parsed."""
    client.meta.events.register("before-parse", _look, unique_id="pipeline-builder-answers")


def _look(operation_model: Any, response_dict: MutableMapping[str, Any], **_: Any) -> None:
    """Raise for what can't be AWS's; a busy proxy's page is made what botocore takes for that, so that it tries again.

    Raises:
        NotAwsError: for everything that trying again doesn't help.
    """
    status, body = int(response_dict["status_code"]), response_dict.get("body")
    words = _fault(operation_model, status, response_dict["headers"], body)
    if not words:
        return
    if status < 500:
        raise NotAwsError(status, words)
    response_dict["body"] = b""
    response_dict["headers"][_WORDS] = words


def _fault(model: Any, status: int, headers: Any, body: Any) -> str:
    """Return the first words of what isn't AWS's answer; empty where it may be."""
    of_s3 = model.service_model.service_name == "s3"
    if of_s3 and status < 300 and model.name in _TAGGED and not headers.get("ETag"):
        return _first(body) if isinstance(body, bytes) else "it has no ETag"
    if not isinstance(body, bytes):
        return ""
    if 300 <= status < 400 and status != 304 and not of_s3:
        return f"it leads to {headers.get('Location') or 'nowhere'}"
    return "" if _is_readable(model.service_model.resolved_protocol, body) else _first(body)


def _is_readable(protocol: str, body: bytes) -> bool:
    """Tell whether a body may be of the protocol; what is wrong deeper inside shows when it is parsed."""
    text = body.strip()
    if not text:
        return True
    if _PAGE.match(text):
        return False
    if "json" in protocol:
        try:
            return isinstance(json.loads(text), dict)
        except ValueError:
            return False
    return text.startswith(b"<") or not ("xml" in protocol or protocol == "query")


def _first(body: bytes) -> str:
    """Return the first words of a body; of a page those that people see of it."""
    text = re.sub(rb"(?is)<(script|style)\b.*?</\1>|<!--.*?-->", b" ", body[: 100 * _MOST])
    words = " ".join(re.sub(rb"<[^>]*>", b" ", text).decode("utf-8", "replace").split())
    words = words or " ".join(body[:_MOST].decode("utf-8", "replace").split())
    return (words if len(words) <= _MOST else f"{words[: _MOST - 1]}…") or "nothing"


def failed_parsing(error: BaseException) -> NotAwsError | None:
    """Return what was raised because an answer isn't AWS's: by us, or anything by botocore's parser."""
    if isinstance(error, NotAwsError):
        return error
    if not comes_through(error.__traceback__, "botocore/parsers.py"):
        return None
    return NotAwsError(200, _first(str(error).encode()))


def comes_through(trace: TracebackType | None, file: str) -> bool:
    """Tell whether code of that file was at work when something was raised."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.replace("\\", "/").endswith(file):
            return True
        trace = trace.tb_next
    return False


def page_of(response: Any) -> NotAwsError | None:
    """Return the page that a failed call was answered with to the last; None where AWS itself has said it."""
    metadata = response.get("ResponseMetadata", {})
    words = metadata.get("HTTPHeaders", {}).get(_WORDS)
    return NotAwsError(int(metadata.get("HTTPStatusCode") or 500), words) if words else None


def not_aws(asked: str, error: NotAwsError) -> Problem:
    """Return the problem that a call was answered by something else; `asked` is the service with its operation."""
    message = f"what answered {asked} is not AWS (status {error.status}): {error.words}"
    hint = (
        "a proxy, a login page of the network or another endpoint answers in its place: look at HTTPS_PROXY, NO_PROXY, "
        "AWS_ENDPOINT_URL and the network, then repeat the command"
    )
    return Problem(id="PB763", message=message, hint=hint)

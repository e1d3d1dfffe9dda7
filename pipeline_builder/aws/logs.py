"""The logs of jobs, in CloudWatch."""

from __future__ import annotations

import json
import re

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.descriptions import HEAD, LogPart
from pipeline_builder.inert import log_text

_TOKEN = re.compile(r"[fb]/[0-9]{1,100}(?:/s)?")
_MOST_LINES = 2_000
_MOST_EVENTS, _LINE = 10_000, 64
"""What a call takes at most, and how many bytes a line is taken to have."""


def read(aws: Aws, address: str, *, mark: bool = False) -> str:
    """Return the end of every stream of a job, each after its name where there are several.

    `address` is `<log group>:<prefix of the streams>`. A job that never began has no stream, and no log.
    `mark` says in a first line where a stream has more.
    """
    group, streams = _streams(aws, address)
    parts = [(name, _tail(aws, group, name, mark=mark)) for name in streams]
    heads = len(parts) > 1
    return "".join(f"== {name}\n{text}" if heads else text for name, text in parts)


def _streams(aws: Aws, address: str) -> tuple[str, list[str]]:
    """Return the group of an address, and its streams by name; none where there is no such group yet."""
    group, _, prefix = address.partition(":")
    try:
        pages = aws.pages("logs", "describe_log_streams", logGroupName=group, logStreamNamePrefix=prefix)
        return group, sorted(stream["logStreamName"] for page in pages for stream in page["logStreams"])
    except NotFoundError:
        return group, []


def _tail(aws: Aws, group: str, stream: str, *, mark: bool) -> str:
    found = aws.call("logs", "get_log_events", logGroupName=group, logStreamName=stream, limit=_MOST_LINES)
    lines = [event["message"].rstrip("\n") for event in found["events"]]
    if mark and len(lines) >= _MOST_LINES:
        lines.insert(0, f"what is before the last {_MOST_LINES:,} lines is left out here, CloudWatch has it: {stream}")
    return "\n".join(lines) + "\n" if lines else ""


def read_part(aws: Aws, address: str, *, mark: str, most: int) -> LogPart:
    """Return what the streams of a job have from a mark on, which names how far each was read."""
    group, streams = _streams(aws, address)
    known, count = _known(mark), min(_MOST_EVENTS, max(1, most // _LINE))
    texts, more, after = [], False, {}
    for name in streams:
        from_head = mark == HEAD or bool(known)
        asked = {"logStreamName": name, "limit": count, "startFromHead": from_head}
        asked |= {"nextToken": known[name]} if name in known else {}
        found = aws.call("logs", "get_log_events", logGroupName=group, **asked)
        lines = [log_text(event["message"].rstrip("\n")) for event in found["events"]]
        heads = [f"== {name}"] if lines and len(streams) > 1 else []
        texts += [*heads, *lines]
        after[name] = str(found["nextForwardToken"])
        more = more or (from_head and len(lines) >= count)
    text = "\n".join(texts) + "\n" if texts else ""
    return LogPart(text=text, mark=json.dumps(after, separators=(",", ":")) if after else mark, more=more)


def _known(mark: str) -> dict[str, str]:
    """Return how far each stream was read, by a mark; nothing by what is none."""
    try:
        found = json.loads(mark) if mark.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    return {name: token for name, token in found.items() if isinstance(token, str) and _TOKEN.fullmatch(token)}

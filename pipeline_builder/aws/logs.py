"""The logs of jobs, in CloudWatch."""

from __future__ import annotations

from pipeline_builder.aws.client import Aws, NotFoundError

_MOST_LINES = 2_000


def read(aws: Aws, address: str, *, mark: bool = False) -> str:
    """Return the end of every stream of a job, each after its name where there are several.

    `address` is `<log group>:<prefix of the streams>`. A job that never began has no stream, and no log.
    `mark` says in a first line where a stream has more.
    """
    group, _, prefix = address.partition(":")
    try:
        pages = aws.pages("logs", "describe_log_streams", logGroupName=group, logStreamNamePrefix=prefix)
        streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except NotFoundError:
        return ""
    parts = [(name, _tail(aws, group, name, mark=mark)) for name in sorted(streams)]
    heads = len(parts) > 1
    return "".join(f"== {name}\n{text}" if heads else text for name, text in parts)


def _tail(aws: Aws, group: str, stream: str, *, mark: bool) -> str:
    found = aws.call("logs", "get_log_events", logGroupName=group, logStreamName=stream, limit=_MOST_LINES)
    lines = [event["message"].rstrip("\n") for event in found["events"]]
    if mark and len(lines) >= _MOST_LINES:
        lines.insert(0, f"what is before the last {_MOST_LINES:,} lines is left out here, CloudWatch has it: {stream}")
    return "\n".join(lines) + "\n" if lines else ""

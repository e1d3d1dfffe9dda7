"""CloudWatch Logs: the logs of jobs, in the groups and streams where SageMaker would have them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.logs import log_tail
from pipeline_builder.engine.jobs.records import JobRecord, list_jobs
from pipeline_builder.engine.state.state import State
from pipeline_builder.serve.protocol import ServiceError, parse_body

GROUPS = {
    "/aws/sagemaker/ProcessingJobs": "processing-job",
    "/aws/sagemaker/TrainingJobs": "training-job",
    "/aws/sagemaker/TransformJobs": "transform-job",
}
_MOST_EVENTS = 10_000
_MOST_STREAMS = 50
_INVALID = "InvalidParameterException"
_NOT_FOUND = "ResourceNotFoundException"
Handler = Callable[[Mapping[str, Any], State], dict[str, Any]]


def answer_logs(operation: str, body: bytes, state: State) -> bytes:
    """Return the JSON that answers an operation.

    Raises:
        ServiceError: the operation is not served, or the request is wrong.
    """
    handler = OPERATIONS.get(operation)
    if handler is None:
        raise ServiceError("UnknownOperationException", f"'{operation}' is not served by the local engine")
    return json.dumps(handler(parse_body(body), state)).encode()


def _describe_groups(request: Mapping[str, Any], state: State) -> dict[str, Any]:
    del state
    prefix = str(request.get("logGroupNamePrefix") or "")
    groups = [{"logGroupName": name} for name in GROUPS if name.startswith(prefix)]
    begin, end = _window(request, "nextToken", "limit", _MOST_STREAMS)
    more = {"nextToken": str(end)} if end < len(groups) else {}
    return {"logGroups": groups[begin:end], **more}


def _describe_streams(request: Mapping[str, Any], state: State) -> dict[str, Any]:
    prefix = str(request.get("logStreamNamePrefix") or "")
    streams = [_stream(job) for job in _jobs(request, state) if stream_name(job).startswith(prefix)]
    by_time = request.get("orderBy") == "LastEventTime"
    streams.sort(key=lambda s: s["lastEventTimestamp"] if by_time else s["logStreamName"])
    if request.get("descending"):
        streams.reverse()
    begin, end = _window(request, "nextToken", "limit", _MOST_STREAMS)
    more = {"nextToken": str(end)} if end < len(streams) else {}
    return {"logStreams": streams[begin:end], **more}


def _window(request: Mapping[str, Any], token: str, limit: str, most: int) -> tuple[int, int]:
    try:
        begin, count = int(request.get(token) or 0), int(request.get(limit) or most)
    except (TypeError, ValueError) as error:
        raise ServiceError(_INVALID, f"'{token}' or '{limit}' is not valid") from error
    if begin < 0 or not 1 <= count <= most:
        raise ServiceError(_INVALID, f"'{limit}' must be 1 to {most}")
    return begin, begin + count


def stream_name(job: JobRecord) -> str:
    """Return the log stream of a job."""
    return f"{job.name}/algo-1-{int(job.started.timestamp())}"


def _stream(job: JobRecord) -> dict[str, Any]:
    return {
        "logStreamName": stream_name(job),
        "creationTime": _millis(job),
        "firstEventTimestamp": _millis(job),
        "lastEventTimestamp": _end_millis(job),
        "lastIngestionTime": _end_millis(job),
        "storedBytes": 0,
    }


def _millis(job: JobRecord) -> int:
    return int(job.started.timestamp() * 1000)


def _end_millis(job: JobRecord) -> int:
    return int((job.ended or job.started).timestamp() * 1000)


def _jobs(request: Mapping[str, Any], state: State) -> list[JobRecord]:
    """Return the jobs of the request's log group, oldest first."""
    group = str(request.get("logGroupName") or request.get("logGroupIdentifier") or "")
    group = group.rpartition(":log-group:")[2].removesuffix(":*")  # an ARN names one as well
    if group not in GROUPS:
        raise ServiceError(_NOT_FOUND, "The specified log group does not exist.")
    return [job for job in reversed(list_jobs(state, GROUPS[group])) if job.log and Path(job.log).is_file()]


def _events(job: JobRecord) -> list[dict[str, Any]]:
    """Return the lines of a log. Jobs don't write down when they said something: all have the time of the start."""
    lines = log_tail(Path(job.log), _MOST_EVENTS)
    return [{"timestamp": _millis(job), "ingestionTime": _millis(job), "message": line} for line in lines]


def _get_events(request: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Return events of one stream, from the end backwards or, with startFromHead, from its beginning."""
    wanted = request.get("logStreamName")
    job = next((job for job in _jobs(request, state) if stream_name(job) == wanted), None)
    if job is None:
        raise ServiceError(_NOT_FOUND, "The specified log stream does not exist.")
    events = _between(_events(job), request)
    token = str(request.get("nextToken") or "")
    count = _window({"limit": request.get("limit")}, "nextToken", "limit", _MOST_EVENTS)[1]
    forward = token.startswith("f/") or (not token and bool(request.get("startFromHead")))
    mark = _mark(token, 0 if forward else len(events))
    begin = mark if forward else max(0, mark - count)
    end = min(len(events), mark + count) if forward else mark
    return {"events": events[begin:end], "nextForwardToken": f"f/{end}", "nextBackwardToken": f"b/{begin}"}


def _mark(token: str, otherwise: int) -> int:
    if not token:
        return otherwise
    if not re.fullmatch(r"[fb]/[0-9]{1,12}", token):
        raise ServiceError(_INVALID, "The specified nextToken is invalid.")
    return int(token[2:])


def _between(events: list[dict[str, Any]], request: Mapping[str, Any]) -> list[dict[str, Any]]:
    start, end = request.get("startTime"), request.get("endTime")
    return [e for e in events if (not start or e["timestamp"] >= start) and (not end or e["timestamp"] < end)]


def _filter_events(request: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Return events of many streams; a pattern is words that all have to be in a line."""
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix") or ""
    words = str(request.get("filterPattern") or "").replace('"', " ").split()
    found = [
        {**event, "logStreamName": stream_name(job), "eventId": f"{job.name}-{number}"}
        for job in _jobs(request, state)
        if stream_name(job).startswith(prefix) and (names is None or stream_name(job) in names)
        for number, event in enumerate(_between(_events(job), request))
        if all(word in event["message"] for word in words)
    ]
    begin, end = _window(request, "nextToken", "limit", _MOST_EVENTS)
    more = {"nextToken": str(end)} if end < len(found) else {}
    return {"events": found[begin:end], "searchedLogStreams": [], **more}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeLogGroups": _describe_groups,
    "DescribeLogStreams": _describe_streams,
    "GetLogEvents": _get_events,
    "FilterLogEvents": _filter_events,
}

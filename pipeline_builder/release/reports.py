"""Reports of a model as evidence: read whole, and kept so that canonical JSON can hold whatever a job has written."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from pipeline_builder.canonical import canonical
from pipeline_builder.descriptions import Container
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.streams import MOST_READ, too_large
from pipeline_builder.release.evidence import ContainerEvidence, FileEvidence, ReportEvidence
from pipeline_builder.release.metrics import check_metrics, compare_metrics, parse_metrics
from pipeline_builder.target import Target

_DEEPEST = 100
_MOST_NUMBERS = 3


def look_at(uri: str, target: Target) -> FileEvidence:
    """Return what tells the object from any other; one that isn't there is `gone`."""
    found = target.store.look(uri)
    return FileEvidence(uri=uri, **dataclasses.asdict(found)) if found else FileEvidence(uri=uri, gone=True)


def witness_container(container: Container, target: Target) -> ContainerEvidence:
    """Return what a container is: its image, its artifact, read now."""
    artifact = look_at(container.model_data_url, target) if container.model_data_url else None
    digest = target.image_digest(container.image) if target.image_digest else ""
    return ContainerEvidence(image=container.image, digest=digest, artifact=artifact)


def read_report(uri: str, target: Target) -> ReportEvidence:
    """Return a report with its content; of one that is too large to be read only what tells it from any other."""
    file = look_at(uri, target)
    if file.size > MOST_READ:
        return ReportEvidence(**file.model_dump())
    try:
        found = target.store.get(uri)
    except KeyError:
        return ReportEvidence(uri=uri, gone=True)
    content, text = _held(found)
    facts = file.model_dump() | {"sha256": hashlib.sha256(found).hexdigest(), "gone": False}
    return ReportEvidence(**facts, content=content, text=text)


def _held(found: bytes) -> tuple[Any, str]:
    """Return a report as JSON, or as its text: not every JSON that Python reads has canonical bytes."""
    try:
        content = json.loads(found)
        written = None if _is_deep(content) else canonical(content)
    except (ValueError, RecursionError):
        written = None
    return (content, "") if written else (None, found.decode("utf-8", "backslashreplace"))


def _is_deep(content: Any) -> bool:
    level = [content]
    for _ in range(_DEEPEST):
        level = [item for value in level for item in _items(value)]
        if not level:
            return False
    return True


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def metrics_of(report: ReportEvidence | None) -> Any:
    """Return a report's JSON; None where there is none, or it isn't JSON.

    Raises:
        InputProblems: PB529, PB671 where it is more than a report may be.
    """
    if report is None or report.gone:
        return None
    if report.size > MOST_READ:
        raise too_large(report.uri)
    if not report.text:
        return check_metrics(report.content, report.uri)
    try:
        return parse_metrics(report.text, report.uri)
    except ValueError:
        return None


def describe_absent(report: ReportEvidence | None) -> str:
    """Return in words why there is no report, with the address that was looked at; empty where there is one."""
    if report is None:
        return "its package names no report"
    if report.gone:
        return f"nothing is at '{report.uri}'"
    return f"what is at '{report.uri}' is no report in JSON" if usable_metrics(report) == (None, "") else ""


def usable_metrics(report: ReportEvidence | None) -> tuple[Any, str]:
    """Return a report's JSON, or why it can't be used."""
    try:
        return metrics_of(report), ""
    except InputProblems as error:
        return None, "; ".join(f"{problem.id} {problem.message}" for problem in error.problems)


def describe_changed(before: ReportEvidence, after: ReportEvidence) -> str:
    """Return in words what is otherwise in a report; empty where nothing is."""
    if after.gone and not before.gone:
        return f"the report '{before.uri}' is gone"
    if before.sha256 == after.sha256 and (before.sha256 or _facts(before) == _facts(after)):
        return ""
    pairs = compare_metrics(usable_metrics(after)[0], usable_metrics(before)[0])
    numbers = [
        f"{pair.path} was {_number(pair.champion)}, is {_number(pair.candidate)}"
        for pair in pairs
        if pair.candidate != pair.champion
    ]
    more = f" and {len(numbers) - _MOST_NUMBERS} more" if len(numbers) > _MOST_NUMBERS else ""
    said = f": {', '.join(numbers[:_MOST_NUMBERS])}{more}" if numbers else ""
    if not after.sha256:  # S3 knows none of what nobody has read
        return f"the report '{after.uri}' was changed"
    was, now = before.sha256[:12] or "nothing", after.sha256[:12]
    return f"the report '{after.uri}' was changed (sha256 was {was}, is {now}){said}"


def _facts(report: ReportEvidence) -> object:
    """Return what tells a report from another that nobody has read."""
    return report.model_dump(exclude={"content", "text"})


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:g}"

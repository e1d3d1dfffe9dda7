"""Ageing: whether what an execution has made, or taken from the cache, is young enough yet to stand for a run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.descriptions import JSON, Execution, ExecutionStatus
from pipeline_builder.durations import duration
from pipeline_builder.target import PipelineService

_EXPIRY = re.compile(rb'"ExpireAfter"\s*:\s*"(P[^"]*)"')


def unexpired_fingerprint(
    service: PipelineService,
    definition: bytes,
    fingerprint: str,
    executions: Sequence[Execution],
    now: datetime | None = None,
) -> str:
    """Return the fingerprint of a run, another one where the execution that had it has results that have expired.

    What is made again has that other fingerprint, and stands for the work from then on; until it expires, too.
    `executions` are the pipeline's.
    """
    by_arn = {execution.arn: execution for execution in executions}
    when = now or datetime.now(timezone.utc)
    # Nothing is older than the first execution of all, whatever it was taken from: there is rarely more to look at.
    shortest = min(filter(None, (duration(age.decode()) for age in {*_EXPIRY.findall(definition)})), default=None)
    if shortest is None or not by_arn or min(e.started for e in by_arn.values()) + shortest >= when:
        return fingerprint
    while old := _expired(service, definition, fingerprint, by_arn, when):
        fingerprint = hashlib.sha256(f"{fingerprint}\0expired\0{old}".encode()).hexdigest()
    return fingerprint


def _expired(
    service: PipelineService, definition: bytes, fingerprint: str, by_arn: Mapping[str, Execution], now: datetime
) -> str:
    """Return the newest execution of a fingerprint where it has succeeded, and a cached result in it has expired."""
    newest = next((e for e in by_arn.values() if e.fingerprint == fingerprint), None)
    if newest is None or newest.status is not ExecutionStatus.SUCCEEDED:
        return ""
    ages = dict(_ages(json.loads(definition)["Steps"]))
    for step in service.list_steps(newest.arn):
        source = by_arn.get(step.cache_hit)
        made = (source.ended or source.started) if source else step.ended
        if step.name in ages and made is not None and made + ages[step.name] < now:
            return newest.arn
    return ""


def _ages(steps: JSON) -> Iterator[tuple[str, timedelta]]:
    """Yield each step whose results are cached, with how old they may become."""
    for name, step in flat_steps(steps).items():
        cache = step.get("CacheConfig") if isinstance(step, dict) else None
        if isinstance(cache, dict) and cache.get("Enabled") and (age := duration(str(cache.get("ExpireAfter")))):
            yield name, age

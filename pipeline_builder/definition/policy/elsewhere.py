"""Members of requests that other services than SageMaker answer: what they call, run, and how much of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from pipeline_builder.definition.policy.member import Kind, Member
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import is_expression
from pipeline_builder.documents.members import items_of, member_at
from pipeline_builder.documents.source import DataPath

ADDRESS = re.compile(r"s3[an]?://[^\s'\",;|]*")
"""An address of S3 within a text, in Hadoop's spellings too."""
# Types whose texts are what people read or compare, and that run nothing themselves.
SILENT = ("Condition", "Fail", "ForEach", "Cleanup")
_WRITTEN = ("LogUri", "logUri")
# What a step calls or sends to, under a name of its own where that is no ARN.
_CALLED: Mapping[str, tuple[str, str, Kind]] = {
    "Lambda": ("FunctionArn", "lambda://", "read"),
    "Callback": ("SqsQueueUrl", "sqs://", "write"),
    "EMR": ("ClusterId", "emr://", "read"),
    "EMRServerless": ("ApplicationId", "emr-serverless://", "read"),
}
_MOST_WORKERS = ("ApplicationConfig", "initialCapacity")
_FLEETS = ("ClusterConfig", "Instances", "InstanceFleets")
_GROUPS = ("ClusterConfig", "Instances", "InstanceGroups")
_LIMITS = ("ClusterConfig", "ManagedScalingPolicy", "ComputeLimits")
_MOST = ("AutoScalingPolicy", "Constraints", "MaxCapacity")
_MINUTES = ("JobConfig", "executionTimeoutMinutes")
_CAPACITIES = ("TargetOnDemandCapacity", "TargetSpotCapacity")


def elsewhere(step_type: str, request: dict[str, JSON], own: JSON) -> Iterator[Member]:
    """Yield what a step calls, the addresses in its texts, and what it asks for at once of a cluster's machines.

    `request` is all of it, `own` what no other step is in and no shape of SageMaker's says.
    """
    if step_type in _CALLED:
        member, prefix, kind = _CALLED[step_type]
        if (value := request.get(member)) not in (None, ""):
            yield Member(kind=kind, path=(member,), value=value, prefix=prefix)
    if step_type not in SILENT:
        yield from _texts(own, ())
    if step_type == "EMR":
        yield from _cluster(request)
    if step_type == "EMRServerless":
        workers = member_at(request, _MOST_WORKERS)
        for name, given in workers.items() if isinstance(workers, dict) else ():
            yield from _known("count", given, ("workerCount",), (*_MOST_WORKERS, name))
        yield from _known("minutes", request, _MINUTES, ())


def _texts(value: JSON, path: DataPath) -> Iterator[Member]:
    """Yield every text that has an address in it, and every expression, which may come to one."""
    if path and (is_expression(value) or (isinstance(value, str) and "s3" in value and ADDRESS.search(value))):
        written = bool(path) and path[-1] in _WRITTEN
        yield Member(kind="write" if written else "text", path=path, value=value)
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _texts(item, (*path, key))


def _cluster(request: dict[str, JSON]) -> Iterator[Member]:
    """Yield how many machines a cluster may have: of fleets by their weights, of groups that grow at most."""
    for index, fleet in enumerate(items_of(member_at(request, _FLEETS[:-1]), _FLEETS[-1])):
        weights = [member_at(item, ("WeightedCapacity",)) for item in items_of(fleet, "InstanceTypeConfigs")]
        # What isn't known now may be the lightest.
        least = min((w if isinstance(w, int) and w > 0 else 1 for w in weights), default=1)
        for name in _CAPACITIES:
            target = member_at(fleet, (name,))
            if target is not None:
                whole = math.ceil(target / least) if isinstance(target, int) else target
                yield Member(kind="count", path=(*_FLEETS, index, name), value=whole)
    for index, group in enumerate(items_of(member_at(request, _GROUPS[:-1]), _GROUPS[-1])):
        yield from _known("most", group, _MOST, (*_GROUPS, index))
    if member_at(request, (*_LIMITS, "UnitType")) != "VCPU":
        yield from _known("most", request, (*_LIMITS, "MaximumCapacityUnits"), ())


def _known(kind: Kind, value: JSON, members: tuple[str, ...], path: DataPath) -> Iterator[Member]:
    if (found := member_at(value, members)) is not None:
        yield Member(kind=kind, path=(*path, *members), value=found)

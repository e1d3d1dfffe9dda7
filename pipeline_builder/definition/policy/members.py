"""The members of a finished request that a policy has to do with, found by the shapes of SageMaker's API."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from pipeline_builder.conf.tracking import ARTIFACTS
from pipeline_builder.definition.handing import PREFIX
from pipeline_builder.definition.policy.elsewhere import SILENT, elsewhere
from pipeline_builder.definition.policy.member import Kind, Member
from pipeline_builder.definition.policy.ways import Way, way_to
from pipeline_builder.definition.shapes.kinds import ANY_TYPE, STEP_TYPES, StepType
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import is_expression
from pipeline_builder.documents.source import DataPath

_ADDRESSES = frozenset(("S3Uri", "S3ModelUri"))
_BY_SHAPE: Mapping[str, Kind] = {
    "RoleArn": "role",
    "ImageUri": "image",
    "AlgorithmImage": "image",
    "ContainerImage": "image",
}
_BY_NAME: Mapping[str, Kind] = {
    "MaxRuntimeInSeconds": "runtime",
    "MaxWaitTimeInSeconds": "runtime",
    "KeepAlivePeriodInSeconds": "pool",
    "MaxRuntimePerTrainingJobInSeconds": "runtime",
    "MaxAutoMLJobRuntimeInSeconds": "runtime",
    "InstanceType": "type",
    "InstanceCount": "count",
    "InitialInstanceCount": "count",
    "ModelApprovalStatus": "status",
    "ModelPackageGroupName": "group",
    "ModelPackageGroupArn": "group",
    # Of a cluster of EMR, where a role's name stands for its ARN.
    "JobFlowRole": "role",
    "ServiceRole": "role",
    "AutoScalingRole": "role",
    "CustomAmiId": "image",
    # Of a type that only its conf knows.
    "ImageUri": "image",
    "TrainingImage": "image",
    "MasterInstanceType": "type",
    "SlaveInstanceType": "type",
}
# Members below which, or under which, a job's results go.
_WRITTEN = frozenset(("S3Output", "S3OutputPath", "OutputS3Uri", "DestinationS3Uri", "CheckpointConfig"))
# What else a request may name of the account's, or of another's: algorithms, packages, functions, data sets.
_NAMES = frozenset(("AlgorithmName", "ModelPackageName", "SourceUri"))
_CAPACITY = "TrainingPlanArn"
_VARIED = "CategoricalParameterRange"
# Variables, hyperparameters and parameters of rules that hold the address of code: it is fetched, and run.
_CODE = frozenset(("sagemaker_submit_directory", "SAGEMAKER_SUBMIT_DIRECTORY", "source_s3_uri"))
# Variables that tell pip and uv, or AWS's training toolkit, where to install from, as a line of requirements would.
INDEX = re.compile(
    r"^(PIP|UV)_\w*(INDEX|FIND_LINKS|CONFIG_FILE|REQUIREMENT|CONSTRAINT|OVERRIDE)\w*$|^CA_REPOSITORY_ARN$"
)
# Variables with a server of the account's: what jobs track there, others read, and the other way round.
_SERVERS = frozenset(("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"))


class Holder(NamedTuple):  # a dataclass takes several times as long to make
    """A structure of a request at `path`, with the names of all members that its shape has."""

    path: DataPath
    members: Collection[str]
    value: Mapping[str, JSON]


def find_members(step_type: str, request: JSON) -> list[Member]:
    """Return every member of a step's request that a policy has to do with."""
    known = STEP_TYPES.get(step_type, ANY_TYPE)
    own, beside = _parts(known, request)
    found: list[Member] = []
    _walk(way_to(known.request, _kind), own, (), found)
    if not known.api and step_type not in SILENT:  # whose texts are all looked at as such
        found = [one for one in found if one.kind != "text"]
    found.extend(_loose(beside, ()))
    found.extend(elsewhere(step_type, {**own, **beside}, {} if known.api else own))
    return found


def find_holders(step_type: str, request: JSON) -> list[Holder]:
    """Return every structure in a step's request; only a policy that wants keys has to do with these."""
    known = STEP_TYPES.get(step_type, ANY_TYPE)
    found: list[Holder] = []
    _hold(way_to(known.request, _kind), _parts(known, request)[0], (), found)
    return found


def _parts(known: StepType, request: JSON) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Return what the shapes of a request say, without the steps that stand in it, and what stands beside that."""
    items = request.items() if isinstance(request, dict) else ()
    own_keys = known.own_keys
    beside = {key: value for key, value in items if key in own_keys}
    return {key: item for key, item in items if key not in known.nested and key not in beside}, beside


def _hold(way: Way, value: JSON, path: DataPath, found: list[Holder]) -> None:
    if way.type == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            _hold(way.member, item, (*path, index), found)
    elif way.type == "structure" and isinstance(value, dict) and not is_expression(value):
        found.append(Holder(path, way.members.keys(), value))
        for key, item in value.items():
            if (inner := way.members.get(key)) and not inner.scalar:
                _hold(inner.way, item, (*path, key), found)


def _walk(way: Way, value: JSON, path: DataPath, found: list[Member]) -> None:
    # Into a list: a generator would hand each member through all levels above it.
    match way.type:
        case "structure" if isinstance(value, dict) and not is_expression(value):
            _walk_structure(way, value, path, found)
        case "list" if isinstance(value, list):
            for index, item in enumerate(value):
                _walk(way.member, item, (*path, index), found)
        case "map" if isinstance(value, dict) and not is_expression(value):
            found.extend(_in_map(value, path))
            found.extend(_loose(value, path) if way.holds_anything else ())
        case "structure" | "list" | "map":
            return
        case "anything":
            found.extend(_loose(value, path))
        case _:
            _note(_kind(way.name, str(path[-1]) if path else ""), value, path, found)


def _walk_structure(way: Way, value: Mapping[str, JSON], path: DataPath, found: list[Member]) -> None:
    members = way.members
    if way.name == _VARIED:
        found.extend(_varied(value, path))
    if not _HOLDERS.isdisjoint(value):
        found.extend(_sources(value, path))
    for key, item in value.items():
        inner = members.get(key)
        if inner is None:
            continue
        if not inner.scalar:
            _walk(inner.way, item, (*path, key), found)
        elif inner.kind or _may_begin(item):  # no call for all else: most of a request are such scalars
            _note(inner.kind, item, (*path, key), found)


def _note(kind: Kind, value: JSON, path: DataPath, found: list[Member]) -> None:
    """Add a scalar that is of a kind, or a text that may be an address."""
    kind = kind if value not in (None, "") else ""
    if kind := kind or ("text" if _may_begin(value) else ""):
        written = kind == "read" and not _WRITTEN.isdisjoint(path)
        found.append(Member("write" if written else kind, path, value))


def _varied(value: Mapping[str, JSON], path: DataPath) -> Iterator[Member]:
    """Yield the values that a tuning may give to a hyperparameter which holds the address of code, or to any as one."""
    values = value.get("Values")
    for index, item in enumerate(values if isinstance(values, list) else ()):
        plain = item.strip('"') if isinstance(item, str) else item
        if value.get("Name") in _CODE or (isinstance(plain, str) and plain.startswith("s3://")):
            yield Member(kind="read", path=(*path, "Values", index), value=item)


def _in_map(value: Mapping[str, JSON], path: DataPath) -> Iterator[Member]:
    """Yield what of an environment, or of hyperparameters, a policy has to do with, by the names of the keys."""
    yield from (Member(kind="read", path=(*path, key), value=value[key]) for key in _CODE & value.keys())
    if path[-1:] == ("Environment",):
        yield from (Member("secret", (*path, key), item) for key, item in value.items() if key.startswith(PREFIX))
    yield from (Member("index", (*path, key), item) for key, item in value.items() if _is_index(key))
    # What is named there the roles that the service makes may read.
    yield from (
        Member(kind="text", path=(*path, key), value=item)
        for key, item in value.items()
        if _may_lead(item) and key not in _CODE and key != ARTIFACTS
    )
    if ARTIFACTS in value:
        yield Member(kind="write", path=(*path, ARTIFACTS), value=value[ARTIFACTS])
    servers = (key for key in _SERVERS & value.keys() if not str(value[key]).startswith(("http://", "https://")))
    yield from (Member(kind="other", path=(*path, key), value=value[key]) for key in sorted(servers))


@functools.lru_cache(maxsize=10_000)  # a thousand models have most variables in common
def _is_index(key: str) -> bool:
    return bool(INDEX.match(key))


def _loose(value: JSON, path: DataPath) -> Iterator[Member]:
    """Yield what is named where no shape says what it is: every address, every ARN, and what a member's name tells."""
    if isinstance(value, list) or (isinstance(value, dict) and not is_expression(value)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _loose(item, (*path, key))
    elif value not in (None, ""):
        last = str(path[-1]) if path else ""
        named = _kind("", last)
        addressed = isinstance(value, str) and value.startswith(("s3://", "arn:"))
        if kind := named or ("read" if addressed or (isinstance(value, dict) and _may_name(value)) else ""):
            yield Member(kind=kind, path=path, value=value)


def _may_lead(value: JSON) -> bool:
    """Tell whether there can be an address of S3 in a text, or in what an expression stands for."""
    return "s3://" in value if isinstance(value, str) else _may_begin(value)


def _may_begin(value: JSON) -> bool:
    """Tell whether a text may be an address of S3, whatever member it is: the roles that the service makes take it for
    one that is read.
    """
    if isinstance(value, dict):
        return "Std:Join" in value or str(value.get("Get")).startswith("Parameters.")
    return isinstance(value, str) and value.startswith(("s3://", '"s3://'))


def _may_name(value: JSON) -> bool:
    """Tell whether an expression begins as an address does."""
    joined = value.get("Std:Join") if isinstance(value, dict) else None
    values = joined.get("Values") if isinstance(joined, dict) else None
    first = values[0] if isinstance(values, list) and values else None
    return isinstance(first, str) and first.startswith(("s3://", "arn:"))


@functools.cache
def _kind(shape: str, last: str) -> Kind:
    """Return what a scalar is by the name of its shape, and by that of its member."""
    if shape in _ADDRESSES or last == "ModelDataUrl":
        return "read"  # or written to, by what it stands in
    if found := _BY_SHAPE.get(shape) or _BY_NAME.get(last):
        return found
    if last.lower().endswith("rolearn"):
        return "role"
    other = last in _NAMES or (shape.endswith("Arn") and shape != _CAPACITY)
    return "other" if other else ""


def _sources(value: Mapping[str, JSON], path: DataPath) -> Iterator[Member]:
    """Yield what is read and written that no address of S3 says, under a name of its own."""
    for member, prefix, keys in _ELSEWHERE:
        inner = value.get(member)
        if isinstance(inner, dict):
            parts = [str(inner.get(key, "")).strip("/") for key in keys]
            kind: Kind = "write" if member == "FeatureStoreOutput" else "read"
            yield Member(kind=kind, path=(*path, member, keys[0]), value=f"{prefix}{'/'.join(filter(None, parts))}")


_ELSEWHERE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("FileSystemDataSource", "filesystem://", ("FileSystemId", "DirectoryPath")),
    ("AthenaDatasetDefinition", "athena://", ("Catalog", "Database")),
    ("RedshiftDatasetDefinition", "redshift://", ("ClusterId", "Database")),
    ("FeatureStoreOutput", "featurestore://", ("FeatureGroupName",)),
)
_HOLDERS = frozenset(member for member, _, _ in _ELSEWHERE)

"""The data of a job as its request asks for it: where it comes from, where in the job it arrives, and in which way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline_builder.engine.document.members import is_open
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.state.elsewhere import is_elsewhere
from pipeline_builder.engine.state.supply import AUGMENTED, PREFIX

Mode = Literal["File", "FastFile", "Pipe"]
CHANNELS = f"{OPT_ML}/input/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One input of a job.

    `address` is S3's, or that of a file system or a query (`filesystem://`, `athena://`, `redshift://`), `kind` its
    S3DataType; `path` is the folder inside the job where its files are, or for Pipe the beginning of the pipes' names.
    Only a pipe has more: whether objects are unpacked (`gzip`) and wrapped (`recordio`), the `seed` of their order, and
    the `attributes` that each line of an augmented manifest gives. `fixed` data can't be changed by the job.
    """

    name: str
    address: str
    path: str
    kind: str = PREFIX
    mode: Mode = "File"
    fixed: bool = False
    gzip: bool = False
    recordio: bool = False
    seed: int | None = None
    attributes: tuple[str, ...] = ()


# Types whose requests have channels or inputs as jobs do.
_ARRIVING = ("ClarifyCheck", "Processing", "QualityCheck", "Training", "Tuning")


def training_arrivals(request: Request) -> tuple[Arrival, ...]:
    """Return the channels of a training job that this instance gets, in the order of the request."""
    group = instance_group(request)
    return tuple(
        _channel(channel, request) for channel in request.get("InputDataConfig") or () if _is_for(channel, group)
    )


def processing_arrivals(request: Request) -> tuple[Arrival, ...]:
    """Return the inputs of a processing job."""
    return tuple(_input(item) for item in request.get("ProcessingInputs") or ())


def transform_arrival(request: Request, path: str) -> Arrival:
    """Return the input of a batch transform, whose files are to be at the path."""
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    return Arrival(name="input", address=source["S3Uri"], path=path, kind=source.get("S3DataType") or PREFIX)


def faults_of(arrival: Arrival) -> Iterator[str]:
    """Yield what can't be: a way of arriving that SageMaker has for pipes only."""
    if not isinstance(arrival.mode, str):  # nobody knows yet
        return
    if arrival.mode != "Pipe":
        for member, is_so in (
            ("CompressionType 'Gzip'", arrival.gzip),
            ("RecordWrapperType 'RecordIO'", arrival.recordio),
            (f"S3DataType '{AUGMENTED}'", arrival.kind == AUGMENTED),
        ):
            if is_so:
                yield f"the input '{arrival.name}' has {member}, which goes with the input mode Pipe only"
    elif arrival.kind == AUGMENTED and not arrival.attributes:
        yield f"the input '{arrival.name}' has S3DataType '{AUGMENTED}' and no AttributeNames, so nothing would arrive"
    if arrival.mode != "File" and str(arrival.address).startswith("filesystem://"):
        yield f"the input '{arrival.name}' is a file system, which is mounted: it takes the input mode File only"


def input_mode(channel: Mapping[str, Any], request: Request) -> Any:
    """Return how a channel's data arrive: as it says itself, or as the algorithm does."""
    algorithm = request.get("AlgorithmSpecification") or {}
    return channel.get("InputMode") or algorithm.get("TrainingInputMode") or "File"


def instance_group(request: Request) -> str:
    """Return the group of the instance that is played: the first; empty in a cluster without groups."""
    groups = (request.get("ResourceConfig") or {}).get("InstanceGroups") or ()
    return str(groups[0].get("InstanceGroupName", "")) if groups else ""


def groups_of(channel: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the groups that a channel is bound to, nothing where it is for all."""
    source = (channel.get("DataSource") or {}).get("S3DataSource") or {}
    return tuple(source.get("InstanceGroupNames") or ())


def _is_for(channel: Mapping[str, Any], group: str) -> bool:
    return not (bound := groups_of(channel)) or group in bound


def _channel(channel: Mapping[str, Any], request: Request) -> Arrival:
    source = channel.get("DataSource") or {}
    objects = source.get("S3DataSource") or {}
    system = source.get("FileSystemDataSource") or {}
    mode = input_mode(channel, request)
    return Arrival(
        name=channel["ChannelName"],
        address=_elsewhere("filesystem", system["FileSystemId"], system["DirectoryPath"])
        if system
        else objects.get("S3Uri", ""),
        path=f"{CHANNELS}/{channel['ChannelName']}",
        kind=objects.get("S3DataType") or PREFIX,
        mode=mode,
        fixed=mode == "FastFile" or system.get("FileSystemAccessMode") == "ro",
        gzip=channel.get("CompressionType") == "Gzip",
        recordio=channel.get("RecordWrapperType") == "RecordIO",
        seed=(channel.get("ShuffleConfig") or {}).get("Seed"),
        attributes=tuple(objects.get("AttributeNames") or ()),
    )


def _input(item: Mapping[str, Any]) -> Arrival:
    source = item.get("S3Input") or {}
    data = item.get("DatasetDefinition") or {}
    return Arrival(
        name=item["InputName"],
        address=dataset_address(item) if data else source.get("S3Uri", ""),
        path=source.get("LocalPath") or data.get("LocalPath") or "",
        kind=source.get("S3DataType") or PREFIX,
        mode=source.get("S3InputMode") or data.get("InputMode") or "File",
        gzip=source.get("S3CompressionType") == "Gzip",
    )


def dataset_address(item: Mapping[str, Any]) -> str:
    """Return the address of what a query gives: its database, and the name of the input that it is for."""
    data = item.get("DatasetDefinition") or {}
    for member, scheme, keys in (
        ("AthenaDatasetDefinition", "athena", ("Catalog", "Database")),
        ("RedshiftDatasetDefinition", "redshift", ("ClusterId", "Database")),
    ):
        if query := data.get(member):
            return _elsewhere(scheme, *(query[key] for key in keys), item["InputName"])
    return ""


def _elsewhere(scheme: str, *parts: Any) -> str:
    """Return an address of these parts; "" where one of them isn't known yet."""
    return "" if any(map(is_open, parts)) else f"{scheme}://{'/'.join(part.strip('/') for part in parts)}".rstrip("/")


def addresses_elsewhere(step_type: str, request: Request) -> Iterator[str]:
    """Yield the addresses of a request's data that are none of S3's; requests of other types name theirs otherwise."""
    if step_type not in _ARRIVING:
        return
    for arrival in (*training_arrivals(request), *processing_arrivals(request)):
        if is_elsewhere(arrival.address):
            yield arrival.address

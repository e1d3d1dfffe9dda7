"""Keys of steps: each job's own, for as long as it runs, and what may be done with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_builder.serve.access.keys import OF_A_STEP, Key, draw_key
from pipeline_builder.serve.regions import ACCOUNT, CLIENTS
from pipeline_builder.target import Calling, Reach

_OUTPUTS = ("OutputDataConfig", "ProcessingOutputConfig", "TransformOutput", "CheckpointConfig", "DebugHookConfig",
            "ProfilerConfig", "TensorBoardOutputConfig")  # fmt: skip
_BASE = "--s3_base_uri"
_INPUTS = ("S3Uri", "ModelDataUrl", "ManifestS3Uri", "sagemaker_submit_directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKey:
    """A job's key. It reads below the addresses of `reads`, writes (and reads) below those of `writes`."""

    key: Key
    execution: str
    job: str
    role: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Who it is, as SageMaker's own jobs are somebody."""
        return f"assumed-role/{self.role}/SageMaker"

    @property
    def arn(self) -> str:
        return f"arn:aws:sts::{ACCOUNT}:{self.name}"

    def may_read(self, bucket: str, key: str) -> bool:
        """Tell whether it may read an object, or list what is below a prefix."""
        return _below(f"s3://{bucket}/{key}", (*self.reads, *self.writes))

    def may_write(self, bucket: str, key: str) -> bool:
        """Tell whether it may write, or delete, an object."""
        return _below(f"s3://{bucket}/{key}", self.writes)

    def knows(self, bucket: str) -> bool:
        """Tell whether it has anything to do with a bucket."""
        return any(address.startswith(f"s3://{bucket}/") for address in (*self.reads, *self.writes))


def _below(address: str, places: tuple[str, ...]) -> bool:
    parts = address.removeprefix("s3://").split("/")
    if any(part in (".", "..") for part in parts) or "" in parts[:-1] or "\0" in address:
        return False
    return any(address in (place, f"{place}/") or address.startswith(f"{place}/") for place in places)


class StepKeys:
    """The keys of the jobs that run just now; `at` says where their calls are answered, before any does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, StepKey] = {}
        self._url = ""
        self._socket: Path | None = None

    def at(self, url: str, socket: Path | None) -> None:
        """Say where calls are answered."""
        self._url, self._socket = url, socket

    def find(self, key: str) -> StepKey | None:
        """Return who has the key with this id; None where nobody does, any more."""
        with self._lock:
            return self._known.get(key)

    @contextmanager
    def reach(self, calling: Calling) -> Iterator[Reach]:
        """Give a job a key of its own, until it has ended."""
        if not self._url:
            yield Reach()
            return
        found = step_key(calling)
        with self._lock:
            self._known[found.key.id] = found
        variables = {
            "AWS_ACCESS_KEY_ID": found.key.id, "AWS_SECRET_ACCESS_KEY": found.key.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        try:
            yield Reach(url=self._url, region=CLIENTS, socket=self._socket, variables=variables)
        finally:
            with self._lock:
                del self._known[found.key.id]


def step_key(calling: Calling) -> StepKey:
    """Return a new key for a job: it reads what it is given, and writes to what is its own."""
    reads, writes = set(_inputs(calling.request)), set(_own(calling))
    execution, job = calling.execution, calling.job
    for base in _shared_outputs(calling) if execution else ():  # of functions, whose steps have one address
        reads |= {f"{base}/{execution.rsplit('/', 1)[-1]}", f"{base}/{calling.step}"}
        reads |= set(_handed(calling, base))
    return StepKey(
        key=draw_key(OF_A_STEP),
        execution=execution,
        job=job,
        role=str(calling.request.get("RoleArn") or "local").rsplit("/", 1)[-1],
        reads=tuple(sorted(filter(_is_whole, reads))),
        writes=tuple(sorted(filter(_is_whole, writes))),
    )


def _is_whole(address: str) -> bool:
    """Tell whether an address is one below a bucket: all of a bucket is nobody's own."""
    return address.startswith("s3://") and "/" in address.removeprefix("s3://").strip("/")


def _inputs(value: Any) -> Iterator[str]:
    """Yield every address that a request has of its inputs, wherever it is in it."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in _INPUTS and isinstance(item, str):
                yield item.strip('"').rstrip("/")
            elif name not in _OUTPUTS:
                yield from _inputs(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _inputs(item)


def _own(calling: Calling) -> Iterator[str]:
    request, job = calling.request, calling.job.rsplit("/", 1)[-1]
    execution = calling.execution.rsplit("/", 1)[-1]  # of a job that is no step's empty
    for base in _shared_outputs(calling):
        parts = base.split("/")
        alone = parts[-1] == job or (execution != "" and execution in parts and calling.step in parts)
        yield base if alone else f"{base}/{job}"
        if execution:
            yield f"{base}/{execution}/{calling.step}"
    for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or ():
        yield _address(output.get("S3Output"), "S3Uri")
    yield _address(request.get("TransformOutput"), "S3OutputPath")
    yield _address(request.get("CheckpointConfig"), "S3Uri")


def _handed(calling: Calling, base: str) -> Iterator[str]:
    """Yield what a function is handed below an address: what steps before have returned, in this execution or in one
    whose results it has taken.
    """
    runs = {arn.rsplit("/", 1)[-1] for arn in (calling.execution, *calling.taken)}
    for word in _arguments(calling.request):
        if word.startswith(f"{base}/") and runs & set(word.split("/")):
            yield word.rstrip("/")


def _shared_outputs(calling: Calling) -> Iterator[str]:
    """Yield the addresses below which a training has a folder of its own, as others have.

    A function of newer SDKs has the folder of its step in its execution as output path; the function itself lies beside
    it, below the address that its arguments name. That counts only where the output path lies just there.
    """
    output = _address(calling.request.get("OutputDataConfig"), "S3OutputPath")
    if output:
        yield output
    given = _arguments(calling.request)
    base = given[given.index(_BASE) + 1].rstrip("/") if _BASE in given[:-1] else ""
    below = output.removeprefix(f"{base}/").split("/") if base and output.startswith(f"{base}/") else []
    run, step = calling.execution.rsplit("/", 1)[-1], calling.step
    if run and (below[:2] == [run, step] or (below[:1] == [step] and below[2:3] == [run])):  # SDK 2, SDK 3
        yield base


def _arguments(request: Mapping[str, Any]) -> list[str]:
    return [str(part) for part in (request.get("AlgorithmSpecification") or {}).get("ContainerArguments") or ()]


def _address(section: Any, member: str) -> str:
    return str((section or {}).get(member) or "").rstrip("/")

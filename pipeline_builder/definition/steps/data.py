"""Data of jobs: the address of every file, and manifests where several files have to share one input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline_builder.conf.channels import Channel, DataFile
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection, TrainSection
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import join, s3_uri
from pipeline_builder.errors import InputProblems, Problem

# What CreateProcessingJob takes, the code's own input included.
MOST_INPUTS = 10
# ContainerArguments takes 100, and the first is bash's own.
_MOST_PLACED = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A manifest as the service reads it: `names` are relative to the prefix, which ends in `/`."""

    prefix: str
    names: tuple[str, ...]

    @property
    def content(self) -> bytes:
        return json.dumps([{"prefix": self.prefix}, *self.names], indent=0, ensure_ascii=False).encode() + b"\n"

    def uri(self, base: str) -> str:
        """Return the address below `base`, which is of the content: other files, another address."""
        return f"{base}/manifests/{hashlib.sha256(self.content).hexdigest()}/manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInput:
    """One input of a job: its name, and its one address or the manifest of its files."""

    name: str
    uri: JSON = ""
    manifest: ManifestFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A file that arrives by a manifest and belongs into the folder of its source name."""

    path: str
    source_name: str


def file_uri(channel: Channel, file: DataFile) -> JSON:
    """Return the address of a data file: as it is written, or below the channel's bucket and prefix.

    A `/` at its end closes it, so that it takes no other folder that begins like it.
    """
    if not isinstance(file.file_name, str) or file.file_name.startswith("s3://"):
        return file.file_name
    uri = s3_uri(channel.bucket, channel.prefix, file.file_name)
    if not file.file_name.endswith("/"):
        return uri
    return f"{uri}/" if isinstance(uri, str) else join("", uri, "/")


def files_of(channels: Mapping[str, Channel]) -> list[tuple[str, DataFile, JSON]]:
    """Return every file of every channel with the channel's name and its own address."""
    return [(name, file, file_uri(channel, file)) for name, channel in channels.items() for file in channel.data_files]


def training_inputs(step: Step, job: TrainSection) -> tuple[DataInput, ...]:
    """Return one input for each channel that has files of its own; several files in one channel take a manifest.

    Raises:
        InputProblems: PB324 for files that no manifest can name.
    """
    inputs = []
    for name, channel in job.channels.items():
        uris = [file_uri(channel, file) for file in channel.data_files]
        if len(uris) == 1:
            inputs.append(DataInput(name=name, uri=uris[0]))
        elif uris:
            inputs.append(DataInput(name=name, manifest=_channel_manifest(step, name, uris)))
    return tuple(inputs)


def _channel_manifest(step: Step, name: str, uris: list[JSON]) -> ManifestFile:
    plain = [uri for uri in uris if isinstance(uri, str) and not uri.endswith("/")]
    manifests = _manifests(plain)
    if len(plain) == len(uris) and len(manifests) == 1:
        return manifests[0]
    what = "files of several buckets" if len(plain) == len(uris) else "a folder or a reference among several files"
    message = f"step '{step.name}': the channel '{name}' has {what}, which no manifest can name"
    hint = "give each of them a channel of its own"
    raise InputProblems(Problem(id="PB324", message=message, place=step.section_place("channels", name), hint=hint))


def _manifests(uris: Iterable[str]) -> list[ManifestFile]:
    """Return a manifest for each bucket; its prefix is the folder that all files of the bucket share."""
    buckets: dict[str, list[PurePosixPath]] = {}
    for uri in uris:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        buckets.setdefault(bucket, []).append(PurePosixPath(key))
    return [_manifest(bucket, tuple(keys)) for bucket, keys in sorted(buckets.items())]


def _manifest(bucket: str, keys: tuple[PurePosixPath, ...]) -> ManifestFile:
    folder = keys[0].parent
    while not all(key.is_relative_to(folder) for key in keys):
        folder = folder.parent
    shared = "" if str(folder) == "." else f"{folder}/"
    names = tuple(dict.fromkeys(key.relative_to(folder).as_posix() for key in keys))
    return ManifestFile(prefix=f"s3://{bucket}/{shared}", names=names)


def processing_inputs(
    step: Step, job: PreprocessSection | EvaluateSection, chained: int
) -> tuple[tuple[DataInput, ...], tuple[Placed, ...]]:
    """Return the inputs of a processing job's own files, and what has to be put into its folder after the download.

    `chained` is the number of its other inputs besides the code. Where all of them are more than the service takes,
    one manifest for each bucket brings the files.

    Raises:
        InputProblems: PB324 where even that is too much.
    """
    files = [(file.source_name, uri) for _, file, uri in files_of(job.channels)]
    if len(files) + chained + 1 <= MOST_INPUTS:
        return tuple(DataInput(name=name, uri=uri) for name, uri in files), ()
    plain = [(name, uri) for name, uri in files if isinstance(uri, str) and not uri.endswith("/")]
    others = [DataInput(name=name, uri=uri) for name, uri in files if not isinstance(uri, str) or uri.endswith("/")]
    manifests = _manifests(uri for _, uri in plain)
    found = len(manifests) + len(others) + chained + 1
    if found > MOST_INPUTS or len(plain) > _MOST_PLACED:
        message = f"step '{step.name}' has {len(files) + chained} inputs, and a processing job takes {MOST_INPUTS - 1}"
        hint = "only files of few buckets can share an input by a manifest: chain fewer steps, or name a common folder"
        raise InputProblems(Problem(id="PB324", message=message, place=step.section_place("channels"), hint=hint))
    named = [DataInput(name=_bucket(manifest), manifest=manifest) for manifest in manifests]
    return (*others, *named), tuple(_placed(name, uri, manifests) for name, uri in plain)


def _bucket(manifest: ManifestFile) -> str:
    return manifest.prefix.removeprefix("s3://").partition("/")[0]


def _placed(name: str, uri: str, manifests: list[ManifestFile]) -> Placed:
    manifest = next(m for m in manifests if uri.startswith(m.prefix))
    return Placed(path=f"{_bucket(manifest)}/{uri.removeprefix(manifest.prefix)}", source_name=name)

"""Addresses that people write where one begins another: who reads the one as a prefix gets what is at the other too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.sections import EvaluateSection, JobSection, TrainSection, TransformSection
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.steps.data import file_uri
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import s3_uri
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import Problem

Where = tuple[Document, DataPath]
_PREFIX = "S3Prefix"
_MOST_SHOWN = 5


def find_doubtful(graph: Graph, definition: Definition, *, bucket: str, prefix: str = "") -> list[Problem]:
    """Return a warning for each address that people write as S3 takes it and hardly anybody means it.

    `bucket` is the one that the pipeline writes to, below `prefix`.
    """
    written = [*_written(graph, bucket, prefix)]
    return [*_neighbours(written, definition), *_empty_names(written)]


def _neighbours(found: Iterable[tuple[str, Where]], definition: Definition) -> list[Problem]:
    """Return a warning for each address that is read as a prefix and begins others which aren't in its own folder.

    `s3://b/train` and `s3://b/train/x.npy` are a folder and a file in it: that is meant.
    """
    written: dict[str, Where] = {}
    for uri, where in found:
        written.setdefault(uri, where)
    beginning = _beginning(sorted(written))
    # Most confs have none: then nobody has to look at the definition.
    read = _read(json.loads(definition.content)) if beginning else set()
    return [_warning(uri, others, written) for uri, others in beginning.items() if uri in read]


def addresses_of(graph: Graph, *, bucket: str) -> Mapping[str, set[str]]:
    """Return the addresses of each step that `find_doubtful` looks at."""
    found: dict[str, set[str]] = {}
    for step in graph.steps:
        found.setdefault(step.name, set()).update(uri for uri, _ in _written_by(step, bucket))
    return found


def are_apart(own: Iterable[str], others: Iterable[str]) -> bool:
    """Tell whether none of some addresses begins one of the others, or one of these begins one of them."""
    these = {*own}
    beginning = _beginning(sorted({*these, *others})) if these else {}
    return not any(uri in these or these.intersection(longer) for uri, longer in beginning.items())


def _empty_names(written: Iterable[tuple[str, Where]]) -> list[Problem]:
    """Return a warning for each address with an empty name between its slashes: a file of this machine has none."""
    return [
        Problem(
            id="PB677",
            message=f"the address '{uri}' has an empty name between two '/', which S3 takes and the local target can't",
            place=document.place(path),
            hint="take one '/' out, there and in the bucket",
            warning=True,
        )
        for uri, (document, path) in written
        if "//" in uri.removeprefix("s3://")
    ]


def _beginning(uris: list[str]) -> dict[str, list[str]]:
    """Return the addresses of a sorted list that begin others, with those."""
    found = {}
    for index, uri in enumerate(uris):
        if uri.endswith("/") or "/" not in uri.removeprefix("s3://"):
            continue  # a folder, or a whole bucket
        longer = takewhile(lambda other, uri=uri: other.startswith(uri), uris[index + 1 :])  # type: ignore[misc]
        if others := [other for other in longer if other[len(uri)] != "/"]:
            found[uri] = others
    return found


def _warning(uri: str, others: list[str], written: Mapping[str, Where]) -> Problem:
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    message = f"the address '{uri}' begins '{others[0]}'{more}: a job that reads it gets what is there too"
    hint = "SageMaker reads every object whose key begins so: close the address with '/' where it is a folder"
    shown = (written[address] for address in (uri, *others[:_MOST_SHOWN]))
    place, *related = (document.place(path) for document, path in shown)
    return Problem(id="PB332", message=message, place=place, related=tuple(related), hint=hint, warning=True)


def _read(value: JSON) -> set[str]:
    """Return the addresses that requests in a definition read as prefixes."""
    if isinstance(value, list):
        return {uri for item in value for uri in _read(item)}
    if not isinstance(value, dict):
        return set()
    uri = value.get("S3Uri")
    found = {uri} if isinstance(uri, str) and value.get("S3DataType") == _PREFIX else set()
    return found.union(*(_read(item) for item in value.values()))


def _written(graph: Graph, bucket: str, prefix: str) -> Iterator[tuple[str, Where]]:
    """Yield every address of the confs that is known before a run, and the folder of the pipeline itself."""
    own, named = f"s3://{bucket}/{prefix}{graph.pipeline}/", ("conf", "sagemakerPipeline", "pipelineName")
    for step in graph.steps:
        yield from _written_by(step, bucket)
        yield own, (step.conf.document, named)


def _written_by(step: Step, bucket: str) -> Iterator[tuple[str, Where]]:
    job = step.job
    section = (*step.unit.path, step.section_name)
    for keys, uri in (*_files(job), *_outputs(step, job, bucket)) if job else ():
        if isinstance(uri, str) and uri.startswith("s3://"):
            yield uri, (step.unit.conf.document, (*section, *keys))
    for keys, uri in _texts(step.asked.arguments, ("arguments",)) if step.asked.arguments else ():
        yield uri, (step.conf.document, (*step.path, *keys))


def _files(job: JobSection) -> Iterator[tuple[DataPath, JSON]]:
    """Yield what a section reads, by its keys there, and every address in its `arguments`."""
    for name, channel in job.channels.items():
        for index, file in enumerate(channel.data_files):
            yield ("channels", name, "dataFiles", index, "fileName"), file_uri(channel, file)
    if isinstance(job, TrainSection):
        yield ("model_data_uri",), job.model_data_uri
    if job.arguments:
        yield from _texts(job.arguments, ("arguments",))


def _outputs(step: Step, job: JobSection, bucket: str) -> Iterator[tuple[DataPath, JSON]]:
    """Yield the folders that the step's section names for what the step writes."""
    if isinstance(job, TrainSection):
        yield ("output_path",), job.output_path
    for name, channel in job.channels.items() if isinstance(job, TransformSection) else ():
        if channel.bucket:
            yield ("channels", name), s3_uri(channel.bucket, channel.prefix, step.unit.name, "predictions")
    for name, measured in job.channels.items() if isinstance(job, EvaluateSection) else ():
        if measured.output_prefix:
            yield ("channels", name, "bucket_prefix"), s3_uri(measured.bucket or bucket, measured.output_prefix)


def _texts(value: JSON, path: DataPath) -> Iterator[tuple[DataPath, str]]:
    """Yield the addresses below a value with their paths."""
    if isinstance(value, str) and value.startswith("s3://"):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))

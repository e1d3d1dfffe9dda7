"""What the manifest's pipelines are called at SageMaker, and what must not be two pipelines': a name, a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_builder.conf.files import find_files
from pipeline_builder.documents.source import load_yaml, value_at
from pipeline_builder.documents.values import substitute
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.pipelines import PipelineEntry

_AT = ("conf", "sagemakerPipeline", "pipelineName")
_Files = Mapping[str, tuple[tuple[Path, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The name of a pipeline at SageMaker, and where a conf gives it."""

    name: str
    place: Place


def read_names(manifest: Manifest, *, root: Path, values: Mapping[str, str]) -> Mapping[str, Named]:
    """Return the name of each pipeline whose files have one, by its handle; what is wrong in them others say."""
    return _names(_files_of_each(manifest, root, values), values)


def clashes(manifest: Manifest, *, root: Path, values: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what the manifest's pipelines may not have both: files, and else names."""
    if len(manifest.pipelines) == 1:
        return
    files = _files_of_each(manifest, root, values)
    shared = [*_shared_files(manifest, files)]
    yield from shared
    first: dict[str, tuple[str, Named]] = {}
    for handle, named in _names(files, values).items() if not shared else ():
        other, before = first.setdefault(named.name, (handle, named))
        if other != handle:
            yield Problem(
                id="PB955",
                message=f"the pipelines '{other}' and '{handle}' are both called '{named.name}': they would be one",
                place=named.place,
                related=(before.place,),
                hint="give one of them another 'pipelineName'",
            )


def _shared_files(manifest: Manifest, files: _Files) -> Iterator[Problem]:
    first: dict[Path, PipelineEntry] = {}
    told: set[tuple[str, str]] = set()
    for entry in manifest.pipelines:
        for path, label in files[entry.name]:
            other = first.setdefault(path, entry)
            if other == entry or (other.name, entry.name) in told:
                continue
            told.add((other.name, entry.name))
            yield Problem(
                id="PB956",
                message=f"the pipelines '{other.name}' and '{entry.name}' both have the file '{label}'",
                place=entry.at("config"),
                related=tuple(filter(None, (other.at("config"),))),
                hint="let each have a 'config' of its own, such as '*/conf/conf.yaml' and '*/conf/inference.yaml'",
            )


def _files_of_each(manifest: Manifest, root: Path, values: Mapping[str, str]) -> _Files:
    """Return path and label of each pipeline's files, by its handle."""
    return {entry.name: (*_files(manifest.narrowed(entry.name), root, values),) for entry in manifest.pipelines}


def _files(manifest: Manifest, root: Path, values: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    base = root / manifest.training_dir
    for repo, paths in find_files(manifest, manifest.repos, root=root, values=values).items():
        for path in paths:
            yield path, f"{repo}:{path.relative_to(base / repo).as_posix()}"


def _names(files: _Files, values: Mapping[str, str]) -> Mapping[str, Named]:
    read = {handle: (_read_name(*one, values) for one in own) for handle, own in files.items()}
    return {handle: named for handle, names in read.items() if (named := next(filter(None, names), None))}


def _read_name(path: Path, label: str, values: Mapping[str, str]) -> Named | None:
    """Return the name that a conf gives; most files are others, and nobody has to parse them for that."""
    try:
        if _AT[-1].encode() not in path.read_bytes():
            return None
        document = load_yaml(path, label, "PB201")
    except (InputProblems, OSError):
        return None
    written = value_at(document.data, _AT)
    if not isinstance(written, str):
        return None
    filled, _ = substitute(replace(document, data={_AT[-1]: written}), values)
    name = filled[_AT[-1]] if isinstance(filled, dict) else None
    return Named(name=name, place=document.place(_AT)) if isinstance(name, str) else None

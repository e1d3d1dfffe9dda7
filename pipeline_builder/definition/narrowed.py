"""The conf files of what has changed since a composition, and of what hangs together with that, without the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_builder.conf.conf import ModelConf, conf_of
from pipeline_builder.conf.files import find_files
from pipeline_builder.definition.record import Listing, Record, list_models, section_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import Document, Source, load_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.kept import Kept
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import Manifest

_KIND = "parsed"
_LARGE = 50_000
"""Characters from which parsing a file takes longer than looking for what was parsed."""
_FEW = 4
"""One in so many models is composed by itself: of more the whole takes less time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What confs are read with; `kept` has what was parsed before."""

    manifest: Manifest
    lock: Lock
    root: Path
    values: Mapping[str, str]
    tags: Mapping[str, str]
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """The confs of the `affected` models, with nothing of others, in the order of the manifest."""

    affected: frozenset[str]
    confs: tuple[ModelConf, ...]


def keep_parsed(kept: Kept, document: Document) -> None:
    """Keep what was parsed of a large file, unless it has to be looked up in it how something is written."""
    text = document.source.text
    if len(text) > _LARGE and not document.rewritten:
        kept.put(_KIND, _digest(text), document.data)


def read_narrowed(before: Record, changed: frozenset[str], inputs: Inputs) -> Narrowed | None:
    """Read what is affected by changes in these repositories; None where that is much, or can't be told.

    Nothing that was read so has places: who finds anything wrong with it reads all again.
    """
    try:
        own = _own_documents(changed, inputs)
        listing, document = _listing(before.listing, own, inputs)
        affected = _affected(before, listing, changed, own)
        if affected is None:
            return None
        if not affected:
            return Narrowed(affected=affected, confs=())
        confs = [*_confs(before, affected, own, document, inputs)]
    except (InputProblems, OSError, UnicodeDecodeError, _Unsure):
        return None
    return Narrowed(affected=affected, confs=tuple(confs))


class _Unsure(Exception):
    pass


def _own_documents(changed: frozenset[str], inputs: Inputs) -> Mapping[tuple[str, str], Document]:
    """Return all conf files of the changed repositories, by repository and path."""
    repos = [repo for repo in inputs.manifest.repos if repo.name in changed]
    files = find_files(inputs.manifest, repos, root=inputs.root, values=inputs.values)
    if not all(files.values()) and len(inputs.manifest.pipelines) == 1:
        raise _Unsure
    base = inputs.root / inputs.manifest.training_dir
    found = {name: [path.relative_to(base / name).as_posix() for path in paths] for name, paths in files.items()}
    return {(name, file): _document(name, file, inputs) for name, of_repo in found.items() for file in of_repo}


def _document(repo: str, file: str, inputs: Inputs) -> Document:
    path, label = inputs.root / inputs.manifest.training_dir / repo / file, f"{repo}@:{file}"
    if path.stat().st_size > _LARGE:
        text = path.read_bytes().decode("utf-8-sig")
        if data := inputs.kept.get(_KIND, _digest(text)):
            return Document(Source(label, text), data, lambda: ({}, {}))
    document = load_yaml(path, label, "PB201")
    keep_parsed(inputs.kept, document)
    return document


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _listing(before: Listing, own: Mapping[tuple[str, str], Document], inputs: Inputs) -> tuple[Listing, Document]:
    """Return the file with the pipeline, and what is noted of it; it has to be the same one as before."""
    at = (before.repo, before.file)
    document = own.get(at) or _document(*at, inputs)
    text = document.source.text
    listing = before if _digest(text) == before.digest else list_models(*at, text, document.data)
    if listing.around != before.around:
        raise _Unsure
    return listing, document


def _affected(
    before: Record, listing: Listing, changed: frozenset[str], own: Mapping[tuple[str, str], Document]
) -> frozenset[str] | None:
    """Return the models that changes reach, and all that hang together with them by steps or groups."""
    told = {name for name in {*before.listing.models, *listing.models}
            if before.listing.models.get(name) != listing.models.get(name)}  # fmt: skip
    read = {name for name, unit in before.units.items() if changed.intersection(unit.reads)}
    found = _with_others(before, {*told, *read, *(name for one in own.values() for name in _models(one.data))})
    if any(step.inner for step in before.steps.values() if step.model in found):
        return None  # others may refer to these, which is no dependency
    return frozenset(found) if len(found) * _FEW <= len(before.units) else None


def _models(data: JSON) -> Mapping[str, JSON]:
    conf = data.get("conf") if isinstance(data, dict) else None
    models = conf.get("models") if isinstance(conf, dict) else None
    return models if isinstance(models, dict) else {}


def _with_others(before: Record, models: set[str]) -> set[str]:
    """Add the models whose steps wait for, or are waited for by, those of these, and those of the same groups."""
    beside: dict[str, set[str]] = {}
    for step in before.steps.values():
        for name in step.after:
            other = before.steps[name].model
            if other != step.model:
                beside.setdefault(step.model, set()).add(other)
                beside.setdefault(other, set()).add(step.model)
    by_group: dict[str, str] = {}
    for name, unit in before.units.items():
        for group in unit.groups:
            first = by_group.setdefault(group, name)
            if first != name:
                beside.setdefault(first, set()).add(name)
                beside.setdefault(name, set()).add(first)
    found, waiting = {*models}, [*models]
    while waiting:
        new = beside.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _confs(
    before: Record,
    affected: frozenset[str],
    own: Mapping[tuple[str, str], Document],
    listing: Document,
    inputs: Inputs,
) -> Iterator[ModelConf]:
    at = (before.listing.repo, before.listing.file)
    files = {*own, at, *((before.units[name].repo, before.units[name].file) for name in affected & before.units.keys())}
    by_repo: dict[str, list[str]] = {}
    known = {name for name, step in before.steps.items() if step.model in affected}
    for name, file in files:
        by_repo.setdefault(name, []).append(file)
    base = inputs.root / inputs.manifest.training_dir
    for repo in inputs.manifest.repos:
        rules = inputs.manifest.policy.rules(repo.name, inputs.values) if repo.name in by_repo else None
        for file in _sorted(by_repo.get(repo.name, ())):
            key = (repo.name, file)
            document = listing if key == at else own.get(key) or _document(*key, inputs)
            if section_of(document.data) and key != at:
                raise _Unsure
            narrow = replace(document, data=_narrowed(document.data, affected))
            conf, found = conf_of(narrow, repo=repo.name, folder=base / repo.name, values=inputs.values, rules=rules)
            if conf is None or found:
                raise _Unsure
            yield _with_own_links(conf, known)


def _sorted(files: Iterable[str]) -> list[str]:
    return sorted(files, key=lambda file: file.split("/"))


def _narrowed(data: JSON, models: frozenset[str]) -> JSON:
    """Return a conf's data without other models; a changed repository has none of these."""
    if not isinstance(data, dict) or not isinstance(conf := data.get("conf"), dict):
        raise _Unsure
    conf = {**conf}
    if "models" in conf:
        conf["models"] = {name: model for name, model in _models(data).items() if name in models}
    if section := section_of(data):
        listed = section.get("models")
        if not isinstance(listed, dict):
            raise _Unsure
        conf["sagemakerPipeline"] = {**section, "models": {k: v for k, v in listed.items() if k in models}}
    return {**data, "conf": conf}


def _with_own_links(conf: ModelConf, known: set[str]) -> ModelConf:
    """Return the conf with the dependencies that its steps have part in, or the `known` ones had, which may be gone."""
    pipeline = conf.section.pipeline
    if pipeline is None:
        return conf
    names = known | {step.step_name for model in pipeline.models.values() for step in model.steps}
    links = tuple(link for link in pipeline.dependencies if names & {part.strip() for part in link.split(">>")})
    own = pipeline.model_copy(update={"dependencies": links})
    return replace(conf, section=conf.section.model_copy(update={"pipeline": own}))

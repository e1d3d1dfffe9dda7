"""The manifest that a new model comes into, and the models that are in it already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline_builder.conf.conf import ModelConf, read_conf
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import Document, Source, parse_yaml
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.addresses import default_name
from pipeline_builder.manifest.manifest import Manifest, Repo, build_manifest
from pipeline_builder.manifest.pipelines import DEFAULT_NAME, INFERENCE

_HANDLES = ("scoring", "inference", "batch-scoring", *(f"scoring-{number}" for number in range(2, 1000)))
_NEW = "new/conf/inference.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """What is known of a manifest and its repositories.

    `text` is the manifest's, None where there is none. `repos` are the names of all repositories, `models` where each
    known model is defined. `anchor` is the file with the pipeline, as people know it, where that is known; `all_known`
    says that every repository's conf could be read. `handles` are those of the pipelines that are written, `scored_by`
    is the one which takes a new repository's `conf/inference.yaml`, `scoring` the file that has it. `confs` are those
    that could be read, `unknown` the repositories of which none could.
    """

    text: str | None
    bom: bool = False
    label: str
    training_dir: str = "aws-train"
    revision: str = "main"
    images: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    repos: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    anchor: str = ""
    all_known: bool = True
    handles: tuple[str, ...] = ()
    scored_by: str = ""
    scoring: str = ""
    confs: tuple[ModelConf, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def has_scoring(self) -> bool:
        """Whether one of the repositories has the pipeline that scores; where not all are known, one may have it."""
        return bool(self.scoring) or bool(self.scored_by and self.repos and not self.all_known)

    def pipelines_to_add(self) -> list[JSON]:
        """Return what the manifest lacks for a repository's `conf/inference.yaml` to be found."""
        if self.scored_by:
            return []
        training: list[JSON] = [] if self.handles else [{"name": DEFAULT_NAME}]
        name = next(name for name in _HANDLES if name not in self.handles)
        return [*training, {"name": name, "kind": INFERENCE}]

    @property
    def has_pipeline(self) -> bool:
        """Whether one of the repositories has the pipeline; where not all are known, one is taken to have it."""
        return bool(self.anchor) or (bool(self.repos) and not self.all_known)


def load_neighbours(manifest_path: Path, values: Mapping[str, str]) -> Neighbours:
    """Read the manifest and the conf files of its repositories that are on this machine.

    Raises:
        InputProblems: PB100 to PB107 for a manifest that is there and isn't right; one without any repository is.
    """
    label = os.path.relpath(manifest_path)
    if not manifest_path.exists():
        return Neighbours(text=None, label=label)
    text, bom = _read(manifest_path, label)
    document, repos = _written(parse_yaml(Source(label, text), "PB100"))
    manifest = build_manifest(document)
    found = [_confs(repo, manifest, manifest_path.parent, values) for repo in manifest.repos if repos]
    confs = [conf for confs in found for conf in confs]
    defaults = document.data.get("defaults") if isinstance(document.data, dict) else None
    defaults = defaults if isinstance(defaults, dict) else {}
    revision = defaults.get("revision") or defaults.get("tag") or "main"
    return Neighbours(
        text=text,
        bom=bom,
        label=label,
        training_dir=manifest.training_dir,
        revision=str(revision),
        images=tuple(image.match for image in manifest.local.images),
        mounts=tuple(manifest.local.s3),
        repos=repos,
        models={name: conf.document.source.label for conf in confs for name in conf.section.models},
        anchor=next((conf.document.source.label for conf in confs if conf.section.pipeline), ""),
        all_known=all(found),
        handles=tuple(entry.name for entry in manifest.pipelines if entry.place),
        scored_by=(scored_by := _scored_by(manifest)),
        confs=tuple(confs),
        unknown=tuple(repo.name for repo, read in zip(manifest.repos, found, strict=False) if not read),
        scoring=_scoring(manifest.narrowed(scored_by), manifest_path.parent, values) if scored_by and repos else "",
    )


def _scored_by(manifest: Manifest) -> str:
    taking = (one for one in manifest.pipelines if any(map(_takes, one.config)))
    return next((one.name for one in taking if one.is_inference), "")


def _takes(glob: str) -> bool:
    """Tell whether a glob, whose `*` stays within a folder, finds a new repository's conf that scores."""
    parts, new = glob.split("/"), _NEW.split("/")
    if "**" in parts:
        return fnmatchcase(_NEW, glob)
    return len(parts) == len(new) and all(map(fnmatchcase, new, parts))


def _scoring(manifest: Manifest, root: Path, values: Mapping[str, str]) -> str:
    """Return the file with the pipeline, as people know it; empty where none has it."""
    confs = (conf for repo in manifest.repos for conf in _confs(repo, manifest, root, values))
    return next((conf.document.source.label for conf in confs if conf.section.pipeline), "")


def _read(path: Path, label: str) -> tuple[str, bool]:
    """Return the file's text with its line ends as they are, and whether it begins with a byte order mark."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        message = f"cannot read '{label}': {os.strerror(error.errno or 0)}"
        raise InputProblems(Problem(id="PB100", message=message)) from error
    except UnicodeDecodeError as error:
        raise InputProblems(Problem(id="PB100", message=f"'{label}' is not UTF-8 text")) from error
    return text.removeprefix("\ufeff"), text.startswith("\ufeff")


def _written(document: Document) -> tuple[Document, tuple[str, ...]]:
    """Return the document and the names of all its repositories, also of those that are not enabled.

    A manifest without repositories is a problem for other commands; here it gets its first, so that the rest of it is
    read with one that stands in.
    """
    data = document.data if isinstance(document.data, dict) else {}
    listed = data.get("repos")
    if isinstance(document.data, dict) and not listed and "repos" in data:
        return replace(document, data={**data, "repos": [{"url": "stand-in"}]}), ()
    repos = [repo for repo in listed if isinstance(repo, dict)] if isinstance(listed, list) else []
    return document, tuple(str(repo.get("name") or default_name(str(repo.get("url", "")))) for repo in repos)


def _confs(repo: Repo, manifest: Manifest, root: Path, values: Mapping[str, str]) -> tuple[ModelConf, ...]:
    """Return the conf files of a repository that lies here, or else of its checkout; none where neither is there."""
    globs = (glob.partition("/")[2] or "conf/conf.yaml" for glob in manifest.entry.config)
    patterns = repo.config or tuple(globs)
    here = "://" not in repo.url and ":" not in repo.url.partition("/")[0]
    kind = manifest.entry.kind
    folders = (*((root / repo.url / repo.path,) if here else ()), root / manifest.training_dir / repo.name)
    for folder in folders:
        paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
        read = [
            read_conf(path, label=os.path.relpath(path), repo=repo.name, folder=folder, values=values, kind=kind)[0]
            for path in paths
        ]
        if confs := tuple(conf for conf in read if conf is not None):
            return confs
    return ()

"""The conf files of every enabled repository: which there are, and what could be read of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline_builder.conf.conf import Kind, ModelConf, read_conf
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import Manifest, Repo


def read_confs(
    manifest: Manifest, lock: Lock, *, root: Path, values: Mapping[str, str]
) -> tuple[tuple[ModelConf | None, ...], list[Problem]]:
    """Return what could be read of every conf file, in the order of the manifest, and every problem in them."""
    commits = {locked.name: locked.commit for locked in lock.repos}
    confs: list[ModelConf | None] = []
    problems: list[Problem] = []
    files = find_files(manifest, manifest.repos, root=root, values=values)
    for repo in manifest.repos:
        folder = root / manifest.training_dir / repo.name
        if not files[repo.name]:
            confs.append(None)
            problems.append(_no_file(repo, folder, manifest, values))
        for path in files[repo.name]:
            label = f"{repo.name}@{commits.get(repo.name, '')[:7]}:{path.relative_to(folder).as_posix()}"
            rules = manifest.policy.rules(repo.name, values)
            conf, found = read_conf(
                path, label=label, repo=repo.name, folder=folder, values=values, rules=rules, kind=kind_of(manifest)
            )
            confs.append(conf)
            problems.extend(found)
    return tuple(confs), problems


def kind_of(manifest: Manifest) -> Kind:
    """Return what the pipeline is for that the manifest is narrowed to."""
    kind: Kind = getattr(getattr(manifest, "entry", None), "kind", "training")
    return kind


def find_files(
    manifest: Manifest, repos: Iterable[Repo], *, root: Path, values: Mapping[str, str]
) -> Mapping[str, tuple[Path, ...]]:
    """Return the conf files of each of the manifest's repositories, in order."""
    base = root / manifest.training_dir
    matches = _matches(manifest, base, values)
    return {repo.name: _files(repo, base / repo.name, matches) for repo in repos}


def _matches(manifest: Manifest, training_dir: Path, values: Mapping[str, str]) -> Mapping[str, list[Path]]:
    """Return what the glob below the training directory finds, by the folder of the repository."""
    pattern = _glob(manifest, values)
    found: dict[str, list[Path]] = {}
    for path in training_dir.glob(pattern) if not pattern.startswith("/") else ():
        found.setdefault(path.relative_to(training_dir).parts[0], []).append(path)
    return found


def _files(repo: Repo, folder: Path, matches: Mapping[str, list[Path]]) -> tuple[Path, ...]:
    """Return the repository's conf files, by its own patterns, or by the glob below the training directory."""
    found = (
        {path for pattern in repo.config for path in folder.glob(pattern)}
        if repo.config
        else matches.get(repo.name, ())
    )
    inside = folder.resolve()
    return tuple(sorted(p for p in found if p.is_file() and p.resolve().is_relative_to(inside)))


def _glob(manifest: Manifest, values: Mapping[str, str]) -> str:
    return values.get("SMP_MODEL_CONFIGPATH", "").strip() or manifest.config


def _no_file(repo: Repo, folder: Path, manifest: Manifest, values: Mapping[str, str]) -> Problem:
    if not folder.is_dir():
        message = f"the repository '{repo.name}' is not checked out"
        return Problem(id="PB206", message=message, place=repo.place, hint="run 'pipeline-builder checkout'")
    pattern = " or ".join(describe(glob) for glob in repo.config) or describe(_glob(manifest, values))
    message = f"no configuration file of the repository '{repo.name}' matches {pattern}"
    return Problem(id="PB206", message=message, place=repo.place, hint="name it with 'config: …'")

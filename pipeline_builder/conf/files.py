"""The conf files of every enabled repository: which there are, and what could be read of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline_builder.conf.conf import ModelConf, read_conf
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Problem
from pipeline_builder.machine.resolving import Resolving, is_below
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import Manifest, Repo

NO_FILES = "PB957"


def read_confs(
    manifest: Manifest, lock: Lock, *, root: Path, values: Mapping[str, str]
) -> tuple[tuple[ModelConf | None, ...], list[Problem]]:
    """Return what could be read of every conf file of the manifest's pipeline, in its order, and every problem in them.

    A repository without a file of it has to have one of another pipeline.
    """
    commits = {locked.name: locked.commit for locked in lock.repos}
    confs: list[ModelConf | None] = []
    problems: list[Problem] = []
    files = find_files(manifest, manifest.repos, root=root, values=values)
    elsewhere = _elsewhere(manifest, root, values) if not all(files.values()) else frozenset[str]()
    for repo in manifest.repos:
        folder = root / manifest.training_dir / repo.name
        if not files[repo.name] and (repo.config or repo.name not in elsewhere):
            confs.append(None)
            problems.append(_no_file(repo, folder, manifest, values))
        for path in files[repo.name]:
            label = f"{repo.name}@{commits.get(repo.name, '')[:7]}:{path.relative_to(folder).as_posix()}"
            rules = manifest.policy.rules(repo.name, values)
            conf, found = read_conf(
                path, label=label, repo=repo.name, folder=folder, values=values, rules=rules, kind=manifest.entry.kind
            )
            confs.append(conf)
            problems.extend(found)
    if not confs:
        confs.append(None)
        problems.append(no_files(manifest, values))
    return tuple(confs), problems


def no_files(manifest: Manifest, values: Mapping[str, str]) -> Problem:
    """Return the problem that no repository has a file of the manifest's pipeline."""
    entry = manifest.entry
    globs = " or ".join(map(describe, _globs(manifest, values)))
    message = f"no configuration file of the pipeline '{entry.name}' is there: nothing matches {globs}"
    return Problem(
        id=NO_FILES, message=message, place=entry.at("config"), hint="add one, or mend the pipeline's 'config'"
    )


def find_files(
    manifest: Manifest, repos: Iterable[Repo], *, root: Path, values: Mapping[str, str]
) -> Mapping[str, tuple[Path, ...]]:
    """Return the conf files of each of the manifest's repositories, in order."""
    base = root / manifest.training_dir
    matches, resolving = _matches(_globs(manifest, values), base), Resolving(base)
    return {repo.name: _files(repo, base / repo.name, matches, resolving) for repo in repos}


def _matches(globs: Iterable[str], training_dir: Path) -> Mapping[str, list[Path]]:
    """Return what the globs below the training directory find, by the folder of the repository."""
    found: dict[str, list[Path]] = {}
    for path in (path for glob in globs if not glob.startswith("/") for path in _found(glob, training_dir)):
        if path != training_dir:  # which '**' finds, too
            found.setdefault(path.relative_to(training_dir).parts[0], []).append(path)
    return found


def _found(glob: str, folder: Path) -> Iterable[Path]:
    """Return what a pattern finds; what is none, as a variable may have it, finds nothing."""
    try:
        return [*folder.glob(glob)]
    except (ValueError, IndexError):
        return ()


def _files(repo: Repo, folder: Path, matches: Mapping[str, list[Path]], resolving: Resolving) -> tuple[Path, ...]:
    """Return the repository's conf files, by its own patterns, or by the glob below the training directory."""
    found = (
        {path for pattern in repo.config for path in folder.glob(pattern)}
        if repo.config
        else set(matches.get(repo.name, ()))
    )
    inside = resolving.resolve(folder)
    return tuple(sorted(p for p in found if p.is_file() and is_below(resolving.resolve(p), inside)))


def _globs(manifest: Manifest, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the pipeline's globs; SMP_MODEL_CONFIGPATH stands for those of the main one only."""
    given = values.get("SMP_MODEL_CONFIGPATH", "").strip() if not manifest.narrowed_to else ""
    return (given,) if given else manifest.entry.config


def _elsewhere(manifest: Manifest, root: Path, values: Mapping[str, str]) -> frozenset[str]:
    """Return the repositories that have files of other pipelines."""
    others = [manifest.narrowed(entry.name) for entry in manifest.pipelines if entry != manifest.entry]
    found = (find_files(other, other.repos, root=root, values=values) for other in others)
    return frozenset(repo for files in found for repo, paths in files.items() if paths)


def _no_file(repo: Repo, folder: Path, manifest: Manifest, values: Mapping[str, str]) -> Problem:
    if not folder.is_dir():
        message = f"the repository '{repo.name}' is not checked out"
        return Problem(id="PB206", message=message, place=repo.place, hint="run 'pipeline-builder checkout'")
    pattern = " or ".join(map(describe, repo.config or _globs(manifest, values)))
    if not repo.config and len(manifest.pipelines) > 1:
        pattern = "what any pipeline's 'config' finds"
    message = f"no configuration file of the repository '{repo.name}' matches {pattern}"
    return Problem(id="PB206", message=message, place=repo.place, hint="name it with 'config: …'")

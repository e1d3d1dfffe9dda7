"""A new model repository: checks what was asked for, writes the folder whole or not at all, adds it to the manifest."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.words import GitError
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.refusals import full, says_full
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.scaffold.chaining import asked_by, put_steps
from pipeline_builder.scaffold.frameworks import FRAMEWORKS
from pipeline_builder.scaffold.insertion import insert, render_block
from pipeline_builder.scaffold.neighbours import Neighbours, load_neighbours
from pipeline_builder.scaffold.request import (
    Request,
    check_request,
    default_metric,
    is_anchor,
    is_free,
    is_scoring_anchor,
    relative,
    taken,
)
from pipeline_builder.scaffold.skeleton import (
    DATA,
    Home,
    NewModel,
    render_asking_step,
    render_files,
    render_scoring_steps,
    render_steps,
)

_HEADER = """\
# The manifest: which model repositories are trained together, and at which revision.
version: 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffolded:
    """What was made. `lines` belong into the manifest, `added` says whether they are in it; `steps` are those that the
    pipeline needs, empty where the new conf has it, `anchor` is the file that they belong into, where it is known;
    `asking` has the step by which each model before it is asked; `joined` says whether all are in that file;
    `scoring_steps` and `scoring` are those of the pipeline that scores."""

    folder: Path
    model: NewModel
    files: tuple[str, ...]
    commit: str
    author: str
    outer: Path | None
    manifest: str
    lines: str
    added: bool
    steps: str
    anchor: str
    asking: Mapping[str, str]
    joined: bool
    scoring_steps: str = ""
    scoring: str = ""
    scoring_joined: bool = False


def scaffold(request: Request, git: Git, values: Mapping[str, str]) -> Scaffolded:
    """Make the repository.

    The folder is there whole or not at all. Killed after that, the same call goes on: a folder that is just what it
    would write is only added to the manifest.

    Raises:
        InputProblems: PB690 to PB696, all of them, PB100 to PB107 for the manifest; nothing is written.
        OutsideFailure: PB697 where git fails, PB674 where that is a full disk; nothing is written.
    """
    with _alone(request.out.parent, request.manifest.parent):
        neighbours = load_neighbours(request.manifest, values)
        problems = [*check_request(request, neighbours)]
        if problems:
            raise InputProblems(*problems, *(() if is_free(request.out) else (taken(request.out),)))
        model = _build_model(request, neighbours)
        outer = _outer_repository(request.out)
        nested = outer if outer and not request.git else None
        home = Home(url=relative(nested, request.out), path=relative(request.out, nested)) if nested else Home()
        files = render_files(model, home)
        additions = _additions(request, model, neighbours, nested)
        manifest = _new_manifest(neighbours, additions) if request.add else ""
        commit, author = _write(request, files, git, again=request.add)
        own, scoring = _join(request, model, neighbours)
        if request.add:
            write_file(request.manifest, manifest.encode("utf-8-sig" if neighbours.bom else "utf-8"))
        return Scaffolded(
            folder=request.out,
            model=model,
            files=tuple(sorted(files)),
            commit=commit,
            author=author,
            outer=outer,
            manifest=neighbours.label,
            lines=render_block(additions),
            added=request.add,
            steps=_steps(model),
            anchor=neighbours.anchor,
            asking=_asking(model),
            joined=own,
            scoring_steps=_scoring_steps(model),
            scoring=neighbours.scoring,
            scoring_joined=scoring,
        )


def _steps(model: NewModel) -> str:
    return "" if model.anchor else render_steps(model)


def _scoring_steps(model: NewModel) -> str:
    return render_scoring_steps(model) if model.inference and not model.scoring_anchor else ""


def _asking(model: NewModel) -> dict[str, str]:
    return {asked.model: render_asking_step(model, asked) for asked in model.asking}


def _join(request: Request, model: NewModel, neighbours: Neighbours) -> tuple[bool, bool]:
    """Put the steps into the files that have the pipelines; return for each whether it has them.

    What is there already stays, so that a call which was killed can be repeated. Checkouts are never written to.
    """
    if not request.add:
        return False, False
    checkouts = request.manifest.parent / neighbours.training_dir

    def put(file: str, steps: str, asking: Mapping[str, str]) -> bool:
        if not file or not steps:
            return False
        return put_steps(Path(file).absolute(), model.name, steps, asking, checkouts=checkouts)

    own = put(neighbours.anchor, _steps(model), _asking(model))
    return own, put(neighbours.scoring, _scoring_steps(model), {})


def _build_model(request: Request, neighbours: Neighbours) -> NewModel:
    metric = default_metric(request.task, request.metric)
    low, high = request.low, request.high
    if low is None and high is None:
        low, high = (metric.bound, None) if metric.higher_is_better else (None, metric.bound)
    return NewModel(
        name=request.name,
        description=request.description,
        framework=FRAMEWORKS[request.framework],
        task=request.task,
        region=request.region,
        instance_type=request.instance_type,
        metric=metric.name,
        low=low,
        high=high,
        anchor=is_anchor(request, neighbours),
        pipeline=request.pipeline or request.name,
        ci=request.ci,
        inference=request.inference,
        scoring_anchor=is_scoring_anchor(request, neighbours),
        asking=asked_by(request.name, request.after),
    )


def _outer_repository(folder: Path) -> Path | None:
    """Return the git repository that the folder is in."""
    return next((parent for parent in folder.parents if (parent / ".git").exists()), None)


def _additions(request: Request, model: NewModel, neighbours: Neighbours, nested: Path | None) -> dict[str, JSON]:
    """Return what a manifest needs for the model; what it has already is left out."""
    root = request.manifest.parent
    repo: dict[str, JSON] = {"name": model.name, "url": relative(nested or request.out, root)}
    if nested:
        repo |= {"path": relative(request.out, nested), "revision": "HEAD"}
    elif neighbours.revision != "main":
        repo["revision"] = "main"
    local: dict[str, JSON] = {}
    mount = f"{request.bucket}/{model.name}"
    if mount not in neighbours.mounts:
        local["s3"] = {mount: relative(request.out / DATA, root)}
    images = [image for image in model.framework.images if not _has(neighbours, image.address(model.region))]
    if images:
        local["images"] = [{"match": image.match, "requirements": [*image.requirements]} for image in images]
    pipelines = neighbours.pipelines_to_add() if request.inference else []
    added: dict[str, JSON] = {"pipelines": pipelines} if pipelines else {}
    return {**added, "repos": [repo], **({"local": local} if local else {})}


def _has(neighbours: Neighbours, image: str) -> bool:
    return any(fnmatchcase(image, match) for match in neighbours.images)


def _new_manifest(neighbours: Neighbours, additions: dict[str, JSON]) -> str:
    """Return the manifest with the additions, which reads as one."""
    if neighbours.text is None:
        first = {key: value for key, value in additions.items() if key != "local"}
        text = f"{_HEADER}{render_block(first)}\n{render_block({'local': additions['local']})}"
    else:
        text = insert(neighbours.text, additions, label=neighbours.label)
    build_manifest(parse_yaml(Source(neighbours.label, text), "PB100"))
    return text


def _write(request: Request, files: Mapping[str, str], git: Git, *, again: bool) -> tuple[str, str]:
    """Write the folder; with `again` one that is just this already will do. Return the commit and who made it."""
    folder = request.out
    if not is_free(folder):
        if not again or not _is_just(folder, files):
            raise InputProblems(taken(folder))
        return "", ""
    temporary = folder.with_name(f".{folder.name}.new")
    sweep_folder(temporary)  # of a call that was killed
    commit, author = "", ""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    try:
        for name, text in files.items():
            write_file(temporary / name, text.encode())
        if request.git:
            commit, author = git.begin(temporary, f"A new model: {request.name}", request.login)
        temporary.rename(folder)
    except GitError as error:
        if says_full(str(error)):
            raise OutsideFailure(full(f"the repository '{request.name}': {error}")) from error
        hint = "install git, or use --no-git" if error.kind == "absent" else "use --no-git, and commit it yourself"
        raise OutsideFailure(Problem(id="PB697", message=f"git failed: {error}", hint=hint)) from error
    finally:
        sweep_folder(temporary)
    return commit, author


def _is_just(folder: Path, files: Mapping[str, str]) -> bool:
    """Tell whether the folder has exactly these files, apart from git's own."""
    if not folder.is_dir():
        return False
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != ".git"
    }
    return found == {name: text.encode() for name, text in files.items()}


@contextmanager
def _alone(*folders: Path) -> Iterator[None]:
    """One call after the other in the same folders. The lock is the system's: that of a killed process is gone."""
    with ExitStack() as stack:
        existing = (next(path for path in (folder, *folder.parents) if path.is_dir()) for folder in folders)
        for folder in sorted({path.resolve() for path in existing}):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield

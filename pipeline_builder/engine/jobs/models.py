"""What the container of a model finds in its folders, and what it is told to answer with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.serving import images, programs
from pipeline_builder.engine.jobs.packages import code_archive, model_archive
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.engine.state.store import LocalStore

_LOG = "nginx-log"
Container = Mapping[str, Any]
"""A ContainerDefinition, every reference in it resolved."""


def place_container(step: str, container: Container, ml: Path, store: LocalStore) -> dict[str, Any]:
    """Bring a container's model and code into its folder; return its part of the spec of `inside/transform`.

    Raises:
        InputProblems: PB513 where nothing is known of what would answer, PB522, PB523, PB525.
    """
    from pipeline_builder.engine.jobs.archives import unpack  # validate unpacks nothing

    environment = container.get("Environment") or {}
    program, image = str(environment.get("SAGEMAKER_PROGRAM", "")), str(container.get("Image", ""))
    (ml / "model").mkdir(parents=True)
    if archive := model_archive(step, container, store):
        unpack(archive, ml / "model")
    code = str(environment.get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
    if code.startswith("s3://"):
        unpack(code_archive(code, store), ml / "code")
    if not program and not images.answers_alone(image) and not (ml / "model" / "code" / programs.DEFAULT).is_file():
        message = f"step '{step}': the model has no inference code, and what its image would run is not known here"
        raise InputProblems(Problem(id="PB513", message=message, hint="name it with 'transform.entry_point'"))
    return {
        "model_dir": f"{OPT_ML}/model", "code_dir": f"{OPT_ML}/code", "program": program, "image": image,
    }  # fmt: skip


def doubts_of(container: Container) -> Iterator[Problem]:
    """Yield warnings of what will answer otherwise than its definition looks like; its references may be open."""
    if container.get("ModelPackageName"):
        return  # which has images and code of its own, and a start says which it is
    environment = container.get("Environment") or {}
    program, code = environment.get("SAGEMAKER_PROGRAM", ""), environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    uri = container.get("Image", "")
    if not all(isinstance(value, str) for value in (program, code, uri)):
        return
    image = images.image_of(uri)
    if not program and not images.answers_alone(uri):
        message = f"what answers in the image '{uri}' isn't known: only 'code/inference.py' in the model's archive can"
        yield Problem(id="PB584", message=message, hint="name a program with 'transform.entry_point'", warning=True)
    elif program and code.startswith("s3://") and not programs.looks_outside(uri):
        message = f"the image for {image} looks for its program in the model's archive only, not where '{program}' is"
        yield Problem(id="PB585", message=message, hint="set 'ModelRepack: \"True\"'", warning=True)
    if image and image != images.TENSORFLOW and "/" in program:
        message = f"the image for {image} imports its program by name, and finds none in a folder: '{program}'"
        yield Problem(id="PB586", message=message, hint="put it at the top of the source directory", warning=True)


def server_of(spec: Mapping[str, Any], folder: Path) -> tuple[tuple[Path, str], ...]:
    """Return where a job finds the code of its image's own server as well, nothing where handlers answer.

    `folder` is the job's. These are the places of AWS's examples of own containers, which their scripts name.
    """
    ml = folder / "ml"
    image = images.image_of(spec["image"])
    program = programs.find(
        programs.folders_of(spec["image"], ml / "code", ml / "model"), spec["program"] or programs.DEFAULT
    )
    if image or program is None or programs.kind_of(program) not in (programs.SERVER, programs.APPLICATION):
        return ()
    log = folder / "tmp" / _LOG
    log.mkdir(parents=True, exist_ok=True)
    root = ml / "code" if program.is_relative_to(ml / "code") else ml / "model" / "code"
    return ((root, programs.PLACE), (root, "/home/model-server"), (log, "/var/log/nginx"))


def own_port(folder: Path, *, private: bool) -> int | None:
    """Return the port that a server has for itself in a job's network of its own, None where it can't have one."""
    from pipeline_builder.engine.jobs.isolation import find_isolation

    return programs.PORT if private and find_isolation(folder).network else None

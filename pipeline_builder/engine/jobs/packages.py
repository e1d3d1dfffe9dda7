"""What a step's Python environment is made of: the packages of its image, and those that its code asks for."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.inside.serving import programs
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.requirements import Layers, included_lines
from pipeline_builder.engine.jobs.resolving import own_containers
from pipeline_builder.engine.jobs.trials import as_training
from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.engine.state.store import LocalStore

MODEL = f"{OPT_ML}/model"
LAMBDA = "public.ecr.aws/lambda/python"
"""Stands for what functions have besides their code: no image is named for those."""
_ARCHIVE = "sourcedir.tar.gz"
_REQUIREMENTS = "requirements.txt"
Request = Mapping[str, Any]


def layers_of(step: Step, request: Request, images: Any, store: LocalStore) -> Layers:
    """Return the packages of a step's environment; of a transform those of all of its containers."""
    step, request = as_training(step, request)
    if step.type == "Transform":
        containers = containers_of(request["Model"])
        return tuple(layer for each in containers for layer in container_layers(step.name, each, images, store))
    image, code = image_and_code(step, request)
    plain = step.type == "Processing" and _is_plain(code, store)
    archive = code_archive(code, store) if code.startswith("s3://") and not plain else None
    return _layers(image, images, _requirements(archive, ""))


def container_layers(step: str, container: Request, images: Any, store: LocalStore) -> Layers:
    """Return the packages of a model's container: of its image, and those that are asked for beside its code.

    That is in the archive, or outside of it where the image looks there.
    """
    image = str(container.get("Image", ""))
    code = str((container.get("Environment") or {}).get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
    if code.startswith("s3://") and programs.looks_outside(image):
        return _layers(image, images, _requirements(code_archive(code, store), ""))
    archive = model_archive(step, container, store)
    inside = code.removeprefix(f"{MODEL}/").strip("/") if code.startswith(f"{MODEL}/") else "code"
    return _layers(image, images, _requirements(archive, f"{inside}/"))


def containers_of(model: Request) -> tuple[Request, ...]:
    """Return the containers of a model, in the order in which a request passes them."""
    return tuple(model.get("Containers") or (model["PrimaryContainer"],))


def _layers(image: str, images: Any, asked: tuple[str, ...]) -> Layers:
    """Return the packages of an image, then those that its code asks for."""
    return tuple(layer for layer in (image_packages(image, images), asked) if layer)


def image_packages(image: str, images: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """Return the packages that stand for an image: those of the first pattern that it matches."""
    return next((tuple(lines) for pattern, lines in images if fnmatchcase(image, pattern)), ())


def images_of(step: Step, request: Request) -> tuple[str, ...]:
    """Return the images of a step's job, as far as they are known; of a transform those of its model's containers."""
    step, request = as_training(step, request)
    if step.type == "Transform":
        found = [container.get("Image") for container in own_containers(request.get("Model") or {})]
    else:
        found = [image_and_code(step, request)[0]]
    return tuple(image for image in found if isinstance(image, str))


def image_and_code(step: Step, request: Request) -> tuple[str, str]:
    """Return the image of a step's job and where its code is: an s3:// address or nothing."""
    step, request = as_training(step, request)
    match step.type:
        case "Processing":
            inputs = request.get("ProcessingInputs") or []
            code = next((i["S3Input"]["S3Uri"] for i in inputs if i["InputName"] == "code"), "")
            return str(request["AppSpecification"].get("ImageUri", "")), str(code)
        case "Training":
            return str(request["AlgorithmSpecification"].get("TrainingImage", "")), submit_directory(request)
        case "Lambda":
            return LAMBDA, ""
        case _:
            return "", ""


def submit_directory(request: Request) -> str:
    """Return where a training job's code is."""
    text = (request.get("HyperParameters") or {}).get("sagemaker_submit_directory", "")
    return text[1:-1] if text.startswith('"') else str(text)


def _requirements(archive: Path | None, folder: str) -> tuple[str, ...]:
    """Read requirements.txt beside the code: at the root of its archive, or in a folder of a model's.

    Lists that it includes are those of the same archive.
    """
    if archive is None:
        return ()
    from pipeline_builder.engine.state.digests import unchanged  # validate needs no state

    stamp = unchanged(archive.stat())

    def read(name: str) -> str | None:
        found = _member_of(archive, stamp, f"{folder}{name}")
        return None if found is None else found.decode("utf-8-sig", "replace")

    return included_lines(_REQUIREMENTS, read)


@functools.lru_cache(maxsize=100)
def _member_of(archive: Path, stamp: str, name: str) -> bytes | None:
    """Return a file of an archive. All of a model is read to know that there is none: once for each content."""
    del stamp
    from pipeline_builder.engine.jobs.archives import read_member

    return read_member(archive, (name, f"./{name}"))


def _is_plain(code: str, store: LocalStore) -> bool:
    """Tell whether a processing job's code is a script, or a folder of some, as the SDK's ScriptProcessor has it."""
    if not code.startswith("s3://") or not store.missing([_archive(code)]):
        return False
    return bool(store.objects(code))


def _archive(code: str) -> str:
    return code if code.endswith(".tar.gz") else f"{code.rstrip('/')}/{_ARCHIVE}"


def code_archive(code: str, store: LocalStore) -> Path:
    """Return the archive at an address, or in the folder that it is of; PB522 where there is none."""
    uri = _archive(code)
    found = store.find(uri)
    if found is None:
        message = f"the code archive '{uri}' is not in the store"
        raise InputProblems(Problem(id="PB522", message=message, hint="run 'pipeline-builder apply'"))
    return found


def model_archive(step: str, container: Request, store: LocalStore) -> Path | None:
    """Return the archive of a model's container, None where its model is in its image; PB523 where it isn't there."""
    url = container.get("ModelDataUrl")
    if not url:
        return None
    found = store.find(url)
    if found is None:
        message = f"step '{step}': there is no model artifact at '{url}'"
        raise InputProblems(Problem(id="PB523", message=message))
    return found

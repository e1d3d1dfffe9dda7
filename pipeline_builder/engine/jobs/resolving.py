"""Which containers a model is made of, its own or those of a package; and what of it a batch transform refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.engine.state.package_details import PackageRecord
    from pipeline_builder.engine.state.state import State
    from pipeline_builder.engine.state.store import LocalStore

Request = Mapping[str, Any]
_SPECIFICATIONS = ("InferenceSpecification", "AdditionalInferenceSpecifications")
_MADE_BY_HAND = "make it with CreateModel against 'pipeline-builder serve', or name a model of a step"
_REGISTERED = "name a package as it is registered here: 'group/version', or its whole ARN"


def with_model(step: Step, request: dict[str, Any], results: Mapping[str, Request], state: State) -> dict[str, Any]:
    """Add to a transform request the model that its ModelName names, as `Model`, with its packages resolved.

    A model's own name is new in every execution; what a transform depends on are the containers behind it. A model of
    another execution, or one that somebody has made outside of any, is known by its name.

    Raises:
        InputProblems: PB578 where there is none, PB579 where it is none for batch transform.
    """
    if step.type != "Transform":
        return request
    name = request.get("ModelName")
    made = (result for result in results.values() if result.get("ModelName") == name and "ModelArn" in result)
    model = next(made, None) or _known(state, str(name))
    if model is None:
        raise InputProblems(_no_model(step.name, name))
    containers = resolved_containers(step.name, model, state)
    refused = [*model_refusals(model), *(why for container in containers for why in container_refusals(container))]
    if refused:
        raise InputProblems(*(Problem(id="PB579", message=f"step '{step.name}': {why}") for why in refused))
    isolated = {"EnableNetworkIsolation": True} if model.get("EnableNetworkIsolation") else {}
    found = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": containers}
    return {**request, "Model": {**found, **isolated}}


def _known(state: State, name: str) -> Request | None:
    rows = state.query("SELECT result FROM jobs WHERE kind = 'model' AND name = ?", name)
    return rows[0].json("result") if rows else None


def absent(requests: Mapping[str, tuple[str, Request]], state: State) -> Iterator[Problem]:
    """Yield each model and package that a request names and that isn't there; `requests` are (type, request) by step.

    What a step makes has no name before it runs: a name that is known by then is one of before.
    """
    for name, (kind, request) in requests.items():
        model = request.get("ModelName")
        if kind == "Transform" and isinstance(model, str) and _known(state, model) is None:
            yield _no_model(name, model)
        for container in own_containers(request) if kind == "Model" else ():
            package = container.get("ModelPackageName")
            if isinstance(package, str) and _registered(state, package) is None:
                yield _no_package(name, package)


NAMING = ("Transform", "Model")
"""The types of steps whose requests may name a model, or a package, that no step makes."""


def named_containers(requests: Iterable[tuple[str, Request]], state: State) -> list[Any]:
    """Return what is behind the models and packages that requests, as (type, request), name and no step makes."""
    found: list[Any] = []
    for kind, request in requests:
        name = request.get("ModelName")
        if kind == "Transform" and isinstance(name, str):
            found.append(_known(state, name))
        for container in own_containers(request) if kind == "Model" else ():
            package = container.get("ModelPackageName")
            record = _registered(state, package) if isinstance(package, str) else None
            if record:
                found.append({key: record.members.get(key) for key in _SPECIFICATIONS})
    return found


def _no_model(step: str, name: Any) -> Problem:
    message = f"step '{step}': there is no model '{name}', neither of this execution nor of another"
    return Problem(id="PB578", message=message, hint=_MADE_BY_HAND)


def _no_package(step: str, name: str) -> Problem:
    message = f"step '{step}': there is no model package '{name}' in the registry of this machine"
    return Problem(id="PB578", message=message, hint=_REGISTERED)


def _registered(state: State, package: str) -> PackageRecord | None:
    """Return a package of the registry by its ARN, or by what it is called there."""
    from pipeline_builder.engine.state.package_details import find_package  # validate needs no state
    from pipeline_builder.engine.state.registry import ARN

    return find_package(state, package if ":" in package else f"{ARN}/{package}")


def own_containers(model: Request) -> list[Request]:
    """Return the container definitions of a CreateModel request, in their order; what isn't known yet is none."""
    several = model.get("Containers")
    found: list[Any] = [model.get("PrimaryContainer"), *(several if isinstance(several, list) else ())]
    return [container for container in found if isinstance(container, Mapping) and container]


def resolved_containers(step: str, model: Request, state: State) -> list[dict[str, Any]]:
    """Return a model's containers, those of a package in the place of whatever names it.

    Raises:
        InputProblems: PB578 where there is no such package or specification.
    """
    return [found for container in own_containers(model) for found in _resolved(step, container, state)]


def _resolved(step: str, container: Request, state: State) -> Iterator[dict[str, Any]]:
    name = container.get("ModelPackageName")
    if not name:
        yield dict(container)
        return
    given = {key: value for key, value in container.items() if not key.endswith("Name")}
    for inner in _package_containers(step, str(name), container.get("InferenceSpecificationName"), state):
        environment = {**(inner.get("Environment") or {}), **(container.get("Environment") or {})}
        yield {**inner, **given, **({"Environment": environment} if environment else {})}


def _package_containers(step: str, name: str, specification: str | None, state: State) -> list[Any]:
    package = _registered(state, name)
    if package is None:
        raise InputProblems(_no_package(step, name))
    more = {one.get("Name"): one for one in package.members.get("AdditionalInferenceSpecifications") or ()}
    found = more.get(specification) if specification else package.members.get("InferenceSpecification")
    containers = (found or {}).get("Containers")
    if not containers:
        what = f"no inference specification '{specification}'" if specification else "no containers"
        hint = f"it has: {', '.join(map(str, more))}" if more else ""
        message = f"step '{step}': the model package '{name}' has {what}"
        raise InputProblems(Problem(id="PB578", message=message, hint=hint))
    return list(containers)


def model_refusals(model: Request) -> Iterator[str]:
    """Yield why batch transform can't run a model, as a CreateModel request has it."""
    if len(model.get("Containers") or ()) > 1 and (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct":
        yield (
            "the model's InferenceExecutionConfig.Mode is 'Direct', where a request names the container that answers, "
            "and those of a batch transform name none: leave it out, or write 'Serial'"
        )


def container_refusals(container: Request) -> Iterator[str]:
    """Yield why batch transform can't run a container of a model."""
    if container.get("ModelDataSource"):
        yield (
            "SageMaker Batch currently doesn't support Model entity with container definitions which use "
            "ModelDataSource attribute: give the artifact as ModelDataUrl, a '.tar.gz'"
        )
    if container.get("Mode") == "MultiModel":
        yield (
            "the model's container is of the mode 'MultiModel', where a request names the model that answers, and "
            "those of a batch transform name none: make a model of the one archive"
        )


def check_model(step: str, request: Request, state: State, store: LocalStore) -> None:
    """Make sure that a CreateModel request has containers, and that their artifacts are there.

    Raises:
        InputProblems: PB523, PB578, PB580.
    """
    if bool(request.get("PrimaryContainer")) == bool(request.get("Containers")):
        has = "both 'PrimaryContainer' and 'Containers'" if request.get("Containers") else "no container"
        message = f"step '{step}': the model has {has}, expected one of 'PrimaryContainer' and 'Containers'"
        raise InputProblems(Problem(id="PB580", message=message))
    missing = [
        address
        for container in resolved_containers(step, request, state)
        for address in _addresses(container)
        if not _is_there(address, store)
    ]
    if missing:
        said = (f"step '{step}': there is no model artifact at '{address}'" for address in missing)
        raise InputProblems(*(Problem(id="PB523", message=message) for message in said))


def _addresses(container: Request) -> Iterator[str]:
    """Yield where a container's artifacts are; a prefix ends with '/'."""
    for source in (container.get("ModelDataSource"), *(container.get("AdditionalModelDataSources") or ())):
        if uri := ((source or {}).get("S3DataSource") or {}).get("S3Uri"):
            yield str(uri)
    if url := container.get("ModelDataUrl"):
        yield f"{str(url).rstrip('/')}/" if container.get("Mode") == "MultiModel" else str(url)


def _is_there(address: str, store: LocalStore) -> bool:
    return bool(store.objects(address)) if address.endswith("/") else store.find(address) is not None

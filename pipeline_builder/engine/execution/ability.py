"""What this machine can't do of a definition, and what has no effect on it: all of it, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.document.document import Document, Step, load_definition
from pipeline_builder.engine.document.known import resolve_known
from pipeline_builder.engine.document.members import DataPath
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.jobs.handing import secrets_of
from pipeline_builder.engine.jobs.looking import Seen, look
from pipeline_builder.engine.jobs.packages import image_and_code, image_packages, images_of
from pipeline_builder.engine.jobs.processes import faults_of
from pipeline_builder.engine.jobs.requirements import Layers, clean_layers, pythons_of
from pipeline_builder.engine.jobs.training import framework_parameters, group_of
from pipeline_builder.engine.jobs.trials import DEFINITION, as_training
from pipeline_builder.engine.state.elsewhere import Elsewhere
from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.target import SecretGiver

Request = Mapping[str, Any]
_JOBS = ("Processing", "Training", "Transform", "Tuning")
_MOST_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Unable:
    """A problem of a step, which is named in it, or a note about several; `path` is the member of the request."""

    step: str
    path: DataPath
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What this machine has to run steps with: folders for data that are in no bucket, and packages.

    `layers` returns the packages of a step's environment; it may raise InputProblems where its code isn't there yet,
    and then those of its `images` are known. `secrets` is what gives jobs theirs, where that is known to refuse all.
    """

    elsewhere: Elsewhere
    layers: Callable[[Step, Request], Layers]
    images: Sequence[tuple[str, tuple[str, ...]]] = ()
    secrets: SecretGiver | None = None


def find_unable(document: Document, scope: Scope, means: Means, *, steps: Collection[str] = ()) -> tuple[Unable, ...]:
    """Return what this machine can't do of the steps, by default of all, with the parameters that the scope has.

    What has no effect is said once for each member, of all the steps that have it, as a warning.
    """
    requests = {step.name: resolve_known(step.arguments, scope) for step in document.steps}
    wanted = [step for step in document.steps if not steps or step.name in steps]
    seen = [(step, found) for step in wanted for found in _look(step, _whole(step, requests), means)]
    refused = [
        Unable(step=step.name, path=found.path, problem=_named(step, found.problem))
        for step, found in seen
        if not found.problem.warning
    ]
    return (*refused, *_notes((step.name, found) for step, found in seen if found.problem.warning))


def look_at(
    content: bytes,
    *,
    sources: Mapping[str, Path],
    images: Sequence[tuple[str, tuple[str, ...]]],
    requirements: Callable[[str], tuple[str, ...]],
) -> tuple[Unable, ...]:
    """Return what this machine can't do of a definition that nobody has deployed, with its parameters' defaults.

    `requirements` returns the lines beside the code at an address. What it can't do of a tuning is said by
    `find_unrunnable`: as the steps that it runs none of, one may have a stub.

    Raises:
        InputProblems: PB501 to PB503 of `load_definition`.
    """
    document = load_definition(content)
    defaults = {item.name: item.default for item in document.parameters if item.default is not None}

    def layers(step: Step, request: Request) -> Layers:
        _, code = image_and_code(step, request)
        return (*_image_layers(step, request, images), requirements(code))

    means = Means(elsewhere=Elsewhere(sources), layers=layers, images=images)
    found = find_unable(document, Scope(parameters=defaults, execution={}), means)
    tunings = {step.name for step in document.steps if step.type == "Tuning"}
    return tuple(one for one in found if one.problem.warning or one.step not in tunings)


def refuse_unable(found: Iterable[Unable], more: Iterable[Problem] = ()) -> None:
    """Raise InputProblems with what can't be done, and with `more`; notes are none."""
    if refused := [*(unable.problem for unable in found if not unable.problem.warning), *more]:
        raise InputProblems(*refused)


def _whole(step: Step, requests: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's request; of a Transform with the model that a step of the definition makes for it."""
    request: dict[str, Any] = requests[step.name]
    named = request.get("ModelName") if step.type == "Transform" else None
    path = named.get("Get", "") if isinstance(named, dict) else ""
    model = requests.get(path.removeprefix("Steps.").removesuffix(".ModelName"))
    return {**request, "Model": model} if model else request


def _look(step: Step, request: dict[str, Any], means: Means) -> Iterator[Seen]:
    yield from look(step.type, request, means.elsewhere)
    if step.type not in _JOBS or (step.type == "Transform" and "Model" not in request):
        return
    if means.secrets:
        try:
            secrets_of(as_training(step, request)[1], means.secrets)
        except InputProblems as error:
            yield from (Seen(path=("Environment",), problem=problem) for problem in error.problems)
    known: Layers | None = None
    try:
        layers = known = means.layers(step, request)
    except (InputProblems, KeyError, TypeError, AttributeError):  # its code isn't there, or isn't known yet
        layers = _image_layers(step, request, means.images)
    yield from _processes(step, request, known)
    try:
        clean_layers(layers)
        for version in pythons_of(layers):
            from pipeline_builder.engine.jobs.interpreters import find_interpreter, refuse_too_old  # starts programs

            find_interpreter(version)
            if step.type == "Transform":
                refuse_too_old(version)
    except InputProblems as error:
        yield from (Seen(path=(), problem=problem) for problem in error.problems)


def _processes(step: Step, request: Request, layers: Layers | None) -> Iterator[Seen]:
    """Yield why several processes can't be started here, of a training or of a tuning's trainings."""
    training, asked = as_training(step, request)
    own = (asked.get("AlgorithmSpecification") or {}).get("ContainerEntrypoint")
    if training.type != "Training" or own or not isinstance(asked.get("HyperParameters"), dict):
        return
    member = (DEFINITION, "StaticHyperParameters") if step.type == "Tuning" else ("HyperParameters",)
    for name, problem in faults_of(framework_parameters(asked), group_of(asked), layers):
        yield Seen(path=(*member, name), problem=problem)


def _image_layers(step: Step, request: Request, images: Sequence[tuple[str, tuple[str, ...]]]) -> Layers:
    """Return the packages that are known by a step's images alone."""
    try:
        return tuple(image_packages(image, images) for image in images_of(step, request))
    except (KeyError, TypeError, AttributeError):  # they aren't known yet
        return ()


def _named(step: Step, problem: Problem) -> Problem:
    return replace(problem, message=f"step '{step.name}': {problem.message}")


def _notes(found: Iterable[tuple[str, Seen]]) -> Iterator[Unable]:
    """Yield each note once, with the steps that it is about."""
    about: dict[str, list[tuple[str, Seen]]] = {}
    for name, seen in found:
        about.setdefault(seen.problem.message, []).append((name, seen))
    for each in about.values():
        names = list(dict.fromkeys(name for name, _ in each))
        more = f" and {len(names) - _MOST_STEPS} more" if len(names) > _MOST_STEPS else ""
        first, seen = each[0]
        message = f"{seen.problem.message} ({', '.join(names[:_MOST_STEPS])}{more})"
        yield Unable(step=first, path=seen.path, problem=replace(seen.problem, message=message))

"""What a model package was made by: the steps of its run that lead to it, with what each was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.dag.named import names_in
from pipeline_builder.dag.outline import outline
from pipeline_builder.dag.requests import Ran, request_of
from pipeline_builder.release.record import StepRecord
from pipeline_builder.views.trials import unquoted

_IMAGES = {"TrainingImage", "ImageUri", "Image"}
_HYPERPARAMETERS = {"HyperParameters", "StaticHyperParameters"}
_OWN = ("sagemaker_", "sagemaker-", "_tuning")
"""How hyperparameters begin that say how a script is started, and nothing of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeStep:
    """A step that led to a package: the images, code and addresses of data that its request names.

    `parameters` are the pipeline parameters that it uses, `reads` what it is given from outside of the run.
    """

    name: str
    type: str
    step_class: str
    model: str
    depends_on: tuple[str, ...] = ()
    status: str = ""
    cache_hit: str = ""
    stub: str = ""
    seconds: float | None = None
    images: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    hyperparameters: Mapping[str, str] = field(default_factory=dict)


def made_by(ran: Ran, definition: bytes, steps: Sequence[StepRecord], step: str) -> tuple[MadeStep, ...]:
    """Return the steps of a run that its step `step` depends on, and that itself, in the order of the definition.

    `steps` say what became of them, as far as anybody has noted it.
    """
    before = {one.name: one for one in outline(definition)}
    known = {one.name: one for one in steps}
    wanted = _leading_to(step, {name: one.depends_on for name, one in before.items()})
    return tuple(
        _made(one.name, one.type, one.depends_on, ran, known.get(one.name))
        for one in before.values()
        if one.name in wanted
    )


def users_of(definition: bytes, made: Sequence[MadeStep], steps: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Return the steps of other models that use what these have made, by the model; `steps` has the model of each."""
    own = {one.name for one in made}
    mine = {one.model for one in made}
    found: dict[str, list[str]] = {}
    for one in outline(definition):
        model = steps.get(one.name, "")
        if one.name not in own and model and model not in mine and own & {*one.depends_on}:
            found.setdefault(model, []).append(one.name)
    return {model: tuple(names) for model, names in found.items()}


def _leading_to(step: str, before: Mapping[str, Sequence[str]]) -> frozenset[str]:
    seen, todo = {step}, [step]
    while todo:
        new = [name for name in before.get(todo.pop(), ()) if name not in seen]
        seen.update(new)
        todo += new
    return frozenset(seen)


def _made(name: str, kind: str, depends_on: tuple[str, ...], ran: Ran, record: StepRecord | None) -> MadeStep:
    request = request_of(name, lambda _: ran)
    raw = json.dumps(ran.steps.get(name))
    return MadeStep(
        name=name,
        type=kind,
        step_class=record.step_class if record else kind,
        model=record.model if record else "",
        depends_on=depends_on,
        status=record.status if record else "",
        cache_hit=record.cache_hit if record else "",
        stub=record.stub if record else "",
        seconds=_seconds(record),
        images=tuple(dict.fromkeys(_texts(request, _IMAGES))),
        code=tuple(uri for uri in names_in(json.dumps(request)) if not _is_list(uri)),
        reads=tuple(dict.fromkeys(_given(ran.steps.get(name), ran))),
        parameters=frozenset(one for one in ran.parameters if f'"Parameters.{one}"' in raw),
        hyperparameters={**_hyperparameters(request), **_chosen(record)},
    )


def _seconds(record: StepRecord | None) -> float | None:
    if record is None or not record.started or not record.ended or record.cache_hit or record.stub:
        return None
    return (record.ended - record.started).total_seconds()


def _texts(value: Any, keys: set[str]) -> Iterator[str]:
    """Yield the texts that stand under one of these keys, however deep."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        if key in keys and isinstance(item, str):
            yield item
        elif isinstance(item, dict | list):
            yield from _texts(item, keys)


def _given(step: Any, ran: Ran) -> Iterator[str]:
    """Yield the addresses that a step reads and that no step of the run has made: they stand in it as texts.

    An address of code, and one that is joined of a step's result, is none of them; a parameter's value may be one.
    """
    arguments = step.get("Arguments") if isinstance(step, dict) else None
    inputs = arguments if isinstance(arguments, dict) else {}
    for key in ("ProcessingInputs", "InputDataConfig", "TransformInput"):
        for uri in _uris(inputs.get(key), ran):
            if uri.startswith("s3://") and (_is_list(uri) or not names_in(uri)):
                yield uri


def _is_list(uri: str) -> bool:
    """Tell whether an address is that of a list of data files, which is named by its content as code is."""
    return uri.endswith("/manifest.json")


def _uris(value: Any, ran: Ran) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        if key == "S3Uri" and isinstance(item, str):
            yield item
        elif key == "S3Uri" and isinstance(item, dict) and "Steps." not in json.dumps(item):
            if isinstance(text := _filled(item, ran), str):
                yield text
        elif isinstance(item, dict | list):
            yield from _uris(item, ran)


def _filled(value: Any, ran: Ran) -> str | None:
    """Return a reference that no step is in, with its values."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    if isinstance(path := value.get("Get"), str):
        return {f"Parameters.{k}": v for k, v in ran.parameters.items()}.get(path) or {
            f"Execution.{k}": v for k, v in ran.variables.items()
        }.get(path)
    join = value.get("Std:Join")
    if not isinstance(join, dict):
        return None
    parts = [_filled(part, ran) for part in join.get("Values") or ()]
    return None if None in parts else str(join.get("On", "")).join(map(str, parts))


def _hyperparameters(request: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, item in request.items() if isinstance(request, dict) else ():
        if key in _HYPERPARAMETERS and isinstance(item, dict):
            found |= {str(name): unquoted(str(value)) for name, value in item.items() if not str(name).startswith(_OWN)}
        elif isinstance(item, dict):
            found |= _hyperparameters(item)
        elif isinstance(item, list):
            for one in item:
                found |= _hyperparameters(one)
    return found


def _chosen(record: StepRecord | None) -> dict[str, str]:
    """Return what the best training of a tuning was given."""
    best = next(iter(record.trials), None) if record else None
    if best is None or best.objective is None:
        return {}
    return {name: unquoted(value) for name, value in best.values.items() if not name.startswith(_OWN)}

"""Models that jobs and endpoints run: of a step of the same repository, for they run as their model's role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.requests import UNKNOWABLE
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import is_expression
from pipeline_builder.documents.members import at
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import DataPath
from pipeline_builder.documents.values import Settings
from pipeline_builder.manifest.patterns import covers_any
from pipeline_builder.manifest.refusal import Refused
from pipeline_builder.regions.partitions import partition_of

_MADE = re.compile(r"Steps\.([^.\[]+)\.ModelName")
# Types of steps that use a model by its name.
_USING = ("ClarifyCheck", "EndpointConfig", "InferenceComponent", "Transform")


def check_model(asking: Asking, repositories: Mapping[str, str], settings: Settings) -> Iterator[Refused]:
    """Yield the models of a transform job, or of an endpoint, that are another repository's, or of nobody's steps and
    not in the policy.
    """
    for path in _names(asking.request, ()) if asking.type in _USING else ():
        yield from _check_name(asking, repositories, settings, path)


def _names(value: JSON, path: DataPath) -> Iterator[DataPath]:
    """Yield where a request names a model: by itself, or in each of its variants."""
    if isinstance(value, dict) and not is_expression(value):
        if "ModelName" in value:
            yield (*path, "ModelName")
        for key, item in value.items():
            yield from _names(item, (*path, key))
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from _names(item, (*path, index))


def _check_name(
    asking: Asking, repositories: Mapping[str, str], settings: Settings, path: DataPath
) -> Iterator[Refused]:
    repo, value = asking.rules.repo, at(asking.request, path)
    if maker := _maker(value):
        other = repositories.get(maker, repo)
        if other != repo:
            message = f"it would run the model of the step '{maker}' of '{other}', as that repository's role"
            yield asking.forbid("PB231", message, path, "leave 'ModelName' out of 'arguments'")
        return
    meaning = asking.known.meaning(value)
    if meaning.text is None:
        if not meaning.waits:
            yield asking.forbid("PB231", "the model is known only when the pipeline runs", path, UNKNOWABLE)
        return
    arn = (
        f"arn:{partition_of(settings.region).name}:sagemaker:{settings.region}:{settings.account}:model/{meaning.text}"
    )
    if not covers_any(asking.rules.read, arn):
        message = (
            f"no step makes the model {describe(meaning.text)}, and the policy of '{repo}' doesn't let it run that"
        )
        yield asking.refuse("PB231", "read", arn, message, path)


def _maker(value: JSON) -> str:
    """Return the step whose model it is."""
    path = value.get("Get") if isinstance(value, dict) else None
    match = _MADE.fullmatch(path) if isinstance(path, str) else None
    return match[1] if match else ""

"""Models that transform jobs run: of a step of the same repository, for a job runs as its model's role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline_builder.definition.check.members import member_at
from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.requests import UNKNOWABLE
from pipeline_builder.definition.roles import partition_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.values import Settings
from pipeline_builder.manifest.patterns import covers_any
from pipeline_builder.manifest.refusal import Refused

_MADE = re.compile(r"Steps\.([^.\[]+)\.ModelName")
_PATH = ("ModelName",)


def check_model(asking: Asking, repositories: Mapping[str, str], settings: Settings) -> Iterator[Refused]:
    """Yield the model of a transform job that is another repository's, or of nobody's steps and not in the policy."""
    if asking.type != "Transform":
        return
    repo, value = asking.rules.repo, member_at(asking.request, _PATH)
    if maker := _maker(value):
        other = repositories.get(maker, repo)
        if other != repo:
            message = f"it would run the model of the step '{maker}' of '{other}', as that repository's role"
            yield asking.forbid("PB231", message, _PATH, "leave 'ModelName' out of 'arguments'")
        return
    meaning = asking.known.meaning(value)
    if meaning.text is None:
        if not meaning.waits:
            yield asking.forbid("PB231", "the model is known only when the pipeline runs", _PATH, UNKNOWABLE)
        return
    arn = f"arn:{partition_of(settings.region)}:sagemaker:{settings.region}:{settings.account}:model/{meaning.text}"
    if not covers_any(asking.rules.read, arn):
        message = (
            f"no step makes the model {describe(meaning.text)}, and the policy of '{repo}' doesn't let it run that"
        )
        yield asking.refuse("PB231", "read", arn, message, _PATH)


def _maker(value: JSON) -> str:
    """Return the step whose model it is."""
    path = value.get("Get") if isinstance(value, dict) else None
    match = _MADE.fullmatch(path) if isinstance(path, str) else None
    return match[1] if match else ""

"""A policy that allows what today's confs ask for: what is written already, and for each repository what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.policy import PolicySection, RulesSection
from pipeline_builder.manifest.refusal import Refused, flow, shown_span

# What one place keeps from being found is found when that one is allowed: a path of `${NAME}`, say.
_ROUNDS = 6
_INSTANCES = ("types", "count")
_VARIABLE = "PB236"
Policies = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The section as text, and the problems that no policy takes away."""

    text: str
    problems: tuple[Problem, ...]


def suggest(manifest: Manifest, compose: Callable[[Manifest], object]) -> Suggestion:
    """Return what the policy would have to say; `compose` composes everything, and raises what is wrong."""
    section = manifest.policy.section
    wanted: Policies = {}
    reasons: dict[tuple[str, str], dict[Place | None, None]] = {}
    found: tuple[Problem, ...] = ()
    waiting: list[Refused] = []
    for _ in range(_ROUNDS):
        found = _problems(manifest, compose)
        refused = [problem for problem in found if isinstance(problem, Refused) and problem.grant]
        # Where nothing is composed any more, as a variable has no value here, what was seen before that still holds.
        if not (refused := refused or waiting):
            break
        # A variable that isn't filled in makes another text of all that it is in.
        chosen = [one for one in refused if one.id == _VARIABLE] or refused
        waiting = [one for one in refused if one.id != _VARIABLE and not _is_open(one)] if chosen != refused else []
        for problem in chosen:
            _add(section, wanted, problem, reasons)
        manifest = _widened(manifest, section, wanted)
    return Suggestion(text=_render(section, wanted, reasons), problems=found)


def _problems(manifest: Manifest, compose: Callable[[Manifest], object]) -> tuple[Problem, ...]:
    try:
        compose(manifest)
    except InputProblems as error:
        return error.problems
    return ()


def _is_open(refused: Refused) -> bool:
    """Tell whether a placeholder stands in what it would have the policy say."""
    return refused.grant is not None and "${" in str(refused.grant[2])


def _add(
    section: PolicySection, wanted: Policies, problem: Refused, reasons: dict[tuple[str, str], dict[Place | None, None]]
) -> None:
    assert problem.grant is not None
    repo, key, value = problem.grant
    before = wanted.setdefault(repo, {}).get(key, _written(section, repo, key))
    after = _more(before, value, key)
    if after != before:
        wanted[repo][key] = after
        reasons.setdefault((repo, "instances" if key in _INSTANCES else key), {})[problem.place] = None


def _written(section: PolicySection, repo: str, key: str) -> Any:
    """Return what holds for a repository, as it is written."""
    own = section.repos.get(repo)
    for source in (own, section):
        holder = source.instances if source and key in _INSTANCES else source
        fields = source.model_fields_set if source else set()
        inner = holder.model_fields_set if holder else set()
        if holder and key in inner and (key not in _INSTANCES or "instances" in fields):
            return getattr(holder, key)
    return getattr(section.instances if key in _INSTANCES else section, key)


def _more(before: Any, value: Any, key: str) -> Any:
    if isinstance(value, list):
        return tuple(entry for entry in before if entry in value)
    if isinstance(before, tuple):
        return before if value in before else (*before, value)
    if isinstance(before, Mapping):
        return {**before, **value}
    return max(before, value) if key in ("count", "max_runtime") else value


def _widened(manifest: Manifest, section: PolicySection, wanted: Policies) -> Manifest:
    data = section.model_dump(exclude_unset=True)
    repos = data.setdefault("repos", {})
    for repo, keys in wanted.items():
        repos.setdefault(repo, {}).update(_nested(section, repo, keys))
    policy = manifest.policy.model_copy(update={"section": PolicySection.model_validate(data)})
    return manifest.model_copy(update={"policy": policy})


def _nested(section: PolicySection, repo: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a repository as they are nested in the file."""
    plain = {key: value for key, value in keys.items() if key not in _INSTANCES}
    instances = {key: keys[key] for key in _INSTANCES if key in keys}
    if instances:
        own = section.repos.get(repo, RulesSection())
        plain["instances"] = own.instances.model_dump(exclude_unset=True) | instances
    return plain


def _render(
    section: PolicySection, wanted: Policies, reasons: Mapping[tuple[str, str], Mapping[Place | None, None]]
) -> str:
    lines = ["policy:"]
    lines += [
        f"  {key}: {_value(key, value)}"
        for key, value in section.model_dump(exclude_unset=True).items()
        if key != "repos"
    ]
    repos = {name: rules.model_dump(exclude_unset=True) for name, rules in section.repos.items()}
    for name, keys in wanted.items():
        repos[name] = repos.get(name, {}) | _nested(section, name, keys)
    shown = {name: keys for name, keys in sorted(repos.items()) if keys}
    lines += ["  repos:"] if shown else []
    for name, keys in shown.items():
        lines.append(f"    {name}:")
        for key in RulesSection.model_fields:
            if key in keys:
                lines += [f"      # {reason}" for reason in _reasons(reasons.get((name, key), {}))]
                lines.append(f"      {key}: {_value(key, keys[key])}")
    return "\n".join(lines if len(lines) > 1 else ["policy: {}"])


def _reasons(places: Mapping[Place | None, None]) -> Iterator[str]:
    yield from sorted({str(place) for place in places if place})


def _value(key: str, value: Any) -> str:
    if key == "max_runtime":
        return shown_span(value)
    return flow(sorted(value) if isinstance(value, tuple) else value)

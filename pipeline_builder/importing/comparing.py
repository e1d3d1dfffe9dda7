"""What is different between the definition that was given and the one that a conf composes to, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.dag import caching
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER, UNKNOWN_COMMIT

Mapped = Mapping[str, Any]
NOTHING: Any = type("Nothing", (), {"__repr__": lambda _: "nothing"})()
"""What stands on the side that doesn't have it."""
BRANCHES = ("IfSteps", "ElseSteps")
_OUR_PARAMETERS = (MANIFEST_PARAMETER, caching.PARAMETER)
_COMMIT = "Commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place in the definition, such as `Steps[Train].Arguments.Tags`, what was given there, and what is composed."""

    place: str
    given: Any
    composed: Any
    why: str

    @property
    def kind(self) -> str:
        """In a word: lost, added or changed."""
        return "lost" if self.composed is NOTHING else "added" if self.given is NOTHING else "changed"


def flat(definition: Mapped) -> dict[str, dict[str, Any]]:
    """Return every step by its name, those in branches too; a Condition step has the names of these in their place."""
    found: dict[str, dict[str, Any]] = {}

    def look(steps: Any) -> None:
        for step in steps or ():
            found[step["Name"]] = plain = _plain_step(step)
            if step.get("Type") == "Condition":
                for branch in BRANCHES:
                    inner = (step.get("Arguments") or {}).get(branch) or []
                    look(inner)
                    plain["Arguments"][branch] = [one["Name"] for one in inner]

    look(definition.get("Steps"))
    return found


def _plain_step(step: Mapped) -> dict[str, Any]:
    plain: dict[str, Any] = without_none(step)
    plain["Arguments"] = dict(plain.get("Arguments") or {})
    waits = [_waited(one) for one in plain.pop("DependsOn", None) or ()]
    if waits:
        plain["DependsOn"] = sorted(waits)
    if isinstance(outputs := plain.get("OutputParameters"), list):
        plain["OutputParameters"] = sorted(outputs, key=_output_name)
    if not plain.get("OutputParameters"):
        plain.pop("OutputParameters", None)
    return plain


def _output_name(one: Any) -> str:
    return str(one.get("OutputName")) if isinstance(one, dict) else ""


def _waited(one: Any) -> str:
    if isinstance(one, dict):
        trigger = one.get("Trigger", "Completed")
        return str(one.get("Step")) if trigger == "Completed" else f"{one.get('Step')} ({trigger})"
    return str(one)


def without_none(value: Any) -> Any:
    """Return the value without members that are null: those say nothing."""
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    """Tell whether two values of JSON are the same: true is no number, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def differences(given: Mapped, composed: Mapped) -> list[Difference]:
    """Return all differences: of steps, of parameters, of what else a definition has."""
    found = [*_of_steps(flat(given), flat(composed)), *_of_parameters(given, composed)]
    rest = {key: value for key, value in given.items() if key not in ("Version", "Steps", "Parameters") and value}
    for key, value in rest.items():
        if not same(without_none(value), composed.get(key)):
            found.append(Difference(place=key, given=value, composed=NOTHING, why=_of_whole(key)))
    return found


def _of_whole(key: str) -> str:
    if key == "PipelineExperimentConfig":
        return "a conf makes no experiment of each execution"
    return "a conf has no place for it"


def _of_steps(given: Mapped, composed: Mapped) -> Iterator[Difference]:
    for name, step in given.items():
        if name not in composed:
            why = "the conf composes no such step: see the problems"
            yield Difference(place=f"Steps[{name}]", given=step, composed=NOTHING, why=why)
            continue
        for path, one, other in walk(step, composed[name], f"Steps[{name}]"):
            yield Difference(place=path, given=one, composed=other, why=_why(path, one, other))
    for name in composed.keys() - given.keys():
        yield Difference(place=f"Steps[{name}]", given=NOTHING, composed=composed[name], why="made by composing")


def _why(path: str, given: Any, composed: Any) -> str:
    if path.endswith((f".{caching.VARIABLE}", f".{caching.HYPERPARAMETER}")) or _is_ours(composed):
        return "cached steps are held to the executions that may answer them"
    if composed is NOTHING:
        return "a conf has no place for it"
    return "composing adds it" if given is NOTHING else "a conf says it in another way"


def _is_ours(composed: Any) -> bool:
    return isinstance(composed, Mapping) and set(composed) == {caching.VARIABLE}


def _of_parameters(given: Mapped, composed: Mapped) -> Iterator[Difference]:
    before = {one["Name"]: without_none(one) for one in given.get("Parameters") or ()}
    after = {one["Name"]: one for one in composed.get("Parameters") or ()}
    for name in (*before, *(name for name in after if name not in before)):
        for path, one, other in walk(before.get(name, NOTHING), after.get(name, NOTHING), f"Parameters[{name}]"):
            yield Difference(place=path, given=one, composed=other, why=_of_parameter(name, one, other))


def _of_parameter(name: str, given: Any, composed: Any) -> str:
    if given is NOTHING and name == caching.PARAMETER:
        return "cached steps are held to the executions that may answer them"
    ours = isinstance(composed, Mapping) and composed.get("DefaultValue") == UNKNOWN_COMMIT
    if given is NOTHING and (name in _OUR_PARAMETERS or (ours and name.startswith(_COMMIT))):
        return "each execution is told the commits that it is made of"
    return "a conf has no place for it" if composed is NOTHING else "composing adds it"


def walk(given: Any, composed: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield each innermost place where two values are different."""
    if same(given, composed):
        return
    if not isinstance(given, Mapping) or not isinstance(composed, Mapping):
        yield path, given, composed
        return
    for key in (*given, *(key for key in composed if key not in given)):
        one, other = given.get(key, NOTHING), composed.get(key, NOTHING)
        yield from walk(one, other, f"{path}.{key}")

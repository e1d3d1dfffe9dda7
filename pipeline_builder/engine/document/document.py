"""The definition as the engine reads it: every step, nested ones too, in topological order, or why it can't run."""

from __future__ import annotations

import functools
import graphlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import is_unicode

VERSION = "2020-12-01"
STEP_TYPES = (
    "Processing", "Training", "Tuning", "Model", "Transform", "RegisterModel", "Condition", "Fail", "Lambda",
    "Callback",
)  # fmt: skip
"""The types that are run here; a step of any other needs a stub."""
# What a step of one of these may have besides; anything else asks for something that would not happen.
_STEP_KEYS = {
    "Name", "Type", "Arguments", "DependsOn", "CacheConfig", "PropertyFiles", "RetryPolicies", "DisplayName",
    "Description",
}  # fmt: skip
# What those have besides that call somebody, beside their arguments.
_CALL_KEYS: Mapping[str, frozenset[str]] = {
    "Lambda": frozenset(("FunctionArn", "OutputParameters")),
    "Callback": frozenset(("SqsQueueUrl", "OutputParameters")),
}
# The steps of each branch of a Condition step, by the outcome that takes it.
_BRANCHES = {"IfSteps": True, "ElseSteps": False}
_TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
# Half a character, as JSON's escape or, which its reader takes as well, as bytes; or what looks like it.
_MAY_BE_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed")
# What the service does where a policy leaves it open [documentation of retry policies].
_RETRY = {"IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Where a nested step stands: it runs if the Condition step `condition` comes out as `outcome`."""

    condition: str
    outcome: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a step is tried again: `interval` seconds after the first failure, each time `backoff` times longer.

    `attempts` counts the tries after the first, None where only time is the limit; `minutes` is that limit, or None.
    """

    exceptions: tuple[str, ...]
    interval: float
    backoff: float
    attempts: int | None
    minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step as it stands in the definition; `before` has all that it waits for, by DependsOn or by reference.

    A nested step waits for its Condition step too, and `arguments` of a Condition step are its conditions only: the
    steps inside are steps of their own. `property_files` maps names to (output, path below it).

    `beside` has the members beside the arguments of types that no job is of. `triggers` maps those of `before` that the
    step waits for by a run condition to the end that lets it run. Of each group of `rejoins`, steps of both branches of
    a condition, those count that aren't skipped; `inner` are the steps of conditions that it waits for as a whole,
    skipped or not.
    """

    name: str
    type: str
    arguments: Mapping[str, Any]
    before: tuple[str, ...]
    cached: bool = False
    expire_after: str = ""
    branch: Branch | None = None
    property_files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    retries: tuple[Retry, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    triggers: Mapping[str, str] = field(default_factory=dict)
    rejoins: tuple[frozenset[str], ...] = ()
    inner: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A pipeline parameter; `default` is None where a value has to be given, `allowed` empty where any value is."""

    name: str
    type: str
    default: str | int | float | bool | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A definition that the engine can run; `steps` are in topological order, stable against the document's."""

    content: bytes
    sha256: str
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...]


def with_nested(document: Document, names: Iterable[str]) -> frozenset[str]:
    """Return the names, and those of all steps inside of the Condition steps among them."""
    found = set(names)
    for step in document.steps:  # a Condition step comes before the steps inside of it
        if step.branch and step.branch.condition in found:
            found.add(step.name)
    return frozenset(found)


@functools.lru_cache(maxsize=4)  # one run asks for the same bytes again and again; nobody changes a document
def load_definition(content: bytes) -> Document:
    """Read a definition.

    Raises:
        InputProblems: PB501 for what the engine can't execute, PB502 for an unknown step, PB503 for a cycle.
    """
    try:
        data = _loaded(content)
        placed = list(_placed(data["Steps"]))
        names = Counter(str(step["Name"]) for step, _ in placed)
        version = data["Version"]
        referred: dict[str, list[str]] = {}
        problems = [problem for step, _ in placed for problem in _refused(step, names, referred)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputProblems(_problem("PB501", f"this is no pipeline definition: {error}")) from error
    if version != VERSION:
        problems.append(_problem("PB501", f"the definition has version '{version}', expected '{VERSION}'"))
    if problems:
        raise InputProblems(*problems)
    try:
        asked = {str(step["Name"]): _asked(step) for step, _ in placed}
        steps = _joined({str(step["Name"]): _step(step, branch, referred) for step, branch in placed}, asked)
        parameters = tuple(_parameter(item) for item in data.get("Parameters") or ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputProblems(_problem("PB501", f"this is no pipeline definition: {error!r}")) from error
    sha256 = hashlib.sha256(content).hexdigest()
    return Document(content=content, sha256=sha256, steps=_ordered(steps), parameters=parameters)


def _loaded(content: bytes) -> Any:
    data = json.loads(content)
    if _MAY_BE_HALF.search(content) and not is_unicode(json.dumps(data, ensure_ascii=False)):
        raise ValueError("it has text with half a character (a lone surrogate), expected Unicode text")
    return data


def _placed(steps: Iterable[dict[str, Any]], branch: Branch | None = None) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield every step with the branch that it is in, each Condition step before the steps inside of it."""
    for step in steps:
        yield step, branch
        if step.get("Type") == "Condition":
            for key, outcome in _BRANCHES.items():
                inner = Branch(condition=str(step["Name"]), outcome=outcome)
                yield from _placed((step.get("Arguments") or {}).get(key) or (), inner)


def _refused(step: Mapping[str, Any], names: Mapping[str, int], referred: dict[str, list[str]]) -> Iterator[Problem]:
    """Yield what is wrong with a step; `referred` gets the steps that it refers to, which takes a walk through it."""
    name = step["Name"]
    taken = _STEP_KEYS | _CALL_KEYS.get(str(step.get("Type")), frozenset())
    for key in sorted(set(step) - taken) if step.get("Type") in STEP_TYPES else ():
        yield _problem("PB501", f"step '{name}': the local engine doesn't support '{key}' yet")
    if names[name] > 1:
        yield _problem("PB502", f"step '{name}' stands {names[name]} times in the definition")
    for trigger in _triggers(step).values():
        if trigger not in _TRIGGERS:
            known = ", ".join(_TRIGGERS)
            yield _problem("PB501", f"step '{name}': there is no trigger '{trigger}' in 'DependsOn', only: {known}")
    referred[str(name)] = _referred(step)
    for before in _before(step, referred[str(name)]):
        if before not in names:
            yield _problem("PB502", f"step '{name}' refers to the step '{before}', which isn't there")


def _step(step: Mapping[str, Any], branch: Branch | None, referred: Mapping[str, list[str]]) -> Step:
    cache = step.get("CacheConfig") or {}
    files = step.get("PropertyFiles") or ()
    return Step(
        name=str(step["Name"]),
        type=str(step["Type"]),
        arguments=_own_arguments(step),
        before=(*_before(step, referred[str(step["Name"])]), *((branch.condition,) if branch else ())),
        cached=bool(cache.get("Enabled")),
        expire_after=str(cache.get("ExpireAfter") or ""),
        branch=branch,
        property_files={str(f["PropertyFileName"]): (str(f["OutputName"]), str(f["FilePath"])) for f in files},
        retries=tuple(_retry(policy) for policy in step.get("RetryPolicies") or ()),
        beside=_beside(step),
        triggers=_run_conditions(step, referred[str(step["Name"])]),
    )


def _own_arguments(step: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = step.get("Arguments") or {}
    if step.get("Type") != "Condition":
        return arguments
    return {key: value for key, value in arguments.items() if key not in _BRANCHES}


def _retry(policy: Mapping[str, Any]) -> Retry:
    minutes = policy.get("ExpireAfterMin")
    given = {**_RETRY, **policy}
    return Retry(
        exceptions=tuple(policy.get("ExceptionType") or ()),
        interval=float(given["IntervalSeconds"]),
        backoff=float(given["BackoffRate"]),
        attempts=None if minutes is not None and "MaxAttempts" not in policy else int(given["MaxAttempts"]),
        minutes=None if minutes is None else float(minutes),
    )


def _before(step: Mapping[str, Any], referred: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_asked(step), *_triggers(step), *referred)))


def _asked(step: Mapping[str, Any]) -> list[str]:
    """Return the steps that one waits for by name, until they have succeeded."""
    named = [name for name in step.get("DependsOn") or () if isinstance(name, str)]
    return [*named, *(name for name, trigger in _triggers(step).items() if trigger == "Completed")]


def _triggers(step: Mapping[str, Any]) -> dict[str, str]:
    ends = [item for item in step.get("DependsOn") or () if not isinstance(item, str)]
    return {str(item["Step"]): str(item["Trigger"]) for item in ends}


def _run_conditions(step: Mapping[str, Any], referred: Iterable[str]) -> dict[str, str]:
    """Return the ends that let a step run; of a step whose results it needs besides only success will do."""
    needed = {*_asked(step), *referred}
    return {name: trigger for name, trigger in _triggers(step).items() if name not in needed}


def _referred(step: Mapping[str, Any]) -> list[str]:
    # Steps within a ForEach step are part of it here: it is run by a stub, as a whole.
    inside = {str(item["Name"]) for item in (step.get("Arguments") or {}).get("ForEachBody") or ()}
    found = (path for value in (_own_arguments(step), _beside(step)) for path in references(value))
    names = [path.split(".")[1].split("[")[0] for path in found if path[:6] == "Steps."]
    return [name for name in names if name not in inside]


def _beside(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members beside its arguments that may refer to other steps: those of types that no job is of."""
    return {key: value for key, value in step.items() if key not in _STEP_KEYS}


def references(value: Any) -> list[str]:
    """Return the path of every `Get` below a value."""
    found: list[str] = []
    _collect(value, found)
    return found


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)):
                _collect(item, found)
    elif isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get("Get"), str):
            found.append(value["Get"])
        for item in value.values():
            if isinstance(item, (dict, list)):
                _collect(item, found)


def _parameter(item: Mapping[str, Any]) -> Parameter:
    allowed = tuple(item.get("EnumValues") or ())
    return Parameter(name=str(item["Name"]), type=str(item["Type"]), default=item.get("DefaultValue"), allowed=allowed)


def _joined(steps: dict[str, Step], asked: Mapping[str, Iterable[str]]) -> dict[str, Step]:
    """Let steps after a condition wait for what is in it: who waits for it by name for all that runs of both branches,
    who waits for steps of both branches for those that run.
    """
    inside: dict[str, list[str]] = {}
    for step in steps.values():
        if step.branch:
            inside.setdefault(step.branch.condition, []).append(step.name)
    return {name: _after(step, steps, inside, set(asked[name])) for name, step in steps.items()} if inside else steps


def _after(step: Step, steps: Mapping[str, Step], inside: Mapping[str, Iterable[str]], asked: set[str]) -> Step:
    own = step.branch.condition if step.branch else ""
    inner = [name for condition in asked if condition != own for name in inside.get(condition, ())]
    branches: dict[str, set[str]] = {}
    for name in asked:
        if (branch := steps[name].branch) and branch.condition != own:
            branches.setdefault(branch.condition, set()).add(name)
    groups = tuple(frozenset(group) for group in branches.values() if _both(group, steps))
    if not inner and not groups:
        return step
    before = tuple(dict.fromkeys((*step.before, *inner)))
    return replace(step, before=before, inner=frozenset(inner), rejoins=groups)


def _both(group: Iterable[str], steps: Mapping[str, Step]) -> bool:
    return len({branch.outcome for name in group if (branch := steps[name].branch)}) > 1


def _ordered(steps: dict[str, Step]) -> tuple[Step, ...]:
    sorter = graphlib.TopologicalSorter({name: step.before for name, step in steps.items()})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = " >> ".join(error.args[1])
        raise InputProblems(_problem("PB503", f"the steps depend on each other in a cycle: {cycle}")) from None
    position = {name: index for index, name in enumerate(steps)}
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        order += ready
        sorter.done(*ready)
    return tuple(steps[name] for name in order)


def _problem(problem_id: str, message: str) -> Problem:
    return Problem(id=problem_id, message=message)

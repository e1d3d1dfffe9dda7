"""The plan: how the composed definition differs from the deployed one, and what running it would do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pipeline_builder.dag.outline import by_name, flat_steps
from pipeline_builder.descriptions import JSON, CachePrediction, DeployedPipeline

if TYPE_CHECKING:
    from pipeline_builder.checkout.behind import Behind
    from pipeline_builder.release.bundle_changes import CodeChange

ChangeKind = Literal["added", "changed", "removed"]
NAMED = ("OutputName", "InputName", "ChannelName", "Key", "Name", "PropertyFileName")
_FEW = 10
"""A pipeline of fewer steps may lose any number of them."""
_MOST_REMOVED = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of a step: `old` and `new` are JSON texts, empty where there is nothing."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one step or parameter."""

    kind: ChangeKind
    what: Literal["step", "parameter", "pipeline"]
    name: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan is a value; `base_sha256` is the deployed definition's, empty where nothing is deployed.

    Applying it is refused where the base is no longer the deployed one.
    """

    pipeline: str
    base_sha256: str
    base_version: int
    new_sha256: str
    changes: tuple[Change, ...]
    predictions: tuple[CachePrediction, ...]
    unchanged_since: str = ""
    """The execution that a run would take as it is, empty where it would start one."""
    drift: tuple[Change, ...] = ()
    """What somebody changed in the deployed pipeline by other means, since it was applied."""
    unsafe: tuple[str, ...] = ()
    """Why applying it needs `--force`."""
    uses: tuple[str, ...] = ()
    """Which model packages a run of an inference pipeline would use, and which day it would be about."""
    models: Mapping[str, str] = field(default_factory=dict)
    """The model of each step."""
    spared: tuple[str, ...] = ()
    """Models that `up` would leave out: they would come whole from the step cache, and are registered already."""
    behind: tuple[Behind, ...] = ()
    """What the checkouts lack, so that this plan is not about it."""
    code: tuple[CodeChange, ...] = ()
    """Which files differ in the code behind changed steps."""

    @property
    def creates(self) -> bool:
        return not self.base_sha256

    @property
    def changed(self) -> bool:
        return self.base_sha256 != self.new_sha256 or bool(self.changes)


def build_plan(
    pipeline: str,
    content: bytes,
    deployed: DeployedPipeline | None,
    predictions: tuple[CachePrediction, ...],
    *,
    unchanged_since: str = "",
) -> Plan:
    """Compare the definition with the deployed one, step by step and field by field."""
    new: JSON = json.loads(content)
    old: JSON = (new if deployed.definition == content else json.loads(deployed.definition)) if deployed else {}
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    applied: JSON = json.loads(deployed.applied) if deployed and deployed.applied else None
    return Plan(
        pipeline=pipeline,
        base_sha256=hashlib.sha256(deployed.definition).hexdigest() if deployed else "",
        base_version=deployed.version if deployed else 0,
        new_sha256=hashlib.sha256(content).hexdigest(),
        changes=(*_changes(old, new), *_settings(deployed)),
        predictions=predictions,
        unchanged_since=unchanged_since,
        drift=tuple(_changes(applied, old)) if isinstance(applied, dict) else (),
        unsafe=tuple(_unsafe(old, new)),
    )


def narrowed(plan: Plan, steps: Collection[str]) -> Plan:
    """Return what a plan says about some of the steps; what it is bound to stays the whole of it."""
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if change.what == "step" and change.name in steps),
        drift=tuple(change for change in plan.drift if change.what == "step" and change.name in steps),
        predictions=tuple(prediction for prediction in plan.predictions if prediction.step in steps),
        code=tuple(change for change in plan.code if any(step in steps for step in change.steps)),
    )


def with_rename(plan: Plan, before: str) -> Plan:
    """Return the plan as one that gives the pipeline another name: the old one would stay, with its schedules."""
    return replace(plan, unsafe=(*plan.unsafe, f"it renames the pipeline from '{before}', which would stay as it is"))


def _unsafe(old: dict[str, JSON], new: dict[str, JSON]) -> Iterator[str]:
    """A conf that lost most of its steps is rarely meant: a model repository was not found, or a merge went wrong."""
    before, after = flat_steps(old.get("Steps")), flat_steps(new.get("Steps"))
    removed = sum(name not in after for name in before)
    if len(before) >= _FEW and removed / len(before) > _MOST_REMOVED:
        yield f"it removes {removed} of {len(before)} steps"


def _changes(old: dict[str, JSON], new: dict[str, JSON]) -> Iterator[Change]:
    if old is new:
        return
    yield from _compare(by_name(old.get("Parameters")), by_name(new.get("Parameters")), "parameter")
    yield from _compare(flat_steps(old.get("Steps")), flat_steps(new.get("Steps")), "step")
    rest = {key: value for key, value in new.items() if key not in ("Parameters", "Steps")}
    before = {key: value for key, value in old.items() if key not in ("Parameters", "Steps")}
    if old and rest != before:
        yield Change(kind="changed", what="pipeline", name="", fields=tuple(_fields(before, rest, "")))


def _settings(deployed: DeployedPipeline | None) -> Iterator[Change]:
    """Yield what changes of the pipeline besides its definition."""
    changes = deployed.settings if deployed else ()
    if changes:
        fields = tuple(FieldChange(path=c.name, old=_shown_setting(c.old), new=_shown(c.new)) for c in changes)
        yield Change(kind="changed", what="pipeline", name="", fields=fields)


def _shown_setting(value: str) -> str:
    return _shown(value) if value else ""


def _compare(old: Mapping[str, JSON], new: Mapping[str, JSON], what: Literal["step", "parameter"]) -> Iterator[Change]:
    for name in (*new, *(name for name in old if name not in new)):
        if name not in old:
            yield Change(kind="added", what=what, name=name)
        elif name not in new:
            yield Change(kind="removed", what=what, name=name)
        elif old[name] != new[name]:
            yield Change(kind="changed", what=what, name=name, fields=tuple(_fields(old[name], new[name], "")))


def _fields(old: JSON, new: JSON, path: str) -> Iterator[FieldChange]:
    """Yield what differs; list items are told apart by their name where they have one."""
    if old == new:
        return
    before, after = _members(old), _members(new)
    # References and joins are values, not structures that one would want to see piece by piece.
    if before is None or after is None or _is_reference(old) or _is_reference(new):
        yield FieldChange(path=path, old=_shown(old), new=_shown(new))
        return
    for key in dict.fromkeys((*before, *after)):
        inner = f"{path}{key}" if key.startswith("[") or not path else f"{path}.{key}"
        if key not in before:
            yield FieldChange(path=inner, old="", new=_shown(after[key]))
        elif key not in after:
            yield FieldChange(path=inner, old=_shown(before[key]), new="")
        else:
            yield from _fields(before[key], after[key], inner)


def _is_reference(value: JSON) -> bool:
    return isinstance(value, dict) and (value.keys() <= {"Get"} or any(key.startswith("Std:") for key in value))


def _members(value: JSON) -> dict[str, JSON] | None:
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return None
    return {_item_key(item, index): item for index, item in enumerate(value)}


def _item_key(item: JSON, index: int) -> str:
    if isinstance(item, dict):
        for key in NAMED:
            if isinstance(item.get(key), str):
                return f"['{item[key]}']"
    return f"[{index}]"


def _shown(value: JSON) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def plan_json(plan: Plan) -> JSON:
    """Return the plan as JSON."""
    found = {"format": 1, "changed": plan.changed, **asdict(plan)}
    return found if plan.uses else {key: value for key, value in found.items() if key != "uses"}

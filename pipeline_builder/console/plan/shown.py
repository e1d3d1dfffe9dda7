"""A plan as the page shows it: its changes in words that can be read, model by model, and what a run would do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pipeline_builder.console.plan.keeping import Known
from pipeline_builder.errors import Problem
from pipeline_builder.release.bundle_changes import CodeChange, FileChange
from pipeline_builder.release.plan import Change, FieldChange, Plan

if TYPE_CHECKING:
    from pipeline_builder.checkout.behind import Behind
    from pipeline_builder.console.plan.looking import Ahead
    from pipeline_builder.descriptions import CachePrediction

MOST_VALUE = 2000
"""Characters of a value that are shown."""
MOST_LINES = 3000
"""Lines of differences that a page has of one pipeline."""
MOST_CHANGES = 300
"""Steps whose changes are shown one by one."""
Fate = Literal["run", "cache", "maybe", "skip", "stub", "gone", ""]
_ORDER: tuple[Fate, ...] = ("run", "maybe", "cache", "skip", "stub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One member of a step's request: what it is and what it would be, as texts; None where there is nothing."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step: how it changes, and what a run would do with it, and why.

    `same_code_as` names another step of the plan whose code's difference is this one's.
    """

    name: str
    model: str
    change: Literal["added", "changed", "removed", ""]
    fate: Fate
    why: str
    fields: tuple[Field, ...] = ()
    code: CodeChange | None = None
    same_code_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The steps of a model; `spared` says that `up` would leave it out."""

    name: str
    spared: bool
    steps: tuple[Step, ...]
    counts: Mapping[str, int]

    @property
    def changed(self) -> bool:
        return any(step.change for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinePlan:
    """A pipeline's plan, or what keeps it from having one."""

    handle: str
    name: str
    kind: str
    tone: str
    word: str
    headline: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    models: tuple[Model, ...] = ()
    others: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    unsafe: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    unchanged_since: str = ""
    early: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    left: int = 0

    @property
    def changes(self) -> tuple[Step, ...]:
        return tuple(step for model in self.models for step in model.steps if step.change)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What the page shows."""

    pipelines: tuple[PipelinePlan, ...]
    problems: tuple[Problem, ...]
    behind: tuple[Behind, ...]
    when: datetime | None
    working: bool
    changed: bool
    said: str
    moved: bool


def show_plans(known: Known) -> PlanView:
    """Return what is shown of plans."""
    behind = next((ahead.plan.behind for ahead in known.found if ahead.plan), ())
    return PlanView(
        pipelines=tuple(map(_pipeline, known.found)),
        problems=known.problems,
        behind=behind,
        when=known.when,
        working=known.working,
        changed=known.changed,
        said=known.said,
        moved=known.moved,
    )


def _pipeline(ahead: Ahead) -> PipelinePlan:
    plan = ahead.plan
    if plan is None:
        count = sum(not problem.warning for problem in ahead.problems)
        said = f"{count} problem{'' if count == 1 else 's'} to mend first"
        return PipelinePlan(
            handle=ahead.handle, name=ahead.handle, kind=ahead.kind, tone="bad", word="no plan", headline=said,
            problems=ahead.problems,
        )  # fmt: skip
    steps = tuple(_steps(plan))
    word, tone, headline = _headline(plan)
    return PipelinePlan(
        handle=ahead.handle,
        name=plan.pipeline,
        kind=ahead.kind,
        tone=tone,
        word=word,
        headline=headline,
        warnings=ahead.warnings,
        models=tuple(_models(plan, steps)),
        others=tuple(_shown(one) for one in plan.changes if one.what != "step" and not plan.creates),
        drift=tuple(map(_shown, plan.drift)),
        unsafe=plan.unsafe,
        uses=plan.uses,
        counts=_counts(steps),
        unchanged_since=plan.unchanged_since,
        early=ahead.early,
        parameters=ahead.parameters,
        left=max(sum(bool(step.change) for step in steps) - MOST_CHANGES, 0),
    )


def _headline(plan: Plan) -> tuple[str, str, str]:
    if plan.creates:
        return "new", "wait", "It isn't deployed yet, and would be created."
    if not plan.changed:
        same = f"What is checked out is what is deployed: version {plan.base_version}."
        return "unchanged", "good", same
    counts = Counter(change.kind for change in plan.changes)
    words = ", ".join(f"{counts[kind]} {kind}" for kind in ("added", "changed", "removed") if counts[kind])
    return "changes", "wait", f"Beside the deployed version {plan.base_version}: {words}."


def _steps(plan: Plan) -> Iterator[Step]:
    """Yield every step, those that go last."""
    changes = {change.name: change for change in plan.changes if change.what == "step"}
    code, told, room = {step: one for one in plan.code for step in one.steps}, dict[CodeChange, str](), MOST_LINES
    fates = {prediction.step: prediction for prediction in plan.predictions}
    shown = 0
    for name in (*plan.models, *(name for name in changes if name not in plan.models)):
        change, prediction = changes.get(name), fates.get(name)
        own = code.get(name)
        same = told.get(own, "") if own else ""
        shown += change is not None
        fields: tuple[Field, ...] = ()
        kept: CodeChange | None = None
        if change and shown <= MOST_CHANGES:
            fields = tuple(_field(one) for one in change.fields if not _says_only_code(one, own))
            if own and not same:
                told[own] = name
                kept, room = _within(own, room)
        yield Step(
            name=name,
            model=plan.models.get(name, ""),
            change=change.kind if change else "",
            fate=_fate(prediction) if prediction else "gone" if change and change.kind == "removed" else "",
            why=prediction.reason if prediction else "",
            fields=fields,
            code=kept,
            same_code_as=same,
        )


def _within(code: CodeChange, room: int) -> tuple[CodeChange, int]:
    """Return a change of code with as many lines as there is room for, and how much is left of that."""
    files: list[FileChange] = []
    for file in code.files:
        if len(file.lines) > room:
            file = replace(file, lines=file.lines[:room], left_out=file.left_out + len(file.lines) - room)  # noqa: PLW2901
        room -= len(file.lines)
        files.append(file)
    return replace(code, files=tuple(files)), room


def _says_only_code(field: FieldChange, own: CodeChange | None) -> bool:
    """Tell whether a member only says by its address that the code is another, where the files say it."""
    if own is None or not own.files or not field.old:
        return False
    return field.old.replace(own.before, "") == field.new.replace(own.after, "")


def _field(found: FieldChange) -> Field:
    return Field(path=found.path.removeprefix("Arguments."), before=_text(found.old), after=_text(found.new))


def _text(value: str) -> str | None:
    """Return a JSON text as people write it: a text without its quotes, all else as it is."""
    if not value:
        return None
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    text = read if isinstance(read, str) else value
    return text if len(text) <= MOST_VALUE else f"{text[: MOST_VALUE - 1]}…"


def _shown(change: Change) -> Change:
    fields = tuple(
        FieldChange(path=one.path, old=_text(one.old) or "", new=_text(one.new) or "") for one in change.fields
    )
    return replace(change, fields=fields)


def _fate(prediction: CachePrediction) -> Fate:
    if prediction.skipped or prediction.stubbed:
        return "skip" if prediction.skipped else "stub"
    return "cache" if prediction.hit else "maybe" if prediction.conditional else "run"


def _models(plan: Plan, steps: Sequence[Step]) -> Iterator[Model]:
    by: dict[str, list[Step]] = {}
    for step in steps:
        by.setdefault(step.model, []).append(step)
    for name, own in by.items():
        yield Model(name=name, spared=name in plan.spared, steps=tuple(own), counts=_counts(own))


def _counts(steps: Sequence[Step]) -> Mapping[str, int]:
    counts = Counter(step.fate for step in steps)
    return {fate: counts[fate] for fate in _ORDER if counts[fate]}

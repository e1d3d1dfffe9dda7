"""Looks ahead: the plans of all pipelines, made by a session that leaves everything as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.definition.images import ask_nobody
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.machine.kept import Kept, open_kept
from pipeline_builder.session import Session

if TYPE_CHECKING:
    from pipeline_builder.conf.sdk import MadeSteps
    from pipeline_builder.console.look import Look
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.definition.factories import Factories
    from pipeline_builder.release.plan import Plan
    from pipeline_builder.workspace import Workspace


class _KeptAsItIs(Kept):
    """What was made before, to which nothing is added."""

    def put_bytes(self, kind: str, key: str, content: bytes) -> None:
        """Keep nothing."""


class _Looking(Session):
    """A session that composes and plans, and writes nothing: no lock, nothing that is kept, no environment."""

    @cached_property
    def kept(self) -> Kept:
        known = open_kept(self.workspace.state)
        return _KeptAsItIs(folder=known.folder, code=known.code)

    @cached_property
    def composed(self) -> Composed:
        recalled = self._recalled()
        found = recalled.find(partial(self._compose, self.values)) if recalled else None
        composed = found or (self._compose_and_keep(recalled) if recalled else self._compose(self.values))
        self.warn_of(composed.warnings)
        return composed

    def _ask(self, keys: Sequence[str]) -> list[Any]:
        return ask_nobody(keys)

    def _build(self, asking: Factories) -> tuple[Mapping[str, MadeSteps], list[Problem]]:
        del asking
        message = "steps that factories make aren't made for somebody who only looks"
        raise OutsideFailure(Problem(id="PB915", message=message, hint="'pipeline-builder plan' makes them"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What would change of a pipeline now: its plan, or the problems that there is none for. `early` says that nothing
    can be told of a run yet, as what it starts with isn't there.
    """

    handle: str
    kind: str
    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    early: bool = False


def look_ahead(look: Look, say: Callable[[str], None]) -> tuple[Ahead, ...]:
    """Return the plan of each pipeline of the manifest; what is wrong with one doesn't keep the others.

    Raises:
        InputProblems: the manifest can't be read.
    """
    with _session(look, say) as session:
        if look.manifest is None:
            session.manifest  # noqa: B018 - which says why
        behind = _attempt(lambda: session.look_behind(elsewhere=False), ())
        found = []
        for one in session.each:
            say(f"working out the plan of '{one.manifest.entry.name}'")
            ahead = _ahead(one)
            plan = replace(ahead.plan, behind=behind) if ahead.plan else None
            found.append(replace(ahead, plan=plan))
        return tuple(found)


@contextmanager
def _session(look: Look, say: Callable[[str], None]) -> Iterator[Session]:
    """Open a session whose state is the workspace's, or an empty one where there is none yet."""
    workspace: Workspace = look.session.workspace
    temporary = None if workspace.state.is_dir() else Path(tempfile.mkdtemp(prefix="pipeline-builder-plan-"))
    workspace = replace(workspace, state=temporary) if temporary else workspace
    try:
        session = _Looking(workspace, say=say, warn=lambda _: None, manifest=look.manifest)
        session.target = look.target
        yield session
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def _ahead(one: Session) -> Ahead:
    handle, kind = one.manifest.entry.name, one.manifest.entry.kind
    try:
        warnings = one.composed.warnings
        plan, early = _planned(one)
        plan = one.tell(plan)
        parameters = {} if early else one.parameters
    except PipelineBuilderError as error:
        return Ahead(handle=handle, kind=kind, problems=error.problems)
    return Ahead(handle=handle, kind=kind, plan=plan, warnings=warnings, parameters=parameters, early=early)


def _planned(one: Session) -> tuple[Plan, bool]:
    """Return the plan, and whether nothing of a run can be told: models and data of what scores may come later."""
    try:
        return one.plan(whole=True), False
    except InputProblems as error:
        from pipeline_builder.release.scoring.readiness import is_early

        if one.composed.definition.kind == "training" or not is_early(error.problems):
            raise
    return one.plan_alone(), True


def _attempt(make: Callable[[], Any], default: Any) -> Any:
    try:
        return make()
    except PipelineBuilderError:
        return default

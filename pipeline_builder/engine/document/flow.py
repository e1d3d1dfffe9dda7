"""Which steps may run, which wait, and which never will: by conditions, by run conditions, by failures. All pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.engine.document.conditions import OUTCOME
from pipeline_builder.engine.document.document import Document, Step


@dataclass(frozen=True, slots=True)
class Flow:
    """How far an execution is. `results` has what succeeded, `failed` and `stopped` the steps that ended so; of all
    others `skipped` are those that a condition leaves out, `blocked` those that a failure keeps from running.

    What was decided is in `results`, the conditions' own: there is no second record that could say something else.
    """

    results: Mapping[str, Mapping[str, Any]]
    failed: Collection[str] = ()
    stopped: Collection[str] = ()
    skipped: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)

    def foresee(self, steps: Iterable[Step]) -> Flow:
        """Find out which of the steps, in topological order, will never run."""
        for step in steps:
            self.settle(step)
        return self

    def settle(self, step: Step) -> bool:
        """Find out from what a step waits for whether it will never run; tell whether that is otherwise than before."""
        name = step.name
        before = (name in self.skipped, name in self.blocked)
        self.skipped.discard(name)
        self.blocked.discard(name)
        if name not in self.results and name not in self.failed and name not in self.stopped:
            if self.is_skipped(step):
                self.skipped.add(name)
            elif self.is_blocked(step):
                self.blocked.add(name)
        return before != (name in self.skipped, name in self.blocked)

    def is_skipped(self, step: Step) -> bool:
        """Tell whether a step will not run because a condition went, or an end came out, the other way."""
        branch = step.branch
        outcome = self.results.get(branch.condition, {}).get(OUTCOME) if branch else None
        other = branch is not None and outcome is not None and str(outcome) != str(branch.outcome)
        return other or any(self._leaves_out(step, name) for name in step.before)

    def _leaves_out(self, step: Step, name: str) -> bool:
        match step.triggers.get(name):
            case None:
                return name in self.skipped and not self._is_other_way(step, name)
            case "Any":
                return False
            case "Failed":
                return name in self.results or name in self.stopped or name in self.skipped or name in self.blocked
            case _:
                return name in self.results or name in self.failed or name in self.skipped or name in self.blocked

    def is_blocked(self, step: Step) -> bool:
        """Tell whether a step waits for the success of one that has failed, or that never runs because of one."""
        plain = (name for name in step.before if name not in step.triggers)
        return any(name in self.failed or name in self.stopped or name in self.blocked for name in plain)

    def is_ready(self, step: Step) -> bool:
        """Tell whether everything that a step waits for is as it has to be."""
        return all(self._lets_run(step, name) for name in step.before)

    def _lets_run(self, step: Step, name: str) -> bool:
        match step.triggers.get(name):
            case None:
                return name in self.results or (name in self.skipped and self._is_other_way(step, name))
            case "Any":  # whatever becomes of it, also if it is never to run
                return any(
                    name in ends for ends in (self.results, self.failed, self.stopped, self.skipped, self.blocked)
                )
            case "Failed":
                return name in self.failed
            case _:
                return name in self.stopped

    def _is_other_way(self, step: Step, name: str) -> bool:
        """Tell whether a skipped step is one of several ways to this one, of which another is gone."""
        if name in step.inner:
            return True
        return any(name in group and not group <= self.skipped for group in step.rejoins)

    def is_caught_by(self, step: Step, name: str) -> bool:
        """Tell whether a failed step is what this one was waiting for, which has run on it and succeeded."""
        return step.triggers.get(name) in ("Failed", "Any") and step.name in self.results


def can_skip(document: Document) -> bool:
    """Tell whether there is a condition or a run condition, without which nothing is ever left out."""
    return any(step.branch is not None or step.triggers for step in document.steps)

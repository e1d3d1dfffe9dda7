"""What an execution would do if it started now: which steps run, come from the cache, or are skipped, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline_builder.descriptions import CachePrediction
from pipeline_builder.engine.document.conditions import OUTCOME, decide
from pipeline_builder.engine.document.document import STEP_TYPES, Document, Step
from pipeline_builder.engine.document.flow import Flow
from pipeline_builder.engine.document.references import Scope, UnresolvedError, resolve
from pipeline_builder.engine.execution.cache import build_key, find_hit, has_run, why_missed
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.jobs.packages import layers_of
from pipeline_builder.engine.jobs.resolving import with_model
from pipeline_builder.engine.jobs.tools import StepFailedError
from pipeline_builder.engine.jobs.work import describe_model
from pipeline_builder.errors import InputProblems
from pipeline_builder.inert import inert_line

_NO_CODE = "PB522"
_MOST_SAID = 160


def predict(engine: Engine, pipeline: str, document: Document, scope: Scope) -> tuple[CachePrediction, ...]:
    """Return a prediction for each step, in topological order."""
    prediction = _Prediction(engine, pipeline, scope)
    return tuple(prediction.of(step) for step in document.steps)


@dataclass(frozen=True, slots=True)
class _Prediction:
    """`results` has what is known of the steps so far: what would come from the cache, and decisions."""

    engine: Engine
    pipeline: str
    scope: Scope
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    conditional: set[str] = field(default_factory=set)

    def of(self, step: Step) -> CachePrediction:
        if Flow(self.results, skipped=self.skipped).is_skipped(step):
            earlier = next((name for name in step.before if name in self.skipped), None)
            other = f"'{step.branch.condition}' goes the other way" if step.branch else ""
            reason = f"waits for '{earlier}', which is skipped" if earlier else other or "waits for another end"
            self.skipped.add(step.name)
            return CachePrediction(step=step.name, hit=False, reason=reason, skipped=True)
        if reason := self._condition(step):
            self.conditional.add(step.name)
            return CachePrediction(step=step.name, hit=False, reason=reason, conditional=True)
        try:
            found, reason = self._not_run(step) or self._looked_up(step)
        except UnresolvedError as error:
            found, reason = "", f"after '{error.step}', which runs"
        except (InputProblems, StepFailedError) as error:
            found, reason = "", self._unread(step, error)
        stubbed = step.name in self.engine.stubs
        return CachePrediction(step=step.name, hit=bool(found), reason=reason, stubbed=stubbed, source=found)

    def _unread(self, step: Step, error: Exception) -> str:
        """Say why a step runs for which nothing can be looked up: most often its code is new, and not uploaded yet."""
        if not has_run(self.engine.state, self.pipeline, step):
            return "has not run before"
        first = error.problems[0] if isinstance(error, InputProblems) else None
        if first and first.id == _NO_CODE:
            return "changed: code"
        return inert_line(first.message if first else str(error), _MOST_SAID)

    def _condition(self, step: Step) -> str:
        """Say on what it depends whether the step runs, where that can't be told yet."""
        if step.branch and step.branch.condition not in self.results:
            return f"if '{step.branch.condition}' comes out as {step.branch.outcome}"
        end = next((f"if '{name}' ends {end}" for name, end in step.triggers.items() if end != "Any"), "")
        earlier = next((name for name in step.before if name in self.conditional and name not in step.inner), None)
        return end or (f"if '{earlier}' runs" if earlier else "")

    def _not_run(self, step: Step) -> tuple[str, str] | None:
        if step.name in self.engine.stubs:
            return "", "is not run: its result is a stub"
        if step.type not in STEP_TYPES:
            return "", f"the local engine can't run a {step.type} step: --stub {step.name}=FILE.json gives its result"
        return None

    def _looked_up(self, step: Step) -> tuple[str, str]:
        """Return whose result the cache answers with, empty where it doesn't, and the reason for either."""
        scope = replace(self.scope, results=self.results)
        request = with_model(step, resolve(step.arguments, scope), self.results, self.engine.state)
        match step.type:
            case "Model":
                self.results[step.name] = describe_model(step, request, "predicted")
                return "", "models are always made anew"
            case "RegisterModel":
                return "", "a run registers a new version"
            case "Condition":
                self.results[step.name] = {OUTCOME: decide(request["Conditions"])}
                return "", f"comes out as {self.results[step.name][OUTCOME]}"
            case "Fail":
                return "", "fails the run"
            case "Callback" if not step.cached:
                return "", "waits for an answer"
            case _:
                return self._cached(step, request) if step.cached else ("", "the cache is off for this step")

    def _cached(self, step: Step, request: Mapping[str, Any]) -> tuple[str, str]:
        state, store = self.engine.state, self.engine.store
        key = build_key(step, request, layers_of(step, request, self.engine.images, store), store)
        hit = find_hit(state, store, self.pipeline, step, key)
        if hit is None:
            return "", why_missed(state, self.pipeline, step, key)
        self.results[step.name] = hit.result
        return hit.execution, f"execution {hit.execution.rsplit('/', 1)[-1]} of {hit.created:%Y-%m-%d %H:%M} UTC"

"""What a stage says that it did, in the line that everybody sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_builder.inert import inert_line

if TYPE_CHECKING:
    from pipeline_builder.checkout.checkout import Checkouts
    from pipeline_builder.definition.composed import Composed, Definition
    from pipeline_builder.errors import Problem
    from pipeline_builder.release.apply import Applied
    from pipeline_builder.release.plan import Plan
    from pipeline_builder.release.record import RunRecord, ScoreRecord
    from pipeline_builder.release.rollback import RolledBack

_MOST = 4
"""Models that a line speaks of."""


def stage_line(stage: str, words: str, seconds: float) -> str:
    """Say what a stage did, and how long it took."""
    return f"{stage:<9} {inert_line(words)}  {seconds:.1f} s"


def checkout_line(done: Checkouts) -> str:
    """Say how many repositories there are, and how many of them were not so before."""
    changed = sum(repo.changed for repo in done.repos)
    return f"{_count(len(done.repos), 'repository', 'repositories')}, {changed} changed"


def validate_line(composed: Composed) -> str:
    """Say what was found to be in order."""
    steps, models = composed.counts
    return f"{_count(steps, 'step')} of {_count(models, 'model')}, no problems"


def preflight_line(target: str, found: Sequence[Problem]) -> str:
    """Say where was looked, and what was found that stops nobody."""
    return f"{target}: {_count(len(found), 'warning')}"


def build_line(definition: Definition, *, changed: bool, new: int) -> str:
    """Say whether the definition is another than before; `new` bundles were written."""
    state = "written" if changed else "unchanged"
    return f"definition {definition.sha256[:12]} {state}, {_count(new, 'code bundle')} written"


def plan_line(plan: Plan, *, early: bool = False) -> str:
    """Say how much changes, and how much a run would do; not where it is too early for one."""
    what = "creates the pipeline" if plan.creates else f"{_count(len(plan.changes), 'change')}"
    if early:
        return f"{what}; what there is to run is not known yet"
    return f"{what}; {'nothing to run' if plan.unchanged_since else _to_do(plan)}"


def _to_do(plan: Plan) -> str:
    hits = sum(prediction.hit for prediction in plan.predictions)
    maybe = sum(prediction.conditional for prediction in plan.predictions)
    stubs = sum(prediction.stubbed for prediction in plan.predictions)
    skipped = sum(prediction.skipped for prediction in plan.predictions)
    to_run = len(plan.predictions) - hits - maybe - stubs - skipped
    by_condition = f", {maybe} by conditions" if maybe else ""
    given = f", {_count(stubs, 'stub')}" if stubs else ""
    return f"{to_run} to run, {hits} from the cache{by_condition}{given}"


def apply_line(applied: Applied) -> str:
    """Say which version is deployed, and whether it was before."""
    state = "applied" if applied.changed else "unchanged"
    return f"version {applied.pipeline.version} {state}, {_count(len(applied.uploaded), 'code bundle')} uploaded"


def gate_line(record: RunRecord) -> str:
    """Say whether the gate lets a run through that was judged, and where not, why; of scores what was found."""
    verdict = record.verdict
    assert verdict is not None
    if record.scores:
        from pipeline_builder.views.scores import score_words

        return "; ".join(score_words(score) for score in record.scores[:_MOST]) + _more(len(record.scores))
    return "passed" if verdict.passed else f"blocked: {'; '.join(verdict.reasons)}"


def publish_line(record: RunRecord, *, changed: bool) -> str:
    """Say what became of each model's scores, and where readers find them; or that nothing of it is new."""
    words = [_published(score) for score in record.scores[:_MOST]]
    failed = any(score.status == "failed" for score in record.scores)
    said = inert_line("; ".join(words)) + _more(len(record.scores)) if words else "nothing"
    return f"{record.date} {said}{'' if changed or failed else '; nothing changed'}"


def _published(score: ScoreRecord) -> str:
    stays = " (what was published before stays in place)" if score.kept else ""
    return f"{score.model} {score.status} {score.published_to}".rstrip() + stays


def _more(count: int) -> str:
    return f"; and {count - _MOST:,} more models" if count > _MOST else ""


def promote_line(record: RunRecord) -> str:
    """Say what each package of the run is now."""
    return ", ".join(f"{p.group} version {p.version} {p.status}" for p in record.packages)


def rollback_line(done: RolledBack) -> str:
    """Say which version has gone, and which takes its place."""
    gone, new = done.gone, done.champion
    now = f"the champion is version {new.version}" if new else "there is no champion now, the next version is the first"
    lost = f", which is none either: {done.lost} ('rollback' with another comment takes it out of use too)"
    passed = "; not what was approved any more, and out of use with it: " + ", ".join(
        f"version {one.version}" for one in done.passed
    )
    return (
        f"{gone.group}: version {gone.version} {gone.status.value}, {now}"
        f"{lost if done.lost else ''}{passed if done.passed else ''}"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"

"""The delivery of a run's scores: what passed is published, and each model's logical date is noted in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pipeline_builder.definition.steps.freshness import data_parameters
from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.release.evidence import PROPERTY
from pipeline_builder.release.parameters import data_addresses
from pipeline_builder.release.record import RunRecord, ScoreRecord
from pipeline_builder.release.scoring.before import (
    as_published,
    decisive_digest,
    delivered_before,
    input_digest,
    with_kept,
)
from pipeline_builder.release.scoring.ledger import (
    MOST_LISTED,
    InputGiven,
    LedgerDay,
    Monitored,
    ObjectStamp,
    PackageUsed,
    Publication,
    RowCounts,
    write_day,
)
from pipeline_builder.release.scoring.outputs import Outputs, find_outputs
from pipeline_builder.release.scoring.proof import prove_scores
from pipeline_builder.release.scoring.publishing import Publishable, publish

if TYPE_CHECKING:
    from pipeline_builder.conf.publishing import PublishSection
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import Execution
    from pipeline_builder.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The record with what became of each model's scores; `failures` are what kept some from being published, and
    `changed` says whether anything was written.
    """

    record: RunRecord
    failures: tuple[PipelineBuilderError, ...] = ()
    changed: bool = False


def deliver(record: RunRecord, composed: Composed, target: Target, *, force: bool = False) -> Delivered:
    """Publish what is whole and has passed, also where another model's scores haven't, and note every model's date.

    With `force` an earlier run takes the place of a later one.

    Raises:
        PlanRefused: PB461 to PB463 where what was judged isn't what is there.
        InputProblems: PB978 for an execution of some steps only.
    """
    if before := delivered_before(record, composed, target):
        return Delivered(record=before)
    execution = target.pipelines.describe_execution(record.execution)
    if execution and execution.selected:
        raise InputProblems(_partial(execution))
    outputs = find_outputs(execution, target, composed.graph) if execution else {}
    # Listed before it is proven: what is copied is what was there then.
    there = {model: one.predictions for model, one in outputs.items() if one.predictions}
    listed = {model: target.store.entries(uri) for model, uri in there.items()}
    record = prove_scores(record, target)
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    ran = target.pipelines.definition_of(record.execution)
    asked = decisive_digest(ran, composed.definition.models, record.parameters)
    delivery = _Delivery(record, composed, target, outputs, listed, at, asked, force=force)
    scores = tuple(delivery.deliver(score) for score in record.scores)
    return Delivered(
        record=record.model_copy(update={"scores": scores}),
        failures=tuple(delivery.failures),
        changed=delivery.changed,
    )


def _partial(execution: Execution) -> Problem:
    message = f"the execution '{execution.id}' ran some steps only: what they have read of others is another date's"
    return Problem(id="PB978", message=message, hint="nothing of it is published, or noted: run all steps")


@dataclass
class _Delivery:
    record: RunRecord
    composed: Composed
    target: Target
    outputs: Mapping[str, Outputs]
    listed: Mapping[str, Mapping[str, str]]
    at: str
    asked: str
    force: bool = False
    failures: list[PipelineBuilderError] = field(default_factory=list)
    changed: bool = False

    def deliver(self, score: ScoreRecord) -> ScoreRecord:
        """Publish a model's scores, if that is to be done, and note its date."""
        publication = None
        try:
            section, about = self._section(score.model), self._about(score)
            if section and score.status in ("scored", "published") and score.model in self.listed:
                publication = publish(self._publishable(score, section.to, about), self.target, force=self.force)
                score = as_published(score, publication)
            day = write_day(self.target, self._day(score, about, publication), force=self.force)
            self.changed |= day.published == self.at
            score = with_kept(score, day)
        except PipelineBuilderError as error:
            self.failures.append(error)
            score = score.model_copy(update={"status": "failed", "reasons": (*_said(error), *score.reasons)})
        return score

    def _section(self, model: str) -> PublishSection | None:
        """Return what the conf says about a model's publication; nothing where it publishes nothing."""
        if model not in self.composed.graph.by_unit:
            message = f"the conf of '{self.record.pipeline}' has no model '{inert_line(model, 80)}' any more"
            hint = "where its scores would go isn't known; of the models that it has 'up' or 'backfill' make them"
            raise InputProblems(Problem(id="PB977", message=message, hint=hint))
        section: PublishSection | None = getattr(self.composed.graph.units[model].section, "publish", None)
        return section

    def _publishable(self, score: ScoreRecord, to: str, about: Mapping[str, Any]) -> Publishable:
        return Publishable(
            to=to,
            predictions=self.outputs[score.model].predictions,
            listed=self.listed[score.model],
            about=about,
            at=self.at,
        )

    def _about(self, score: ScoreRecord) -> dict[str, Any]:
        """Return what the pointer and the ledger both say."""
        record = self.record
        return {
            "pipeline": record.pipeline,
            "model": score.model,
            "date": score.date,
            "execution": record.execution,
            "started": record.started.astimezone(timezone.utc).isoformat(),
            "rows": RowCounts(input=score.rows_in, predictions=score.rows_out),
            "package": PackageUsed(
                arn=score.package_arn,
                group=score.group,
                version=score.package_version,
                evidence=score.package_metadata.get(PROPERTY, ""),
            ),
            "input": self._input(score.model),
            "definition_sha256": record.definition_sha256,
            "evidence": record.evidence,
        }

    def _input(self, model: str) -> InputGiven:
        """Return what was scored; its objects only as long as they are what the run has read."""
        definition, graph = self.composed.definition, self.composed.graph
        known = data_addresses(definition, self.record.parameters)
        own = [name for step, name in data_parameters(graph).items() if graph.by_name[step].unit.name == model]
        store = self.target.store
        given = {name: self.record.parameters.get(name, "") for name in own if name in known}
        found: dict[str, str] = {}
        for name, fingerprint in given.items():
            if store.data_fingerprint(known[name]) == fingerprint:
                found |= {uri: stamp for address in known[name] for uri, stamp in store.entries(address).items()}
        objects = [ObjectStamp(uri=uri, stamp=stamp) for uri, stamp in sorted(found.items())]
        addresses = tuple(dict.fromkeys(uri for name in given for uri in known[name]))
        return InputGiven(
            addresses=addresses,
            fingerprint=input_digest(self.composed, model, self.record.parameters),
            objects=tuple(objects[:MOST_LISTED]),
            count=len(found),
        )

    def _day(self, score: ScoreRecord, about: Mapping[str, Any], publication: Publication | None) -> LedgerDay:
        return LedgerDay(
            **about,
            status=score.status,
            fingerprint=self.record.fingerprint,
            parameters=self.asked,
            monitor=_monitored(score),
            publication=publication,
            reasons=score.reasons,
            published=self.at,
        )


def _said(error: PipelineBuilderError) -> Iterator[str]:
    yield from (f"{problem.id} {problem.message}" for problem in error.problems)


def _monitored(score: ScoreRecord) -> Monitored | None:
    report = score.monitor
    if not score.monitor_uri:
        return None
    said: Mapping[str, Any] = report if isinstance(report, dict) else {}
    violations = said.get("violations")
    return Monitored(
        uri=score.monitor_uri,
        violations=len(violations) if isinstance(violations, list) else 0,
        actions=score.actions,
        drift=said.get("drift"),
        quality=said.get("quality"),
    )

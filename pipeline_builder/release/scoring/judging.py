"""Judging scores: whether a model's predictions may be published, and what else is to be done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline_builder.inert import inert_line
from pipeline_builder.release.evidence import Evidence, ScoreBoundEvidence, ScoreEvidence
from pipeline_builder.release.metrics import told_apart
from pipeline_builder.release.record import RunRecord, ScoreRecord, ScoreStatus, VerdictRecord
from pipeline_builder.release.scoring.findings import DRIFT, SHAPE, Findings, Violation, read_findings
from pipeline_builder.release.scoring.rows import few_rows

WARN, BLOCK, RETRAIN = "warn", "block", "retrain"
_FINE = frozenset(["Succeeded", "Skipped"])
_MOST_COLUMNS = 5
_MOST_SAID = 300
"""Violations that a verdict says one by one: monitor.json has all."""
_MOST_WORDS = 2
_MOST_CAUSES = 100
"""Causes that are kept: a report of thousands of columns is no reason for a request of megabytes."""
_MOST = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One thing that was looked at, in words; `actions` are what it asks for, `about` what of the data it is.

    `beyond` is how many times its bound a value is; `failed` says that there is nothing to be published, `quiet` that
    there were too many of the kind to say each.
    """

    words: str
    actions: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    beyond: float = 0.0
    failed: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreVerdict:
    """What is to be done about one model's scores; `reasons` say why, also where nothing is.

    `causes` are what a retraining is for, such as `drift age`: the same on each day that has the same fault, and
    `words` says the worst of them with the values of this day.
    """

    model: str
    status: ScoreStatus
    actions: tuple[str, ...]
    reasons: tuple[str, ...]
    causes: tuple[str, ...] = ()
    words: str = ""

    @property
    def publishable(self) -> bool:
        return self.status not in ("failed", "blocked")


def judge_scores(evidence: Evidence) -> tuple[ScoreVerdict, ...]:
    """Return the verdict on each model's scores, by evidence alone: what failed elsewhere in the run is no fault."""
    return tuple(_verdict(score.model, [*_looked(evidence, score)]) for score in evidence.scores)


def judged_scores(evidence: Evidence, record: RunRecord) -> RunRecord:
    """Return the record with its scores as the evidence has them, and the verdict on them."""
    verdicts = {verdict.model: verdict for verdict in judge_scores(evidence)}
    known = {score.model: score for score in evidence.scores}
    scores = tuple(
        _as_judged(score, known[score.model], verdicts[score.model])
        for score in record.scores
        if score.model in verdicts
    )
    passed = bool(verdicts) and all(verdict.publishable for verdict in verdicts.values())
    bad = [verdict for verdict in verdicts.values() if not verdict.publishable] or verdicts.values()
    reasons = tuple(f"{inert_line(v.model)}: {reason}" for v in bad for reason in v.reasons)
    if not verdicts:
        reasons = (f"the execution is {evidence.status}, and has scored nothing",)
    return record.model_copy(update={"scores": scores, "verdict": VerdictRecord(passed=passed, reasons=reasons)})


def _as_judged(score: ScoreRecord, evidence: ScoreEvidence, verdict: ScoreVerdict) -> ScoreRecord:
    done = score.status == "published" and verdict.publishable
    facts = {
        "date": evidence.date,
        "package_arn": evidence.package,
        "package_version": evidence.version,
        "group": evidence.group,
        "rows_in": evidence.rows_in,
        "rows_out": evidence.rows_out,
        "monitor": evidence.monitor.content if evidence.monitor else None,
        "monitor_uri": evidence.monitor.uri if evidence.monitor else "",
        "actions": verdict.actions,
        "status": "published" if done else verdict.status,
        "reasons": verdict.reasons,
    }
    return score.model_copy(update=facts)


def _verdict(model: str, found: list[_Found]) -> ScoreVerdict:
    actions = tuple(action for action in (WARN, BLOCK, RETRAIN) if any(action in item.actions for item in found))
    failed = any(item.failed for item in found)
    asking = [item for item in found if RETRAIN in item.actions]
    said = [item for item in found if item.actions or item.failed] or found
    return ScoreVerdict(
        model=model,
        status="failed" if failed else "blocked" if BLOCK in actions else "scored",
        # Where nothing was scored there is nothing that could have drifted.
        actions=() if failed else actions,
        reasons=tuple(dict.fromkeys(item.words for item in said if not item.quiet)),
        causes=() if failed else tuple(sorted({cause for item in asking for cause in item.about}))[:_MOST_CAUSES],
        words="" if failed else _worst(asking),
    )


def _worst(found: list[_Found]) -> str:
    """Say the worst of what was found, and of how much more that is true."""
    ranked = sorted(found, key=lambda item: -item.beyond)
    more = f" and {len(ranked) - _MOST_WORDS} more" if len(ranked) > _MOST_WORDS else ""
    return "; ".join(item.words for item in ranked[:_MOST_WORDS]) + more


def _looked(evidence: Evidence, score: ScoreEvidence) -> Iterator[_Found]:
    yield from _ran(evidence, score)
    if score.predictions is None or score.predictions.gone:
        yield _Found(words="there are no predictions", failed=True)
        return
    if few := few_rows(score.rows_in, score.rows_out, score.least_share):
        yield _Found(words=few, actions=(BLOCK,))
    if score.monitor is None:
        bounds = len(score.bounds)
        yield _Found(words="nothing monitors it", actions=(BLOCK,) if bounds else ())
        return
    findings = read_findings(score.monitor)
    if findings.fault:
        yield _Found(words=findings.fault, actions=(BLOCK,))
        return
    yield from _violated(findings, score)
    for bound in score.bounds:
        yield from _bounded(findings, bound)


def _ran(evidence: Evidence, score: ScoreEvidence) -> Iterator[_Found]:
    ran, planned = evidence.definition_sha256[:12], evidence.planned_sha256[:12]
    if ran != planned:
        yield _Found(words=f"what ran is {ran}, planned was {planned}", failed=True)
    own = [step for step in evidence.steps if step.model in (score.model, "")]
    bad = [step for step in own if not is_fine(step.status, evidence.status)]
    if bad:
        names = ", ".join(f"'{step.name}' is {step.status}" for step in bad)
        yield _Found(words=f"the execution is {evidence.status}, of the model's steps {names}", failed=True)
    else:
        yield _Found(words=f"scored by {inert_line(score.group)} version {score.version}, the model's steps are done")
    for step in own:
        if step.stub:
            yield _Found(words=f"'{step.name}' did not run: its result is a stub, {step.stub[:12]}", actions=(BLOCK,))


def is_fine(step: str, execution: str) -> bool:
    """Tell by the status of a step whether it is done, or an execution of this status has no need of it."""
    return step in _FINE or (step == "Waiting" and execution == "Succeeded")


def _violated(findings: Findings, score: ScoreEvidence) -> Iterator[_Found]:
    actions: tuple[str, ...] = ()
    for number, violation in enumerate(sorted(findings.violations, key=_mildness)):
        actions = (score.on_drift if violation.kind == DRIFT else score.on_violation) or (WARN,)
        if violation.kind in SHAPE:
            actions = tuple(dict.fromkeys((BLOCK, *actions)))
        about = (f"{violation.kind} {violation.column}".rstrip(),)
        quiet = number >= _MOST_SAID
        words, beyond = str(violation), violation.beyond
        yield _Found(words=words, actions=actions, about=about, beyond=beyond, quiet=quiet)
    if (more := len(findings.violations) - _MOST_SAID) > 0:
        yield _Found(words=f"and {more:,} more violations", actions=actions)
    if not findings.violations:
        yield _Found(words="monitoring has found nothing")
    for note in findings.notes:
        yield _Found(words=note)


def _mildness(violation: Violation) -> tuple[bool, float]:
    """Sort drift behind all else, and the worst of it first."""
    return violation.kind == DRIFT, -violation.beyond if violation.kind == DRIFT else 0.0


def _bounded(findings: Findings, bound: ScoreBoundEvidence) -> Iterator[_Found]:
    metric = inert_line(bound.metric, 200)
    if findings.is_awaited(bound.metric):
        yield _Found(words=f"{metric} isn't known yet: no labels have come")
        return
    value = findings.judged(bound.metric)
    if value is None and findings.is_unjudged(bound.metric):
        yield _Found(words=f"{metric} isn't judged: so few values may be as they are by chance")
        return
    if value is None:
        # A path that leads nowhere is nobody's wish to train anew.
        actions = tuple(WARN if action == RETRAIN else action for action in bound.then)
        yield _Found(words=f"the report has no number '{metric}'", actions=actions)
        return
    yield from _past(metric, value, bound, _drifted(findings))


def _past(metric: str, value: float, bound: ScoreBoundEvidence, columns: tuple[str, ...]) -> Iterator[_Found]:
    for limit, is_past, expected in (
        (bound.min, bound.min is not None and value < bound.min, "at least"),
        (bound.max, bound.max is not None and value > bound.max, "at most"),
    ):
        if limit is None:
            continue
        actions = bound.then if is_past else ()
        drifted = columns if is_past and metric.startswith("drift.") else ()
        where = f" ({_named(drifted)})" if drifted else ""
        about = tuple(f"{DRIFT} {column}" for column in drifted) or (f"gate {metric}",)
        found, bounded = told_apart(value, limit, ".4g")
        words = f"{metric} is {found}{where}, expected {expected} {bounded}"
        # It may be the same as a violation, and says it for all of the data.
        yield _Found(words=words, actions=actions, about=about, beyond=_MOST)


def _drifted(findings: Findings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(v.column for v in findings.violations if v.kind == DRIFT and v.column))


def _named(columns: Iterable[str]) -> str:
    """Return the names of columns, as many as one reads."""
    names = [*columns]
    more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
    return f"{', '.join(names[:_MOST_COLUMNS])}{more}"

"""The headline of a run: what it came to, in a word and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.release.approval import failure_text
from pipeline_builder.release.promote import waiting
from pipeline_builder.release.record import PackageRecord, RunRecord, StepRecord
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.views.scored import scored_sentence, scored_word

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the run came to, in a word and a sentence; `tone` is good, wait, bad or idle.

    `commands` are what a reader may answer with.
    """

    word: str
    sentence: str
    tone: str
    commands: tuple[str, ...] = ()


def headline_of(record: RunRecord, failed: Sequence[StepRecord]) -> Headline:  # noqa: PLR0911 - one line per outcome
    """Return what a run came to; `failed` are its steps that did."""
    if models := waiting(record):
        return _waits(record, models)
    if failed and all(step.type == "Fail" for step in failed):
        return Headline(word="Blocked", sentence=_upper("; ".join(step.failure_reason for step in failed)), tone="bad")
    if failed:
        names = ", ".join(step.name for step in failed)
        return Headline(word="Failed", sentence=f"{names} failed; nothing may be promoted.", tone="bad")
    if record.status != "Succeeded":
        return Headline(word=record.status, sentence="The execution did not come to its end.", tone="idle")
    if record.scores:
        word, tone = scored_word(record.scores)
        return Headline(word=word, sentence=scored_sentence(record.scores, record.date), tone=tone)
    if record.verdict and not record.verdict.passed:
        return Headline(word="Blocked", sentence=_begun("; ".join(record.verdict.reasons)), tone="bad")
    if not record.packages:
        return Headline(word="Succeeded", sentence="The run registered no model.", tone="good")
    return _decided(record)


def _decided(record: RunRecord) -> Headline:
    """Say what people have said of the versions, or that nobody could."""
    statuses = {package.status for package in record.packages}
    if unsigned := [package.model for package in record.packages if standing(package) is Standing.UNSIGNED]:
        sentence = f"Nobody has decided about {', '.join(unsigned)}: registered so, or approved elsewhere."
        return Headline(word="Approved by nobody", sentence=sentence, tone="bad")
    if record.verdict is None and "PendingManualApproval" in statuses:
        sentence = "No gate has judged it: 'pipeline-builder run' does, and runs nothing where nothing changed."
        return Headline(word="Not judged", sentence=sentence, tone="wait")
    if "Rejected" in statuses:
        return Headline(word="Rejected", sentence=_decision(record, "Rejected"), tone="bad")
    return Headline(word="Approved", sentence=_decision(record, "Approved"), tone="good")


def _waits(record: RunRecord, models: Sequence[PackageRecord]) -> Headline:
    """Say who waits, and before that what failed for others."""
    name, failed = record.execution.rsplit("/", 1)[-1], failure_text(record)
    passed = ", ".join(package.model for package in models[:_MOST_NAMED]) if failed else "The run"
    more = f" and {len(models) - _MOST_NAMED} more" if failed and len(models) > _MOST_NAMED else ""
    sentence = f"{passed}{more} passed the gate. A person decides now."
    return Headline(
        word="Waits for your decision",
        sentence=f"{failed}. {sentence}" if failed else sentence,
        tone="wait",
        commands=(f"pipeline-builder promote {name}", f"pipeline-builder reject {name} --comment WHY"),
    )


def _decision(record: RunRecord, status: str) -> str:
    """Return what was said of the first version that is so."""
    said = (package.approval_description for package in record.packages if package.status == status)
    return next(filter(None, said), "")


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _begun(reasons: str) -> str:
    """Return reasons as a sentence; a model's name, with which most begin, stays as it is."""
    return _upper(reasons) if reasons.startswith("the ") else reasons

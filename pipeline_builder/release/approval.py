"""What an approval is about: the words that a person sees, and a digest that binds the answer to these packages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pipeline_builder.inert import inert_line
from pipeline_builder.release.answers import describe_limits
from pipeline_builder.release.metrics import compare_metrics, metric_at, short_name
from pipeline_builder.release.promote import is_decidable, waiting
from pipeline_builder.release.record import PackageRecord, RepoRecord, RunRecord

MOST_TEXT = 1000
"""Characters that CodePipeline takes for an approval's text, and for any exported variable in one."""
_MOST_METRICS = 3
_SUBJECT = 50
_NAMES = 160
_FAILURES = 300
_STARTED = 300
Word = Literal["pass", "nothing", "blocked", "failed"]


def verdict_word(record: RunRecord) -> Word:
    """Return what a run came to: `pass` where a model waits for a decision, whatever else failed; `nothing` where none
    does, and nothing failed.
    """
    if waiting(record):
        return "pass"
    if record.status != "Succeeded":
        return "failed"
    return "blocked" if record.verdict is None or not record.verdict.passed else "nothing"


def approval_digest(record: RunRecord) -> str:
    """Return a sha256 (hex) of the packages, the execution and the definition that an approval is for."""
    arns = sorted(package.arn for package in record.packages)
    return hashlib.sha256("\0".join((record.execution, record.definition_sha256, *arns)).encode()).hexdigest()


def approval_text(record: RunRecord, gates: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return what the approver has to know, in one line of at most 1,000 characters.

    What failed comes first, then per model the gate's metrics of candidate and champion (`gates` has their paths by
    model; without any the report's first ones), then the commits, what ran and what came from the cache, and what
    started it. Where there is not room for all of it, subjects of commits go first, then commits, then models, and it
    is said how many are left out.
    """
    blocked = {package.arn for package in record.packages if not is_decidable(record, package)}
    shown = [package for package in record.packages if package.arn not in blocked]
    models = [_model(package, (gates or {}).get(package.model, ())) for package in shown]
    if not record.packages:
        models = [f"{record.pipeline}: no model was registered"]
    failed = [part for part in (failure_text(record),) if part]
    started = record.trigger and f"started by {_cut(record.trigger, _STARTED)}"
    work = (describe_limits(waiting(record)), _work(record), started)
    ending = [part for part in work if part]
    for repos in _repos(record.repos):
        text = inert_text("; ".join([*failed, *models, *repos, *ending]))
        if len(text) <= MOST_TEXT:
            return text
    return _fitted([inert_text(part) for part in failed], [inert_text(model) for model in models],
                   inert_text("; ".join(ending)))  # fmt: skip


def failure_text(record: RunRecord) -> str:
    """Return what failed in a run, in few words; nothing where nothing did."""
    steps = [step for step in record.steps if step.status == "Failed"]
    parts = [
        f"{step.model or step.name} FAILED in step {step.name}: {_first_line(step.failure_reason)}" for step in steps
    ]
    if record.status != "Succeeded" and not steps:
        parts = [f"the execution is {record.status}"]
    parts += [
        f"{package.model} version {package.version} is BLOCKED: {package.verdict.reasons[0]}"
        for package in record.packages
        if package.verdict and not package.verdict.passed and not is_decidable(record, package)
    ]
    room = max(_FAILURES // len(parts), _SUBJECT) if parts else 0
    shown = [_cut(part, room) for part in parts[: _FAILURES // _SUBJECT]]
    more = len(parts) - len(shown)
    return "; ".join([*shown, *([f"and {more} more"] if more else [])])


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason is known"


def _model(package: PackageRecord, paths: Sequence[str]) -> str:
    against = f"champion is version {package.champion_version}" if package.champion_version else "no champion yet"
    note = f" ({package.champion_note})" if package.champion_note else ""
    parts = [*_metrics(package, paths), f"{against}{note}"]
    return f"{package.group} version {package.version}: {', '.join(parts)}"


def _metrics(package: PackageRecord, paths: Sequence[str]) -> Iterator[str]:
    """Yield the numbers that the gate looks at; without a gate the first ones of the report."""
    named = [(short_name(p), metric_at(package.metrics, p), metric_at(package.champion_metrics, p)) for p in paths]
    first = compare_metrics(package.metrics, package.champion_metrics)[:_MOST_METRICS]
    for name, candidate, champion in named or [(m.path, m.candidate, m.champion) for m in first]:
        value = "none" if candidate is None else f"{candidate:.4g}"
        old = "" if champion is None else f" (champion {champion:.4g})"
        yield f"{name} {value}{old}"


def _repos(repos: Sequence[RepoRecord]) -> Iterator[list[str]]:
    """Yield the commits with less and less about them."""
    for room in (_SUBJECT, 20, 0):
        yield [f"{repo.name}@{repo.commit[:7]} {_cut(repo.subject, room)}".rstrip() for repo in repos]
    yield [f"commits of {len(repos)} repositories are in the report"] if repos else []


def _work(record: RunRecord) -> str:
    """Say what ran, and how much was taken from the cache."""
    ran = [step.name for step in record.steps if step.status == "Succeeded" and not step.cache_hit]
    cached = sum(bool(step.cache_hit) for step in record.steps)
    names = ", ".join(ran)
    what = names if 0 < len(names) <= _NAMES else f"{len(ran)} steps"
    return f"ran: {what}; from the cache: {cached} steps" if record.steps else ""


def _fitted(first: Sequence[str], models: Sequence[str], ending: str) -> str:
    """Return what comes first, and as many models as there is room for; the report has all."""
    kept: list[str] = []
    for model in models:
        rest = f"{len(models) - len(kept) - 1} more models in the report"
        if len("; ".join([*first, *kept, model, rest, ending])) > MOST_TEXT:
            break
        kept.append(model)
    left = len(models) - len(kept)
    more = [f"{left} more models in the report"] if left else []
    return _cut("; ".join([*first, *kept, *more, ending]), MOST_TEXT)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 0)]}…" if room else ""


def inert_text(text: str) -> str:
    """Return a text in one line that CodePipeline takes as it is: `#{` would be a variable of its."""
    return inert_line(re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text)).replace("#{", "# {")

"""Evidence in words, for the terminal: the same numbers in the same order as the report has them, and the commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_builder.inert import inert_line
from pipeline_builder.release.record import PackageRecord, RepoRecord, RunRecord
from pipeline_builder.views.formats import format_number
from pipeline_builder.views.model_view import Found, MetricRow, metric_rows, models_of

_MOST_METRICS = 12
_MOST_COMMITS = 5


def render_evidence(record: RunRecord) -> str:
    """Return what an approver must see: the metrics beside the champion's and within their bounds, and the commits."""
    lines = [f"started by {record.trigger}"] if record.trigger else []
    for found, word, _ in models_of(record):
        lines += _model(found, word)
    for repo in record.repos:
        lines += _commits(repo)
    lines += [f"evidence {record.evidence}"] if record.evidence else []
    return "\n".join(map(inert_line, lines))


def _model(found: Found, word: str) -> Iterator[str]:
    """Yield a model's lines; of one that was kept from the registry also why."""
    package = found if isinstance(found, PackageRecord) else None
    version = f" version {package.version}" if package else ""
    yield f"{found.group}{version} ({word}, {_against(found)})"
    rows = metric_rows(found)
    yield from _metric_lines(rows[:_MOST_METRICS])
    if (rest := len(rows) - _MOST_METRICS) > 0:
        yield f"  and {rest} more in the report"
    if found.metrics_fault:
        yield f"  {found.metrics_fault}"
    if package is None:
        yield "  it was not registered: the gate of the pipeline kept it from the registry"


def _against(found: Found) -> str:
    package = found if isinstance(found, PackageRecord) else None
    if found.champion_version:
        note = f": {package.champion_note}" if package and package.champion_note else ""
        return f"against version {found.champion_version}{note}"
    return "the first of its group" if package and package.status == "Approved" else "no champion yet"


def _metric_lines(rows: Sequence[MetricRow]) -> Iterator[str]:
    width = max((len(inert_line(row.path)) for row in rows), default=0)
    for row in rows:
        old = "" if row.champion is None else f"  champion {format_number(row.champion)}"
        value = f"{format_number(row.candidate):>9}{old}{_difference(row)}{_bounds(row)}"
        yield f"  {inert_line(row.path):<{width}}  {value}"


def _difference(row: MetricRow) -> str:
    if row.difference is None or row.champion is None:
        return ""
    better = "" if row.better is None else " better" if row.better else " worse"
    return f"  {row.difference:+.4g}{better}" if row.difference else "  same"


def _bounds(row: MetricRow) -> str:
    if not row.bounds:
        return ""
    kept = "" if row.kept is None else ", kept" if row.kept else ", NOT kept"
    return f"  {', '.join(bound.words for bound in row.bounds)}{kept}"


def _commits(repo: RepoRecord) -> Iterator[str]:
    """Yield a repository's commit, and what came since the champion's."""
    yield f"commit {repo.name}@{repo.commit[:7]}  {repo.subject}".rstrip()
    if repo.before and repo.before == repo.commit:
        yield "  the champion was made of the same commit"
    elif count := len(repo.since) + repo.more:
        yield f"  {count} commit{'' if count == 1 else 's'} since the champion's, {repo.before[:7]}"
        for commit in repo.since[:_MOST_COMMITS]:
            yield f"    {commit.sha[:7]}  {commit.subject}".rstrip()
        if (left := count - _MOST_COMMITS) > 0:
            yield f"    and {left} more in the report" if not repo.more else f"    and {left} more"
    if repo.since_unknown:
        yield f"  {repo.since_unknown}"
    if repo.head:
        yield f"  {repo.head[:7]} is checked out by now{f': {repo.head_words}' if repo.head_words else ''}"

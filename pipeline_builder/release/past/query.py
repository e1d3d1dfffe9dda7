"""Queries: which of the runs are meant, by what a person has chosen or typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline_builder.release.past.summary import RunSummary

_SHORTEST_COMMIT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """What runs are looked for by; what is empty, or None, isn't.

    `model` is a model or its group, `state` a status or one of the words of `RunSummary.states`, `trigger` a part of
    what started it, `commit` the beginning of one, `text` a part of anything that a summary says in words. `since` and
    `until` are about when it started.
    """

    pipeline: str = ""
    model: str = ""
    state: str = ""
    trigger: str = ""
    commit: str = ""
    text: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, run: RunSummary) -> bool:
        """Tell whether a run is one of those that are looked for."""
        return (
            self.pipeline in ("", run.pipeline)
            and self.kind in ("", run.kind)
            and (self.since is None or run.started >= self.since)
            and (self.until is None or run.started < self.until)
            and (not self.state or self.state.casefold() in run.states)
            and self._fits_words(run)
        )

    def _fits_words(self, run: RunSummary) -> bool:
        commit = self.commit.strip().casefold()
        return (
            (not self.model or any(self.model in (one.model, one.group) for one in run.models))
            and (not self.trigger or self.trigger.casefold() in run.trigger.casefold())
            and (not commit or any(found.startswith(commit) for found in run.commits.values()))
            and (not self.text.strip() or _has(run, self.text.strip().casefold()))
        )


def _has(run: RunSummary, text: str) -> bool:
    if len(text) >= _SHORTEST_COMMIT and any(commit.startswith(text) for commit in run.commits.values()):
        return True
    return any(text in words.casefold() for words in _words(run))


def _words(run: RunSummary) -> Iterator[str]:
    yield from (run.id, run.pipeline, run.status, run.trigger, run.date)
    yield from (*run.failed_steps, *run.reasons, *run.commits)
    for model in run.models:
        yield from (model.model, model.group, f"{model.group} version {model.version}")

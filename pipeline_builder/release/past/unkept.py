"""Runs that nobody has kept a record of, as those of older versions: their summaries, made out of what is still known.

Without them a state of the version before would seem to have no model in use, and none that waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from pipeline_builder.descriptions import Execution
from pipeline_builder.errors import InputProblems, OutsideFailure, PlanRefused
from pipeline_builder.release.past.summary import RunSummary, summarise, summarise_execution
from pipeline_builder.release.witness import at_once
from pipeline_builder.target import Target

MOST, MOST_ON_AWS = 500, 50
"""Runs that are made up for, the newest: on AWS each takes some calls."""
_SETTLED = timedelta(minutes=1)
"""After its end a run is judged, and its record is written: so long nothing is made up for it."""


def summarise_unkept(
    executions: Iterable[Execution], target: Target
) -> tuple[tuple[Execution, RunSummary | None], ...]:
    """Return the newest of these executions that have ended a while ago, with what can be told of them."""
    before = datetime.now(timezone.utc) - _SETTLED
    ended = [one for one in executions if one.status.ended and one.ended and one.ended < before]
    newest = sorted(ended, key=lambda one: one.started, reverse=True)
    wanted = newest[: MOST if target.name == "local" else MOST_ON_AWS]
    found = at_once(lambda one: _summary(one, target), wanted) if wanted else ()
    return tuple(zip(wanted, found, strict=True))


def _summary(execution: Execution, target: Target) -> RunSummary | None:
    """Return what can be told of a run; None where it can't be asked for now."""
    from pipeline_builder.release.outcome import collect  # which need the judging, and that needs this room
    from pipeline_builder.release.past.remaking import remake

    try:
        record = remake(collect(execution, target, tails=False, reasons=False), target)
        return replace(summarise(record), kept=False)
    except OutsideFailure:
        return None
    except (InputProblems, PlanRefused, ValueError):  # what is known of it is damaged, or isn't this tool's
        return summarise_execution(execution)

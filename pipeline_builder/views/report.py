"""The report of a run: one HTML file with everything that an approver, or the person on call, has to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pipeline_builder.release.record import RunRecord
from pipeline_builder.views.days import Day
from pipeline_builder.views.pages import LOOK, pages
from pipeline_builder.views.run_view import run_view


def render_report(
    record: RunRecord, days: Sequence[Day] = (), prices: Mapping[str, float] = MappingProxyType({})
) -> str:
    """Return the report as HTML: one file, no script, nothing from the network.

    `days` are what the ledger has; `prices` are USD of an hour, by type of machine.
    """
    look = LOOK.read_text(encoding="utf-8")
    return pages().get_template("report.html.j2").render(run=run_view(record, days=days, prices=prices), look=look)

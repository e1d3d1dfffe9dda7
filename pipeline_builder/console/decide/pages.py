"""The pages of decisions."""

from __future__ import annotations

from pipeline_builder.console.decide.evidence import decide_view
from pipeline_builder.console.decide.rollback import rollback_act, rollback_view
from pipeline_builder.console.decide.taking import decide_act
from pipeline_builder.console.decide.waiting import waiting_view
from pipeline_builder.console.pages import Page

PAGES = (
    Page(
        path="/decide",
        name="decide",
        view=waiting_view,
        template="console/decide/waiting.html.j2",
        title="Decide",
        nav="Decide",
        live=("runs", "registry", "scoring"),
    ),
    Page(
        path="/decide/rollback/<group>",
        name="rollback",
        view=rollback_view,
        act=rollback_act,
        template="console/decide/rollback.html.j2",
        live=("registry",),
        exported=False,
        absent=("PB480",),
    ),
    Page(
        path="/decide/<pipeline>/<id>",
        name="decision",
        view=decide_view,
        act=decide_act,
        template="console/decide/run.html.j2",
        live=("runs", "registry"),
        exported=False,
        absent=("PB440", "PB441"),
    ),
)

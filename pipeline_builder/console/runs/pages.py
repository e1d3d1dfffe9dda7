"""The pages about runs."""

from __future__ import annotations

from pipeline_builder.console.pages import Page
from pipeline_builder.console.runs.listing import runs_view
from pipeline_builder.console.runs.log import log_view
from pipeline_builder.console.runs.run import run_page
from pipeline_builder.console.runs.step import step_page

_ABSENT = ("PB040", "PB041")

PAGES = (
    Page(
        path="/runs",
        name="runs",
        view=runs_view,
        template="console/runs.html.j2",
        title="Runs",
        nav="Runs",
        live=("runs", "registry"),
    ),
    Page(
        path="/runs/<pipeline>/<id>",
        name="run",
        view=run_page,
        template="console/run.html.j2",
        title="Run",
        live=("runs", "registry"),
        absent=_ABSENT,
    ),
    Page(
        path="/runs/<pipeline>/<id>/steps/<step>",
        name="step",
        view=step_page,
        template="console/step.html.j2",
        title="Step",
        live=("runs",),
        absent=_ABSENT,
        exported=False,
    ),
    Page(path="/runs/<pipeline>/<id>/log/<step>", name="log", view=log_view, absent=_ABSENT, exported=False),
)

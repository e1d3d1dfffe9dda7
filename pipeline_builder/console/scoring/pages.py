"""The pages about scores, and where they are."""

from __future__ import annotations

from pipeline_builder.console.pages import Page
from pipeline_builder.console.scoring.day import day_view
from pipeline_builder.console.scoring.listed import scoring_view
from pipeline_builder.console.scoring.pipeline import scores_view

_LIVE = ("scoring",)
_ABSENT = ("PB037", "PB038")

PAGES = (
    Page(path="/scoring", name="scoring", view=scoring_view, template="console/scoring.html.j2", title="Scoring",
         nav="Scoring", live=_LIVE),
    Page(path="/scoring/<pipeline>", name="scores", view=scores_view, template="console/scores.html.j2", live=_LIVE,
         absent=_ABSENT),
    Page(path="/scoring/<pipeline>/<date>", name="day", view=day_view, template="console/day.html.j2", live=_LIVE,
         absent=_ABSENT),
)  # fmt: skip

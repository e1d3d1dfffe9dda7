"""The page of what would change now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_builder.console.pages import Page
from pipeline_builder.console.plan.keeping import keeper_of
from pipeline_builder.console.plan.shown import PlanView, show_plans

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look
    from pipeline_builder.console.pages import Query


def plan_view(look: Look, query: Query) -> PlanView:
    """Return what would change now, as far as it is known."""
    del query
    return show_plans(keeper_of(look).current(look))


PAGES = (
    Page(
        path="/plan",
        name="plan",
        view=plan_view,
        template="console/plan/plan.html.j2",
        title="Plan",
        nav="Plan",
        live=("manifest", "plan"),
    ),
)

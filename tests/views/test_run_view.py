"""The partials as another page fills them: everything leads to where that page says, and what goes on ends now."""

from __future__ import annotations

import re
from datetime import timedelta

from pipeline_builder.release.record import BlockedRecord
from pipeline_builder.views.links import RunLinks
from pipeline_builder.views.pages import make_environment
from pipeline_builder.views.run_view import RunView, run_view
from tests.release.records import BEGIN, CHAMPION, package, run_record, steps

LINKS = RunLinks(
    step=lambda name: f"/steps/{name}", log=lambda name: f"/log/{name}", group=lambda group: f"/models/{group}",
    version=lambda group, version: f"/models/{group}/{version}", run=lambda pipeline, name: f"/runs/{pipeline}/{name}",
)  # fmt: skip


def filled(view: RunView) -> str:
    """Fill all partials."""
    names = ("head", "failures", "models", "gate", "commits", "graph", "trials", "logs", "provenance")
    pages = make_environment()
    return "".join(pages.get_template(f"run/{name}.j2").render(run=view) for name in names)


def test_everything_leads_to_where_the_page_says() -> None:
    made = steps("churn", status="Failed", failure_reason="no rows", log="/a/log", cache_hit="arn/x/before1")
    packages = (package("churn", champion_version=1, champion_metrics=CHAMPION),)
    kept = BlockedRecord(model="price", group="price", step="g")
    view = run_view(run_record(steps=made, packages=packages, blocked=(kept,)), links=LINKS)
    found = {*re.findall(r'href="(/[^"]*)"', filled(view))}
    assert found == {
        *(f"/steps/{step.name}" for step in made), "/log/churn-RegisterModel", "/models/churn/2", "/models/churn/1",
        "/models/price", "/runs/churn/before1",
    }  # fmt: skip


def test_what_goes_on_ends_now() -> None:
    made = steps("churn", status="Executing", ended=None)
    record = run_record(steps=made, packages=(), status="Executing", ended=None)
    view = run_view(record, now=BEGIN + timedelta(seconds=60), missed={"churn-Training": "its code has changed"})
    assert (view.seconds, view.gantt.bars[-1].seconds, view.headline.word) == (60.0, 55.0, "Executing")
    assert view.states == (("Succeeded", 5), ("Executing", 1))
    html = filled(view)
    assert "not cached: its code has changed" in html
    assert 'class="step executing"' in html
    assert "Executing 55.0 s" in html

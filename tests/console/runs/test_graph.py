"""The drawing of a run's steps in a browser: zoomed by keys and buttons, a step's panel beside it; and without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsing import follow, open_page
from tests.console.consoles import Client, client_of, looks_of, served
from tests.scoring import Scoring
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def shown(page: Page) -> list[float]:
    """Return what of the drawing is shown: x, y, width, height."""
    box = page.locator("#graph svg.dag").get_attribute("viewBox")
    assert box is not None
    return [float(part) for part in box.split()]


@pytest.mark.long
def test_the_graph_is_zoomed_and_moved_by_keys_and_buttons(ran: Workspace, browser: Browser, client: Client) -> None:
    run = client.json("/runs.json?state=failed")["rows"][0]["id"]
    with served(looks_of(ran)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.goto(f"{console.url}/runs/tiny/{run}")
        whole = shown(page)
        page.locator("#graph .stage").focus()
        page.keyboard.press("+")
        near = shown(page)
        assert near[2] < whole[2]
        page.keyboard.press("ArrowRight")
        assert shown(page)[0] > near[0]
        page.keyboard.press("0")
        assert shown(page) == whole
        page.get_by_role("button", name="Larger").click()
        assert shown(page)[2] < whole[2]
        page.get_by_role("button", name="All of it").click()
        page.locator("#graph svg a", has_text="Train").first.click()
        page.locator("#panel").wait_for()
        assert page.url.endswith(f"/runs/tiny/{run}?step=churn-Train")
        assert page.locator("#panel .step-head .badge").inner_text() == "Failed"
        assert page.evaluate("document.activeElement.id") == "step-name"
        page.locator("#panel a[data-step=churn-Preprocess]").click()
        page.locator("#panel .step-head", has_text="the step cache had it").wait_for()
        page.go_back()
        page.locator("#panel .step-head.bad").wait_for()
        page.reload()
        page.locator("#panel .step-head.bad").wait_for()
        page.keyboard.press("Escape")
        assert page.url.endswith(f"/runs/tiny/{run}")


@pytest.mark.long
def test_everything_is_there_without_scripts(ran: Workspace, browser: Browser, client: Client) -> None:
    run = client.json("/runs.json?state=failed")["rows"][0]["id"]
    with (
        served(looks_of(ran)) as console,
        open_page(browser, script=False, width=390, address=console.url) as (page, _),
    ):
        page.goto(console.address)
        page.goto(f"{console.url}/runs")
        page.locator("#f-state").select_option("failed")
        follow(page.get_by_role("button", name="Look for them"))
        assert page.locator("table.runs tbody a.mono").all_inner_texts() == [run]
        follow(page.locator("table.runs tbody a.mono"))
        page.locator("#graph .zoom").wait_for(state="hidden")
        follow(page.locator("#steps a[data-step=churn-Train]"))
        assert page.url.endswith(f"/runs/tiny/{run}/steps/churn-Train")
        assert "such" in page.locator("#log pre").inner_text()
        assert page.locator("h1").inner_text() == "churn-Train"


def test_the_page_of_an_inference_run_has_its_day_and_those_before(scored: Scoring) -> None:
    looks = looks_of(scored)
    client = client_of(looks)
    rows = client.json("/runs.json?kind=inference")["rows"]
    assert [row["date"] for row in rows] == ["2026-11-02", "2026-11-01"]
    page = client.page(f"/runs/{rows[0]['pipeline']}/{rows[0]['id']}")
    assert "2026-11-02" in page
    assert "Day by day" in page
    looks.close()
    assert client.bugs == []

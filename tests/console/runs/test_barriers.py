"""The pages about runs for people who hear them, or use no mouse, or a phone: light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsing import barriers, cut_off, open_page
from tests.console.consoles import Client, looks_of, served
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser


EVERY = ("", "?state=failed&text=x", "/tiny/{run}", "/tiny/{run}?step=churn-Train", "/tiny/{run}/steps/churn-Train")
HARDEST = ("?state=failed&text=x", "/tiny/{run}?step=churn-Train")
"""A list with its chips; and a run with its failure, its drawing, and a step's panel beside it."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("look", "paths"),
    [
        ((390, True), HARDEST),
        pytest.param((1280, False), EVERY, marks=pytest.mark.long),
        pytest.param((390, True), EVERY, marks=pytest.mark.long),
    ],
)
def test_no_page_about_runs_keeps_anybody_out(
    ran: Workspace, browser: Browser, client: Client, look: tuple[int, bool], paths: tuple[str, ...]
) -> None:
    width, dark = look
    run = client.json("/runs.json?state=failed")["rows"][0]["id"]
    with (
        served(looks_of(ran)) as console,
        open_page(browser, width=width, dark=dark, address=console.url) as (page, _),
    ):
        page.goto(console.address)
        for path in paths:
            page.goto(f"{console.url}/runs{path.format(run=run)}")
            assert barriers(page) == []
            assert cut_off(page) == []

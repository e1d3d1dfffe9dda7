"""The pages of scores as a person uses them, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsing import follow, open_page
from tests.console.consoles import looks_of, served
from tests.scoring import Scoring

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.long
def test_from_the_calendar_to_a_day_and_its_columns(scored: Scoring, browser: Browser) -> None:
    with served(looks_of(scored)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        follow(page.get_by_role("navigation", name="Console").get_by_role("link", name="Scoring"))
        follow(page.get_by_role("link", name="scoring", exact=True))
        assert page.locator(".calendar a").count() == 2
        page.locator("#drift summary").click()
        page.get_by_role("checkbox", name="the predictions").set_checked(False)
        follow(page.get_by_role("button", name="Draw"))
        assert page.locator("#drift .lines .dot").count() == 2
        follow(page.locator(".calendar a").last)
        assert page.get_by_role("heading", level=1).inner_text() == "scoring: 2026-11-02"
        assert page.locator("section.wait").count() >= 1
        follow(page.get_by_role("link", name="2026-11-01"))
        assert page.get_by_role("heading", level=1).inner_text() == "scoring: 2026-11-01"

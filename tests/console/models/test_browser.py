"""The pages of models as a person uses them, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsing import follow, open_page
from tests.console.consoles import looks_of, served
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.long
def test_from_the_list_to_two_versions_side_by_side(history: Workspace, browser: Browser) -> None:
    with served(looks_of(history)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        follow(page.get_by_role("navigation", name="Console").get_by_role("link", name="Models"))
        follow(page.get_by_role("link", name="tiny-churn", exact=True))
        assert page.locator("figure svg circle").count() >= 3
        page.get_by_role("checkbox", name="rows").set_checked(False)
        follow(page.get_by_role("button", name="Draw"))
        assert page.locator(".metric-plots figure").count() == 2
        page.get_by_role("radio", name="compare version 1").check()
        page.get_by_role("radio", name="with version 2").check()
        follow(page.get_by_role("button", name="Compare A with B"))
        assert page.get_by_role("heading", level=1).inner_text() == "tiny-churn: version 1 and version 2"
        assert "scale: 5" in page.locator("#conf").inner_text()
        assert "Bigger <script>alert(1)</script>" in page.locator("#commits").inner_text()
        follow(page.get_by_role("link", name="Version 2", exact=True))
        follow(page.get_by_role("link", name="Read it again now"))
        assert "It doesn't agree." in page.locator("#checked").inner_text()


@pytest.mark.long
def test_it_works_by_keyboard_and_without_script_on_a_telephone(history: Workspace, browser: Browser) -> None:
    with (
        served(looks_of(history)) as console,
        open_page(browser, address=console.url, width=390, script=False, dark=True) as (page, _),
    ):
        page.goto(console.address)
        page.goto(f"{console.url}/models/tiny-churn")
        page.get_by_role("radio", name="compare version 1").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Compare A with B").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/compare?**")
        assert page.get_by_role("heading", level=1).inner_text() == "tiny-churn: version 1 and version 3"

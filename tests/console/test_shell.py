"""What stands around every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browsing import open_page
from tests.console.consoles import Client, looks_of, served
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_first_page(client: Client) -> None:
    assert "1 to decide , nothing runs, tiny failed ." in client.text("/")
    assert client.json("/now.json")["begun"] is True


def test_the_first_page_in_a_browser(ran: Workspace, browser: Browser) -> None:
    with served(looks_of(ran)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        assert page.url == f"{console.url}/"
        assert page.locator("nav a[aria-current=page]").inner_text() == "Now"

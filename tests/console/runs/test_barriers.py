"""The pages about runs for people who hear them, or use no mouse, or a phone: light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsing import barriers, cut_off, open_page
from tests.console.consoles import Client, looks_of, served
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_no_page_about_runs_keeps_anybody_out(
    ran: Workspace, browser: Browser, client: Client, width: int, dark: bool
) -> None:
    run = client.json("/runs.json?state=failed")["rows"][0]["id"]
    with (
        served(looks_of(ran)) as console,
        open_page(browser, width=width, dark=dark, address=console.url) as (page, _),
    ):
        page.goto(console.address)
        for path in ("", "?state=failed&text=x", f"/tiny/{run}", f"/tiny/{run}?step=churn-Train"):
            page.goto(f"{console.url}/runs{path}")
            assert barriers(page) == []
            assert cut_off(page) == []
        page.goto(f"{console.url}/runs/tiny/{run}/steps/churn-Train")
        assert barriers(page) == []
        assert cut_off(page) == []

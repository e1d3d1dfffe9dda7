"""What others have written stays text, on every page that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_builder.console.pages import all_pages
from pipeline_builder.release.past.query import RunQuery
from tests.browsing import open_page
from tests.console.consoles import Client, look_of, looks_of, served
from tests.console.hostile import MARK, check_inert
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def addresses(workspace: Workspace) -> list[str]:
    """Return an address of every page, for each of the runs and versions that there are."""
    look = look_of(workspace)
    runs, _ = look.index.runs(RunQuery())
    found: list[str] = []
    for page in all_pages():
        parts = {"group": "tiny-churn", "version": "2", "a": "1", "b": "2", "step": "churn-Train", "date": "2026-11-01"}
        for run in runs if "<id>" in page.path else runs[:1]:
            path = page.path.replace("int:", "")
            for name, value in {**parts, "pipeline": run.pipeline, "id": run.id}.items():
                path = path.replace(f"<{name}>", value)
            found.append(path)
    return list(dict.fromkeys(found))


def test_every_page_is_inert(hostile: Workspace, hostile_client: Client) -> None:
    seen = 0
    for path in addresses(hostile):
        answer = hostile_client.get(path)
        assert answer.status_code in (200, 404, 409), f"{path}: {answer.text}"  # a failed run has no decision
        if "html" in (answer.content_type or ""):
            check_inert(answer.text)
            seen += MARK in answer.text
    assert seen > 3


@pytest.mark.parametrize("name", ["/?text={}", "/runs?text={}", "/models?text={}", "/runs/{}/{}", "/models/{}", "/{}"])
def test_what_an_address_says_is_inert(hostile_client: Client, name: str) -> None:
    from urllib.parse import quote

    for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "javascript:alert(1)"):
        answer = hostile_client.get(name.format(quote(text, safe=""), quote(text, safe="")))
        assert answer.status_code in (200, 404, 409)
        check_inert(answer.text)


@pytest.mark.long
def test_nothing_of_it_runs_in_a_browser(hostile: Workspace, hostile_client: Client, browser: Browser) -> None:
    # A page that isn't there is an error on the browser's own console.
    shown = [path for path in addresses(hostile) if hostile_client.get(path).status_code == 200 and "/log/" not in path]
    with served(looks_of(hostile)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        for path in shown:
            page.goto(f"{console.url}{path}", wait_until="load")
            assert page.evaluate("document.querySelectorAll('main').length") == 1, path

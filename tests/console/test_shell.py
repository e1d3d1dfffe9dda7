"""What stands around every page, for people with a mouse, a keyboard, a phone, or without a script."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_builder.console.server import open_console
from tests.browsing import barriers, cut_off, open_page
from tests.console.consoles import Client, looks_of, served
from tests.scoring import Scoring
from tests.workspaces import Workspace, make_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_the_first_page(client: Client) -> None:
    assert "1 to decide , nothing runs, tiny failed ." in client.text("/")
    assert client.json("/now.json")["begun"] is True
    page = client.page("/")
    assert page.count('aria-current="page"') == 1
    assert '<link rel="alternate" type="application/json" href="/now.json">' in page
    assert 'href="/runs.json?state=failed"' in client.page("/runs?state=failed")


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_nobody_is_kept_out_and_nothing_is_cut_off(
    ran: Workspace, scored: Scoring, browser: Browser, width: int, dark: bool
) -> None:
    for workspace in (ran, scored):
        with (
            served(looks_of(workspace)) as console,
            open_page(browser, address=console.url, width=width, dark=dark) as (page, _),
        ):
            page.goto(console.address)
            assert page.url == f"{console.url}/"
            assert page.locator("nav a[aria-current=page]").inner_text() == "Now"
            assert (barriers(page), cut_off(page)) == ([], [])
            page.goto(f"{console.url}/login")
            assert (barriers(page), cut_off(page)) == ([], [])


@pytest.mark.long
def test_with_a_keyboard(ran: Workspace, browser: Browser) -> None:
    with served(looks_of(ran)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the page"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert focused(page) == "1 to decide"
        page.locator("nav a", has_text="Runs").focus()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{console.url}/runs")
        assert outline == "solid"


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText"))


@pytest.mark.long
def test_all_of_it_is_there_without_a_script(ran: Workspace, browser: Browser) -> None:
    with served(looks_of(ran)) as console, open_page(browser, address=console.url, script=False) as (page, _):
        page.goto(console.address)
        assert "tiny-churn" in page.locator("#waits").inner_text()
        page.locator("#failed-tiny a", has_text="log").click()
        assert page.url.endswith("/log/churn-Train")


@pytest.mark.long
def test_who_comes_without_the_token_is_told_how(ran: Workspace, browser: Browser) -> None:
    with served(looks_of(ran)) as console:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{console.url}/runs")  # a 401, which a browser notes on its own console
        assert "Open the address that pipeline-builder console has printed" in page.locator("main").inner_text()
        page.locator("#token").fill(console.access.token)
        page.locator("button").click()
        page.wait_for_url(f"{console.url}/runs")
        context.close()


# --- a page that stays open


@pytest.mark.long
def test_what_changes_is_swapped_and_the_rest_stays_as_it_was(tmp_path: Any, browser: Browser) -> None:
    workspace = make_workspace(tmp_path)
    assert workspace.call("up").code == 0
    with served(looks_of(workspace)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.evaluate("window.stayed = document.querySelector('nav'); document.body.style.minHeight = '3000px'")
        page.locator("#waits .button").focus()
        page.evaluate("scrollTo(0, 40)")
        assert page.locator("#models td").count() > 0
        assert workspace.call("promote").code == 0
        page.locator("#waits").wait_for(state="detached")
        page.locator("#models td", has_text="by ada").wait_for()
        assert page.evaluate("window.stayed === document.querySelector('nav')")
        assert page.evaluate("scrollY") == 40
        assert "Nothing waits for a decision" in page.locator("#summary").inner_text()


def restarted(workspace: Workspace, port: int) -> tuple[Any, Callable[[], None]]:
    """Start another console at the port of one that has ended."""
    console = open_console(looks_of(workspace), port=port, report=print, seconds=0.1)
    thread = threading.Thread(target=console.serve, daemon=True)
    thread.start()

    def end() -> None:
        console.http.shutdown()
        thread.join(10)

    return console, end


@pytest.mark.long
def test_a_page_whose_console_has_ended_says_so_and_goes_on_when_it_may(ran: Workspace, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with served(looks_of(ran)) as console:
        page.goto(console.address)
        page.wait_for_function("!document.getElementById('away').innerText")
        port = console.http.port
    page.locator("#away", has_text="doesn't answer").wait_for()
    again, end = restarted(ran, port)
    try:
        page.locator("#away", has_text="was started anew").wait_for()  # its cookie is one of before
        page.goto(again.address)
        assert page.locator("#away").is_hidden()
    finally:
        end()
        context.close()


@pytest.mark.long
def test_a_page_that_nobody_sees_does_not_listen_and_catches_up(tmp_path: Any, browser: Browser) -> None:
    """A sleeping laptop, and the seventh tab: browsers have six connections for one address."""
    workspace = make_workspace(tmp_path)
    with served(looks_of(workspace)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.wait_for_function("!document.getElementById('away').innerText")
        hide(page, hidden=True)
        wait_until(lambda: not console.live._clients, page)
        assert workspace.call("up").code == 0
        assert page.locator("#begin").count() == 1
        hide(page, hidden=False)
        page.locator("#waits").wait_for()


def hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')) }",
        hidden,
    )


def wait_until(found: Callable[[], bool], page: Page) -> None:
    for _ in range(400):
        if found():
            return
        page.wait_for_timeout(50)
    pytest.fail("it never came to that")

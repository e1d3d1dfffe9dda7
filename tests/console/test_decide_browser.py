"""Decisions in a real browser: with and without the token, from another site's page, by keyboard, and as people see it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsing import follow, open_page
from tests.console.consoles import looks_of, served
from tests.trio import Trio, make_trio

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    trio = make_trio(tmp_path_factory.mktemp("decide_browser") / "made")
    assert trio.call("up").code == 0
    return trio


@pytest.fixture
def trio(judged: Trio, tmp_path: Path) -> Trio:
    return Trio(Path(shutil.copytree(judged.root, tmp_path / "trio", symlinks=True)))


def path_of(trio: Trio) -> str:
    return f"/decide/trio/{trio.record['execution'].rsplit('/', 1)[-1]}"


@contextmanager
def site(html: str) -> Iterator[str]:
    """Serve a page of another site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def choose(page: Page, model: str, word: str, why: str = "") -> None:
    section = page.locator(f"#q-trio-{model}")
    section.get_by_role("radio", name=word, exact=True).check()
    if why:
        section.get_by_role("textbox").fill(why)


def test_a_person_looks_decides_by_keyboard_and_sees_what_came_of_it(browser: Browser, trio: Trio) -> None:
    with served(looks_of(trio, SMP_APPROVER="grace")) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        follow(page.get_by_role("link", name="Decide", exact=True))
        follow(page.get_by_role("link", name="Look and decide"))
        assert page.url == f"{console.url}{path_of(trio)}"
        choose(page, "churn", "Approve", "looks <b>right</b>")
        choose(page, "price", "Reject", "too slow")
        button = page.get_by_role("button", name="Decide")
        button.focus()
        page.keyboard.press("Enter")
        told = page.locator("#told")
        told.wait_for()
        assert "trio-churn version 1: approved by grace: looks <b>right</b>" in told.inner_text()
        assert "trio-price version 1: rejected by grace: too slow" in told.inner_text()
        assert page.locator("#q-trio-churn .badge").first.inner_text() == "approved"
        # Back: the page is as things stand now, not as they stood.
        page.go_back()
        assert page.locator("#q-trio-churn .badge").first.inner_text() == "approved"
        assert page.locator("#told").count() == 0
        page.locator("#q-trio-price summary").click()
        choose(page, "price", "Approve after all")
        follow(page.get_by_role("button", name="Decide"))
        page.locator("#told").wait_for()
        assert "who takes back how a model was decided says why" in page.locator("#told").inner_text()
        assert page.get_by_role("radio", name="Approve after all", exact=True).is_checked()
    assert trio.statuses() == {"churn": "Approved", "price": "Rejected", "segments": "PendingManualApproval"}
    assert len(trio.changes()) == 2


@pytest.mark.long
def test_two_tabs_and_somebody_who_was_faster(browser: Browser, trio: Trio) -> None:
    with served(looks_of(trio, SMP_APPROVER="grace")) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.goto(console.url + path_of(trio))
        other = page.context.new_page()
        other.goto(console.url + path_of(trio))
        choose(other, "churn", "Reject", "too low")
        follow(other.get_by_role("button", name="Decide"))
        other.locator("#told").wait_for()
        choose(page, "churn", "Approve", "fine")
        follow(page.get_by_role("button", name="Decide"))
        page.locator("#told").wait_for()
        assert "Not all of it was done" in page.locator("#told").inner_text()
        assert "rejected by grace: too low" in page.locator("#told").inner_text()
    assert len(trio.changes()) == 1


@pytest.mark.long
def test_without_the_token_nothing_is_seen_and_another_sites_form_decides_nothing(browser: Browser, trio: Trio) -> None:
    looks = looks_of(trio, SMP_APPROVER="grace")
    with served(looks) as console:
        with open_page(browser, address=console.url) as (page, seen):
            answer = page.goto(console.url + path_of(trio))
            assert answer
            assert answer.status == 401
            assert "churn" not in page.content()
            seen.said.clear()  # a browser says of itself that a page was refused
        with open_page(browser, address="http://") as (page, seen):
            page.goto(console.address)
            page.goto(console.url + path_of(trio))
            fields = dict(
                page.locator("form#decision input[type=hidden]").evaluate_all("all => all.map(e => [e.name, e.value])")
            )
            arn = next(name.removeprefix("seen:") for name in fields if name.startswith("seen:"))
            assert fields["form"]
            # Even with all that the page knows: it comes from elsewhere, without the cookie.
            hidden = "".join(
                f'<input name="{name}" value="{value}">' for name, value in {**fields, f"word:{arn}": "approve"}.items()
            )
            action = f"{console.url}{path_of(trio)}"
            with site(
                f'<form id="f" method="post" action="{action}">{hidden}</form><button onclick="f.submit()">go</button>'
            ) as url:
                page.goto(url)
                with page.expect_response(lambda found: found.request.method == "POST") as posted:
                    page.get_by_role("button").click()
                assert posted.value.status == 403
                for attempt in (
                    f"fetch('{action}', {{method: 'POST', credentials: 'include', body: new URLSearchParams({{a: '1'}})}})",
                    f"fetch('{action}', {{credentials: 'include'}}).then(found => found.text())",
                ):
                    page.goto(url)
                    assert page.evaluate(f"{attempt}.then(found => 'read', () => 'refused')") == "refused"
                page.set_content(f'<iframe src="{action}"></iframe>')
                page.wait_for_timeout(300)
                assert "churn" not in page.frames[-1].content()
            seen.said.clear()
    assert trio.changes() == []


@pytest.mark.long
def test_nothing_is_wider_than_a_phone(browser: Browser, judged: Trio) -> None:
    looks = looks_of(judged, SMP_APPROVER="grace")
    with served(looks) as console, open_page(browser, width=390, dark=True, address=console.url) as (page, _):
        page.goto(console.address)
        for path in ("/decide", path_of(judged), "/plan"):
            page.goto(console.url + path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path

"""A real run in another process, as somebody sees it who looks at the console: from its start to its end, or its kill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pipeline_builder.console.static import static_files
from tests.browsing import open_page
from tests.console.consoles import looks_of, served
from tests.forking import Process
from tests.tiny import TRAIN
from tests.workspaces import Workspace, make_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SLOW = f"""\
import time
for number in range({{count}}):
    print("\\x1b[32mround", number, "<i>of</i> many\\x1b[0m", flush=True)
    time.sleep(0.25)
{TRAIN}"""


@pytest.fixture
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("live"))


@contextmanager
def running(workspace: Workspace, count: int) -> Iterator[Process]:
    """Run `up` in another process, with a training that says something `count` times."""
    workspace.push("scripts/train.py", SLOW.replace("{count}", str(count)))
    process = workspace.start("up")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


SOON_OVER = "id: 1\ndata: the last line\n\nevent: end\ndata: Succeeded\n\n"
LOG = """<!doctype html><script src="dag.js" defer></script>
<section><pre data-log="/log" data-from=""></pre><p data-log-state></p></section>"""


@pytest.mark.long
def test_whoever_is_told_that_a_step_has_ended_has_all_of_its_log(browser: Browser) -> None:
    answers = {"/": (LOG, "text/html"), "/dag.js": (static_files()["dag.js"].read_text("utf-8"), "text/javascript")}
    with open_page(browser, address="http://console.test/") as (page, _):

        def answer(route: Route) -> None:
            body, media = answers.get(urlsplit(route.request.url).path, (SOON_OVER, "text/event-stream"))
            route.fulfill(body=body, content_type=media)

        page.route("**/*", answer)
        # Said and shown are read in one go: what is said a moment before it is shown would be seen.
        page.add_init_script("""addEventListener("DOMContentLoaded", () => {
            const said = document.querySelector("[data-log-state]"), log = document.querySelector("pre");
            new MutationObserver(() => { (window.seen ??= []).push([said.textContent, log.textContent]); })
                .observe(said, {childList: true});
        })""")
        page.goto("http://console.test/")
        page.locator("[data-log-state]", has_text="has ended").wait_for()
        assert page.evaluate("seen.at(-1)") == ["The step has ended: Succeeded.", "the last line\n"]


def open_training(page: Page) -> None:
    """Go from the list, which has nothing yet, to the panel of the step that trains."""
    page.locator("table.runs .badge.now").wait_for()
    page.locator("table.runs tbody a.mono").click()
    page.wait_for_url("**/runs/tiny/*")  # and all of it: without its script a step is a page of its own
    page.locator("#progress").wait_for()
    page.locator("#progress a[data-step=churn-Train]").click()
    page.locator("#panel pre[data-log]").wait_for()


@pytest.mark.long
def test_a_run_is_seen_from_its_start_to_its_end_without_loading_a_page_again(
    workspace: Workspace, browser: Browser
) -> None:
    with served(looks_of(workspace)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.goto(f"{console.url}/runs")
        assert page.locator("#nothing").inner_text().startswith("Nothing has run yet")
        with running(workspace, 14):
            open_training(page)
            page.evaluate("window.stayed = true")
            log = page.locator("#panel pre[data-log]")
            page.locator("#panel pre[data-log]", has_text="round 3").wait_for()
            assert "round 3 <i>of</i> many\n" in log.inner_text()
            assert "[32m" not in log.inner_text()
            assert "comes as it is written" in page.locator("#panel [data-log-state]").inner_text()
            page.locator("#panel [data-log-state]", has_text="has ended: Succeeded").wait_for()
            assert log.inner_text().count("round ") == 14  # none twice
            # Until the command has judged it, it isn't judged.
            page.locator("header.wait .badge", has_text="Waits for your decision").wait_for()
        assert page.locator("#progress").count() == 0
        assert page.locator("#panel .step-head .badge").inner_text() == "Succeeded"
        assert page.locator("svg.dag .succeeded").count() == 6
        assert page.evaluate("window.stayed")
        page.keyboard.press("Escape")
        assert page.locator("#panel").count() == 0
        assert "step=" not in page.url


@pytest.mark.long
def test_a_run_whose_command_was_killed_says_that_nobody_works_on_it(workspace: Workspace, browser: Browser) -> None:
    with served(looks_of(workspace)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.goto(f"{console.url}/runs")
        with running(workspace, 400) as process:
            open_training(page)
            process.kill()
            process.wait(10)
            page.wait_for_timeout(3000)
            page.reload()
            assert "Nobody works on it" in page.locator("#main .remark.bad").inner_text()
            page.goto(f"{console.url}/runs")
            assert page.locator("table.runs .badge").first.inner_text() == "Left"
            page.go_back()
        with running(workspace, 400) as process:  # which goes on with it
            page.locator("#progress").wait_for()
            process.send_signal(signal.SIGINT)
            process.wait(30)
            page.locator("header.idle .badge").wait_for()  # while it went on it was another
        assert page.locator("header .badge").inner_text() == "Stopped"
        page.locator("#panel .step-head.wait .badge").wait_for()

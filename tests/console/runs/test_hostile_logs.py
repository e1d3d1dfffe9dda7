"""Logs that somebody has made to hurt: very long ones, one line without an end, bytes that are no text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_builder.console.pages import Query
from pipeline_builder.console.runs import log as logs
from pipeline_builder.console.runs.log import log_view
from tests.browsing import open_page
from tests.console.consoles import Client, logged_in, look_of, looks_of, served
from tests.workspaces import Workspace, make_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = (
    b"<script>alert(1)</script> \x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m \xff\xfe\x00\x07\x08 \xe2\x80\xaeevil\xe2\x81\xa6 "
    b"</pre><h1>done</h1>\r\ndata: forged\n\nevent: end\n 10%\r 90%\r100%\n" + b"\xf0\x9f\x98\x80" * 10
)
SIZE = 100 << 20


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a run, whose log of the training each test writes."""
    workspace = make_workspace(tmp_path_factory.mktemp("logged"))
    assert workspace.call("up", "--approve").code == 0
    return workspace


@pytest.fixture
def hostile(logged: Workspace) -> Iterator[Client]:
    with logged_in(looks_of(logged)) as client:
        yield client


def run_of(workspace: Workspace) -> tuple[str, Path]:
    """Return the id of the run, and where the log of its training is."""
    (log,) = workspace.root.glob(".pipeline_builder/jobs/*/churn-Train/log.txt")
    return log.parent.parent.name, log


@pytest.mark.long
def test_a_hundred_megabytes_of_lines(logged: Workspace, hostile: Client) -> None:
    run, log = run_of(logged)
    line = b"a line of a log that says the same again and again, and nothing else\n"
    log.write_bytes(line * (SIZE // len(line)) + b"the needle\n")
    begun = time.process_time()
    page = hostile.page(f"/runs/tiny/{run}/steps/churn-Train")
    assert time.process_time() - begun < 0.5
    assert len(page) < 150_000
    assert "the needle\n" in page
    assert "105 MB are before that" in page
    answer = hostile.get(f"/runs/tiny/{run}/log/churn-Train")
    assert sum(len(piece) for piece in answer.response) == log.stat().st_size
    found = hostile.json(f"/runs/tiny/{run}/steps/churn-Train.json?find=NEEDLE")["found"]
    assert found["lines"] == [[SIZE // len(line) + 1, "the needle"]]
    many = hostile.json(f"/runs/tiny/{run}/steps/churn-Train.json?find=same")["found"]
    assert (len(many["lines"]), many["more"]) == (200, True)


def test_one_line_without_an_end(logged: Workspace, hostile: Client) -> None:
    run, log = run_of(logged)
    log.write_bytes(b"x" * (10 << 20))
    page = hostile.page(f"/runs/tiny/{run}/steps/churn-Train")
    assert 65_000 < len(page) < 150_000
    answer = hostile.get(f"/runs/tiny/{run}/log/churn-Train")
    assert sum(len(piece) for piece in answer.response) == 10 << 20


@pytest.mark.long
def test_a_follower_of_a_log_that_outruns_it_is_brought_to_its_end(
    logged: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, log = run_of(logged)
    log.write_bytes(b"".join(b"%060d\n" % number for number in range(100_000)))
    look = look_of(logged)
    follow = log_view(look, Query(streamed=True, pairs=(("from", f"{log.stat().st_ino}-0"),)), pipeline="tiny", id=run, step="churn-Train")  # fmt: skip
    told = list(follow.body)
    assert "event: gap\ndata: \n\n" in told
    assert sum(map(len, told)) < 1_500_000
    assert f"data: {99_999:060d}\n" in told[-2]
    assert told[-1] == "event: end\ndata: Succeeded\n\n"


def test_at_most_so_many_follow_at_once(logged: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = run_of(logged)
    look, streams = look_of(logged), []
    for _ in range(logs.MOST_STREAMS):
        stream = iter(log_view(look, Query(streamed=True), pipeline="tiny", id=run, step="churn-Train").body)
        assert next(stream) == "retry: 2000\n\n"
        streams.append(stream)
    late = list(log_view(look, Query(streamed=True), pipeline="tiny", id=run, step="churn-Train").body)
    assert late == ["event: busy\ndata: Very many logs are followed already.\n\n"]
    for stream in streams:
        stream.close()  # type: ignore[attr-defined] # a generator
    again = list(log_view(look, Query(streamed=True), pipeline="tiny", id=run, step="churn-Train").body)
    assert again[-1].startswith("event: end")


@pytest.mark.long
def test_bytes_that_are_no_text_are_inert_in_pages_and_events(
    logged: Workspace, hostile: Client, browser: Browser
) -> None:
    run, log = run_of(logged)
    log.write_bytes(HOSTILE)
    step = f"/runs/tiny/{run}/steps/churn-Train"
    shown = hostile.json(f"{step}.json")["log"]["text"]
    assert not set(shown) & {"\x1b", "\x00", "\x07", "\x08", "\r", "\u202e", "\u2066"}
    assert "red" in shown
    assert "\n100%\n" in shown
    look = look_of(logged)
    told = list(log_view(look, Query(streamed=True), pipeline="tiny", id=run, step="churn-Train").body)
    assert told[-1] == "event: end\ndata: Succeeded\n\n"  # and none of the log's own
    assert all(line.startswith(("id: ", "data: ")) or not line for line in told[1].split("\n"))
    with served(looks_of(logged)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        page.goto(f"{console.url}{step}")
        assert "<script>alert(1)</script>" in page.locator("#log pre").inner_text()
        assert page.locator("h1", has_text="done").count() == 0
        page.locator("#find").fill("</h1>")
        page.locator(".find button").click()
        assert "</pre><h1>done</h1>" in page.locator("#log pre").inner_text()

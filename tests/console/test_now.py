"""The page about now: what it says of what is there, and that it follows what happens while somebody looks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_builder.console.now.coming import coming_of, late_of
from pipeline_builder.console.now.pages import now_view
from pipeline_builder.console.pages import Query
from pipeline_builder.machine.held import is_held
from tests.browsing import open_page
from tests.console.consoles import Client, client_of, look_of, looks_of, served
from tests.forking import Process
from tests.scoring import MANIFEST, Scoring
from tests.tiny import TRAIN
from tests.workspaces import Workspace, make_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCHEDULES = """\
schedules:
  - {name: nightly, cron: "0 2 * * ? *", timezone: Europe/Berlin, pipeline: scoring, deadline_minutes: 30}
  - {name: weekly, cron: "0 6 ? * MON *"}
  - {name: often, rate: 12 hours}
  - {name: paused, cron: "0 7 * * ? *", enabled: false}
  - {name: wrong, cron: "0 25 * * ? *"}
"""


def now_of(workspace: Workspace, **more: Any) -> Any:
    return now_view(look_of(workspace, **more), Query())


# --- what it says


def test_what_waits_what_failed_and_what_is_in_use(ran: Workspace) -> None:
    now = now_of(ran)
    (decision,) = now.decisions
    assert [(one.group, one.version, one.champion) for one in decision.models] == [("tiny-churn", 2, 1)]
    assert (decision.older, now.decisions_left, now.going) == (False, 0, ())
    (failed,) = now.failed
    assert (failed.pipeline, failed.word, failed.since) == ("tiny", "failed", 0)
    assert [(fault.step, fault.why) for fault in failed.faults] == [("churn-Train", "no <b>such</b> column")]
    (row,) = now.champions.rows
    assert (row.group, row.version, row.by, row.unsigned, row.newest) == ("tiny-churn", 1, "ada", False, 2)
    assert [name for name, _ in row.metrics] == ["mae"]
    assert [(made.repository, len(made.commit)) for made in row.commits] == [("churn", 40)]
    assert now.title == "Now: 1 to decide"


def test_the_page_leads_to_what_it_is_about(client: Client) -> None:
    page = client.page("/")
    run = client.json("/now.json")["failed"][0]["id"]
    waits = client.json("/now.json")["decisions"][0]["id"]
    for address in (
        f"/runs/tiny/{run}", f"/runs/tiny/{run}/log/churn-Train", f"/decide/tiny/{waits}", "/models/tiny-churn/1",
    ):  # fmt: skip
        assert f'href="{address}"' in page, address
    assert "no &lt;b&gt;such&lt;/b&gt; column" in page


@pytest.mark.long
def test_a_failure_that_was_mended_is_said_so(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    workspace.push("scripts/train.py", "raise SystemExit('broken')\n")
    assert workspace.call("up").code == 5
    assert now_of(workspace).failed[0].since == 0
    workspace.push("scripts/train.py", TRAIN)
    assert workspace.call("up", "--approve").code == 0
    now = now_of(workspace)
    assert (now.failed[0].since, now.decisions, now.champions.rows[0].version) == (1, (), 1)
    looks = looks_of(workspace)
    assert "tiny failed last" in client_of(looks).text("/")
    looks.close()


def test_schedules_fire_when_the_service_has_them_fire(scored: Scoring) -> None:
    path = scored.root / "model_repos.yaml"
    kept = path.read_text()
    try:
        path.write_text(f"{MANIFEST}{SCHEDULES}")
        at = datetime(2026, 11, 3, 12, tzinfo=timezone.utc)
        look = look_of(scored, now=lambda: at)
        found = {one.name: (one.next and one.next.isoformat(), one.why) for one in coming_of(look.manifest, at)}
        late = late_of(look)
    finally:
        path.write_text(kept)
    assert list(found) == ["nightly", "weekly", "often", "paused", "wrong"]
    assert found["nightly"] == ("2026-11-04T01:00:00+00:00", "")
    assert found["weekly"] == ("2026-11-09T06:00:00+00:00", "")
    assert found["paused"] == (None, "switched off")
    assert found["often"] == (None, "counts from when it was deployed")
    assert found["wrong"][0] is None
    assert "'25' is no hour" in found["wrong"][1]
    # The days before the first one that was ever scored aren't late.
    assert [(one.pipeline, one.dates, one.last, one.status) for one in late] == [
        ("churn-scoring", ("2026-11-03",), "2026-11-02", "published")
    ]


def test_what_scores_have_asked_for(scored: Scoring) -> None:
    now = now_of(scored)
    (asked,) = now.retraining
    assert (asked.group, asked.version, asked.state) == ("churn", 1, "open")
    assert "drift.max_psi" in asked.cause
    assert now.late == ()  # without a schedule nothing is


@pytest.mark.long
def test_a_watch_is_known_by_its_lock(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    assert now_of(workspace).watching is None
    process = workspace.start("watch", "--interval", "60", "--approve")
    try:
        wait_for(lambda: (found := now_of(workspace).watching) is not None and found.code == 0)
        watching = now_of(workspace).watching
        assert (watching.on, watching.runs) == (True, 1)
        assert str(process.pid) in watching.who
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert now_of(workspace).watching.on is False


def test_a_lock_is_looked_up_and_not_taken(tmp_path: Path) -> None:
    import fcntl

    path, table = tmp_path / "lock", tmp_path / "locks"
    assert is_held(path) is False
    path.touch()
    assert is_held(path) is False
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_held(path) is True
        assert is_held(path, table) is None
        table.write_text(f"1: POSIX  ADVISORY  WRITE 1 fd:00:{path.stat().st_ino} 0 EOF\n2: -> FLOCK\n")
        assert is_held(path, table) is False


# --- many


def test_many_models_are_paged_and_found_by_name(ran: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline_builder.console.models.asking import Asking

    groups = (*(f"group-{number:03}" for number in range(120)), "tiny-churn")
    monkeypatch.setattr(Asking, "groups", lambda _: groups)
    look = look_of(ran)
    first = now_view(look, Query())
    assert (len(first.champions.rows), first.champions.all, first.champions.pages.count) == (50, 121, 3)
    last = now_view(look, Query(pairs=(("page", "3"),)))
    assert last.champions.rows[-1].group == "tiny-churn"
    assert [row.group for row in now_view(look, Query(pairs=(("text", "TINY"),))).champions.rows] == ["tiny-churn"]
    assert now_view(look, Query(pairs=(("text", "none"),))).champions.rows == ()


# --- while somebody looks


def wait_for(found: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def training(workspace: Workspace, rounds: int) -> Iterator[Process]:
    """Run `up` in another process, with a training that says something in each of so many tenths of a second."""
    program = (
        "import os, time\n"
        "from pathlib import Path\n"
        f"for number in range({rounds}):\n"
        "    print('round', number, flush=True)\n"
        "    time.sleep(0.1)\n"
        "Path(os.environ['SM_MODEL_DIR'], 'mean.txt').write_text('7')\n"
    )
    workspace.push("scripts/train.py", program)
    process = workspace.start("up")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


@pytest.mark.long
def test_a_run_of_another_process_is_seen_from_its_begin_to_its_end(tmp_path: Path, browser: Browser) -> None:
    workspace = make_workspace(tmp_path)
    with served(looks_of(workspace)) as console, open_page(browser, address=console.url) as (page, seen):
        page.goto(console.address)
        assert "Nothing has run yet" in page.locator("#begin").inner_text()
        assert "pipeline-builder up" in page.locator("#begin").inner_text()
        page.evaluate("window.kept = true")
        with training(workspace, 25) as process:
            page.locator("section[id^=run-] svg.dag").wait_for(timeout=30_000)
            page.locator("section[id^=run-] li", has_text="churn-Train").wait_for(timeout=30_000)
            assert "runs" in page.locator("section[id^=run-] h2").inner_text()
            graph = page.locator("section[id^=run-] svg.dag").element_handle()
            first = page.locator("section[id^=run-] li time").inner_text()
            page.wait_for_function(
                "first => document.querySelector('section[id^=run-] li time')?.innerText !== first", arg=first
            )
            page.locator("#waits").wait_for(timeout=60_000)
            assert process.wait(timeout=30) == 0
        assert graph is not None
        page.wait_for_function("!document.querySelector('section[id^=run-]')")
        assert "tiny-churn version 1" in page.locator("#waits").inner_text()
        assert page.evaluate("window.kept") is True  # the page was never loaded again
        assert page.title().startswith("Now: 1 to decide")
        assert sum(url == f"{console.url}/" for url in seen.requests) > 2


@pytest.mark.long
def test_a_run_that_was_killed_is_said_to_stand_still(tmp_path: Path, browser: Browser) -> None:
    workspace = make_workspace(tmp_path)
    with served(looks_of(workspace)) as console, open_page(browser, address=console.url) as (page, _):
        page.goto(console.address)
        with training(workspace, 100) as process:
            page.locator("section[id^=run-] li", has_text="churn-Train").wait_for(timeout=30_000)
            os.killpg(process.pid, signal.SIGKILL)
        page.locator("section[id^=run-] .remark", has_text="No process of this machine runs it any more").wait_for(
            timeout=60_000
        )
        name = page.locator("section[id^=run-] a.mono").inner_text()
        assert f"run --resume {name}" in page.locator("section[id^=run-] .remark").inner_text()
        assert workspace.call("stop", name).code == 0
        page.wait_for_function("!document.querySelector('section[id^=run-]')")

"""The report: what an approver must see is in it, and nothing in it can act."""

from __future__ import annotations

import html.parser
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.machine.programs import find_working
from pipeline_builder.release.record import RunRecord, TrialRecord, VerdictRecord
from pipeline_builder.views.days import Day
from pipeline_builder.views.formats import format_duration, format_number
from pipeline_builder.views.report import render_report
from tests.release.records import CHAMPION, METRICS, package, run_record, steps
from tests.views.watched import column, monitor, score, scored

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7*7 }}${x}"""


class Page(html.parser.HTMLParser):
    """Collects what could act or load something, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_approver_sees_metrics_beside_the_champion_and_commits() -> None:
    record = run_record(packages=(package("churn", champion_version=1, champion_metrics=CHAMPION),))
    text = Page(render_report(record)).text
    for expected in ("Waits for your decision", "auc", "0.9142", "0.9", "+0.0142", "1f3c9ab000", "Deeper trees", "Ada",
                     "Version 1 (champion)", "none", "95.0 %", "pipeline-builder promote abc123def456"):  # fmt: skip
        assert expected in text, expected
    assert "Artifact" not in text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "Waits for your decision"),
        ({"packages": ()}, "Succeeded"),
        ({"packages": (package("churn", status="Approved", approval_description="good"),)}, "Approved"),
        ({"packages": (package("churn", status="Rejected"),)}, "Rejected"),
        ({"verdict": VerdictRecord(passed=False, reasons=("auc is 0.7",))}, "Blocked"),
        ({"status": "Stopped"}, "Stopped"),
        ({"status": "Failed", "steps": steps("churn", status="Failed", failure_reason="no memory")}, "Failed"),
    ],
)
def test_the_headline(changes: dict[str, Any], word: str) -> None:
    page = Page(render_report(run_record(**changes)))
    assert word in page.text
    assert f"{word}: churn abc123def456" in page.text


def test_a_failed_step_comes_first_with_its_log() -> None:
    last = {
        "status": "Failed",
        "failure_reason": "ValueError: no rows",
        "log_tail": ("Traceback", "ValueError: no rows"),
    }
    text = render_report(run_record(status="Failed", steps=steps("churn", **last), packages=()))
    assert text.index("churn-RegisterModel failed") < text.index("Commits")
    assert "<details open>" in text


def hostile_record() -> RunRecord:
    metrics = {HOSTILE: 0.5, "confusion_matrix": {HOSTILE: {HOSTILE: 1}}}
    bad = package("churn", model=HOSTILE, group=HOSTILE, metrics=metrics, approval_description=HOSTILE)
    record = run_record(
        packages=(bad, bad), failure_reason=HOSTILE, parameters={HOSTILE: HOSTILE}, target=HOSTILE, trigger=HOSTILE
    )
    repos = tuple(repo.model_copy(update={"subject": HOSTILE, "author": HOSTILE}) for repo in record.repos)
    update: dict[str, Any] = {"name": HOSTILE, "step_class": HOSTILE, "model": HOSTILE, "status": HOSTILE}
    broken = steps("churn", **update, failure_reason=HOSTILE, log=HOSTILE, log_tail=(HOSTILE, "\x1b[31m\x00"))
    verdict = VerdictRecord(passed=False, reasons=(HOSTILE,))
    return record.model_copy(update={"repos": repos, "steps": broken, "pipeline": HOSTILE, "verdict": verdict})


def test_hostile_texts_are_only_texts() -> None:
    page = Page(render_report(hostile_record()))
    assert {"script", "img", "link", "iframe", "object", "form"} & set(page.tags) == set()
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert page.attributes.keys() & {"src", "srcset", "action", "style", "xlink:href"} == set()
    assert all(re.fullmatch(r"#(step|model)-\d+", address) for address in page.attributes["href"])
    assert HOSTILE in page.text
    assert "49" not in page.text.replace("{{ 7*7 }}", "").replace("0049", "")


def test_nothing_comes_from_the_network() -> None:
    text = render_report(run_record())
    assert "url(" not in text.replace("url(#tip)", "")
    assert "@import" not in text
    page = Page(text)
    assert page.attributes.keys() & {"src"} == set()
    assert all(address.startswith("#") for address in page.attributes["href"])


def test_metrics_of_any_form_are_shown_or_left_out() -> None:
    odd: tuple[Any, ...] = (
        None,
        {},
        [],
        "text",
        3,
        {"a": float("nan")},
        {"a": {"value": "x"}},
        {"confusion_matrix": 3},
    )
    for metrics in (*odd, {"confusion_matrix": {"0": {}}}, {"receiver_operating_characteristic_curve": {}}):
        text = render_report(run_record(packages=(package("churn", metrics=metrics),)))
        assert "without an evaluation report" in text


def test_the_same_record_gives_the_same_bytes() -> None:
    assert render_report(run_record("a", "b")) == render_report(run_record("a", "b"))


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (3.0, "3"), (0.91424, "0.9142"), (1234567.5, "1,234,568"), (1e-9, "1e-09")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.44, "0.4 s"), (59.9, "59.9 s"), (245, "4 min 05 s"), (7380, "2 h 03 min")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.long
@pytest.mark.parametrize("width", [480, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser(tmp_path: Path, width: int, dark: bool) -> None:
    """Nothing overflows sideways, nothing runs, and texts can be read against what is behind them."""
    found = find_working("chromium", ["--version"], "Chromium ", environment=os.environ, observe=print)
    browser_path = found or pytest.skip("no chromium that works on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    page_file = tmp_path / "report.html"
    champion = package("churn", champion_version=1, champion_metrics=CHAMPION, metrics=METRICS)
    days = [Day(model="churn", date=f"2026-11-{n}", version=n // 15, status="published", drift=0.1) for n in (8, 9, 28)]
    wild = {"x" * 300: column(0.9), HOSTILE: column(0.5), **{f"column {n}": column(0.1) for n in range(40)}}
    inference = scored(score(monitor(wild)), score(None, model=HOSTILE))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for record in (run_record("churn", "prices", packages=(champion,)), hostile_record(), inference):
            page_file.write_text(render_report(record, days))
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
            said: list[str] = []
            page.on("dialog", lambda dialog, said=said: (said.append(dialog.message), dialog.dismiss()))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("request", lambda request, said=said: said.append(request.url))
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("svg.dag g.step").count() == len(record.steps)
            assert said == [page_file.as_uri()]
            page.close()
        browser.close()


def test_the_trainings_of_a_tuning_are_a_table_and_a_drawing() -> None:
    trials = tuple(
        TrialRecord(name=name, status=status, metric="auc", objective=value, values={"rate": rate, HOSTILE: "1", "solver": '"full"'}, begun=at, seconds=1.5)
        for name, status, value, rate, at in (
            ("t-2", "Completed", 0.9, "0.1", 2.0), ("t-1", "Stopped", 0.7, "0.2", 1.0), ("t-3", "Failed", None, "0.3", 3.0),
        )
    )  # fmt: skip
    text = render_report(run_record(steps=steps("churn", trials=trials)))
    page = Page(text)
    assert "Trials of churn-RegisterModel" in page.text
    assert text.index("t-2<br>") < text.index(">t-1<") < text.index(">t-3<")
    assert text.count("<circle") == 2
    assert text.count('<td class="num">full</td>') == len(trials)
    assert [tag for tag in page.tags if tag in ("script", "img")] == []
    assert "Trials of" not in render_report(run_record())

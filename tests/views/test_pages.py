"""The report in a browser: nothing runs, nothing is cut off, and nobody is left out: in the dark, on a phone, on paper,
without a mouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.record import CommitRecord, RunRecord, VerdictRecord
from pipeline_builder.views.days import Day
from pipeline_builder.views.report import render_report
from tests.browsing import barriers, cut_off, open_page
from tests.release.records import BEGIN, CHAMPION, METRICS, package, run_record, steps
from tests.views.test_plots import REGRESSION
from tests.views.test_report import HOSTILE, hostile_record
from tests.views.watched import column, monitor, score, scored

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AUC = BoundEvidence(metric="binary_classification_metrics.auc.value", min=0.85, max_regression="2%")
SINCE = tuple(CommitRecord(sha=f"{n}" * 40, subject=f"Change {n}", author="Ada", when=BEGIN) for n in (1, 2))


def noted(record: RunRecord) -> RunRecord:
    """Return a run whose commits are known since the champion's."""
    changes = {"url": "https://github.com/acme/churn.git", "before": "f" * 40, "since": SINCE}
    return record.model_copy(update={"repos": tuple(repo.model_copy(update=changes) for repo in record.repos)})


def one() -> RunRecord:
    return noted(
        run_record("churn", packages=(package("churn", champion_version=1, champion_metrics=CHAMPION, bounds=(AUC,)),))
    )


def eight() -> RunRecord:
    names = [f"model-{number}" for number in range(8)]
    fine = [package(name, champion_version=1, champion_metrics=CHAMPION, status="Approved", approval_description="by ada: fine")
            for name in names[:6]]  # fmt: skip
    no = VerdictRecord(passed=False, reasons=("rmse is 0.5, expected at most 0.4",))
    bound = BoundEvidence(metric="regression_metrics.rmse.value", max=0.4, higher_is_better=False)
    blocked = package(
        names[6], metrics=REGRESSION, champion_metrics=REGRESSION, champion_version=1, verdict=no, bounds=(bound,)
    )
    return noted(run_record(*names, packages=(*fine, blocked, package(names[7], metrics=METRICS, bounds=(AUC,)))))


def inference() -> RunRecord:
    wild = {"x" * 300: column(0.9), HOSTILE: column(0.5), **{f"column {n}": column(0.1) for n in range(40)}}
    return scored(score(monitor(wild)), score(None, model=HOSTILE))


def failed() -> RunRecord:
    last = {
        "status": "Failed",
        "failure_reason": "ValueError: " + "no rows " * 60,
        "log_tail": ("x" * 400,),
        "log": "/a/log",
    }
    return run_record("churn", status="Failed", packages=(), steps=steps("churn", **last))


RECORDS: Mapping[str, RunRecord] = {
    "one": one(), "eight": eight(), "hostile": hostile_record(), "inference": inference(), "failed": failed(),
    "64 steps": run_record(*(f"model-{number}" for number in range(11))),
    "1,000 steps": run_record(*(f"model-{number}" for number in range(170)), packages=()),
}  # fmt: skip
DAYS = [Day(model="churn", date=f"2026-11-{n}", version=n // 15, status="published", drift=0.1) for n in (8, 9, 28)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The address of each record's report."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for index, (name, record) in enumerate(RECORDS.items()):
        path: Path = folder / f"{index}.html"
        path.write_text(render_report(record, DAYS), "utf-8")
        found[name] = path.as_uri()
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [
        ("one", 1280, False),
        ("one", 360, True),
        ("hostile", 390, True),
        pytest.param("64 steps", 390, False, marks=pytest.mark.long),
        pytest.param("eight", 1280, True, marks=pytest.mark.long),
        pytest.param("eight", 390, False, marks=pytest.mark.long),
        pytest.param("hostile", 1280, False, marks=pytest.mark.long),
        pytest.param("inference", 1280, True, marks=pytest.mark.long),
        pytest.param("inference", 390, False, marks=pytest.mark.long),
        pytest.param("failed", 390, True, marks=pytest.mark.long),
        pytest.param("1,000 steps", 1280, False, marks=pytest.mark.long),
    ],
)
def test_nothing_is_cut_off_and_nobody_is_left_out(
    browser: Browser, files: Mapping[str, str], name: str, width: int, dark: bool
) -> None:
    with open_page(browser, width=width, dark=dark, address=files[name]) as (page, seen):
        page.goto(files[name])
        assert page.evaluate("document.documentElement.scrollWidth") <= width, cut_off(page)
        assert cut_off(page) == []
        assert seen.requests == [files[name]]
        if len(RECORDS[name].steps) <= 100:  # of more it takes a minute, and they are the same
            assert page.locator("svg.dag g.step").count() == len(RECORDS[name].steps)
            assert barriers(page) == []


@pytest.mark.long
def test_a_page_of_eight_models_is_short_where_it_is_folded(browser: Browser, files: Mapping[str, str]) -> None:
    with open_page(browser, address=files["eight"]) as (page, _):
        page.goto(files["eight"])
        assert page.locator("#models tbody tr").count() == 8
        assert [one.get_attribute("open") for one in page.locator("details[id^=model-]").all()] == ["", "", *[None] * 6]
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)")
        assert page.evaluate("document.documentElement.scrollHeight") < 3000


@pytest.mark.long
def test_the_names_of_steps_can_be_read_where_they_stand(browser: Browser, files: Mapping[str, str]) -> None:
    with open_page(browser, address=files["64 steps"]) as (page, _):
        page.goto(files["64 steps"])
        heights = page.evaluate(
            "[...document.querySelectorAll('.dag text')].map(one => one.getBoundingClientRect().height)"
        )
        assert min(heights) > 10
        wide = page.evaluate("""[...document.querySelectorAll('.dag .step')].filter(one =>
            [...one.querySelectorAll('text')].some(text => text.getBBox().x + text.getBBox().width > 158)).length""")
        assert wide == 0


@pytest.mark.long
def test_a_reader_without_a_mouse_comes_everywhere(browser: Browser, files: Mapping[str, str]) -> None:
    """What is folded opens by its key, a step's box leads to its row, and it can be seen where one is."""
    with open_page(browser, address=files["eight"]) as (page, _):
        page.goto(files["eight"])
        row, logs = page.locator("#step-3"), page.locator("#logs")
        assert not row.is_visible()
        page.locator("svg.dag a[data-step=model-0-Transform]").focus()
        page.keyboard.press("Enter")
        row.wait_for(state="visible")
        logs.locator("summary").first.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert (outline, page.evaluate("document.activeElement.tagName")) == ("solid", "SUMMARY")
        page.keyboard.press("Enter")
        assert logs.get_attribute("open") is not None


@pytest.mark.long
def test_on_paper_everything_is_there_and_dark_on_white(browser: Browser, files: Mapping[str, str]) -> None:
    with open_page(browser, width=703, dark=True, address=files["eight"]) as (page, _):  # A4 without its margins
        page.goto(files["eight"])
        page.emulate_media(media="print")
        assert cut_off(page) == []
        seen = page.evaluate("""[...document.querySelectorAll('details > .inside, details > pre, details > .scroll')]
            .map(one => one.checkVisibility() && one.getBoundingClientRect().height > 10)""")
        assert len(seen) > 20
        assert all(seen)
        drawn = page.evaluate("[...document.querySelectorAll('svg.dag')].map(one => one.getBoundingClientRect().right)")
        assert max(drawn) <= 703
        ink = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
        assert ink == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]

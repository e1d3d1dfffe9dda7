"""The pages about scores."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_builder.console.decide.waiting import waiting_view
from pipeline_builder.console.look import Answers, Look
from pipeline_builder.console.pages import Query, all_pages
from pipeline_builder.console.rendering import make_shell, render_page
from pipeline_builder.console.scoring.day import day_view
from pipeline_builder.console.scoring.pages import PAGES
from pipeline_builder.console.scoring.pipeline import scores_view
from pipeline_builder.console.scoring.shelf import days_of
from pipeline_builder.console.urls import live_url
from pipeline_builder.release.past.keeping import keep_run
from pipeline_builder.release.record import RunRecord
from pipeline_builder.release.scoring.ledger import ledger_uri
from tests.console.consoles import Client, logged_in, look_of, looks_of
from tests.console.scoring.days import PIPELINE, put_days
from tests.engine import definitions
from tests.scoring import Scoring

URL = live_url(all_pages())


@pytest.fixture
def scores(scored: Scoring) -> Iterator[Client]:
    with logged_in(looks_of(scored)) as client:
        yield client


def test_the_list_has_each_inference_pipeline_with_its_newest_day(scores: Client) -> None:
    (row,) = scores.json("/scoring.json")["rows"]
    assert (row["handle"], row["pipeline"], row["count"], row["open"]) == ("scoring", "churn-scoring", 2, 1)
    (model,) = row["models"]
    assert (model["model"], model["group"], model["version"]) == ("churn", "churn", 1)
    assert (model["date"], model["status"], model["violations"]) == ("2026-11-02", "published", 1)
    page = scores.page("/scoring")
    assert 'href="/scoring/churn-scoring/2026-11-01"' in page


def test_a_pipelines_page_has_days_drift_and_what_was_asked_for(scores: Client) -> None:
    found = scores.json("/scoring/churn-scoring.json")
    assert [(row["date"], row["tone"], row["rows_in"], row["version"]) for row in found["rows"]] == [
        ("2026-11-02", "wait", 3, 1), ("2026-11-01", "good", 3, 1),
    ]  # fmt: skip
    assert found["rows"][0]["where"] == "s3://local/scores/dt=2026-11-02/_current.json"
    assert found["drift"]["values"]["number"] == [["2026-11-01", 0.0], ["2026-11-02", 2.0]]
    assert (found["drift"]["unread"], found["drift"]["faults"]) == (0, [])
    (request,) = found["requests"]
    assert (request["group"], request["version"], request["date"]) == ("churn", 1, "2026-11-02")
    text = scores.text("/scoring/churn-scoring")
    assert "Drift by column" in text
    assert "Retraining" in text


def test_a_days_page_has_its_report_and_where_it_is(scores: Client) -> None:
    found = scores.json("/scoring/churn-scoring/2026-11-02.json")
    (noted,) = found["models"]
    assert (noted["status"], noted["group"], noted["version"], noted["known"]) == ("published", "churn", 1, True)
    assert noted["addresses"] == ["s3://local/landing/dt=2026-11-02/"]
    assert noted["to"] == "s3://local/scores/"
    assert len(noted["objects"]) == 1
    assert (found["before"], found["after"], found["missing"]) == ("2026-11-01", "", [])
    page = scores.page("/scoring/churn-scoring/2026-11-02")
    assert "Drift by column, the worst first" in page
    assert f'href="/runs/churn-scoring/{noted["run"]}"' in page


def test_a_pipeline_may_be_called_by_its_handle(scores: Client) -> None:
    assert scores.json("/scoring/scoring.json") == scores.json("/scoring/churn-scoring.json")
    assert scores.json("/scoring/scoring/2026-11-01.json")["pipeline"] == "churn-scoring"


def test_a_version_says_which_days_it_has_scored(scores: Client) -> None:
    (use,) = scores.json("/models/churn/1.json")["uses"]
    assert (use["kind"], use["name"], use["date"]) == ("inference", "scoring", "2026-11-02")
    assert use["words"] == "churn: 2 days scored, 2026-11-01 to 2026-11-02"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "/scoring/nothing",
            "PB037 there is no inference pipeline &#39;nothing&#39;, and no day of it has been scored there are: &#39;churn-scoring&#39;",
        ),
        ("/scoring/..%5C", "PB037"),
        (
            "/scoring/churn-scoring/2026-01-01",
            "PB038 nothing is noted of the logical date &#39;2026-01-01&#39; of &#39;churn-scoring&#39; the newest are: 2026-11-02, 2026-11-01",
        ),
    ],
)
def test_what_is_not_there_says_so(scores: Client, path: str, words: str) -> None:
    answer = scores.get(path)
    assert answer.status_code == 404
    assert words in " ".join(re.sub("<[^>]*>", " ", answer.text).split())


@pytest.fixture
def year(tmp_path: Path, scored: Scoring) -> Look:
    """A look at a store with other days than the workspace's."""
    return replace(look_of(scored), target=definitions.target(tmp_path))


def test_a_day_is_read_again_only_where_it_has_changed(year: Look) -> None:
    put_days(year.target, 3)
    assert len(days_of(year, PIPELINE)) == 3
    before = days_of(year, PIPELINE)[0]
    assert days_of(year, PIPELINE)[0] is before
    put_days(year.target, 2, status="blocked")
    assert [day.status for day in days_of(year, PIPELINE)] == ["blocked", "blocked", "published"]
    year.target.store.put(ledger_uri(year.target, PIPELINE, "churn", "2026-01-03"), b"damaged")
    assert len(days_of(year, PIPELINE)) == 2


def test_columns_statistic_and_days_can_be_chosen(year: Look) -> None:
    put_days(year.target, 40)
    query = Query(pairs=(("column", "column_2"), ("column", "nonsense"), ("statistic", "ks"), ("days", "30")))
    found = scores_view(year, query, PIPELINE)
    assert found.drift
    assert (found.drift.columns, found.drift.statistic, found.drift.days, found.drift.bound) == (
        ("column_2",),
        "ks",
        30,
        None,
    )
    plain = scores_view(year, Query(), PIPELINE)
    assert plain.drift
    assert (plain.drift.columns[0], plain.drift.bound, plain.drift.days) == ("column_0", 0.2, 40)
    assert [mark.words for mark in plain.drift.turns] == ["v2"]


def test_pages_that_share_what_aws_has_answered_read_it_alike(year: Look) -> None:
    put_days(year.target, 3, status="blocked")
    one, other = (replace(year, target=replace(year.target, name="aws"), answers=Answers()) for _ in range(2))
    assert len(scores_view(one, Query(), PIPELINE).rows) == len(waiting_view(one, Query()).days) == 3
    assert {day.why for day in waiting_view(other, Query()).days} == {"the gate has blocked it"}
    assert [row.date for row in scores_view(other, Query(), PIPELINE).rows] == [
        "2026-01-03",
        "2026-01-02",
        "2026-01-01",
    ]


def test_what_one_run_has_left_of_a_day_is_shown_where_anothers_record_is_gone(year: Look, scored: Scoring) -> None:
    record = RunRecord.model_validate(scored.record())
    keep_run(record, year.target)
    put_days(year.target, 1, execution=record.execution)
    put_days(year.target, 1, model="other")
    page = day_view(year, Query(), PIPELINE, "2026-01-01")
    assert [one.score.model for one in page.scores] == ["churn"]
    assert [words.partition(":")[0] for words in page.missing] == ["other"]


def test_names_of_columns_are_text(year: Look) -> None:
    put_days(year.target, 2, prefix="<script>alert(1)</script>\u202e")
    page = render_page(
        PAGES[1], scores_view(year, Query(), PIPELINE), make_shell(PAGES[1], year, URL, all_pages(), json=""), URL
    )
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "style=" not in page


@pytest.mark.long
def test_a_year_of_three_hundred_columns_is_shown_quickly(year: Look) -> None:
    put_days(year.target, 365, columns=300)
    query = Query(pairs=(("days", "366"),))
    for _ in range(4):  # files are read as far as a page waits for them
        left = scores_view(year, query, PIPELINE).drift
    assert left
    assert (left.unread, left.days, left.count) == (0, 365, 300)
    begun = time.monotonic()
    page = render_page(
        PAGES[1], scores_view(year, query, PIPELINE), make_shell(PAGES[1], year, URL, all_pages(), json=""), URL
    )
    assert time.monotonic() - begun < 1.0  # alone it is a quarter of that
    assert 50_000 < len(page) < 1_000_000


@pytest.mark.parametrize("order", [1, -1])
def test_pages_that_follow_each_other_on_aws_tell_the_same_days(year: Look, order: int) -> None:
    """What one page has read stands for the others, whichever comes first."""
    put_days(year.target, 3, status="blocked")
    look = replace(year, target=replace(year.target, name="aws"))
    pages: list[Callable[[], Sequence[object]]] = [
        lambda: scores_view(look, Query(), pipeline=PIPELINE).rows,
        lambda: waiting_view(look, Query()).days,
    ]
    assert [len(page()) for page in pages[::order]] == [3, 3]

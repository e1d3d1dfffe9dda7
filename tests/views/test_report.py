"""The report: what an approver must see is in it, and nothing in it can act."""

from __future__ import annotations

import html.parser
import re
from typing import Any

import pytest

from pipeline_builder.release.evidence import BoundEvidence
from pipeline_builder.release.record import BlockedRecord, CommitRecord, RunRecord, TrialRecord, VerdictRecord
from pipeline_builder.views.formats import format_duration, format_number
from pipeline_builder.views.headline import headline_of
from pipeline_builder.views.report import render_report
from tests.release.records import CHAMPION, METRICS, package, run_record, steps

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


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("churn version 3: auc is 0.7", "churn version 3: auc is 0.7"),
        ("the execution is Failed", "The execution is Failed"),
    ],
)
def test_a_name_stays_as_it_is_where_a_sentence_begins_with_it(reason: str, sentence: str) -> None:
    blocked = run_record(verdict=VerdictRecord(passed=False, reasons=(reason,)))
    assert headline_of(blocked, ()).sentence == sentence


def test_a_rejection_is_told_in_the_words_of_whoever_rejected() -> None:
    """Of several models one may be approved, and another one rejected."""
    good = package("churn", status="Approved", approval_description="good")
    slow = package("price", status="Rejected", approval_description="too slow")
    found = headline_of(run_record(packages=(good, slow)), ())
    assert (found.word, found.sentence) == ("Rejected", "too slow")


BOUND = BoundEvidence(metric="binary_classification_metrics.auc.value", min=0.95, max_regression="1%")


def test_a_number_beyond_its_bounds_is_seen_as_such() -> None:
    model = package("churn", champion_version=1, champion_metrics=CHAMPION, bounds=(BOUND,))
    html = render_report(run_record(packages=(model,)))
    assert (
        '<span class="worse">✕ at least 0.95</span><br><span class="better">✓ at least 0.891 (1% worse than the champion)</span>'
        in html
    )
    assert 'class="plot meter-plot"' in html
    assert '<span class="better">+0.0142 better</span>' in html
    assert "Gate</th>" not in render_report(run_record())


def test_of_many_models_a_summary_comes_first_and_those_to_decide_about_before_the_others() -> None:
    done = {"status": "Approved", "approval_description": "by ada"}
    blocked = VerdictRecord(passed=False, reasons=("auc is low",))
    models = (package("a", **done), package("b"), package("c", verdict=blocked), package("d", **done))
    html = render_report(run_record("a", "b", "c", "d", packages=models))
    places = [html.index(f'<a href="#model-{number}">{name}</a>') for number, name in enumerate("cbad")]
    assert places == sorted(places)
    assert places[-1] < html.index('id="model-0"')
    assert re.findall(r'id="model-\d"( open)?>', html) == [" open", " open", "", ""]
    assert re.findall(r'<td><span class="badge \w+">([\w ]+)<', html) == [
        "Blocked", "Waits for your decision", "Approved", "Approved",
    ]  # fmt: skip
    assert 'id="models"' not in render_report(run_record())


def test_a_model_that_was_never_registered_is_there_with_all_its_numbers() -> None:
    kept = BlockedRecord(
        model="price", group="price", step="price-Gate", reason="auc is 0.91, expected at least 0.95", metrics=METRICS,
        champion_version=4, champion_metrics=CHAMPION, bounds=(BOUND,),
    )  # fmt: skip
    last = {"type": "Fail", "status": "Failed", "failure_reason": kept.reason}
    html = render_report(run_record(status="Failed", packages=(), blocked=(kept,), steps=steps("price", **last)))
    text = Page(html).text
    for expected in ("Blocked", "The gate of the pipeline kept this model from the registry", "Version 4 (champion)",
                     "0.9142", "ROC curve", "95.0 %", "Auc is 0.91, expected at least 0.95", kept.reason):  # fmt: skip
        assert expected in text, expected
    assert "price-RegisterModel failed" not in text


def test_commits_since_the_champion_lead_to_their_host() -> None:
    since = tuple(
        CommitRecord(sha=f"{n:040x}", subject=f"Change {n}", author="Ada", paths=("a.py",)) for n in range(1, 25)
    )
    known = {"url": "git@github.com:acme/churn.git", "before": "b" * 40, "since": since, "more": 6}
    (repo,) = run_record().repos
    html = render_report(run_record(repos=(repo.model_copy(update=known),)))
    text = Page(html).text
    assert "30 commits since the champion's" in text
    assert f'href="https://github.com/acme/churn/commit/{since[0].sha}"' in html
    assert f'href="https://github.com/acme/churn/commit/{"b" * 40}"' in html
    assert ("Change 20" in text, "Change 21" in text, "and 10 more" in text) == (True, False, True)
    same = repo.model_copy(update={"before": repo.commit})
    assert "the champion was made of the same commit" in Page(render_report(run_record(repos=(same,)))).text
    unknown = repo.model_copy(update={"since_unknown": "the cache has it no more", "url": "file:///srv/churn.git"})
    html = render_report(run_record(repos=(unknown,)))
    assert "the cache has it no more" in html
    assert "https:" not in html.partition('id="commits"')[2]


def test_why_a_step_ran_and_what_it_waited_for() -> None:
    made = steps("churn", missed="its code has changed", machine="ml.m5.large", machines=2)
    text = Page(render_report(run_record(steps=made))).text
    assert "not cached: its code has changed" in text
    assert "ml.m5.large \N{MULTIPLICATION SIGN} 2" in text
    assert "The longest way took 6.0 s of 6.0 s: churn-Processing → churn-Training" in text


def test_two_hundred_models_of_a_thousand_steps_are_one_page() -> None:
    record = run_record(*(f"model-{number}" for number in range(200)))
    html = render_report(record)
    assert len(html) < 1_000_000
    assert html.count("<summary><h2>model-") == 200
    assert html.count('class="plot meter-plot"') == 0
    assert html.count("<figcaption>ROC curve") == 12
    assert "Left out of this page" in html


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
    bounds = (BoundEvidence(metric=HOSTILE, min=0.6),)
    bad = package("churn", model=HOSTILE, group=HOSTILE, metrics=metrics, approval_description=HOSTILE, bounds=bounds)
    kept = BlockedRecord(
        model=HOSTILE, group=HOSTILE, step=HOSTILE, reason=HOSTILE, metrics=metrics, metrics_fault=HOSTILE
    )
    record = run_record(
        packages=(bad, bad), failure_reason=HOSTILE, parameters={HOSTILE: HOSTILE}, target=HOSTILE, trigger=HOSTILE
    )
    since = (CommitRecord(sha=HOSTILE, subject=HOSTILE, author=HOSTILE, paths=(HOSTILE,)),)
    texts = dict.fromkeys(("subject", "author", "before", "since_unknown", "head", "head_words", "kind"), HOSTILE)
    repos = tuple(repo.model_copy(update={**texts, "since": since}) for repo in record.repos)
    update: dict[str, Any] = {"name": HOSTILE, "step_class": HOSTILE, "model": HOSTILE, "status": HOSTILE}
    broken = steps("churn", **update, failure_reason=HOSTILE, log=HOSTILE, log_tail=(HOSTILE, "\x1b[31m\x00"))
    verdict = VerdictRecord(passed=False, reasons=(HOSTILE,))
    return record.model_copy(
        update={"repos": repos, "steps": broken, "pipeline": HOSTILE, "verdict": verdict, "blocked": (kept,)}
    )


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
    ("value", "text"),
    [
        (None, "none"),
        (3.0, "3"),
        (0.91424, "0.9142"),
        (1234567.5, "1,234,568"),
        (1e-9, "1e-09"),
        (48_123.4, "48,123"),
        (9999.6, "10,000"),
        (0.99996, "0.99996"),
        (-0.99997, "-0.99997"),
        (1 - 1e-12, "1"),
        (1e308, "1e+308"),
        (-1e308, "-1e+308"),
        (10**15, "1e+15"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.44, "0.4 s"), (59.9, "59.9 s"), (245, "4 min 05 s"), (7380, "2 h 03 min")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


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

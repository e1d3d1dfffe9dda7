"""Scores of a day in the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.views.lines import gate_line, publish_line
from pipeline_builder.views.scores import render_scores, score_words
from pipeline_builder.views.summary import failure_problems, render_result
from tests.views.watched import column, monitor, score, scored

SHIFTED = monitor({"plan": column(0.9), "age": column(0.3), "calm": column(0.01)})


@pytest.mark.parametrize(
    ("watched", "changes", "words"),
    [
        (monitor({"age": column(0.01)}), {}, "churn 2026-11-29 100 rows, none of 1 column beyond a bound"),
        (SHIFTED, {"actions": ("block", "retrain")},
         "churn 2026-11-29 100 rows, 2 of 3 columns beyond a bound, plan most: block, retrain"),
        (SHIFTED | {"violations": [{"kind": "schema", "column": "x"}]}, {},
         "churn 2026-11-29 100 rows, 2 of 3 columns beyond a bound, plan most, also schema"),
        ({"violations": [{"kind": ["drift"]}]}, {"status": "blocked", "reasons": ("it is none",)},
         "churn 2026-11-29 100 rows; it is none"),
        (None, {"rows_out": 98}, "churn 2026-11-29 98 predictions of 100 rows"),
        (None, {"rows_in": None}, "churn 2026-11-29 100 predictions of unknown rows"),
        (None, {"rows_in": None, "rows_out": None}, "churn 2026-11-29 published"),
        (None, {"rows_in": None, "rows_out": None, "status": "failed", "reasons": ("a\x1b", "b", "c")},
         "churn 2026-11-29 a\\x1b; b"),
    ],
)  # fmt: skip
def test_a_line_says_what_came_of_a_day(watched: Any, changes: dict[str, Any], words: str) -> None:
    assert score_words(score(watched, **changes)) == words


def test_what_is_printed_at_the_end_of_a_run() -> None:
    wild = monitor({f"column {index}": column(0.3 + index / 10) for index in range(12)})
    wild["violations"] += [
        {"kind": "missing", "column": "age\x1b", "statistic": "missing", "value": 0.1, "bound": 0.05}
    ]
    wild["violations"] += [{"kind": "type", "column": "plan", "message": "plan is a text"}]
    lines = render_scores([score(wild, status="blocked", actions=("block",), pointer="", retraining="asked")]).split(
        "\n"
    )
    assert lines == [
        "churn 2026-11-29: blocked, 100 rows by churn version 7",
        "  age\\x1b    Missing 0.100, at most 0.05",
        "  plan       type: plan is a text",
        "  column 11  PSI 1.400, at most 0.2",
        "  column 10  PSI 1.300, at most 0.2",
        "  column 9   PSI 1.200, at most 0.2",
        "  column 8   PSI 1.100, at most 0.2",
        "  column 7   PSI 1, at most 0.2",
        "  column 6   PSI 0.900, at most 0.2",
        "  and 6 more",
        "  block",
        "  asked",
    ]
    result = render_result(scored(score(None)), "build/report.html")
    assert "published: s3://b/scores/dt=2026-11-29/_current.json" in result


def test_lines_of_the_stages() -> None:
    record = scored(score(SHIFTED), score(None, model="b", status="blocked", published_to=""))
    assert gate_line(record).startswith("churn 2026-11-29 100 rows, 2 of 3 columns beyond a bound, plan most; b 2026")
    assert (
        publish_line(record, changed=True)
        == "2026-11-29 churn published s3://b/scores/dt=2026-11-29/run=abc/; b blocked"
    )
    many = scored(*[score(None, model=f"m{index}") for index in range(9)])
    assert publish_line(many, changed=False).endswith("; and 5 more models; nothing changed")


def test_a_thousand_reasons_are_one_message_that_can_be_read() -> None:
    record = scored(score(None, status="blocked"))
    assert record.verdict is not None
    verdict = record.verdict.model_copy(update={"passed": False, "reasons": tuple(map(str, range(1000)))})
    (problem,) = failure_problems(record.model_copy(update={"verdict": verdict}))
    assert problem.message.endswith("; 1; and 998 more")

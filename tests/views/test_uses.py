"""What an inference pipeline uses, as `graph`, `status` and `history` say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.views.uses import date_taken, render_uses, taken
from tests.definition.composing import compose_definition
from tests.definition.scoring import MOUNTED, TRANSFORMED, compose_scoring

PACKAGE = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/churn/7"


def test_the_graph_says_what_each_start_looks_up(tmp_path: Path) -> None:
    assert render_uses(compose_scoring(tmp_path, TRANSFORMED)) == (
        "\n\n  looked up by each start\n  churn: the champion of 'churn'\n"
        "  the logical date, of each run: --date, or the day that it is started in (UTC)"
    )
    assert "or the hour that" in render_uses(compose_scoring(tmp_path / "mounted", MOUNTED))
    assert render_uses(compose_definition(tmp_path / "training")) == ""


@pytest.mark.parametrize(
    ("parameters", "date", "words"),
    [
        ({"LogicalDate": "2026-11-29", "ModelPackage-churn": PACKAGE}, "2026-11-29", "2026-11-29, churn version 7"),
        ({"LogicalDate": "2026-11-29", "LogicalHour": "13"}, "2026-11-29T13", "2026-11-29T13"),
        ({"LogicalYear": "2026", "LogicalMonth": "11", "LogicalDay": "29"}, "2026-11-29", "2026-11-29"),
        ({"LogicalHour": "13", "LogicalYear": "2026"}, "", ""),
        ({"ManifestCommit": "e" * 40}, "", ""),
        ({"LogicalDate": "\x1b[31m"}, "\\x1b[31m", "\\x1b[31m"),
    ],
)
def test_what_an_execution_has_taken(parameters: dict[str, str], date: str, words: str) -> None:
    assert (date_taken(parameters), taken(parameters)) == (date, words)

"""`up` on a terminal asks for each model: with words or letters, a reason for a no, and an end for all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.terminals import answer, on_terminal, read_more
from tests.trio import Trio, make_trio


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    trio = make_trio(tmp_path_factory.mktemp("asked") / "made")
    assert trio.decide("up").code == 0
    return trio


@pytest.fixture
def trio(ran: Trio, tmp_path: Path) -> Trio:
    return Trio(Path(shutil.copytree(ran.root, tmp_path / "trio", symlinks=True)))


def ask(trio: Trio, *answers: tuple[str, str]) -> tuple[int, str]:
    return answer(trio.command("up"), trio.root, trio.environment(), *answers)


def test_the_report_is_there_before_the_question(trio: Trio) -> None:
    report = trio.root / "build" / "report.html"
    report.unlink()
    words = ("up", "--comment", "fine")
    shown = {**trio.environment(), "TERM": "xterm", "COLUMNS": "150", "LINES": "60"}
    with on_terminal(trio.command(*words), trio.root, shown) as (_, main):
        seen = ""
        while "Approve churn version 1?" not in seen:
            part = read_more(main, "the question")
            assert part, seen
            seen += part
        assert "with everything that there is to look at: build/report.html" in seen
        assert '<span class="badge">Waits for your decision</span>' in report.read_text()
        os.write(main, b"all\n")
        while read_more(main, "the end"):
            pass
    assert '<span class="badge">Approved</span>' in report.read_text()
    assert trio.statuses() == dict.fromkeys(("churn", "price", "segments"), "Approved")


@pytest.mark.long
def test_each_model_has_its_answer(trio: Trio) -> None:
    code, seen = ask(
        trio,
        ("Approve churn version 1?", "Y"),
        ("Comment", ""),
        ("Approve price version 1?", "n"),
        ("Comment", ""),
        ("Comment", "too dear"),
        ("Approve segments version 1?", "perhaps"),
        ("Approve segments version 1?", "later"),
    )
    assert (code, "a rejection needs a reason" in seen) == (0, True), seen
    assert "'perhaps' is no answer, expected yes, no, later, all or quit; the first letter is enough" in seen
    assert trio.statuses() == {"churn": "Approved", "price": "Rejected", "segments": "PendingManualApproval"}
    # Again only what waits is asked for.
    code, seen = ask(trio, ("Approve segments version 1? yes / no (reject) / later", "YE"), ("Comment", "so be it"))
    assert (code, trio.statuses()["segments"], "all (yes" in seen) == (0, "Approved", False), seen


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((("Approve churn", "later"), ("Approve price", "all"), ("Comment", "x")), ["P", "A", "A"]),
        (
            (("Approve churn", "maybe"), ("Approve churn", "yes"), ("Comment", ""), ("Approve price", "q")),
            ["A", "P", "P"],
        ),
    ],
)
@pytest.mark.long
def test_an_answer_for_the_rest(trio: Trio, answers: tuple[tuple[str, str], ...], expected: list[str]) -> None:
    code, seen = ask(trio, *answers)
    assert (code, [status[0] for status in trio.statuses().values()]) == (0, expected), seen

"""Regular expressions of another team: whatever they are, the search for metrics comes to its end."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import metrics as program
from pipeline_builder.engine.jobs.metrics import Growth, collect_metrics
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore


def collected(folder: Path, log: bytes | None, *expressions: str) -> tuple[dict[str, Any], list[str], float]:
    """Return what is found by the numbers of the expressions, what is said, and how long it took."""
    said: list[str] = []
    store = LocalStore(folder / "store", {}, State(folder / "state.db"))
    if log is not None:
        (folder / "log.txt").write_bytes(log)
    outputs = Outputs(folder=folder, store=store, observe=said.append)
    definitions = [{"Name": str(number), "Regex": text} for number, text in enumerate(expressions)]
    begun = time.monotonic()
    found = collect_metrics(definitions, Growth(folder / "log.txt"), outputs)
    return {item["MetricName"]: item["Value"] for item in found}, said, time.monotonic() - begun


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and signals of Linux")
def test_an_expression_that_never_ends_is_given_up_and_the_others_are_found(tmp_path: Path) -> None:
    log = b"a" * 64 + b"!\n" + b"loss=1\nloss=2\n"
    found, said, seconds = collected(tmp_path, log, "(a+)+$x", "loss=(.*)", "(a|aa)+$y")
    assert found == {"1": 2.0}
    assert [line.split(":")[0] for line in said] == ["the metric '0' is left out", "the metric '2' is left out"]
    assert "takes more than 2 s" in said[0]
    assert seconds < 15


@pytest.mark.parametrize(
    "expression",
    [
        "loss=(",
        "*",
        "a{99999999999}",
        "(" * 250 + ")" * 250,
        "(?P<a>.)(?P<a>.)",
        "\\",
        "((((.{1000}){1000}){1000}){1000})",
    ],
)
def test_what_is_no_expression_is_said(tmp_path: Path, expression: str) -> None:
    found, said, seconds = collected(tmp_path, b"loss=1\n", expression, "loss=(.*)")
    assert (found, len(said) <= 1, seconds < 10) == ({"1": 1.0}, True, True)


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pin=1234\n")
    (tmp_path / "log.txt").symlink_to(tmp_path / "secret")
    found, said, _ = collected(tmp_path, None, "pin=(.*)")
    assert (found, len(said)) == ({}, 1)


def test_a_log_that_is_a_pipe_or_not_there_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.txt")
    assert collected(tmp_path, None, "x=(.*)")[2] < 10
    (tmp_path / "log.txt").unlink()
    assert collected(tmp_path, None, "x=(.*)")[0] == {}


def test_lines_are_found_from_the_end_whatever_they_are_made_of(tmp_path: Path) -> None:
    block = program.BLOCK
    big = b"loss=1\n" + b"x" * (3 * block) + b"\n\xff\xfe loss=2 \x00\r" + b"bar\r" * 1000 + b"y" * block
    (tmp_path / "log").write_bytes(big)
    assert program.find_last(tmp_path / "log", "loss=([0-9]+)") == (2.0, big.index(b"\x00") + 1)
    (tmp_path / "log").write_bytes(b"loss=1\n" + b"x" * (3 * block))
    assert program.find_last(tmp_path / "log", "loss=([0-9]+)") == (1.0, 6)
    (tmp_path / "log").write_bytes(b"")
    assert program.find_last(tmp_path / "log", "loss=([0-9]+)") is None


@pytest.mark.parametrize("text", ["1_0", "nan", "inf", "1,5", ""])
def test_what_is_a_number_for_nobody_else_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(f"loss=2.5\nloss={text};\n")
    assert program.find_last(tmp_path / "log", "loss=([^;]*)") == (2.5, 8)

"""The log of a job in parts, as somebody follows it: from its end, from a mark on, from its beginning."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline_builder.descriptions import HEAD
from pipeline_builder.engine.jobs.logs import log_part


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def test_what_comes_is_told_once_and_in_whole_lines(log: Path) -> None:
    log.write_bytes(b"one\ntwo\nthr")
    first = log_part(log, mark="", most=1000, ended=False)
    assert (first.text, first.before, first.more) == ("one\ntwo\n", 0, True)
    with log.open("ab") as file:
        file.write(b"ee\nfour")
    second = log_part(log, mark=first.mark, most=1000, ended=False)
    assert (second.text, second.before) == ("three\n", 8)
    assert log_part(log, mark=second.mark, most=1000, ended=False).text == ""
    last = log_part(log, mark=second.mark, most=1000, ended=True)
    assert (last.text, last.more) == ("four", False)
    assert log_part(log, mark=last.mark, most=1000, ended=True).text == ""


def test_the_end_of_a_long_log_begins_with_a_whole_line(log: Path) -> None:
    log.write_bytes(b"".join(b"line %06d\n" % number for number in range(100_000)))
    part = log_part(log, mark="", most=100, ended=True)
    assert part.text.splitlines()[0] == "line 099992"
    assert part.before == 99_992 * 12
    assert not part.more


def test_a_log_is_read_from_its_beginning_part_by_part(log: Path) -> None:
    whole = "".join(f"line {number}: héllo\n" for number in range(3000))
    log.write_text(whole, encoding="utf-8")
    mark, texts = HEAD, []
    while (part := log_part(log, mark=mark, most=1000, ended=True)).text:
        texts.append(part.text)
        mark = part.mark
    assert "".join(texts) == whole
    assert len(texts) > 50


def test_a_line_without_an_end_is_cut_between_characters(log: Path) -> None:
    log.write_text("é" * 100_000, encoding="utf-8")
    mark, texts = HEAD, []
    while (part := log_part(log, mark=mark, most=1001, ended=True)).text:
        texts.append(part.text)
        mark = part.mark
    assert "".join(texts) == "é" * 100_000


def test_a_sparse_log_of_a_hundred_gigabytes_costs_nothing(log: Path) -> None:
    log.touch()
    os.truncate(log, 100 << 30)
    assert log_part(log, mark="", most=65_536, ended=True).before == (100 << 30) - 65_536


def test_another_try_begins_another_log(log: Path) -> None:
    log.write_text("first try\n")
    first = log_part(log, mark="", most=1000, ended=False)
    log.rename(log.with_name("kept"))
    log.write_text("second try\n")
    second = log_part(log, mark=first.mark, most=1000, ended=False)
    assert (second.text, second.anew, second.before) == ("second try\n", True, 0)


def test_what_a_terminal_would_obey_is_gone(log: Path) -> None:
    log.write_bytes(b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \xe2\x80\xaebidi \xff\xfe \x00\x08\n 10%\r 50%\r100%\r\n")
    assert log_part(log, mark="", most=1000, ended=True).text == "red  bidi \ufffd\ufffd \n100%\n"


@pytest.mark.parametrize("mark", ["x", "1-2-3", "-1-5", "1-99999999999999999999", '{"a":"b"}', "\n", "٣-٣"])
def test_a_mark_that_is_none_is_as_if_there_was_none(log: Path, mark: str) -> None:
    log.write_text("all\n")
    assert log_part(log, mark=mark, most=1000, ended=True).text == "all\n"


def test_a_mark_behind_the_end_waits_there(log: Path) -> None:
    log.write_text("all\n")
    known = log.stat()
    assert log_part(log, mark=f"{known.st_ino}-{1 << 40}", most=1000, ended=True).text == ""


def test_no_log_and_no_file(log: Path, tmp_path: Path) -> None:
    assert log_part(log, mark="m", most=1000, ended=True).mark == "m"
    (tmp_path / "secret").write_text("secret\n")
    log.symlink_to(tmp_path / "secret")
    assert log_part(log, mark="", most=1000, ended=True).text == ""
    os.mkfifo(tmp_path / "pipe")
    assert log_part(tmp_path / "pipe", mark="", most=1000, ended=True).text == ""

"""Files of a batch, answered by a container: in order, at once where it takes several, and through several of them."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_builder.engine.inside import batch
from pipeline_builder.engine.inside.answers import Answered, AnswerError, Asked, Container
from pipeline_builder.engine.inside.patience import ask, within

if TYPE_CHECKING:
    from pipeline_builder.engine.inside.answers import Answer


def run(folder: Path, container: Container, content: dict[str, str], **given: Any) -> int:
    files = []
    for number, (name, text) in enumerate(content.items()):
        (folder / name).write_text(text)
        ends = (f"{name}.out", f"given-{number}", f"handed-{number}")
        files.append([str(folder / path) for path in (name, *ends)])
    return batch.run_files(container, {**batch.DEFAULTS, "files": files, "split": "Line", **given})


def test_several_at_once_come_out_in_order(tmp_path: Path) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def answer(asked: Asked) -> Answered:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02 if asked.body == b"1\n" else 0.001)
        with lock:
            running -= 1
        return Answered(asked.body, "text/csv")

    text = "".join(f"{number}\n" for number in range(1, 30))
    told = {"strategy": "SingleRecord", "max_concurrent": 4}
    assert run(tmp_path, Container(answer, concurrent=True), {"a": text}, **told) == 0
    assert (tmp_path / "a.out").read_text() == text
    assert 2 <= most <= 4
    most = 0
    assert run(tmp_path, Container(answer), {"a": text}, **told) == 0
    assert most == 1


def test_a_failure_among_several_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def answer(asked: Asked) -> Answered:
        if asked.body == b"bad\n":
            raise AnswerError(400, "no number")
        return Answered(asked.body, "text/csv")

    told = {"strategy": "SingleRecord", "max_concurrent": 3}
    content = {"a": "1\n2\nbad\n4\n", "b": "5\n"}
    assert run(tmp_path, Container(answer, concurrent=True), content, **told) == 1
    assert not (tmp_path / "a.out").exists()
    assert (tmp_path / "b.out").read_text() == "5\n"
    assert "failed at record 3" in capfd.readouterr().err
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_what_a_container_hands_on(tmp_path: Path) -> None:
    def first(asked: Asked) -> Answered:
        assert asked.accept is None
        return Answered(asked.body.strip() + b"!", "text/plain")

    def second(asked: Asked) -> Answered:
        assert (asked.content_type, asked.accept) == ("text/plain", "text/csv")
        return Answered(asked.body.replace(b"\n", b"") + b"?\n", "text/csv")

    told = {"content_type": "text/csv", "accept": "text/csv", "strategy": "SingleRecord"}
    content = {"a": "1\n2\n", "b": "3\n"}
    assert run(tmp_path, Container(first), content, **told, last=False) == 0
    assert not (tmp_path / "a.out").exists()
    (tmp_path / "handed-0").rename(tmp_path / "given-0")  # that of `b` is missing: the first has failed at it
    joined = {"join": True, "assemble": "Line"}
    assert run(tmp_path, Container(second), content, **told, **joined, first=False) == 0
    assert (tmp_path / "a.out").read_text() == "1,1!?\n2,2!?\n"
    assert not (tmp_path / "b.out").exists()


def test_a_batch_of_records_is_handed_on_as_one(tmp_path: Path) -> None:
    def doubled(asked: Asked) -> Answered:
        return Answered(b"".join(b"%d\n" % (2 * int(row)) for row in asked.body.split()), "text/csv")

    told = {"content_type": "text/csv", "accept": "text/csv", "join": True, "assemble": "Line"}
    assert (
        run(
            tmp_path,
            Container(doubled, parameters={"BatchStrategy": "MULTI_RECORD"}),
            {"a": "1\n2\n"},
            **told,
            last=False,
        )
        == 0
    )
    (tmp_path / "handed-0").rename(tmp_path / "given-0")
    # The second container would have single records, which is no matter any more.
    parameters = {"BatchStrategy": "SINGLE_RECORD"}
    assert run(tmp_path, Container(doubled, parameters=parameters), {"a": "1\n2\n"}, **told, first=False) == 0
    assert (tmp_path / "a.out").read_text() == "1,4\n2,8\n"


@pytest.mark.parametrize("text", ["nonsense\n", '{"size": 9, "count": 1, "content_type": "x"}\nshort', '{"size": 1}\n'])
def test_what_another_has_written_in_between(tmp_path: Path, text: str) -> None:
    (tmp_path / "given-0").write_text(text)
    container = Container(lambda asked: Answered(asked.body, "text/csv"))
    assert run(tmp_path, container, {"a": "1\n"}, first=False) == 1
    assert not (tmp_path / "a.out").exists()


def failing(times: int, error: Exception) -> tuple[list[int], Answer]:
    calls: list[int] = []

    def answer(asked: Asked) -> Answered:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return Answered(asked.body, "text/csv")

    return calls, answer


@pytest.mark.parametrize(
    ("error", "tries"), [(ValueError("x"), 4), (AnswerError(503, "busy"), 4), (AnswerError(415, "what is that"), 1)]
)
def test_tries(error: Exception, tries: int) -> None:
    calls, answer = failing(9, error)
    with pytest.raises(type(error)):
        ask(answer, Asked(b"", None, None), retries=3)
    assert len(calls) == tries
    calls, answer = failing(min(tries, 3) if tries > 1 else 0, error)
    assert ask(answer, Asked(b"1", None, None), retries=3).body == b"1"


def test_time_is_over() -> None:
    def answer(asked: Asked) -> Answered:
        time.sleep(0.3 if asked.body == b"slow" else 0)
        return Answered(asked.body, "text/csv")

    before = signal.getsignal(signal.SIGALRM)
    with within(answer, 0.05) as timed:
        with pytest.raises(AnswerError, match="no answer after 0.05 s") as over:
            timed(Asked(b"slow", None, None))
        assert timed(Asked(b"1", None, None)).body == b"1"
    assert over.value.status == 504
    time.sleep(0.06)  # nothing rings any more
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({}, "in the records 1 to 3"),
        ({"strategy": "SingleRecord"}, "at record 2"),
        ({"split": "None"}, "as a whole"),
        ({"input_filter": [["item", 1]]}, "at record 2"),
        ({"join": True, "output_filter": [["item", 2]]}, "at record 2"),
        ({"output_filter": [["item", 1]]}, "in the records 1 to 3"),  # rows of an answer need not be its records
    ],
)
def test_a_failure_names_its_records(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], told: dict[str, Any], where: str
) -> None:
    def answer(asked: Asked) -> Answered:
        if b"bad" in asked.body and not told.keys() & {"join", "output_filter"}:
            raise ValueError("no number")
        return Answered(asked.body, "text/csv")

    kinds = {"content_type": "text/csv", "retries": 0}
    assert run(tmp_path, Container(answer), {"a": "1,2\nbad\n3,4\n"}, **kinds, **told) == 1
    assert f"a' failed {where}\n" in capfd.readouterr().err

"""Which heads moved, and what is noted of them."""

from __future__ import annotations

import json

import pytest

from pipeline_builder.checkout.heads import (
    Handled,
    Head,
    Inputs,
    find_moves,
    note,
    parse_handled,
    render_handled,
    render_move,
)

A, B, C = "a" * 40, "b" * 40, "c" * 40


def head(commit: str, revision: str = "main", url: str = "remotes/churn") -> Head:
    return Head(url=url, revision=revision, commit=commit)


def inputs(**commits: str) -> Inputs:
    return Inputs(files={"model_repos.yaml": "1"}, heads={name: head(commit) for name, commit in commits.items()})


def words(handled: Handled | None, **heads: Head) -> list[str]:
    return [render_move(move) for move in find_moves(handled, heads)]


def test_the_first_time_everything_is_new() -> None:
    assert words(None, churn=head(A)) == ["churn: main is at aaaaaaa"]


def test_any_difference_is_a_move_and_is_told_as_what_it_is() -> None:
    handled = note(note(None, inputs(churn=A, fraud=C), 0), inputs(churn=B, fraud=C), 0)
    assert words(handled, churn=head(B), fraud=head(C)) == []
    assert words(handled, churn=head(C)) == ["churn: main moved from bbbbbbb to ccccccc"]
    assert words(handled, churn=head(A)) == ["churn: main moved back from bbbbbbb to aaaaaaa"]
    assert words(handled, churn=head(B, revision="v2")) == ["churn: is now v2, at bbbbbbb"]
    assert words(handled, churn=head(B, url="elsewhere")) == ["churn: is now main, at bbbbbbb"]
    assert words(handled, other=head(C)) == ["other: main is at ccccccc"]


def test_of_earlier_commits_a_few_are_remembered() -> None:
    handled: Handled | None = None
    for number in range(30):
        handled = note(handled, inputs(churn=f"{number:040d}"), 0)
    assert handled
    assert handled.number == 30
    assert handled.earlier == {"churn": tuple(f"{number:040d}" for number in range(28, 8, -1))}
    back = note(handled, inputs(churn=f"{28:040d}"), 0)
    assert back.earlier["churn"][:2] == (f"{29:040d}", f"{27:040d}")


def test_a_repository_that_went_is_forgotten() -> None:
    assert note(note(None, inputs(churn=A, fraud=B), 0), inputs(fraud=B), 0).earlier == {"fraud": ()}


def test_what_is_written_is_read() -> None:
    handled = note(note(None, inputs(churn=A), 5), inputs(churn=B), 0)
    assert parse_handled(render_handled(handled)) == handled
    assert (handled.code, handled.number) == (0, 2)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"version": 2}', b'{"version": 1}', b"\xff", b'{"version": 1, "inputs": []}'],
)
def test_what_is_damaged_is_as_none(content: bytes) -> None:
    assert parse_handled(content) is None


def test_a_damaged_head_is_as_none() -> None:
    data = json.loads(render_handled(note(None, inputs(churn=A), 0)))
    data["inputs"]["heads"]["churn"] = {"commit": A}
    assert parse_handled(json.dumps(data).encode()) is None

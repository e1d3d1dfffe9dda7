"""What pages tell their readers to run is run, word for word, in a fresh folder, and shows what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.fences import RUN, blocks, pages
from tests.house.telling import OtherwiseError, compare, reader
from tests.places import ROOT

TOLD = [page for page in pages() if any(RUN in block.tags for block in blocks(page))]


@pytest.mark.long
@pytest.mark.parametrize("page", TOLD, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_tells_is_true(page: Path, tmp_path: Path) -> None:
    assert list(reader(tmp_path).tell(page))


def test_the_tutorial_is_told() -> None:
    assert ROOT / "docs" / "tutorial.md" in TOLD


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ("a 1\nb", ""),
        ("a 1\n…\nc 0.3 s", ""),
        ("…\nb\n…", ""),
        ("a …\nb\nc …", ""),
        ("a 1\nc 0.2 s", "c N s"),  # a line is left out without a word
        ("a 2", "a 2"),
        ("…\nd", "d"),
        ("b\na 1", "b"),
    ],
)
def test_what_is_shown_has_to_come_in_order(shown: str, wrong: str) -> None:
    seen = "a   1\nb\n\nc 0.2 s\n"
    if not wrong:
        compare("here", shown, seen)
        return
    with pytest.raises(OtherwiseError, match=f"shows: {wrong}"):
        compare("here", shown, seen)


def test_times_and_ids_may_differ() -> None:
    compare(
        "here",
        "execution 6hv3qva204jn of 2026-11-30T06:12:21Z, commit 84c99ac, 1.4 s",
        "execution hk1jcgnyxhfi of 2026-12-01T16:12:27Z, commit aa18f44, 21 s",
    )
    with pytest.raises(OtherwiseError):
        compare("here", "auc 0.8602", "auc 0.8603")

"""What pages tell their readers to run is run, word for word, in a fresh folder, and shows what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.fences import RUN, blocks, pages
from tests.house.telling import OtherwiseError, compare, reading
from tests.places import ROOT

TOLD = [page for page in pages() if any(RUN in block.tags for block in blocks(page))]
TUTORIAL = ROOT / "docs" / "tutorial.md"


def makes_its_own(page: Path) -> bool:
    """Say whether what a page has its reader run begins with a model of its own."""
    first = next(block.text for block in blocks(page) if RUN in block.tags)
    return "pipeline-builder new " in first


@pytest.mark.long
@pytest.mark.parametrize(
    "page",
    [page for page in TOLD if makes_its_own(page) and page != TUTORIAL],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_what_a_page_tells_is_true(page: Path, tmp_path: Path) -> None:
    with reading(tmp_path) as ada:
        assert list(ada.tell(page))


@pytest.mark.long
def test_the_tutorial_is_true_and_so_is_what_begins_where_it_ends(tmp_path: Path) -> None:
    with reading(tmp_path) as ada:
        assert list(ada.tell(TUTORIAL))
        for number, page in enumerate(page for page in TOLD if not makes_its_own(page)):
            assert list(ada.copied(tmp_path / f"page{number}").tell(page)), page


def test_these_pages_are_told() -> None:
    told = {str(page.relative_to(ROOT)) for page in TOLD}
    assert told >= {
        "docs/tutorial.md",
        "docs/how-to/new-model.md",
        "docs/how-to/pipelines.md",
        "docs/how-to/data-scientist.md",
        "docs/reference/options.md",
    }


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

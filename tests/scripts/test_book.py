"""What `scripts/docs build` makes of pages before a site is built of them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.places import ROOT


@pytest.fixture(scope="module")
def book() -> ModuleType:
    spec = importlib.util.spec_from_file_location("book", ROOT / "scripts" / "book.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("page", "site"),
    [
        ("1. a\n   b\n", "1. a\n    b\n"),
        ("- a\n\n  | t |\n", "- a\n\n    | t |\n"),
        ("1. a\n\n   ```yaml\n   x: 1\n     y\n   ```\n", "1. a\n\n    ```yaml\n    x: 1\n      y\n    ```\n"),
        ("1. a\n\n    b\n2. c\n", "1. a\n\n    b\n\n2. c\n"),  # else 'c' is a part of b's paragraph
        ("- a\n- b\n", "- a\n- b\n"),
        ("```text\n  indented\n```\n", "```text\n  indented\n```\n"),
    ],
)
def test_lists_are_as_the_other_markdown_takes_them(book: ModuleType, page: str, site: str) -> None:
    assert book.shifted(page) == site


def test_marks_go_and_bars_in_code_are_plain(book: ModuleType) -> None:
    page = "<!-- keys: X -->\n| `a\\|<b>` | c |\n<!-- end -->\n"
    assert book.uncommented(page) == "\n| <code>a&#124;&lt;b&gt;</code> | c |\n\n"


def test_links_out_of_the_book_lead_to_copies_and_blocks_stay(book: ModuleType) -> None:
    page = ROOT / "docs" / "how-to" / "scoring.md"
    text = "[a](../../examples/purchase-intent) [b](../reference/conf.md#x) [c](../../requirements-sdk.in) [d](https://x.y/z)\n```text\n[e](../../x)\n```\n"
    found, linked = book.moved(page, text, book.sources())
    assert found == (
        "[a](../examples/purchase-intent.md) [b](../reference/conf.md#x) [c](../files/requirements-sdk.in.txt) [d](https://x.y/z)\n"
        "```text\n[e](../../x)\n```\n"
    )
    assert linked == {ROOT / "requirements-sdk.in": "files/requirements-sdk.in.txt"}


def test_only_a_site_is_replaced(book: ModuleType, tmp_path: Path) -> None:
    made, out = tmp_path / "made", tmp_path / "out"
    made.mkdir()
    (made / "sitemap.xml").touch()
    book.put(made, out)
    (made / "more.html").touch()
    book.put(made, out)
    assert (out / "more.html").exists()
    (out / "sitemap.xml").unlink()
    with pytest.raises(SystemExit, match="has something else in it"):
        book.put(made, out)
    assert (out / "more.html").exists()


def test_an_older_python_is_told(book: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(SystemExit, match=r"the book needs Python 3\.11"):
        book.environment()

"""The pages of models and scores in a static site: they lead to each other, and to nothing that it hasn't got."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from pipeline_builder.console.export import export_site
from pipeline_builder.console.site import Folder
from tests.console.consoles import look_of
from tests.scoring import Scoring
from tests.workspaces import Workspace

PAGES = ("models", "model", "version", "compare", "scoring", "scores", "day")


def links(site: Path) -> dict[str, set[str]]:
    """Return what each page leads to, by its file; every one of them has to be there."""
    found = {}
    for file in site.rglob("*.html"):
        hrefs = {href.partition("#")[0] for href in re.findall(r'<a [^>]*?href="([^"]*)"', file.read_text())} - {""}
        assert all((file.parent / unquote(href)).is_file() for href in hrefs), file
        found[str(file.relative_to(site))] = {
            str((file.parent / unquote(href)).resolve().relative_to(site)) for href in hrefs
        }
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "site"


def test_models_versions_and_comparisons(history: Workspace, folder: Path) -> None:
    assert export_site(look_of(history), Folder(folder), names=PAGES).failed == ()
    found = links(folder)
    assert "models/tiny-churn.html" in found["models.html"]
    assert {f"models/tiny-churn/{number}.html" for number in (1, 2, 3)} <= found["models/tiny-churn.html"]
    assert "models/tiny-churn/compare/1/2.html" in found["models/tiny-churn/2.html"]
    pages = [file.read_text() for file in folder.rglob("*.html")]
    assert not any(
        word in page for page in pages for word in ('href=""', "Read it again now", 'type="radio"', "<button")
    )


@pytest.mark.long
def test_scores(scored: Scoring, folder: Path) -> None:
    assert export_site(look_of(scored), Folder(folder), names=PAGES).failed == ()
    found = links(folder)
    assert "scoring/churn-scoring/2026-11-02.html" in found["scoring/churn-scoring.html"]
    assert "models/churn/1.html" in found["scoring/churn-scoring/2026-11-02.html"]

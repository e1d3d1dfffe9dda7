"""Templates that are compiled once: what was kept is taken, and nothing else is."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType

import jinja2
import pytest

from pipeline_builder.views.compiled import Compiled


def drawn(folder: Path, kept: Path, label: str = "pages", suffix: str = "!") -> tuple[str, int]:
    """Return what a template comes to in an environment of its own, and how many were compiled for it."""
    compiled = list[str]()

    class Counting(jinja2.Environment):
        def _compile(self, source: str, filename: str) -> CodeType:
            compiled.append(filename)
            return super()._compile(source, filename)

    environment = Counting(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, bytecode_cache=Compiled(label, kept)
    )
    environment.filters["ended"] = lambda text: f"{text}{suffix}"
    return environment.get_template("page.j2").render(name="ada"), len(compiled)


def test_a_template_is_compiled_once_for_its_source(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.j2").write_text("{{ name | ended }}")
    kept = tmp_path / "kept"
    assert drawn(tmp_path / "here", kept) == ("ada!", 1)
    assert drawn(tmp_path / "there", kept) == ("ada!", 0)  # wherever it lies
    assert drawn(tmp_path / "here", kept, "others") == ("ada!", 1)
    (tmp_path / "here" / "page.j2").write_text("{{ name | ended }}?")
    assert drawn(tmp_path / "here", kept) == ("ada!?", 1)
    assert drawn(tmp_path / "there", kept) == ("ada!", 0)


def test_what_is_torn_or_cannot_be_kept_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.j2").write_text("{{ name | ended }}")
    kept = tmp_path / "kept"
    assert drawn(tmp_path, kept) == ("ada!", 1)
    (file,) = kept.rglob("template-*")
    file.write_bytes(file.read_bytes()[:-7])
    assert drawn(tmp_path, kept) == ("ada!", 1)
    assert drawn(tmp_path, kept) == ("ada!", 0)
    (tmp_path / "file").touch()
    assert [drawn(tmp_path, tmp_path / "file") for _ in range(2)] == [("ada!", 1)] * 2
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [drawn(tmp_path, tmp_path / "none") for _ in range(2)] == [("ada!", 1)] * 2

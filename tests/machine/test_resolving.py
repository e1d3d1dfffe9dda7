"""Resolving many paths is what resolving each by itself is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline_builder.machine.resolving import Resolving, is_below


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files, and links to files, folders, elsewhere, nowhere and themselves, in folders and in links."""
    base = tmp_path / "base"
    (base / "one" / "inner").mkdir(parents=True)
    (base / "one" / "inner" / "file").write_text("x")
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (base / "two").symlink_to("one")
    (base / "one" / "up").symlink_to("..")
    (base / "one" / "out").symlink_to(tmp_path / "outside")
    (base / "one" / "gone").symlink_to("nowhere/at/all")
    (base / "one" / "loop").symlink_to("loop")
    (tmp_path / "way").symlink_to("base")
    return tmp_path


PATHS = (
    "base", "base/", "way", "base/one/inner/file", "base/two/inner/file", "way/two/inner", "base/one/up/one/inner",
    "base/one/out/deep", "base/one/out/../base/one", "base/one/out/..", "base/two/../one", "base/./one", "base//one", "base/one/gone",
    "base/one/gone/more", "base/nothing/there", "base/one/loop", "base/one/loop/x", "base/one/a..b", ".", "",
)  # fmt: skip


def test_each_path_is_what_it_is_by_itself(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    resolving = Resolving(Path("way"))
    for path in (*PATHS, *(f"{tree}/{path}" for path in PATHS)):
        assert resolving.resolve(path) == os.path.realpath(path), path
        assert resolving.resolve(Path(path)) == os.path.realpath(Path(path)), path


def test_what_leads_out_is_not_inside(tree: Path) -> None:
    resolving = Resolving(tree / "way")
    inside = {path: resolving.is_inside(resolving.resolve(tree / path)) for path in PATHS if path not in ("", ".")}
    assert [path for path, found in inside.items() if not found] == ["base/one/out/deep", "base/one/out/.."]
    assert not resolving.is_inside(f"{tree}/base-too")
    assert is_below("/anything", "/")

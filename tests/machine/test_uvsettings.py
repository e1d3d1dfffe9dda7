"""uv's settings from files: how an index is reached counts, wherever that is written; what is installed is not theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.machine.uvsettings import read_settings, toml_reader

NOWHERE = {"XDG_CONFIG_DIRS": "/nowhere"}


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def settled(folder: Path, **environment: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    found = read_settings({**NOWHERE, **environment}, folder)
    loads = toml_reader()
    assert loads is not None
    return loads(found.text), found.ignored


def test_of_a_project_above_only_how_an_index_is_reached_counts(tmp_path: Path) -> None:
    text = """
    [project]
    name = "x"
    [tool.uv]
    exclude-newer = "2020-01-01T00:00:00Z"
    required-version = "==0.0.1"
    find-links = ["wheels", "https://h.example/\u00fc"]
    index = [
      {name = "own", url = "https://u:p@i.example", exclude-newer = "2020-01-01", cache-control = {api = "max-age=1"}},
    ]
    [tool.uv.pip]
    target = "elsewhere"
    no-deps = true
    index-url = "simple"
    """
    file = written(tmp_path / "pyproject.toml", text)
    written(tmp_path / "a" / "pyproject.toml", "[project]\nname = 'nothing of uv'\n")
    found, ignored = settled(tmp_path / "a" / "b")
    assert found == {
        "find-links": [str(tmp_path / "wheels"), "https://h.example/\u00fc"],
        "index": [{"name": "own", "url": "https://u:p@i.example", "cache-control": {"api": "max-age=1"}}],
        "pip": {"index-url": str(tmp_path / "simple")},
    }
    assert ignored == (f"'exclude-newer' of '{file}'", f"'no-deps' of '{file}'")


def test_files_are_joined_as_uv_joins_them(tmp_path: Path) -> None:
    written(tmp_path / "uv.toml", 'index-url = "https://project.example"\nfind-links = ["/a"]\nresolution = "lowest"\n')
    written(tmp_path / "pyproject.toml", "[tool.uv]\noffline = true\n")
    user = 'index-url = "https://user.example"\nfind-links = ["/b"]\npip = {no-index = true, strict = true}\n'
    written(tmp_path / "home" / "uv" / "uv.toml", user)
    named = written(tmp_path / "named.toml", "native-tls = true\n")
    home = str(tmp_path / "home")
    found, ignored = settled(tmp_path, XDG_CONFIG_HOME=home, UV_PRERELEASE="allow", UV_TORCH_BACKEND="cpu")
    assert found == {
        "index-url": "https://project.example", "find-links": ["/a", "/b"], "pip": {"no-index": True},
    }  # fmt: skip
    assert ignored == ("'UV_PRERELEASE'", f"'resolution' of '{tmp_path / 'uv.toml'}'")
    assert settled(tmp_path, XDG_CONFIG_HOME=home, UV_CONFIG_FILE=str(named)) == ({"native-tls": True}, ())
    assert settled(tmp_path, XDG_CONFIG_HOME=home, UV_NO_CONFIG="1") == ({}, ())


def test_a_broken_file_is_refused_where_uv_refuses_it(tmp_path: Path) -> None:
    written(tmp_path / "pyproject.toml", "[tool.uv")
    assert settled(tmp_path) == ({}, ())
    written(tmp_path / "uv.toml", "index-url = ")
    with pytest.raises(ValueError, match=r"uv\.toml' is not TOML: Invalid value"):
        settled(tmp_path)
    with pytest.raises(ValueError, match="UV_CONFIG_FILE names 'nothing', which can't be read"):
        settled(tmp_path, UV_CONFIG_FILE="nothing")

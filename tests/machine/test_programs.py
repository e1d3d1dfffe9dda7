"""Programs on PATH are tried before they are trusted; uv finds its index, its cache and its certificates."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.installer import find_uv
from pipeline_builder.machine.programs import UV, fault_of, find_programs, find_working, has_cache_folder, uv_settings
from tests.serve.serving import until
from tests.workspaces import make_workspace

FAULTS = {
    "exit 127": "it ends with exit code 127 and says: nothing",
    "echo; echo oh no >&2; exit 3": "it ends with exit code 3 and says: oh no",
    "echo blah": "it is another program: it says: blah",
    "": "it is another program: it says: nothing",
    "kill -9 $$": "it ends with exit code -9 and says: nothing",
    "echo warning: old; echo uv 0.13.9": "",
}


def program(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", FAULTS)
def test_what_is_wrong_is_said(tmp_path: Path, text: str) -> None:
    assert fault_of([str(program(tmp_path / "uv", f"#!/bin/sh\n{text}\n"))], UV) == FAULTS[text]


def test_what_cannot_be_started(tmp_path: Path) -> None:
    started = "it can't be started: "
    assert fault_of([str(program(tmp_path / "a", "\x7fELF"))], UV) == f"{started}Exec format error"
    assert fault_of([str(program(tmp_path / "b", "#!/no/sh\n"))], UV) == f"{started}No such file or directory"
    assert fault_of([str(tmp_path)], UV) == f"{started}Permission denied"


@pytest.mark.long
def test_what_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    file = program(tmp_path / "uv", f"#!/bin/sh\nsleep 60 &\necho $! >'{tmp_path}/child'\nsleep 60\n")
    began = time.monotonic()
    assert fault_of([str(file)], UV, seconds=1) == "it gives no answer within 1 s"
    assert time.monotonic() - began < 30  # half of what it would take
    child = Path("/proc", (tmp_path / "child").read_text().strip())
    until(lambda: is_over(child), seconds=20)


def is_over(process: Path) -> bool:
    try:
        return "State:\tZ" in (process / "status").read_text()
    except OSError:
        return True


def test_every_program_of_a_name_in_the_order_of_the_path(tmp_path: Path) -> None:
    first, second = program(tmp_path / "1" / "x", "#!/bin/sh\n"), program(tmp_path / "2" / "x", "#!/bin/sh\necho yes\n")
    program(tmp_path / "3" / "x", "", 0o644)
    (tmp_path / "4" / "x").mkdir(parents=True)
    path = {"PATH": ":".join(str(tmp_path / name) for name in "43121")}
    assert list(find_programs("x", path)) == [str(first), str(second)]
    said: list[str] = []
    assert find_working("x", [], "yes", environment=path, observe=said.append) == str(second)
    assert said == [f"'{first}' is left out: it is another program: it says: nothing"]
    assert find_working("y", [], "yes", environment=path, observe=said.append) is None


def test_the_engine_finds_a_uv_that_works() -> None:
    assert fault_of([str(find_uv()), "--version"], UV) == ""


@pytest.mark.parametrize(
    "text", ["exit 127", "echo blah", "echo 'xcrun: error: invalid active developer path'; exit 1"]
)
@pytest.mark.parametrize("command", [("checkout",), ("new", "fraud")])
def test_a_git_that_does_not_work_is_not_trusted(tmp_path: Path, text: str, command: tuple[str, ...]) -> None:
    workspace = make_workspace(tmp_path / "work")
    git = program(tmp_path / "first" / "git", f"#!/bin/sh\n{text}\n")
    done = workspace.run(*command, PATH=f"{git.parent}:{os.environ['PATH']}")
    assert (done.code, f"the program '{git}' does not work: it " in done.err) == (4, True), done.err
    assert "hint: install git" in done.err
    assert workspace.run("checkout").code == 0  # it may be mended


# --- what uv finds in its environment


def settings(environment: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    found = uv_settings({"HOME": str(tmp_path), **environment}, tmp_path / "cache")
    return {name: value for name, value in found.items() if name not in ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS")}


def test_uv_goes_to_the_index_of_pip(tmp_path: Path) -> None:
    none = {
        "PIP_CONFIG_FILE": str(program(tmp_path / "pip.conf", "[global]\nindex-url = https://pip.example/simple\n"))
    }
    assert settings(none, tmp_path) == {"UV_DEFAULT_INDEX": "https://pip.example/simple"}
    given = {**none, "PIP_INDEX_URL": "https://a.example", "PIP_EXTRA_INDEX_URL": "https://b.example"}
    assert settings(given, tmp_path) == {"UV_DEFAULT_INDEX": "https://a.example", "UV_INDEX": "https://b.example"}
    for own in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        assert settings({**given, own: "https://c.example"}, tmp_path) == {"UV_INDEX": "https://b.example"}
    program(
        tmp_path / "pip.conf", "[install]\nindex-url = https://i.example\n[global]\nindex-url = https://g.example\n"
    )
    assert settings(none, tmp_path) == {"UV_DEFAULT_INDEX": "https://i.example"}
    program(tmp_path / "pip.conf", "index-url = in no section\n")
    assert "UV_DEFAULT_INDEX" not in settings({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}, tmp_path)
    program(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://user.example\n")
    assert settings({}, tmp_path) == {"UV_DEFAULT_INDEX": "https://user.example"}
    program(tmp_path / ".config" / "uv" / "uv.toml", "")
    assert settings({}, tmp_path) == {}


def test_a_user_without_a_folder_for_caches(tmp_path: Path) -> None:
    file = program(tmp_path / "file", "")
    assert has_cache_folder({"HOME": str(tmp_path)})
    assert has_cache_folder({"XDG_CACHE_HOME": str(tmp_path / "not" / "yet")})
    assert not has_cache_folder({"HOME": str(file)})
    program(tmp_path / ".cache" / "uv", "")
    assert not has_cache_folder({"HOME": str(tmp_path)})
    assert settings({"HOME": str(file)}, tmp_path) == {"UV_CACHE_DIR": str(tmp_path / "cache")}
    assert settings({"HOME": str(file), "UV_CACHE_DIR": "/x"}, tmp_path) == {}

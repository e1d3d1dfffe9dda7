"""Pythons for images: found where people keep them, tried, and missed before anything runs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs import interpreters
from pipeline_builder.engine.jobs.interpreters import find_interpreter
from pipeline_builder.engine.jobs.requirements import image_lines
from pipeline_builder.engine.jobs.view import launcher_python
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import definition, script
from tests.tiny import variant
from tests.workspaces import MANIFEST, make_workspace


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No Python of this machine is found."""
    for name in ("PYENV_ROOT", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    interpreters._found.cache_clear()
    yield
    interpreters._found.cache_clear()


def python(path: Path, version: str) -> Path:
    """Write a program that answers as a Python of this version."""
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho {version} {path}\n")
    path.chmod(0o755)
    return path


def test_our_own_is_taken_where_it_fits() -> None:
    minor = ".".join(platform.python_version().split(".")[:2])
    for wanted in ("", minor, platform.python_version()):
        assert find_interpreter(wanted).path == sys.executable


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("bin/python3.2", "3.2"),
        ("home/.pyenv/versions/3.2.7/bin/python3.2", "3.2.7"),
        ("home/.local/share/uv/python/cpython-3.2.7-linux-x86_64-gnu/bin/python3.2", "3.2"),
    ],
)
def test_where_pythons_are_found(tmp_path: Path, place: str, wanted: str) -> None:
    path = python(tmp_path / place, "3.2.7")
    found = find_interpreter(wanted)
    assert (found.path, found.version, found.minor) == (str(path), "3.2.7", "3.2")


def test_one_of_an_environment_is_followed_to_what_it_links_to(tmp_path: Path) -> None:
    """Up to 3.10 it names itself as its base, and without its `site`, too: a job sees nothing of that folder."""
    below = python(tmp_path / "below/python3.2", "3.2.7")
    python(tmp_path / "bin/python3.2", "3.2.7").unlink()
    (tmp_path / "bin/python3.2").symlink_to(below)
    below.write_text(f"#!/bin/sh\necho 3.2.7 {tmp_path / 'bin/python3.2'}\n")
    assert find_interpreter("3.2").path == str(tmp_path / "bin/python3.2")
    (tmp_path / "pyvenv.cfg").touch()
    interpreters._found.cache_clear()
    assert find_interpreter("3.2").path == str(below)


def test_a_shim_that_finds_nothing_is_passed_over(tmp_path: Path) -> None:
    shim = python(tmp_path / "bin" / "python3.2", "x")
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.2: command not found' >&2\nexit 127\n")
    path = python(tmp_path / "home/.pyenv/versions/3.2.7/bin/python3.2", "3.2.7")
    assert find_interpreter("3.2").path == str(path)


def test_the_newest_of_several(tmp_path: Path) -> None:
    for version in ("3.2.9", "3.2.10"):
        python(tmp_path / f"home/.pyenv/versions/{version}/bin/python3.2", version)
    assert find_interpreter("3.2").version == "3.2.10"


def test_one_that_is_missing_is_said_before_anything_runs(tmp_path: Path) -> None:
    images = (("image:*", image_lines(("six",), "3.2")),)
    local = open_local_target(tmp_path / "state", LocalSettings(images=images))
    version = local.pipelines.put_pipeline("p", definition(script("A", "true"), script("B", "true"))).version
    with pytest.raises(InputProblems) as caught:
        local.pipelines.start_execution("p", version, {}, fingerprint="x")
    for problem, name in zip(caught.value.problems, ("A", "B"), strict=True):
        assert problem.id == "PB514"
        assert problem.message.startswith(f"step '{name}': there is no Python 3.2 on this machine")
    assert not any((tmp_path / "state" / "jobs").iterdir())


@pytest.mark.long
def test_validate_says_it_with_the_step(tmp_path: Path) -> None:
    images = "  images: [{match: '*', python: '3.2'}]\n"
    workspace = make_workspace(tmp_path / "w", manifest=MANIFEST + images)
    assert workspace.call("checkout").code == 0
    ended = workspace.call("validate")
    assert ended.code == 1
    assert "PB514 step 'churn-Train': there is no Python 3.2 on this machine" in ended.err
    assert "conf.yaml:" in next(line for line in ended.err.splitlines() if "'churn-Train'" in line)


@pytest.mark.parametrize("written", ["3.10", "'3'", "'2.7'", "'3.10; rm'", "py310"])
def test_versions_that_can_not_be(tmp_path: Path, written: str) -> None:
    images = f"  images: [{{match: '*', python: {written}}}]\n"
    ended = make_workspace(tmp_path / "w", manifest=MANIFEST + images).call("validate")
    assert ended.code == 1
    assert "'python' is" in ended.err


@pytest.mark.long
@pytest.mark.parametrize(
    ("version", "said"),
    [("3.2", "PB514 step 'churn-Transform': there is no"), ("3.7", "PB720 step 'churn-Transform': its image has")],
)
def test_a_models_own_image_is_looked_at_before_anything_runs(tmp_path: Path, version: str, said: str) -> None:
    python(tmp_path / "home/.pyenv/versions/3.7.1/bin/python3.7", "3.7.1")
    conf = variant(
        ("InferenceSpecification:\n          image_uri: example", "InferenceSpecification:\n          image_uri: other")
    )
    images = f"  images: [{{match: 'other.com/*', python: '{version}'}}]\n"
    workspace = make_workspace(tmp_path / "w", conf=conf, manifest=MANIFEST + images)
    assert workspace.call("checkout").code == 0
    for command in (("validate",), ("up",)):
        ended = workspace.call(*command, HOME=str(tmp_path / "home"))
        assert ended.code == 1
        assert said in ended.err
    assert not (tmp_path / "w" / ".pipeline_builder" / "jobs").exists()


def test_an_environment_that_names_itself_as_its_base_is_followed_to_what_it_links_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of Python 3.10 do: a job sees nothing of an environment's folder, so nothing could be forked from it."""
    base = launcher_python()
    monkeypatch.setattr(sys, "_base_executable", sys.executable)
    assert sys.prefix != sys.base_prefix
    assert Path(launcher_python()).samefile(base)
    assert not launcher_python().startswith(sys.prefix)

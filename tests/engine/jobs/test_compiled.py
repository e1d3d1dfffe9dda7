"""What one environment takes of another's compiled code: of the same source, and nothing that a wheel brought."""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import py_compile
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.compiled import take_compiled
from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.interpreters import own_interpreter
from tests.engine.jobs.test_environments import wheel, wheels  # noqa: F401 - a fixture

PACKAGES = Path("lib", "python3", "site-packages")
SOURCE = "name = 'beta'"


def filled(folder: Path, *files: str, source: str = SOURCE) -> Path:
    """Make a folder as an environment has it, with nothing compiled; return it."""
    for file in files:
        (path := folder / PACKAGES / file).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def finished(folder: Path, *files: str) -> Path:
    """Make one whose compiled code, all its own, is another text's: so it is known again where it is taken."""
    for path in (filled(folder, *files) / PACKAGES).rglob("*.py"):
        py_compile.compile(str(path), doraise=True)
        exchange(compiled(path))
    facts = {"python": own_interpreter().version, "compiled": "own"}
    (folder / "ready").write_text(json.dumps(facts))
    return folder


def compiled(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def exchange(file: Path) -> None:
    """Let compiled code be another text's, as if it were still its source's."""
    file.write_bytes(file.read_bytes()[:16] + marshal.dumps(compile("name = 'taken'", "other", "exec")))


def taken(folder: Path) -> dict[str, str]:
    """Take what there is to take; return what Python, which looks at time and size, finds in each file with such code."""
    own, left = take_compiled(folder, own_interpreter())
    assert own
    found = {}
    for path in (folder / PACKAGES).rglob("*.py"):
        if compiled(path).exists():
            code = importlib.util.spec_from_file_location("beta", path)
            assert code
            assert code.loader
            code.loader.exec_module(module := importlib.util.module_from_spec(code))
            found[path.relative_to(folder / PACKAGES).as_posix()] = module.name
    tests = len(list((folder / PACKAGES).glob("pack/tests/*.py")))
    assert left == len(list((folder / PACKAGES).rglob("*.py"))) - len(found) - tests
    return found


def test_of_the_same_source_it_is_taken(tmp_path: Path) -> None:
    finished(tmp_path / "one", "a.py", "pack/__init__.py", "pack/tests/test_it.py", "tests/b.py", "c.py")
    new = filled(tmp_path / "new", "a.py", "pack/__init__.py", "pack/tests/test_it.py", "tests/b.py", "d.py")
    assert taken(new) == {"a.py": "taken", "pack/__init__.py": "taken", "tests/b.py": "taken"}


def test_each_file_is_taken_from_whoever_has_it(tmp_path: Path) -> None:
    for name, file in (("one", "a.py"), ("two", "b.py")):
        finished(tmp_path / name, file, "c.py")
    assert taken(filled(tmp_path / "new", "a.py", "b.py", "c.py")).keys() == {"a.py", "b.py", "c.py"}


@pytest.mark.parametrize("source", ["name = 'BETA'", "name = 'beta' "], ids=["other letters", "longer"])
def test_of_another_source_it_is_not_taken(tmp_path: Path, source: str) -> None:
    finished(tmp_path / "one", "a.py")
    assert taken(filled(tmp_path / "new", "a.py", source=source)) == {}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ready: ready.write_text(ready.read_text().replace("own", "theirs")),
        lambda ready: ready.write_text(ready.read_text().replace('"python": "3', '"python": "2')),
        lambda ready: ready.write_text('{"python": 3}'),
        lambda ready: ready.write_text("[]"),
        lambda ready: ready.write_text("{"),
        lambda ready: ready.unlink(),
        lambda ready: os.utime(ready.parent / PACKAGES / "a.py", (1, 1)),
        lambda ready: (ready.parent / PACKAGES / "a.py").unlink(),
    ],
    ids=["not its own", "another Python", "older", "no facts", "broken", "not ready", "stale", "without its source"],
)
def test_of_what_is_not_certain_nothing_is_taken(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(finished(tmp_path / "one", "a.py") / "ready")
    assert taken(filled(tmp_path / "new", "a.py")) == {}


def test_what_a_wheel_brought_is_taken_away(tmp_path: Path) -> None:
    """Whatever source it is of: Python would take it for that of the file beside which it lies."""
    new = finished(tmp_path / "new", "a.py", "pack/b.py")
    (new / "ready").unlink()
    assert taken(new) == {}
    (new / PACKAGES / "elsewhere").mkdir()
    (new / PACKAGES / "__pycache__").symlink_to("elsewhere")
    assert take_compiled(new, own_interpreter()) == (False, 2)


@pytest.mark.long
@pytest.mark.usefixtures("wheels")
def test_an_environment_of_jobs_takes_it_and_has_the_rest_compiled(tmp_path: Path) -> None:
    def made(*lines: str, whole: bool = True) -> Path:
        python = Environments(tmp_path / "envs", whole=whole).get((lines,), observe=lambda _: None)
        return python.parent.parent

    def packages(folder: Path) -> Path:
        return next(folder.glob("lib/python*/site-packages"))

    part = made("gamma", whole=False)
    assert not compiled(packages(part) / "gamma.py").exists()
    assert "compiled" not in json.loads((part / "ready").read_text())
    first = made("beta")
    exchange(compiled(packages(first) / "beta.py"))
    second = made("beta", "gamma")
    program = "import beta, gamma; print(beta.name, gamma.name)"
    assert subprocess.check_output([second / "bin" / "python", "-B", "-I", "-c", program]) == b"taken gamma\n"
    assert compiled(packages(second) / "gamma.py").is_file()
    wheel(tmp_path / "wheels", "beta", version="2.0")
    third = made("beta==2.0", "gamma")
    assert subprocess.check_output([third / "bin" / "python", "-B", "-I", "-c", program]) == b"beta gamma\n"

"""The rooms of the package: contracts that can fail, faces that say the truth, a page that names what is there."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import rooms  # type: ignore[import-not-found] # a script, outside of the packages

PACKAGE = ROOT / "pipeline_builder"
PAGE = ROOT / "docs" / "architecture.md"
RESERVED = (
    "boto3",
    "botocore",
    "sagemaker",
    "jwt",
    "git",
    "subprocess",
    "sqlite3",
    "werkzeug",
    "flask",
    "jinja2",
    "click",
    "rich",
)


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


# --- contracts


def broken_contracts(folder: Path, planted: dict[str, str]) -> list[str]:
    """Plant lines into a copy of the package, and return the names of the contracts that they break."""
    shutil.copytree(PACKAGE, folder / "pipeline_builder", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, lines in planted.items():
        with (folder / "pipeline_builder" / name).open("a", encoding="utf-8") as file:
            file.write(lines)
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {"PYTHONPATH": str(folder), "COLUMNS": "200", "PATH": ""}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    return re.findall(r"^(.+) BROKEN$", ended.stdout, re.MULTILINE)


def test_a_planted_import_up_is_found(tmp_path: Path) -> None:
    planted = {
        "documents/source.py": "from pipeline_builder.conf import graph\n",
        "service/cloudformation/access/roles.py": "from pipeline_builder.service.cloudformation.description import model\n",
        "service/deploy.py": "from pipeline_builder.service import destroy\n",
        "definition/shapes/values.py": "from pipeline_builder.definition.check import language\n",
        "engine/state/state.py": "from pipeline_builder.engine.jobs import work\n",
        "engine/execution/cache.py": "from pipeline_builder.definition import names\n",
    }
    broken = broken_contracts(tmp_path, planted)
    assert [name.split(":")[0].split(",")[0] for name in broken] == [
        "Imports point down",
        "Inside the service",
        "Inside the templates",
        "Inside the definition",
        "Inside the engine",
        "The engine knows the definition's bytes",
    ]


def test_every_planted_reserved_import_is_found(tmp_path: Path) -> None:
    lines = "".join(f"def _planted_{name}() -> None:\n    import {name}\n" for name in RESERVED)
    broken = broken_contracts(tmp_path, {"release/gate.py": lines})
    contracts = len(re.findall(r'^type = "protected"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE))
    assert len(broken) == contracts == len(RESERVED) - 1  # boto3 and botocore share one


# --- what no tool looks at


def _calls_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def test_only_the_command_line_reads_the_environment_and_prints() -> None:
    for path in modules():
        if room_of(path) in ("cli", "__main__") or "inside" in path.parts:
            continue
        text = path.read_text()
        assert not any(_calls_print(node) for node in ast.walk(ast.parse(text))), path
        if room_of(path) != "engine":  # the engine hands its own PATH and proxies to jobs
            assert "os.environ" not in text, path


def test_the_wheel_has_every_package() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == found | {"pipeline_builder.templates"}


# --- faces


FACES = {
    str(path.parent.relative_to(PACKAGE)): ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    for path in sorted(PACKAGE.rglob("__init__.py"))
    if path.parent != PACKAGE
}


@pytest.mark.parametrize("room", FACES)
def test_a_face_says_where_to_begin(room: str) -> None:
    face = FACES[room]
    assert "Begin reading:" in face or "/" in room or room == "cli"
    for module, name in re.findall(r"`([a-z_]+)(?:\.(\w+))?`", face.partition("Begin reading:")[2]):
        path = PACKAGE / room / f"{module}.py"
        assert path.exists() or (PACKAGE / f"{module}.py").exists() or (PACKAGE / room / module).is_dir(), module
        assert not name or re.search(rf"^(?:def|class) {name}\b", path.read_text(), re.MULTILINE), f"{module}.{name}"


@pytest.mark.parametrize("room", [room for room in FACES if "/" not in room and room != "cli"])
def test_a_face_says_which_rooms_it_uses(room: str) -> None:
    face = FACES[room]
    said = re.search(r"^May use: (.*?)[.;]", face, re.MULTILINE | re.DOTALL)
    assert said, room
    named = set(re.split(r",\s+", said[1]))
    floor = {name: number for number, row in enumerate(rooms.floors()) for name in row}
    assert {name for name in named if floor[name] <= floor[room]} == set(), "a room uses those below it"
    assert rooms.arrows()[room] - named == set()


# --- the page


def test_the_page_has_every_room() -> None:
    table = PAGE.read_text("utf-8")
    for room in (room for row in rooms.floors() for room in row if room != "__main__"):
        assert re.search(rf"^\| .*\[`{room}(?:/|\.py)`\]", table, re.MULTILINE), room


def test_what_the_page_names_is_there() -> None:
    text = PAGE.read_text("utf-8")
    here = (
        "",
        "pipeline_builder",
        "pipeline_builder/service/cloudformation",
        "pipeline_builder/conf",
        "pipeline_builder/definition",
    )
    for name in set(re.findall(r"`([\w/.-]+(?:\.py|/|\.yaml|\.j2|\.toml))`", text)) - {"conf.yaml", "model_repos.yaml"}:
        assert any((ROOT / folder / name).exists() for folder in here), name

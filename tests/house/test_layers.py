"""Imports point down, and only the modules that are meant to touch the world do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.places import ROOT

PACKAGE = ROOT / "pipeline_builder"

# From the top down; a module may import those of lower rows, and of its own row only where it is a package.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("stage", "render", "poll"),
    ("session", "watch"),
    ("following",),
    ("rehearsal", "scaffold"),
    ("workspace", "approval", "progress", "report", "summary", "evidence", "junit"),
    ("destroy",),
    ("checkout", "apply", "run", "promote", "gate", "deploy"),
    ("serve", "remotes", "leftovers"),
    ("cloudformation",),
    ("git", "worktrees", "engine", "aws"),
    ("runner",),
    ("narrowing",),
    ("selection",),
    ("overview", "stack_plan", "stack_progress"),
    ("plan", "drawing", "metrics", "record", "lock", "stacks", "heads"),
    ("compose",),
    ("prefixes",),
    ("definition", "check", "images"),
    ("steps", "language"),
    ("service_model",),
    ("bundle", "graph"),
    ("edges",),
    ("units",),
    ("conf", "framework"),
    ("sections",),
    ("fields", "manifest", "values", "names"),
    ("service",),
    ("expressions", "schema", "credentials"),
    ("source", "explanations", "canonical", "durations", "layout", "caching"),
    ("outline", "executions"),
    ("target", "streams"),
    ("errors", "deadline", "programs", "folders"),
)
# Who may import what is heavy or touches the world; everything else stays pure and quick.
RESERVED = {
    "boto3": {"aws"},
    "botocore": {"aws"},
    "sagemaker": {"images"},
    "git": {"git"},
    "subprocess": {"runner", "engine", "programs"},
    "sqlite3": {"engine"},
    "rich": {"progress"},
    "werkzeug": {"serve", "rehearsal"},
    "jinja2": {"report", "cloudformation", "scaffold"},
    "click": {"cli"},
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def layer_name(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that the file imports at run time, also inside functions, but not for type checking only."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _calls_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def test_every_module_has_a_layer() -> None:
    known = {name for row in LAYERS for name in row} | {"__init__"}
    assert {layer_name(path) for path in modules()} - known == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    rank = {name: index for index, row in enumerate(LAYERS) for name in row}
    own = layer_name(path)
    if own == "__init__":
        return
    used = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline_builder.")}
    upward = {name for name in used if name in rank and name != own and rank[name] <= rank[own]}
    assert upward == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_adapters_touch_the_world(path: Path) -> None:
    own = layer_name(path)
    used = {name.split(".")[0] for name in imports(path)} - {"pipeline_builder"}
    assert {name for name in used if name in RESERVED and own not in RESERVED[name]} == set()


def test_the_engine_imports_nothing_of_the_composer() -> None:
    allowed = {"errors", "target", "durations", "caching", "streams", "programs", "engine"}
    for path in (PACKAGE / "engine").rglob("*.py"):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline_builder.")}
        assert used <= allowed, path


def test_only_the_command_line_reads_the_environment_and_prints() -> None:
    for path in modules():
        if layer_name(path) in ("cli", "__main__") or "inside" in path.parts:
            continue
        text = path.read_text()
        assert not any(_calls_print(node) for node in ast.walk(ast.parse(text))), path
        if layer_name(path) != "engine":  # the engine hands its own PATH and proxies to jobs
            assert "os.environ" not in text, path


def test_the_wheel_has_every_package() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == found | {"pipeline_builder.templates"}

"""What the commands that run nothing import: what is slow to begin with is for those that need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.cli import main
from pipeline_builder.cli.group import MODULES
from tests.workspaces import MANIFEST, make_workspace

HEAVY = {"boto3", "botocore", "flask", "git", "http.client", "isal", "jinja2", "rich", "sqlite3", "ssl", "werkzeug"}
# What only few confs have, or what only a command that runs, tells or clears something needs.
SELDOM = {
    *(f"pipeline_builder.{name}" for name in ("explanations", "machine.holdings", "target")),
    "pipeline_builder.definition.policy.landing",
    *(f"pipeline_builder.conf.{name}" for name in ("analytics", "checks", "comparisons", "inference", "monitoring")),
    *(
        f"pipeline_builder.definition.steps.{name}"
        for name in ("analytics", "calls", "checks", "condition", "monitoring", "tuning")
    ),
}


def test_validate_imports_nothing_heavy(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, manifest=MANIFEST)
    assert workspace.call("checkout").code == 0
    _, *command = workspace.command("validate")
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=workspace.root, env=workspace.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert "pipeline_builder.engine.execution.ability" in imported
    assert not imported & HEAVY
    assert not imported & SELDOM


@pytest.mark.long
def test_a_command_imports_no_other() -> None:
    """Each module adds the commands that the group looks for in it, and brings none of the others."""
    look = (
        "import sys; from pipeline_builder.cli.group import main; main.get_command(None, '{}'); print(*main.commands)"
    )
    for name in ("validate", "build", "import", "serve"):
        added = subprocess.run(
            [sys.executable, "-c", look.format(name)], capture_output=True, text=True, check=True
        ).stdout.split()
        assert added == [command for command, module in MODULES.items() if module == MODULES[name]]


def test_each_command_is_where_it_is_looked_for() -> None:
    listed = {name: str(command.callback.__module__).rpartition(".")[2] for name, command in main.commands.items()}
    assert listed == MODULES

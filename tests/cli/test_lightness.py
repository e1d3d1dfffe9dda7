"""What the commands that run nothing import: what is slow to begin with is for those that need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.workspaces import MANIFEST, make_workspace

HEAVY = {"boto3", "botocore", "flask", "git", "http.client", "isal", "jinja2", "rich", "sqlite3", "ssl", "werkzeug"}


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
    assert "pipeline_builder.conf.inference" not in imported  # the manifest has no pipeline that scores

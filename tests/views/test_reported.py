"""The report on the disk is made again where the template is another, which may lie beside the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

WRITE = """
from pathlib import Path
from pipeline_builder.machine.kept import open_kept
from pipeline_builder.views.reported import write_report
from tests.release.records import run_record
write_report(Path("report.html"), run_record(), open_kept(Path("state")))
"""


@pytest.mark.long
def test_an_edited_template_makes_another_report(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("pipeline_builder", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)

    def write() -> str:
        path = f"{tmp_path}:{ROOT}"
        subprocess.run([sys.executable, "-c", WRITE], cwd=tmp_path, env={"PYTHONPATH": path}, check=True)
        return (tmp_path / "report.html").read_text()

    before = write()
    template = tmp_path / "templates" / "report.html.j2"
    template.write_text(template.read_text().replace("</body>", "<p>edited</p></body>"))
    assert "<p>edited</p>" not in before
    assert "<p>edited</p>" in write()

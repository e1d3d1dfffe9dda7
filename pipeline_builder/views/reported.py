"""Reported: the report of a run on the disk, which isn't made again where it is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline_builder.layout import TEMPLATES
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.record import RunRecord

_KIND = "report"
_TEMPLATE = TEMPLATES / "report.html.j2"


def write_report(path: Path, record: RunRecord, kept: Kept) -> None:
    """Write the report, unless the file is what this version has made of the record: how long the stages of a command
    took makes no other one.
    """
    shown = _shown(record)
    known = kept.get(_KIND, shown)
    if known is not None and _digest(path) == known:
        return
    from pipeline_builder.views.report import render_report

    write_file(path, content := render_report(record).encode())
    kept.put(_KIND, shown, hashlib.sha256(content).hexdigest())


def _shown(record: RunRecord) -> str:
    """Return a digest of what is shown, and of the template: that one may lie beside the package."""
    digest = hashlib.sha256(_TEMPLATE.read_bytes())
    digest.update(record.model_copy(update={"stages": ()}).model_dump_json().encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""

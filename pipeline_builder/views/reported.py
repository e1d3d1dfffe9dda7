"""Reported: the report of a run on the disk, which isn't made again where it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline_builder.layout import TEMPLATES
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.record import RunRecord

if TYPE_CHECKING:
    from pipeline_builder.target import Target
    from pipeline_builder.views.days import Day

_KIND = "report"
_TEMPLATES = (TEMPLATES / "report.html.j2", TEMPLATES / "look.css", *sorted((TEMPLATES / "run").glob("*.j2")))


def write_report(
    path: Path,
    record: RunRecord,
    kept: Kept,
    days: Sequence[Day] = (),
    prices: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Write the report, unless the file is what this version has made of the record and of the days before: how long
    the stages of a command took makes no other one.
    """
    shown = _shown(record, days, prices)
    known = kept.get(_KIND, shown)
    if known is not None and _digest(path) == known:
        return
    from pipeline_builder.views.report import render_report

    write_file(path, content := render_report(record, days, prices).encode())
    kept.put(_KIND, shown, hashlib.sha256(content).hexdigest())


def days_before(record: RunRecord, target: Target) -> tuple[Day, ...]:
    """Return the days that the ledger of the run's pipeline has, oldest first; a training run is about none."""
    return noted_days(target, record.pipeline) if record.kind == "inference" else ()


def noted_days(target: Target, pipeline: str) -> tuple[Day, ...]:
    """Return the days that the ledger of a pipeline has, oldest first."""
    from pipeline_builder.release.scoring.ledger import list_days
    from pipeline_builder.views.days import day_of

    return tuple(map(day_of, list_days(target, pipeline)))


def _shown(record: RunRecord, days: Sequence[Day], prices: Mapping[str, float]) -> str:
    """Return a digest of what is shown, and of the templates: those may lie beside the package."""
    digest = hashlib.sha256()
    for template in _TEMPLATES:
        digest.update(template.read_bytes())
    digest.update(repr((tuple(days), sorted(prices.items()))).encode("utf-8", "backslashreplace"))
    digest.update(record.model_copy(update={"stages": ()}).model_dump_json().encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""

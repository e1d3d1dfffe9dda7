"""Test results of a build, counted as CodeBuild's report groups count them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from pipeline_builder.service.cloudformation.evaluation.buildspec import ReportFiles
from pipeline_builder.service.rehearsal.artifacts import find_files
from pipeline_builder.service.rehearsal.record import ReportRecord

JUNIT = "JUNITXML"


def read_report(name: str, report: ReportFiles, source: Path) -> ReportRecord | None:
    """Return the counted tests of a report group, None where no file of it is there or it isn't JUnit's form."""
    base = source / report.base_directory
    files = find_files(base, report.files)
    if not files or report.file_format != JUNIT:
        return None
    cases = [case for path in files for case in _cases(base / path)]
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return ReportRecord(name=name, tests=len(cases), failed=failed, skipped=skipped)


def _cases(path: Path) -> list[ET.Element]:
    try:
        return list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314 - written by this build
    except ET.ParseError:
        return []

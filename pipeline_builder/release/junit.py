"""A run as a JUnit file, which CI systems show: one test case for each step, one for the gate."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from pipeline_builder.descriptions import reason_line
from pipeline_builder.errors import Problem, limit_per_file
from pipeline_builder.inert import inert_line, inert_text
from pipeline_builder.machine.streams import write_file
from pipeline_builder.release.record import RunRecord, StepRecord

_MOST_ATTRIBUTE = 1000
"""Characters of a name or a message; whoever shows the file has a line for it."""


def render_junit(record: RunRecord) -> str:
    """Return the file: a step that failed is a failure, one that did not run is skipped."""
    cases = [_case(step) for step in record.steps]
    if record.verdict:
        gate = ET.Element("testcase", {"classname": "gate", "name": "gate", "time": "0"})
        if not record.verdict.passed:
            reasons = "\n".join(map(_line, record.verdict.reasons))
            ET.SubElement(gate, "failure", {"message": _line(record.verdict.reasons[0])}).text = reasons
        cases.append(gate)
    failures = sum(case.find("failure") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    seconds = (record.ended - record.started).total_seconds() if record.ended else 0.0
    suite = ET.Element(
        "testsuite",
        {
            "name": _line(record.pipeline),
            "tests": str(len(cases)),
            "failures": str(failures),
            "errors": "0",
            "skipped": str(skipped),
            "time": f"{seconds:.3f}",
            "timestamp": f"{record.started:%Y-%m-%dT%H:%M:%S}",
        },
    )
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    return _render(root)


def write_junit(path: Path, record: RunRecord) -> None:
    """Write the file about a run."""
    write_file(path, render_junit(record).encode())


def render_junit_problems(name: str, problems: Sequence[Problem]) -> str:
    """Return the file about what went wrong before anything ran: a test case for each problem, one where there is none.

    `name` says what was tried.
    """
    failed, left = limit_per_file(problem for problem in problems if not problem.warning)
    failures = len(failed) + len(left)
    counts = {"tests": str(failures or 1), "failures": str(failures), "errors": "0", "skipped": "0"}
    suite = ET.Element("testsuite", {"name": _line(name), **counts, "time": "0"})
    for problem in failed:
        title = _line(f"{problem.id} {problem.place}" if problem.place else problem.id)
        case = ET.SubElement(suite, "testcase", {"classname": name, "name": title, "time": "0"})
        ET.SubElement(case, "failure", {"message": _line(problem.message)}).text = str(problem)
    for file, count in left.items():
        case = ET.SubElement(suite, "testcase", {"classname": name, "name": _line(f"more of {file}"), "time": "0"})
        ET.SubElement(case, "failure", {"message": f"{count:,} more problems are left out"})
    if not failed:
        ET.SubElement(suite, "testcase", {"classname": name, "name": name, "time": "0"})
    root = ET.Element("testsuites")
    root.append(suite)
    return _render(root)


def _render(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(step: StepRecord) -> ET.Element:
    seconds = (step.ended - step.started).total_seconds() if step.started and step.ended and not step.cache_hit else 0.0
    case = ET.Element(
        "testcase",
        {
            "classname": _line(step.model or step.type),
            "name": _line(step.name),
            "time": f"{seconds:.3f}",
        },
    )
    tail = "\n".join(step.log_tail)
    if step.status == "Failed":
        first = reason_line(step.failure_reason)
        failure = ET.SubElement(case, "failure", {"message": _line(first)})
        failure.text = inert_text(f"{step.failure_reason}\n\n{tail}".strip())
    elif step.status != "Succeeded":
        ET.SubElement(case, "skipped", {"message": _line(step.status.lower())})
    elif step.cache_hit:
        ET.SubElement(case, "system-out").text = _line(f"from the cache: {step.cache_hit}")
    return case


def _line(text: str) -> str:
    return inert_line(text, _MOST_ATTRIBUTE)

"""The report of an acceptance: its answers in the order of the points, as JSON that names nobody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acceptance.answers import Answer, Report, Verdict, redact, redacted
from acceptance.ground import Ground
from acceptance.points import Point
from acceptance.run import make_answer
from acceptance.state import now
from pipeline_builder import __version__
from pipeline_builder.machine.streams import write_file

SERVICES = (
    "cloudformation", "codebuild", "codepipeline", "events", "iam", "logs", "resourcegroupstaggingapi", "s3",
    "sagemaker", "stepfunctions", "sts",
)  # fmt: skip


def make_report(ground: Ground, points: Sequence[Point], estimate: float, *, who: str) -> Report:
    """Return the report; a point that wasn't come to says so."""
    names = {ground.account: "<account>", ground.book.state.suffix: "<suffix>"}
    # A role's name, a session's and a user's: they stand in descriptions as people read them.
    names |= {part: "<who>" for part in who.rpartition(":")[2].split("/")[1:] if len(part) > 2}
    answers = tuple(redacted(_of(ground, point), names) for point in points)
    return Report(
        version=__version__, region=ground.region, partition=ground.partition,
        emulated=tuple(service for service in SERVICES if ground.emulated(service)), began=ground.book.state.began,
        ended=now(), estimate=round(estimate, 2), left=tuple(redact(one, names) for one in ground.book.state.left),
        answers=answers,
    )  # fmt: skip


def _of(ground: Ground, point: Point) -> Answer:
    found = ground.book.state.answers.get(point.id)
    return found or make_answer(point, Verdict.SKIPPED, why="it wasn't come to")


def write_report(path: Path, report: Report) -> None:
    """Write it whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, (report.model_dump_json(indent=1) + "\n").encode())

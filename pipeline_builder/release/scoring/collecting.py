"""What an inference run came to: each model's package, its predictions, and how many rows came in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_builder.errors import InputProblems, PipelineBuilderError
from pipeline_builder.release.record import RunRecord, ScoreRecord
from pipeline_builder.release.scoring.judging import is_fine
from pipeline_builder.release.scoring.outputs import Outputs, find_outputs
from pipeline_builder.release.scoring.rows import count_rows, said_rows
from pipeline_builder.release.scoring.witness import AskedScore, bounds_of
from pipeline_builder.target import Target

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import Execution, ModelPackage


def collect_scores(
    record: RunRecord, execution: Execution, target: Target, composed: Composed, *, date: str = ""
) -> tuple[RunRecord, Mapping[str, AskedScore]]:
    """Return the record of an inference run with the facts of each model's scores, which nobody has judged yet, and
    what is asked of them.

    `date` is the logical date where the execution's parameters don't tell it.
    """
    outputs = find_outputs(execution, target, composed.graph)
    day = date_of(composed.definition.dates, execution.parameters) or date
    packages = dict(_packages(composed, execution, target))
    scores, asked = [], {}
    for name, unit in composed.graph.units.items():
        if name not in composed.graph.by_unit:
            continue
        done = all(is_fine(step.status, record.status) for step in record.steps if step.model == name)
        scores.append(_score(name, day, packages.get(name), outputs[name] if done else Outputs(), target))
        section: Any = unit.section
        monitor = next((s.job for s in composed.graph.by_unit[name] if s.kind == "Monitor"), unit.jobs.get("monitor"))
        asked[name] = AskedScore(
            bounds=bounds_of(section.gate),
            on_drift=tuple(getattr(monitor, "on_drift", ())),
            on_violation=tuple(getattr(monitor, "on_violation", ())),
            predictions=outputs[name].predictions,
            monitor=outputs[name].monitor,
            least_share=section.publish.min_rows_share if section.publish else 1.0,
        )
    changes = {"kind": "inference", "date": day, "scores": tuple(scores)}
    return record.model_copy(update=changes), asked


def package_facts(arn: str, target: Target) -> dict[str, Any]:
    """Return what a score's record has of the model package that was used; nothing of none."""
    return _used(target.registry.describe_package(arn)) if arn else {}


def date_of(dates: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    """Return the logical date of an execution as its parameters tell it; empty where they don't.

    `dates` has of each such parameter which part it is.
    """
    parts = {name: parameters.get(parameter, "") for parameter, name in dates.items()}
    pieces = [parts.get(name, "") for name in ("year", "month", "day")]
    day = parts.get("date") or ("-".join(pieces) if all(pieces) else "")
    if "hour" not in parts or not day:
        return day
    return f"{day}T{parts['hour']}" if parts["hour"] else ""


def _packages(composed: Composed, execution: Execution, target: Target) -> Iterator[tuple[str, ModelPackage]]:
    """Yield the model package that an execution has used of each model."""
    for parameter, use in composed.definition.models.items():
        if use.what == "package" and (arn := execution.parameters.get(parameter, "")):
            yield use.unit, target.registry.describe_package(arn)


def _score(name: str, date: str, package: ModelPackage | None, outputs: Outputs, target: Target) -> ScoreRecord:
    monitor = _monitor(outputs.monitor, target)
    rows_in, rows_out = _rows(monitor, outputs, target)
    facts = _used(package) if package else {}
    return ScoreRecord(
        model=name, date=date, rows_in=rows_in, rows_out=rows_out, monitor=monitor, monitor_uri=outputs.monitor, **facts
    )


def _used(package: ModelPackage) -> dict[str, Any]:
    return {
        "package_arn": package.arn,
        "package_version": package.version,
        "group": package.group,
        "approved": package.approval_description,
        "since": _since(package),
        "package_metadata": dict(package.metadata),
    }


def _since(package: ModelPackage) -> str:
    when = package.modified or package.created
    return package.metadata.get("decided-at") or (when.isoformat() if when else "")


def _monitor(uri: str, target: Target) -> Any:
    """Return what monitoring says, None where it says nothing: what is wrong with it is said by who judges it."""
    if not uri:
        return None
    try:
        return json.loads(target.store.get(uri))
    except (KeyError, ValueError, RecursionError, InputProblems):
        return None


def _rows(monitor: Any, outputs: Outputs, target: Target) -> tuple[int | None, int | None]:
    """Return the rows that came in and out: as monitoring has counted them, or else counted here."""
    said = monitor.get("rows") if isinstance(monitor, dict) else None
    counted = [said.get(key) if isinstance(said, dict) else None for key in ("input", "predictions")]
    known = [said_rows(found) for found in counted]
    if not outputs.predictions:
        return known[0], known[1]
    rows_in = known[0] if known[0] is not None else _count(outputs.given, target)
    rows_out = known[1] if known[1] is not None else _count((outputs.predictions,), target)
    return rows_in, rows_out


def _count(places: tuple[str, ...], target: Target) -> int | None:
    try:
        uris = dict.fromkeys(uri for place in places for uri in target.store.entries(place))
        return count_rows(target.store, uris) if places else None
    except (KeyError, PipelineBuilderError):
        return None  # counting is nobody's reason to fail

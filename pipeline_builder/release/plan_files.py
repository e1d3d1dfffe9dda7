"""Files of plans, which bind an apply to what was looked at: one plan, or those of several pipelines."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.plan import Plan


def load_plans(path: Path) -> tuple[Plan, ...]:
    """Read a plan that was written as JSON, or those of several pipelines, by their handles.

    Raises:
        InputProblems: PB424 where the file is neither.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        plans = data["pipelines"].values() if "pipelines" in data else (data,)
        found = tuple(_read_plan(plan) for plan in plans)
    except OSError as error:
        raise InputProblems(_no_plan(path, error.strerror or "it cannot be read")) from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputProblems(_no_plan(path, "it is not a plan")) from error
    if not found:
        raise InputProblems(_no_plan(path, "it is not a plan"))
    return found


def refuse_unbound(path: Path, plans: Collection[str], pipelines: Collection[str]) -> None:
    """Refuse plans of which some are of pipelines that aren't among these: half of what was looked at isn't that.

    Raises:
        InputProblems: PB424. A file of nothing but others is refused where it is applied.
    """
    unbound = [f"'{pipeline}'" for pipeline in plans if pipeline not in pipelines]
    if unbound and len(unbound) < len(plans):
        why = f"it has one of {', '.join(unbound)}, which the manifest doesn't have"
        raise InputProblems(_no_plan(path, why))


def _read_plan(data: Any) -> Plan:
    return Plan(
        pipeline=str(data["pipeline"]),
        base_sha256=str(data["base_sha256"]),
        base_version=int(data["base_version"]),
        new_sha256=str(data["new_sha256"]),
        changes=(),
        predictions=(),
        unsafe=tuple(str(reason) for reason in data.get("unsafe", ())),
    )


def _no_plan(path: Path, why: str) -> Problem:
    hint = "make one with 'pipeline-builder plan --out plan.json'"
    return Problem(id="PB424", message=f"cannot take the plan '{path}': {why}", hint=hint)

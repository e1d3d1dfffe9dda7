"""Former names: what models were called by the runs that have registered them, where today's confs call none so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline_builder.descriptions import Execution
from pipeline_builder.release.past.keeping import read_kept
from pipeline_builder.target import Target


def models_then(target: Target, execution: Execution) -> Mapping[str, str]:
    """Return what the record of a run calls the model of each package (ARN) that it has registered."""
    record = read_kept(target, execution.pipeline, execution.arn)
    return {package.arn: package.model for package in (record.packages if record else ())}


def former_group(target: Target, executions: Iterable[Execution], model: str) -> str:
    """Return the group that the newest run has registered a model of this name in; empty where none has.

    `executions` are newest first.
    """
    for execution in executions:
        record = read_kept(target, execution.pipeline, execution.arn)
        for package in record.packages if record else ():
            if package.model == model:
                return package.group
    return ""

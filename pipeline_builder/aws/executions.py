"""Executions as the service's responses tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.aws.facts import Facts, read_facts
from pipeline_builder.dag.caching import PARAMETER
from pipeline_builder.descriptions import Execution, ExecutionStatus


def read_summary(item: Mapping[str, Any], pipeline: str) -> Execution:
    """Return an execution of a listing, which tells neither its version nor most of its parameters."""
    facts = read_facts(item.get("PipelineExecutionDescription", ""))
    return Execution(
        arn=item["PipelineExecutionArn"],
        pipeline=pipeline,
        version=0,
        status=ExecutionStatus(item["PipelineExecutionStatus"]),
        definition_sha256=facts.definition,
        parameters=_told(facts),
        fingerprint=facts.fingerprint,
        started=item["StartTime"],
        failure_reason=item.get("PipelineExecutionFailureReason", ""),
        cause=facts.cause,
    )


def _told(facts: Facts) -> dict[str, str]:
    """Return the parameters that a listing of executions tells."""
    found = {"ManifestCommit": facts.commit, PARAMETER: facts.generation}
    return {name: value for name, value in found.items() if value}


def read_execution(found: Mapping[str, Any], parameters: Mapping[str, str]) -> Execution:
    """Return an execution by its description; its parameters are asked for apart."""
    facts = read_facts(found.get("PipelineExecutionDescription", ""))
    status = ExecutionStatus(found["PipelineExecutionStatus"])
    selected = (found.get("SelectiveExecutionConfig") or {}).get("SelectedSteps") or ()
    return Execution(
        arn=found["PipelineExecutionArn"],
        pipeline=found["PipelineArn"].rsplit("/", 1)[-1],
        version=int(found.get("PipelineVersionId") or 0),
        status=status,
        definition_sha256=facts.definition,
        parameters=parameters,
        fingerprint=facts.fingerprint,
        started=found["CreationTime"],
        ended=found.get("LastModifiedTime") if status.ended else None,
        failure_reason=found.get("FailureReason", ""),
        cause=facts.cause,
        selected=tuple(str(step["StepName"]) for step in selected),
    )

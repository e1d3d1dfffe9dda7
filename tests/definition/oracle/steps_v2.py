"""The DAGs of `step_cases.py` with version 2 of the SDK; `build_v2.py` has them among its own."""

from __future__ import annotations

from typing import Any

from tests.definition.oracle.unit_v2 import Unit  # isort: skip # it cuts the network

from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.parameters import ParameterFloat, ParameterString


def condition(source: str) -> tuple[Unit, list[Any], list[Any]]:
    """Return the unit, its steps and the parameters of the case `condition`."""
    bound, mode = ParameterFloat(name="bound", default_value=2.5), ParameterString(name="mode", default_value="full")
    unit = Unit(name="churn", pipeline="tiny", source=source)
    *before, register = unit.steps()

    def value(path: str) -> Any:
        return JsonGet(step_name="churn-Metrics", property_file=unit.report, json_path=path)

    mae = value("regression_metrics.mae.value")
    said = ["mae is ", mae, ", mode ", mode, " of ", ExecutionVariables.PIPELINE_NAME]
    decide = ConditionStep(
        name="churn-Decide",
        conditions=[
            ConditionGreaterThanOrEqualTo(left=mae, right=0.1),
            ConditionLessThan(left=mae, right=bound),
            ConditionLessThanOrEqualTo(left=value("a.b"), right=bound),
            ConditionIn(value=mode, in_values=["full", "fast"]),
            ConditionNot(ConditionEquals(left=mode, right="none")),
            ConditionOr(
                [
                    ConditionEquals(left=ExecutionVariables.PIPELINE_NAME, right="tiny"),
                    ConditionEquals(left=before[0].properties.ProcessingJobStatus, right="Completed"),
                ]
            ),
            ConditionGreaterThan(left=bound, right=1),
        ],
        if_steps=[register],
        else_steps=[FailStep(name="churn-Blocked", error_message=Join(on="", values=said))],
    )
    return unit, [*before, decide], [bound, mode]

"""The DAGs of `step_cases.py` with version 2 of the SDK; `build_v2.py` has them among its own."""

from __future__ import annotations

from typing import Any

from tests.definition.oracle.aws import BUCKET, ROLE

from tests.definition.oracle.unit_v2 import SESSION, Unit  # isort: skip # it cuts the network

from sagemaker.estimator import Estimator
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.sklearn.model import SKLearnModel
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
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.steps import TrainingStep


class Several(Unit):
    """A unit whose model is a pipeline of three containers."""

    def steps(self) -> list[Any]:
        scale = Estimator(
            image_uri=self.image,
            role=ROLE,
            instance_count=1,
            instance_type=self.instance,
            volume_size=32,
            max_run=3000,
            output_path=self.own("churn-Scale"),
            entry_point="scale.py",
            source_dir=self.source,
            sagemaker_session=SESSION,
        )
        self.scale_step = TrainingStep(name="churn-Scale", step_args=scale.fit())
        return [self.scale_step, *super().steps()]

    def _model_step(self) -> Any:
        return ModelStep(name="churn-CreateModel", step_args=self._model().create(self.instance))

    def _model(self) -> Any:
        common = {"role": ROLE, "framework_version": "1.2-1", "sagemaker_session": SESSION}
        scaler = SKLearnModel(
            image_uri="example.com/scaler:1",
            model_data=self.scale_step.properties.ModelArtifacts.S3ModelArtifacts,
            entry_point="scaler.py",
            source_dir=self.source,
            env={"LEVEL": "2"},
            **common,
        )
        last = Model(
            image_uri=self.image,
            model_data=f"s3://{BUCKET}/models/last.tar.gz",
            env={"LAST": "1"},
            role=ROLE,
            sagemaker_session=SESSION,
        )
        return PipelineModel(models=[scaler, super()._model(), last], role=ROLE, sagemaker_session=SESSION)


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

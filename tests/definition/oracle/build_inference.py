"""A model of a package, a transform and a check by version 2 of the SDK; `build_v2.py` writes what they become."""

from __future__ import annotations

from tests.definition.oracle.aws import ACCOUNT, BUCKET, REGION, ROLE

from tests.definition.oracle.unit_v2 import SESSION  # isort: skip # it cuts the network

from sagemaker import ModelPackage
from sagemaker.model_monitor import DatasetFormat
from sagemaker.transformer import Transformer
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.functions import Join
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.quality_check_step import ModelQualityCheckConfig, QualityCheckStep
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.workflow.steps import TransformStep

PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/churn/3"
"""The SDK takes no parameter here: it looks for the parts of an ARN in it."""


def build() -> str:
    """Return the definition of `TRANSFORMED` of tests/definition/scoring.py."""
    date, year, month = (ParameterString(name=f"Logical{part}") for part in ("Date", "Year", "Month"))
    # It asks for the package before it makes a model of it, and would approve one that isn't approved.
    found = {"ModelApprovalStatus": "Approved", "InferenceSpecification": {"Containers": []}}
    SESSION.sagemaker_client.describe_model_package = lambda **_: found
    package = ModelPackage(
        role=ROLE, model_package_arn=PACKAGE, env={"LEVEL": "2"}, name="scorer", sagemaker_session=SESSION
    )
    retry = StepRetryPolicy(
        exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING], max_attempts=2
    )
    model = ModelStep(name="churn-CreateModel", step_args=package.create("ml.m5.xlarge"), retry_policies=[retry])
    base = [f"s3://{BUCKET}/churn-scoring/churn/executions", ExecutionVariables.PIPELINE_EXECUTION_ID]
    transformer = Transformer(
        model_name=model.properties.ModelName,
        instance_count=2,
        instance_type="ml.m5.2xlarge",
        output_path=Join(on="/", values=[*base, "churn-Score"]),
        accept="text/csv",
        assemble_with="Line",
        strategy="MultiRecord",
        max_payload=6,
        sagemaker_session=SESSION,
    )
    day = Join(on="", values=[f"s3://{BUCKET}/landing/dt=", date, "/"])
    scored = TransformStep(
        name="churn-Score",
        step_args=transformer.transform(data=day, content_type="text/csv", split_type="Line", join_source="Input"),
    )
    results = Join(on="", values=[f"s3://{BUCKET}/watched/", year, "/", month])
    check = ModelQualityCheckConfig(
        baseline_dataset=Join(on="", values=[scored.properties.TransformOutput.S3OutputPath, "/"]),
        dataset_format=DatasetFormat.csv(header=True),
        output_s3_uri=results,
        problem_type="Regression",
        inference_attribute="_c0",
        ground_truth_attribute="_c1",
    )
    watched = QualityCheckStep(
        name="churn-Watch",
        quality_check_config=check,
        check_job_config=CheckJobConfig(role=ROLE, sagemaker_session=SESSION, max_runtime_in_seconds=3600),
        model_package_group_name="churn",
    )
    parameters = [date, year, month]
    return str(Pipeline(name="churn-scoring", parameters=parameters, steps=[model, scored, watched]).definition())

"""Calls a factory with the SDK alone: `python -m tests.sdk.oracle.alone VERSION FOLDER OUTPUT`.

The steps that it is given are the SDK's own pass steps of the names of the tiny model.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.definition.oracle.aws import _ANSWERS, BUCKET, ROLE, believe_the_configuration, boto_session, cut_the_network

cut_the_network()
believe_the_configuration()
_CALLER = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:role/pipeline</Arn>"
    "<UserId>a</UserId><Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def main(version: int, folder: str, output: str) -> None:
    if version == 2:
        from sagemaker.workflow.parameters import ParameterString
        from sagemaker.workflow.pipeline import Pipeline
        from sagemaker.workflow.pipeline_context import PipelineSession
        from sagemaker.workflow.properties import Properties
        from sagemaker.workflow.steps import Step, StepTypeEnum
    else:
        from sagemaker.core.workflow.parameters import ParameterString
        from sagemaker.core.workflow.pipeline_context import PipelineSession
        from sagemaker.core.workflow.properties import Properties
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import Step, StepTypeEnum

    class Before(Step):  # type: ignore[misc]
        @property
        def arguments(self) -> Any:
            return {}

        @property
        def properties(self) -> Any:
            return Properties(step_name=self.name, shape_name="DescribeTrainingJobResponse", step=self)

    _ANSWERS["ListObjectsV2"] = (200, "<ListBucketResult/>")
    _ANSWERS["GetCallerIdentity"] = (200, _CALLER)
    os.chdir(folder)
    sys.path.insert(0, folder)
    session = PipelineSession(boto_session=boto_session(), default_bucket=BUCKET, default_bucket_prefix="tiny/churn")
    before = {name: Before(name=name, step_type=StepTypeEnum.TRAINING) for name in ("churn-Train", "churn-Metrics")}
    instance = ParameterString(name="Instance", default_value="ml.m5.large")
    asked = {"parameters": {"Instance": instance}, "steps": before, "session": session, "role": ROLE, "bucket": BUCKET}
    build: Any = __import__("steps").build
    names = build.__code__.co_varnames[: build.__code__.co_argcount]
    steps = build(**{name: asked[name] for name in names})
    pipeline = Pipeline(name="tiny", parameters=[instance], steps=[*before.values(), *steps], sagemaker_session=session)
    Path(output).write_text(json.dumps(json.loads(pipeline.definition())["Steps"]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])

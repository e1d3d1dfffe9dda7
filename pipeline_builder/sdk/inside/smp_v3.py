"""Version 3 of the SDK, for factories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import smp_handles as handles  # type: ignore[import-not-found] # beside this file
from sagemaker.core.helper import session_helper
from sagemaker.core.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import Properties, PropertyFile
from sagemaker.core.workflow.step_outputs import StepOutput
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.step_collections import StepCollection
from sagemaker.mlops.workflow.steps import Step, StepTypeEnum


def open_sdk(asked: Mapping[str, Any]) -> handles.Sdk:
    """Return what there is for a factory."""
    handles.stay_here(session_helper)
    session = PipelineSession(
        boto_session=boto3.Session(region_name=asked["region"]),
        default_bucket=asked["bucket"],
        default_bucket_prefix=asked["prefix"],
    )
    classes = handles.Classes(
        Step=Step,
        StepType=StepTypeEnum,
        Properties=Properties,
        PropertyFile=PropertyFile,
        Pipeline=Pipeline,
        others=(StepCollection, StepOutput),
        parameters={
            "String": ParameterString,
            "Integer": ParameterInteger,
            "Float": ParameterFloat,
            "Boolean": ParameterBoolean,
        },
    )
    return handles.open_sdk(classes, session, asked)

"""Version 3 of the SDK, for factories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import smp_handles as handles  # type: ignore[import-not-found] # beside this file
from sagemaker.core.helper import session_helper
from sagemaker.core.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import Properties, PropertyFile
from sagemaker.core.workflow.step_outputs import StepOutput
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.step_collections import StepCollection
from sagemaker.mlops.workflow.steps import Step, StepTypeEnum

CLASSES = handles.Classes(
    Step=Step,
    StepType=StepTypeEnum,
    Properties=Properties,
    PropertyFile=PropertyFile,
    Pipeline=Pipeline,
    Session=PipelineSession,
    others=(StepCollection, StepOutput),
    parameters=(ParameterString, ParameterInteger, ParameterFloat, ParameterBoolean),
)


def open_sdk(asked: Mapping[str, Any]) -> handles.Sdk:
    """Return what there is for a factory."""
    handles.stay_here(session_helper)
    return handles.open_sdk(CLASSES, asked)

"""Version 2 of the SDK, for factories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import smp_handles as handles  # type: ignore[import-not-found] # beside this file
from sagemaker import session as helper
from sagemaker.workflow.entities import PipelineVariable  # noqa: F401 - before the steps, which import it in a circle
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import Properties, PropertyFile
from sagemaker.workflow.step_collections import StepCollection
from sagemaker.workflow.step_outputs import StepOutput
from sagemaker.workflow.steps import Step, StepTypeEnum

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
    handles.stay_here(helper)
    return handles.open_sdk(CLASSES, asked)

"""Names of variables and hyperparameters."""

from __future__ import annotations

from .missing import refuser

BASE_PATH_ENV = "SAGEMAKER_BASE_DIR"
CURRENT_HOST_ENV = "CURRENT_HOST"
LOG_LEVEL_PARAM = "sagemaker_container_log_level"
REGION_NAME_ENV = "SAGEMAKER_REGION"
SUBMIT_DIR_PARAM = "sagemaker_submit_directory"
TRAINING_JOB_ENV = "TRAINING_JOB_NAME"
USER_PROGRAM_ENV = "SAGEMAKER_PROGRAM"
USER_PROGRAM_PARAM = "sagemaker_program"

__getattr__ = refuser(__name__)

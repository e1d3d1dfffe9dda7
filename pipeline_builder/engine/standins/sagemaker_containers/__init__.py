"""Stands for `sagemaker_containers`, the training toolkit of AWS's older images: the job's environment, as values."""

from __future__ import annotations

from . import beta, entry_point
from .environment import Environment
from .missing import refuser

__all__ = ["beta", "entry_point", "training_env"]


def training_env() -> Environment:
    """Return what the toolkit knows of the job."""
    return Environment()


__getattr__ = refuser(__name__)

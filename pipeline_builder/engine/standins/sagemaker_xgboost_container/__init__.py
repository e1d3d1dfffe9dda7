"""Stands for `sagemaker_xgboost_container`: what training scripts for AWS's XGBoost image import of it."""

from __future__ import annotations

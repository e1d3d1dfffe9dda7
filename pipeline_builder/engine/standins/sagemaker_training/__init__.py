"""Stands for `sagemaker_training`, the toolkit of AWS's newer images: its parts are those of the older one."""

from __future__ import annotations

import importlib
import sys

for _name in ("content_types", "encoders", "entry_point", "environment", "errors", "files", "mapping", "params"):
    _module = importlib.import_module(f"sagemaker_containers.{_name}")
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module

__getattr__ = importlib.import_module("sagemaker_containers.missing").refuser(__name__)

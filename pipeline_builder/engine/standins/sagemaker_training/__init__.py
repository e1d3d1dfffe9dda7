"""Stands for `sagemaker_training`, the toolkit of AWS's newer images: its parts are those of the older one."""

from __future__ import annotations

import importlib
import sys

_BESIDE = f"{__name__.rpartition('sagemaker_training')[0]}sagemaker_containers"
for _name in ("content_types", "encoders", "entry_point", "environment", "errors", "files", "mapping", "params"):
    _module = importlib.import_module(f"{_BESIDE}.{_name}")
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module

__getattr__ = importlib.import_module(f"{_BESIDE}.missing").refuser(__name__)

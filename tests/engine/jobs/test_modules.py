"""An entry point that is a module's name, as scikit-learn's and XGBoost's images take it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.training import is_module, training_command

ACCOUNT = "246618743249.dkr.ecr.us-west-2.amazonaws.com"


def asked(image: str, program: str) -> dict[str, Any]:
    parameters = {"sagemaker_program": json.dumps(program), "depth": "3"}
    return {"AlgorithmSpecification": {"TrainingImage": f"{ACCOUNT}/{image}"}, "HyperParameters": parameters}


@pytest.mark.parametrize(
    ("image", "program", "module"),
    [
        ("sagemaker-xgboost:1.0-1-cpu-py3", "fit", True),
        ("sagemaker-scikit-learn:1.2-1-cpu-py3", "fit", True),
        ("sagemaker-xgboost:1.0-1-cpu-py3", "absent", False),
        ("sagemaker-xgboost:1.0-1-cpu-py3", "../fit", False),
        ("pytorch-training:2.1-cpu-py310", "fit", False),
    ],
)
def test_which_entry_points_are_modules(tmp_path: Path, image: str, program: str, module: bool) -> None:
    (tmp_path / "fit.py").write_text("print('fitted')\n")
    assert is_module(asked(image, program), tmp_path) is module
    named = {**asked(image, "other"), "Environment": {"SAGEMAKER_PROGRAM": program}}  # which counts first
    assert is_module(named, tmp_path) is module


def test_a_module_gets_the_hyperparameters() -> None:
    request = asked("sagemaker-xgboost:1.0-1-cpu-py3", "fit")
    assert training_command(request, module=True) == ("python", "-m", "fit", "--depth", "3")

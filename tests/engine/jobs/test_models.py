"""What is said of a model's containers before anything runs, and where the code of a server is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.models import doubts_of, server_of

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
OUTSIDE = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/code/sourcedir.tar.gz"}
INSIDE = {**OUTSIDE, "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


@pytest.mark.parametrize(
    ("image", "environment", "ids"),
    [
        ("mine:1", {}, ["PB584"]),
        ("mine:1", OUTSIDE, []),
        (f"{ECR}/huggingface-pytorch-tgi-inference:2.1", {}, ["PB584"]),
        (f"{ECR}/pytorch-inference:2.1", {}, []),
        (f"{ECR}/pytorch-inference:2.1", INSIDE, []),
        (f"{ECR}/pytorch-inference:2.1", OUTSIDE, ["PB585"]),
        (f"{ECR}/tensorflow-inference:2.11", OUTSIDE, ["PB585"]),
        (f"{ECR}/sagemaker-xgboost:1.7-1", {}, []),
        (f"{ECR}/sagemaker-scikit-learn:1.2-1-cpu-py3", {}, ["PB584"]),
        (f"{ECR}/sagemaker-scikit-learn:1.2-1-cpu-py3", OUTSIDE, []),
        (f"{ECR}/huggingface-pytorch-inference:1", {**INSIDE, "SAGEMAKER_PROGRAM": "code/inference.py"}, ["PB586"]),
        ("mine:1", {**OUTSIDE, "SAGEMAKER_PROGRAM": {"Get": "Parameters.Program"}}, []),
    ],
)
def test_doubts(image: str, environment: dict[str, Any], ids: list[str]) -> None:
    found = list(doubts_of({"Image": image, "Environment": environment}))
    assert [doubt.id for doubt in found] == ids
    assert all(doubt.warning for doubt in found)


@pytest.mark.parametrize(
    ("image", "text", "is_server"),
    [
        ("mine:1", "main()\n", True),
        ("mine:1", "def model_fn(d): pass\n", False),
        (f"{ECR}/pytorch-inference:2.1", "main()\n", False),
    ],
)
def test_only_servers_of_own_images_have_places(tmp_path: Path, image: str, text: str, is_server: bool) -> None:
    (tmp_path / "ml" / "code").mkdir(parents=True)
    (tmp_path / "ml" / "code" / "entry.py").write_text(text)
    places = server_of({"image": image, "program": "entry.py"}, tmp_path)
    assert [place for _, place in places] == (
        ["/opt/program", "/home/model-server", "/var/log/nginx"] if is_server else []
    )

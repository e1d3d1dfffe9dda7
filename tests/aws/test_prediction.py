"""What is foretold of steps that SageMaker caches by members that can't be told apart here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline_builder.aws.prediction import predict


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"Type": "EMR"}, "the cache is off for this step"),
        ({"Type": "QualityCheck", "CacheConfig": {"Enabled": False}}, "the cache is off for this step"),
        ({"Type": "EMR", "CacheConfig": {"Enabled": True}}, "what SageMaker's cache has of EMR steps can't be told"),
        ({"Type": "Lambda", "CacheConfig": {"Enabled": True}}, "what SageMaker's cache has of Lambda steps can't be told"),
        ({"Type": "Model"}, "models are always made anew"),
    ],
)  # fmt: skip
def test_why_a_step_would_run(step: dict[str, Any], reason: str) -> None:
    definition = json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "S", "Arguments": {}, **step}]}).encode()
    (told,) = predict(definition, {}, None)
    assert (told.step, told.hit, told.reason) == ("S", False, reason)

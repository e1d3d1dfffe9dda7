"""A model of a package, a transform of a day and a check, as version 2 of the SDK writes them and as ours are composed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from tests.definition.oracle.comparison import ANYTHING, NOTHING, Listed
from tests.definition.oracle.test_oracle import VALUES, by_sdk, compare
from tests.definition.scoring import compose_scoring

__all__ = ["by_sdk"]

LISTED = (
    *(
        Listed(f"Parameters[{name}]", NOTHING, ANYTHING, "a start says what it is for, and what its data are")
        for name in ("ManifestCommit", "Commit-churn", "Data-churn-Score", "ModelPackage-churn")
    ),
    Listed("PipelineExperimentConfig", ANYTHING, NOTHING, "the service's default"),
    Listed(
        "Model.Arguments.Containers[0].ModelPackageName",
        "arn:aws:sagemaker:us-east-1:000000000000:model-package/churn/3",
        {"Get": "Parameters.ModelPackage-churn"},
        "the SDK takes the ARN of one version only, and would approve it: ours is what each start finds approved",
    ),
    Listed("Model.Arguments.ModelName", NOTHING, "scorer", "the SDK leaves names out unless it is told to keep them"),
    Listed("Transform.Arguments.TransformInput.CompressionType", NOTHING, "None", "the service's default"),
    Listed(
        "QualityCheck.Arguments.AppSpecification.ImageUri",
        ANYTHING,
        "example.com/monitor:1",
        "the SDK knows AWS's image",
    ),
)


@pytest.mark.long
def test_our_steps_are_the_sdks_but_for_what_is_listed(by_sdk: Any, tmp_path: Path) -> None:
    sdk = by_sdk["inference"]
    assert check_definition(sdk) == ()
    compare(sdk, json.loads(compose_scoring(tmp_path / "ours", **VALUES).content), LISTED)

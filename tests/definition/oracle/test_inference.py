"""A model of a package, a transform of a day and a check, as version 2 of the SDK writes them and as ours are composed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_builder.definition.check.check import check_definition
from tests.definition.oracle.comparison import ANYTHING, NOTHING, Listed
from tests.definition.oracle.environment import run_in_sdk
from tests.definition.oracle.test_oracle import VALUES, compare
from tests.definition.scoring import compose_scoring

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
def test_our_steps_are_the_sdks_but_for_what_is_listed(tmp_path: Path) -> None:
    run_in_sdk("v2", "tests.definition.oracle.build_inference", str(tmp_path / "sdk.json"), home=tmp_path)
    sdk = json.loads((tmp_path / "sdk.json").read_text())
    assert check_definition(sdk) == ()
    compare(sdk, json.loads(compose_scoring(tmp_path / "ours", **VALUES).content), LISTED)

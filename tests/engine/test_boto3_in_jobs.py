"""boto3 in a job: it has the Region, and nobody to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.descriptions import StepStatus
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from tests.engine.definitions import definition, run, script
from tests.engine.environments import share_made, shared_environment

SCRIPT = """
import boto3, botocore.config, botocore.exceptions, os
client = boto3.client("s3", config=botocore.config.Config(connect_timeout=1, retries={"max_attempts": 0}))
print("region:", client.meta.region_name, os.environ["AWS_REGION"])
try:
    client.list_buckets()
except botocore.exceptions.NoCredentialsError:
    print("nobody")
"""


@pytest.mark.long
def test_boto3_has_the_region_and_no_credentials(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import boto3; boto3.client('s3', 'eu-west-1')"
    share_made(tmp_path / "state", shared_environment((("boto3",),), program, tmp_path_factory))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    settings = LocalSettings(images=(("image:*", ("boto3",)),), shared=(tmp_path,))
    local = open_local_target(tmp_path / "state", settings)
    step = script("A", f"AWS_EC2_METADATA_DISABLED=true python3 -c '{SCRIPT}'")
    _, ended, steps = run(local, definition(step))
    assert steps["A"].status is StepStatus.SUCCEEDED, steps["A"].failure_reason
    assert local.pipelines.read_log(ended.arn, "A").splitlines() == ["region: local local", "nobody"]

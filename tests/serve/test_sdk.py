"""The SageMaker SDK's own `Pipeline` against `serve`: upsert, start, wait, list_steps, in the SDK's environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.definition.oracle.environment import run_in_sdk
from tests.serve.serving import serving

# Else the SDK tells a bucket of AWS's own what is called in it: the only connection to elsewhere that it tries.
NO_TELEMETRY = """\
SchemaVersion: '1.0'
SageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}
"""


@pytest.mark.long
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_sdk_makes_and_runs_a_pipeline(tmp_path: Path, version: str) -> None:
    folder = tmp_path / "sdk"
    folder.mkdir()
    config = tmp_path / ".config" / "sagemaker" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(NO_TELEMETRY)
    with serving(tmp_path) as served:
        served.s3.create_bucket(Bucket="local")
        keys = {name: value for name, value in served.environment.items() if name.startswith("AWS_")}
        module = f"tests.definition.oracle.serve_{version}"
        run_in_sdk(version, module, served.url, str(folder), home=tmp_path, variables=keys)
        done = json.loads((folder / "done.json").read_text())
        assert served.sagemaker.list_pipelines()["PipelineSummaries"] == []  # it has deleted it at its end
        found = served.client("logs").filter_log_events(
            logGroupName="/aws/sagemaker/ProcessingJobs", filterPattern="bonjour"
        )["events"]
    arn = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/by-the-sdk"
    assert (done["created"], done["updated"], done["description"]) == (arn, arn, "again")
    assert (done["status"], done["executions"]) == ("Succeeded", 1)
    assert done["steps"] == {"Write": "Succeeded", "Read": "Succeeded"}
    assert done["parameters"] == [{"Name": "Word", "Value": "bonjour"}]
    assert len(found) == 2

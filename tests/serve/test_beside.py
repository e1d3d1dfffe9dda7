"""`local: {aws: true}`: a run of this machine's own target has its jobs' calls answered, as long as they run."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline_builder.descriptions import StepStatus
from pipeline_builder.engine.local import LocalPipelines, open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.serve.beside import Beside
from tests.engine.definitions import definition, run, script
from tests.engine.environments import share_environment
from tests.workspaces import MANIFEST, make_workspace

ASK = """
import os, urllib.error, urllib.request
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/local", timeout=5)
except urllib.error.HTTPError as error:
    print("answered", error.code, os.environ["AWS_ACCESS_KEY_ID"][:4])
"""


@pytest.mark.long
@pytest.mark.parametrize("isolated", [False, True])
def test_jobs_are_answered_while_they_run_and_nobody_after(tmp_path: Path, isolated: bool) -> None:
    share_environment(tmp_path / "state")
    reports: list[str] = []
    beside = Beside(reports.append)
    local = open_local_target(tmp_path / "state", LocalSettings(jobs=2, reach=beside.reach, shared=(tmp_path,)))
    assert isinstance(local.pipelines, LocalPipelines)
    beside.engine = local.pipelines.engine
    local.store.put("s3://local/code/ask.py", ASK.encode())
    ask = "python3 /opt/ml/processing/input/code/ask.py; echo $AWS_ENDPOINT_URL"
    steps = [script(name, ask, inputs={"code": "s3://local/code"}) for name in ("A", "B")]
    for step in steps:
        step["Arguments"]["NetworkConfig"] = {"EnableNetworkIsolation": isolated}
    _, ended, states = run(local, definition(*steps))
    assert {state.status for state in states.values()} == {StepStatus.SUCCEEDED}, states
    for name in ("A", "B"):
        said, url = local.pipelines.read_log(ended.arn, name).splitlines()
        assert said == "answered 403 ASIA"
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(url, timeout=5)
    assert reports == []


def test_a_manifest_says_so(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    (workspace.root / "model_repos.yaml").write_text(f"{MANIFEST}  aws: true\n")
    train = workspace.remote / "scripts" / "train.py"
    workspace.push("scripts/train.py", f"{ASK}\n{train.read_text()}")
    assert workspace.run("up", "--approve").code == 0
    assert "answered 403 ASIA" in workspace.run("logs", "churn-Train").out

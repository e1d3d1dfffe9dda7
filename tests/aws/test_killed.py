"""kill -9 after every answer from AWS in turn, then the same command again: one execution, one package, approved."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT, SOAKS
from tests.serve.serving import Served, serving
from tests.tiny import EVALUATE
from tests.workspaces import Workspace, make_workspace

KILLING = str(Path(__file__).parent / "killing")
PARTS = 6
HERE = range(PARTS) if SOAKS else range(0, PARTS, 2)
"""Every second answer; `scripts/soak tests` takes each."""


def up(workspace: Workspace, served: Served, kill_after: int) -> tuple[int, int]:
    """Run the whole job; return its exit code, and how many answers it got."""
    calls = workspace.root / "calls"
    calls.write_text("")
    more = {"CALLS": str(calls), "KILL_AFTER": str(kill_after), "PYTHONPATH": f"{KILLING}:{ROOT}"}
    ended = workspace.run("up", "--approve", **served.environment, **more)
    assert ended.code in (0, -signal.SIGKILL), ended.err
    return ended.code, len(calls.read_text())


def packages(served: Served) -> list[dict[str, Any]]:
    listed = served.sagemaker.list_model_packages(ModelPackageGroupName="tiny-churn", SortOrder="Ascending")
    return list(listed["ModelPackageSummaryList"])


@pytest.mark.long
@pytest.mark.parametrize("part", HERE)
def test_killed_after_every_answer(tmp_path: Path, part: int) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    with serving(tmp_path, jobs=4, **{"local/churn": workspace.root / "data"}) as served:
        round_, kill_after = 0, part + 1
        while True:
            # Another commit each time, so that there is something to apply, to run and to promote.
            workspace.push("scripts/evaluate.py", f"{EVALUATE}# round {round_}\n")
            code, _ = up(workspace, served, kill_after)
            if code:
                assert up(workspace, served, 0)[0] == 0
            round_ += 1
            versions = served.sagemaker.list_pipeline_versions(PipelineName="tiny")["PipelineVersionSummaries"]
            executions = served.sagemaker.list_pipeline_executions(PipelineName="tiny")["PipelineExecutionSummaries"]
            assert (kill_after, len(versions), len(executions)) == (kill_after, round_, round_)
            approved = [package["ModelApprovalStatus"] for package in packages(served)]
            assert approved == ["Approved"] * round_
            record = json.loads((workspace.root / "build" / "run.json").read_text())
            assert record["packages"][0]["arn"] == packages(served)[-1]["ModelPackageArn"]
            if code == 0:  # it had done everything before so many answers came
                break
            kill_after += PARTS
        assert kill_after > 20

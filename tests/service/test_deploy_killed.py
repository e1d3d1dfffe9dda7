"""kill -9 of `deploy` after every answer from AWS in turn, then the same command again: everything is done, and once."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.service.deploying import Cloud, clouding, make_service_workspace
from tests.workspaces import Workspace

PARTS = 3


def deploy(workspace: Workspace, cloud: Cloud, kill_after: int) -> int:
    """Deploy, and kill it after so many answers, with 0 never; return the exit code."""
    calls = workspace.root / "calls"
    calls.write_text("")
    ended = workspace.run("deploy", "--yes", **cloud.environment(CALLS=str(calls), KILL_AFTER=str(kill_after)))
    assert ended.code in (0, -signal.SIGKILL), ended.err
    return ended.code


def settled(cloud: Cloud, verbs: tuple[str, str]) -> None:
    """Both stacks are as wanted, by these executions, and nothing half done is left."""
    assert cloud.statuses() == {"demo-storage": f"{verbs[0]}_COMPLETE", "demo": f"{verbs[1]}_COMPLETE"}
    left = [made["execution"] for stack in cloud.formation.stacks for made in stack.change_sets.values()]
    assert set(left) == {"EXECUTE_COMPLETE"}
    assert [stack.protected for stack in cloud.formation.stacks if stack.status != "DELETE_COMPLETE"] == [True, False]


def executions(cloud: Cloud) -> int:
    return sum(
        event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
        for stack in cloud.formation.stacks
        for event in stack.events
        if event["ResourceType"] == "AWS::CloudFormation::Stack"
    )


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_after_every_answer(tmp_path: Path, part: int) -> None:
    workspace = make_service_workspace(tmp_path / "workspace")
    manifest = workspace.root / "model_repos.yaml"
    text = manifest.read_text()
    killed: dict[str, bool] = {"first": True, "update": True}
    kill_after = part + 1
    while killed["first"]:
        folder = tmp_path / "state"
        with clouding(folder) as cloud:
            cloud.formation.at_once, cloud.formation.page = 12, 20
            manifest.write_text(text)
            died = deploy(workspace, cloud, kill_after) != 0
            assert not died or deploy(workspace, cloud, 0) == 0
            killed["first"] = died
            settled(cloud, ("CREATE", "CREATE"))
            assert (kill_after, executions(cloud)) == (kill_after, 2)
            if killed["update"]:  # a changed schedule: the service's stack only; that has fewer answers
                manifest.write_text(text.replace("0 2 * *", "0 3 * *"))
                died = deploy(workspace, cloud, kill_after) != 0
                assert not died or deploy(workspace, cloud, 0) == 0
                killed["update"] = died
                settled(cloud, ("CREATE", "UPDATE"))
                assert (kill_after, executions(cloud)) == (kill_after, 3)
        shutil.rmtree(folder)
        kill_after += PARTS
    assert kill_after > 25

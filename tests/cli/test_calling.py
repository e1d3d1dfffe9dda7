"""A handler in the repository and a Callback step, by the command line: asked, waited for, killed, answered."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import until
from tests.tiny import variant
from tests.workspaces import Workspace, make_workspace

CONF = variant(
    (
        "  sagemakerPipeline:\n",
        """\
      lambda:
        entry_point: ask.py
        inputs: {day: monday}
        outputs: {fresh: Boolean}
      callback:
        inputs: {why: manual}
        outputs: {approved: Boolean}
        timeout: 600
  sagemakerPipeline:
""",
    ),
    (
        "          - step_name: churn-Preprocess\n",
        """\
          - step_name: churn-Ask
            step_class: Lambda
          - step_name: churn-Wait
            step_class: Callback
            chain_input_source_step: churn-Ask
          - step_name: churn-Preprocess
            depends_on: churn-Wait
""",
    ),
)
ASK = "def handler(event, context):\n    return {'fresh': event == {'day': 'monday'}}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make_workspace(tmp_path, conf=CONF)
    workspace.push("scripts/ask.py", ASK)
    return workspace


def waiting(workspace: Workspace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workspace.call("callback", "--json").json["waiting"]
    return found


@pytest.mark.long
def test_a_run_that_waits_outlives_a_kill_and_goes_on_with_its_answer(workspace: Workspace) -> None:
    first = workspace.start("up")
    (one,) = until(lambda: waiting(workspace))
    token = one["token"]
    assert (one["step"], one["outputs"]) == ("churn-Wait", {"approved": "Boolean"})
    assert one["inputs"] == {"churn-Ask-fresh": True, "why": "manual"}
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    refused = workspace.call("callback", one["token"], "--success", "approved=maybe")
    assert (refused.code, "PB871" in refused.err) == (1, True)
    again = workspace.start("up")
    until(lambda: workspace.call("status", "--json").json["steps"][1]["status"] == "Executing" or None)
    assert [found["token"] for found in waiting(workspace)] == [one["token"]]
    answered = workspace.call("callback", one["token"], "--success", "approved=true")
    assert answered.code == 0, answered.err
    _, said = again.communicate(timeout=60)
    assert again.wait() == 0, said
    assert f"pipeline-builder callback {token} --success" in said
    steps = workspace.call("status", "--json").json["steps"]
    assert {step["status"] for step in steps} == {"Succeeded"}
    twice = workspace.call("callback", one["token"], "--failure", "no")
    assert "PB870" in twice.err


@pytest.mark.long
def test_a_failure_that_is_answered_while_nobody_runs_it_counts(workspace: Workspace) -> None:
    first = workspace.start("up")
    (one,) = until(lambda: waiting(workspace))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert workspace.call("callback", one["token"], "--failure", "nobody looked").code == 0
    again = workspace.run("up")
    assert (again.code, "nobody looked" in again.err + again.out) == (5, True)


def test_how_it_is_called(workspace: Workspace) -> None:
    assert workspace.call("callback").out.strip() == "no step waits for an answer"
    for wrong in ((), ("--success", "--failure", "x"), ("a=1",), ("--success", "a"), ("--success", "a=1", "a=2")):
        assert workspace.call("callback", "a1B2c3D4e5", *wrong).code == 2
    for wrong in (("--success",), ("--failure", "no")):  # nobody's answer is no answer
        ended = workspace.call("callback", *wrong)
        assert (ended.code, "callback TOKEN" in ended.err) == (2, True)
    there = {"SMP_TARGET": "aws", "SMP_REGION": "us-east-1", "SMP_ACCOUNTID": "000000000000", "SMP_ROLE": "local",
             "SMP_S3BUCKETNAME": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # fmt: skip
    assert workspace.call("callback", **there).out.strip() == "the steps that wait are in the messages of their queues"

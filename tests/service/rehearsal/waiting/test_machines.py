"""The rendered state machine, interpreted: how a run ends, what is answered, and with which rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.serve.protocol import ServiceError
from tests.serve.serving import refused
from tests.service.rehearsal.waiting.waits import CAUSE, MACHINE, Wait, rendered, waiting
from tests.service.services import ACCOUNT, REGION


@pytest.fixture
def wait(tmp_path: Path) -> Iterator[Wait]:
    with waiting(tmp_path) as found:
        yield found


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped"])
def test_it_answers_when_the_run_has_ended(wait: Wait, status: str) -> None:
    wait.at_look[4] = wait.becomes(ExecutionStatus(status))
    ended = wait.begin()
    assert (ended.status, ended.message) == ("SUCCEEDED", "")
    assert wait.clock.pauses == [30, 60, 90]
    decision = wait.decision
    assert decision is not None
    assert decision.approved
    assert decision.comment == f"The execution {wait.execution} of SageMaker is {status}."
    assert decision.principal.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/")
    assert ended.calls == {
        "codepipeline:GetPipelineState": 1, "sagemaker:DescribePipelineExecution": 4, "codepipeline:PutApprovalResult": 1,
    }  # fmt: skip
    assert not ended.denied

"""The service: deployed, started by its own making, pushed to, approved, rejected."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from acceptance import own
from acceptance.following import (
    APPROVE,
    Found,
    action,
    answer,
    retry,
    stage_status,
    status,
    wait_end,
    wait_new,
    wait_question,
)
from acceptance.ground import Ground, Otherwise, Seen
from acceptance.model import DATA
from pipeline_builder.aws.facts import read_facts

COMMENT = "the acceptance approves this"
_NEWEST = 20
REFUSAL = "the acceptance rejects this"


def deploy(ground: Ground) -> Iterator[Seen]:
    """Bring the service to the account, as people do."""
    own.make_bucket(ground)
    own.write_service(ground, round_=1)
    own.publish(ground, "version of round 1")
    ground.command("checkout")
    ground.command("deploy", "--yes")
    own.put(ground, ground.bucket, "tiny/rows.csv", DATA.encode())
    stacks = {}
    for name in (f"{ground.name}-storage", ground.name):
        (found,) = ground.call("cloudformation", "describe_stacks", StackName=name)["Stacks"]
        stacks[name] = str(found["StackStatus"])
    complete = all(status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") for status in stacks.values())
    yield Seen(point="service-deploys", ok=complete, words=f"stacks: {', '.join(stacks.values())}", evidence=stacks)
    if ground.partition == "aws":
        return
    yield Seen(point="other-partitions", ok=complete, words=f"deployed in {ground.partition}, {ground.region}")


def first_start(ground: Ground) -> Iterator[Seen]:
    """See that a new pipeline starts by itself, approve what it has trained, and see what is promoted."""
    name = ground.name
    execution = wait_new(ground, name, "first execution", _is_first, minutes=10)
    found = status(ground, name, execution)
    kind = str(found.get("trigger", {}).get("triggerType", ""))
    started = Seen(point="first-start", ok=kind == "CreatePipeline", words=f"the first execution's trigger is {kind}")
    yield started
    _wait_for_data(ground, execution)
    detail = answer(ground, name, execution, "Approved", COMMENT)
    ended = wait_end(ground, name, execution, minutes=30)
    package = newest_package(ground)
    right = ended["status"] == "Succeeded" and package.get("ModelApprovalStatus") == "Approved"
    said = str(package.get("ApprovalDescription", ""))
    yield Seen(
        point="run-promotes", ok=right and COMMENT in said,
        words=f"execution {ended['status']}, package {package.get('ModelApprovalStatus')}: {said}",
        evidence={"updatedBy": str(detail.get("updatedBy", ""))},
    )  # fmt: skip


def _wait_for_data(ground: Ground, execution: str) -> None:
    """Wait for the approval; a training that began before its data were there is tried again, once."""
    if action(ground, ground.name, execution, APPROVE):
        return
    try:
        wait_approval(ground, execution)
    except Otherwise:
        if (
            stage_status(ground, ground.name, execution, "Train") != "Failed"
            or "first retry" in ground.book.state.notes
        ):
            raise
        ground.book.note("first retry", execution)
        retry(ground, ground.name, execution, "Train", "ALL_ACTIONS")
        wait_approval(ground, execution)


def _is_first(found: Found) -> bool:
    return str(found.get("trigger", {}).get("triggerType", "")) in ("CreatePipeline", "CloudWatchEvent")


def push(ground: Ground) -> Iterator[Seen]:
    """Push another model as a new archive, and reject what it has trained."""
    name = ground.name
    own.write_service(ground, round_=2)
    version = own.publish(ground, "version of round 2")

    first = ground.book.state.notes["first execution"]

    def is_it(found: Found) -> bool:
        revisions = [one.get("revisionId", "") for one in found.get("sourceRevisions", ())]
        return found["pipelineExecutionId"] != first and version in revisions

    execution = wait_new(ground, name, "pushed execution", is_it, minutes=10)
    kind = str(status(ground, name, execution).get("trigger", {}).get("triggerType", ""))
    yield Seen(point="push-starts", ok=kind == "CloudWatchEvent", words=f"the push started it; its trigger is {kind}")
    before = newest_package(ground).get("ModelPackageVersion")
    detail = answer(ground, name, execution, "Rejected", REFUSAL)

    def rejected() -> Found | None:
        found = newest_package(ground)
        return found if found.get("ModelApprovalStatus") == "Rejected" else None

    package = ground.wait("the worker's rejection of the package", rejected, minutes=20)
    said = str(package.get("ApprovalDescription", ""))
    yield Seen(
        point="reject-rejects", ok=REFUSAL in said, words=f"version {before} is Rejected: {said}",
        evidence={"status": str(detail.get("status", "")), "updatedBy": str(detail.get("updatedBy", ""))},
    )  # fmt: skip


def newest_package(ground: Ground) -> dict[str, Any]:
    """Return the description of the newest package of the service's group; empty where there is none."""
    listed = ground.pages(
        "sagemaker", "list_model_packages", "ModelPackageSummaryList",
        ModelPackageGroupName=ground.name, SortBy="CreationTime", SortOrder="Descending",
    )  # fmt: skip
    newest = next(iter(listed), None)
    if newest is None:
        return {}
    return ground.call("sagemaker", "describe_model_package", ModelPackageName=newest["ModelPackageArn"])


def wait_approval(ground: Ground, execution: str) -> None:
    """Wait until the run asks for its approval."""
    wait_question(ground, ground.name, execution, APPROVE, minutes=60)


def model_execution(ground: Ground, execution: str) -> str:
    """Return the SageMaker execution that a run of the service has started: its description says by whom it was.

    Raises:
        Otherwise: there is none.
    """
    listed = ground.pages(
        "sagemaker", "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=f"{ground.name}-dag",
        SortBy="CreationTime", SortOrder="Descending",
    )  # fmt: skip
    for one in islice(listed, _NEWEST):
        arn = str(one["PipelineExecutionArn"])
        found = ground.call("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=arn)
        if read_facts(str(found.get("PipelineExecutionDescription", ""))).cause == execution:
            return arn
    raise Otherwise(f"no execution of SageMaker was started by {execution}")

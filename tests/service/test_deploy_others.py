"""Others at the same time, and calls that somebody may not make: nothing is half done, and the same command goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from pipeline_builder.errors import OutsideFailure, PipelineBuilderError, PlanRefused
from pipeline_builder.service.deploy import Deployed
from pipeline_builder.stacks.stacks import Stack, Way, way_on
from tests.service.formation import FakeStack, Formation, Refused
from tests.service.test_deploy import SERVICE, Desk, desk, statuses
from tests.service.test_destroy import Site, fill, site

__all__ = ["desk", "site"]  # fixtures
DONE = {"demo-storage": "CREATE_COMPLETE", "demo": "CREATE_COMPLETE"}


def once(operation: str, act: Callable[[], None], *, number: int = 1) -> Callable[[str, int], None]:
    """Return what acts before an operation is done for that time."""
    seen: list[str] = []

    def before(name: str, _: int) -> None:
        seen.append(name)
        if name == operation and seen.count(name) == number:
            act()

    return before


def other(formation: Formation, old: str, new: str) -> Callable[[], None]:
    """Return a deployment by somebody else: a change set of their own, executed."""

    def deploy() -> None:
        formation.before = None
        changed = {"ChangeSetName": "theirs", "StackName": "demo", "ChangeSetType": "UPDATE", "ClientToken": "t"}
        changed |= {"TemplateBody": formation.stack("demo").template.replace(old, new)}
        changed |= {"Parameters.member.1.ParameterKey": "ArtifactBucket"}
        changed |= {"Parameters.member.1.ParameterValue": "demo-artifacts"}
        changed |= {"Tags.member.1.Key": "pipeline-builder:service", "Tags.member.1.Value": "demo"}
        formation.do_CreateChangeSet(changed)
        theirs = {"ChangeSetName": "theirs", "StackName": "demo"}
        for _ in range(3):
            formation.do_DescribeChangeSet(theirs)
        formation.do_ExecuteChangeSet({**theirs, "ClientRequestToken": "console"})

    return deploy


# --- others at the same time


@pytest.mark.long
@pytest.mark.parametrize("operation", ["CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet"])
def test_another_deployment_in_between_is_waited_for_and_planned_upon(desk: Desk, operation: str) -> None:
    desk.deploy()
    desk.change(("rate(7 days)", "rate(1 day)"))
    number = 4 if operation == "DescribeChangeSet" else 1  # a look at the service's own, once it is made
    if operation == "CreateChangeSet":
        number = 2
    desk.formation.before = once(operation, other(desk.formation, "480", "600"), number=number)
    _, service = desk.deploy()
    assert desk.formation.before is None, "it did come in between"
    assert any("looking at it anew" in line for line in desk.said) or operation == "DescribeChangeSet"
    assert any("not by this tool: following it" in line for line in desk.said)
    resources = desk.formation.stack("demo").resources
    assert resources["Project"]["Properties"] == {"TimeoutInMinutes": 480}  # as it is wanted, by a plan that said so
    assert resources["Weekly"]["Properties"] == {"ScheduleExpression": "rate(1 day)"}
    assert {change.name for change in service.plan.changes} == {"Project", "Weekly"}
    assert desk.asked.count("demo") == (2 if operation == "ExecuteChangeSet" else 1)


@pytest.mark.long
def test_who_is_always_too_late_is_told_so(desk: Desk) -> None:
    desk.deploy()
    desk.change(("480", "600"))

    def before(name: str, number: int) -> None:
        if name == "ExecuteChangeSet":
            raise Refused("InvalidChangeSetStatus", f"cannot be executed, {number}")

    desk.formation.before = before
    problem = desk.problem(PlanRefused)
    assert (problem.id, "5 times" in problem.message) == ("PB765", True)


@pytest.mark.long
def test_a_change_set_that_the_other_has_given_up_is_made_anew(desk: Desk) -> None:
    desk.deploy()
    desk.change(("480", "600"))

    def give_up() -> None:
        desk.formation.before = None
        desk.formation.stack("demo").change_sets.clear()

    desk.formation.before = once("ExecuteChangeSet", give_up)
    _, service = desk.deploy()
    assert service.plan.changed
    assert desk.asked == ["demo", "demo"]
    assert statuses(desk) == {**DONE, "demo": "UPDATE_COMPLETE"}


@pytest.mark.long
def test_a_stack_that_somebody_deletes_while_it_is_deployed_is_a_failure(desk: Desk) -> None:
    desk.deploy()
    desk.change(("480", "600"))

    def delete() -> None:
        desk.formation.before = None
        desk.formation.do_DeleteStack({"StackName": "demo"})

    desk.formation.before = once("DescribeStackEvents", delete, number=2)
    problem = desk.problem(OutsideFailure)
    assert (problem.id, str(problem.hint).endswith("the stack is gone")) == ("PB682", True)
    desk.deploy()
    assert statuses(desk) == DONE


@pytest.mark.long
@pytest.mark.parametrize("same", [True, False])
def test_two_at_once(desk: Desk, same: bool) -> None:
    """Two deployments of one service from nothing, both to their ends; a different one comes after the first."""
    second = Desk(desk.formation, desk.stacks, SERVICE if same else SERVICE.replace("480", "600"))
    done: dict[str, Any] = {}

    def run(name: str, one: Desk) -> None:
        try:
            done[name] = one.deploy()
        except PipelineBuilderError as error:
            done[name] = error

    threads = [threading.Thread(target=run, args=pair) for pair in (("first", desk), ("second", second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [found for found in done.values() if not isinstance(found, tuple)], done
    assert set(statuses(desk)) == set(DONE)
    assert all(status.endswith("_COMPLETE") and "ROLLBACK" not in status for status in statuses(desk).values())
    left = [made["execution"] for stack in desk.formation.stacks for made in stack.change_sets.values()]
    assert set(left) == {"EXECUTE_COMPLETE"}
    begun = [
        event["ResourceStatus"]
        for event in desk.formation.stack("demo").events
        if event["ResourceType"].endswith("::Stack") and event["ResourceStatus"].endswith("E_IN_PROGRESS")
    ]
    assert begun == (["CREATE_IN_PROGRESS"] if same else ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"])


# --- states


def test_every_state_of_cloudformation_has_a_way_on() -> None:
    model = ServiceModel(Loader().load_service_model("cloudformation", "service-2"))
    found: dict[Way, set[str]] = {way: set() for way in Way}
    for status in model.shape_for("StackStatus").enum:
        stack = Stack(name="x", id="x", status=status, changed=None)  # type: ignore[arg-type] # no matter when
        found[way_on(stack)].add(status)
    assert found[Way.CREATE] == {"REVIEW_IN_PROGRESS"}
    assert found[Way.CLEAR] == {"ROLLBACK_COMPLETE"}
    assert all(status.endswith("_IN_PROGRESS") for status in found[Way.FOLLOW])
    assert found[Way.REFUSE] == {
        "CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED",
        "IMPORT_ROLLBACK_FAILED", "DELETE_COMPLETE",
    }  # fmt: skip


# --- calls that somebody may not make


def denied(at: int) -> Callable[[str, int], None]:
    def before(name: str, number: int) -> None:
        if number == at:
            raise Refused("AccessDenied", f"is not authorized to perform: {name}", 403)

    return before


@pytest.mark.long
def test_each_call_denied_in_turn_then_the_same_command_completes(desk: Desk) -> None:
    desk.formation.at_once, desk.formation.page = 12, 20
    desk.deploy()
    calls = [name for name, _ in desk.formation.calls]
    for at in range(1, len(calls) + 1):
        desk.formation.stacks, desk.formation.calls, desk.formation.before = [], [], denied(at)
        outcome = attempt(desk)
        if isinstance(outcome, tuple):
            assert calls[at - 1] == "UpdateTerminationProtection"
            assert "protect the stack 'demo-storage' against deletion: 'aws cloudformation" in outcome[0].left[0]
            assert statuses(desk) == DONE
        else:
            assert outcome.problems[0].id == "PB704", (at, outcome)
        desk.formation.before = None
        assert attempt(desk)[1].left == ()
        assert statuses(desk) == DONE, (at, calls[at - 1])
        assert desk.formation.stack("demo-storage").protected, (at, calls[at - 1])


def attempt(desk: Desk) -> Any:
    try:
        done: tuple[Deployed, ...] = desk.deploy()
    except OutsideFailure as error:
        return error
    return done


def test_what_was_begun_goes_on_and_that_is_said(desk: Desk) -> None:
    seen: list[str] = []

    def before(name: str, _: int) -> None:
        seen.append(name)
        if "ExecuteChangeSet" in seen and name == "DescribeStackEvents":
            raise Refused("AccessDenied", "no", 403)

    desk.formation.before = before
    problem = desk.problem(OutsideFailure)
    assert str(problem.hint).endswith("what was begun goes on in CloudFormation; repeat the command to follow it")


@pytest.mark.long
def test_who_may_not_unprotect_has_lost_nothing(site: Site) -> None:
    site.formation.refusals = [("UpdateTerminationProtection", "AccessDenied", 403)]
    before = site.versions()
    with pytest.raises(OutsideFailure) as caught:
        site.destroy(with_data=True)
    (problem,) = caught.value.problems
    assert (problem.id, str(problem.hint).startswith("nothing was deleted;")) == ("PB704", True)
    assert (site.statuses(), site.versions()) == ({**DONE}, before)
    site.destroy(with_data=True)
    assert (site.statuses(), site.bucket_is_there()) == ({}, False)


@pytest.mark.long
@pytest.mark.parametrize("with_data", [False, True])
def test_each_call_of_destroy_denied_in_turn_then_it_completes(site: Site, with_data: bool) -> None:
    def snapshot() -> list[FakeStack]:
        return [replace(one, resources=dict(one.resources), events=list(one.events), coming=None) for one in kept]

    kept = site.formation.stacks
    for at in range(1, 40):
        site.formation.stacks, site.formation.calls, site.formation.before = snapshot(), [], denied(at)
        if not site.bucket_is_there():
            fill(site.aws)
        ended = _destroyed(site, with_data=with_data)
        if len(site.formation.calls) < at:
            return
        assert ended is None or ended.problems[0].id == "PB704"
        site.formation.before = None
        assert _destroyed(site, with_data=with_data) is None
        assert site.statuses() == ({} if with_data else {"demo-storage": "CREATE_COMPLETE"}), at
        assert site.bucket_is_there() != with_data
    raise AssertionError("it has more calls than that")


def _destroyed(site: Site, *, with_data: bool = False) -> OutsideFailure | None:
    try:
        site.destroy(with_data=with_data)
    except OutsideFailure as error:
        return error
    return None

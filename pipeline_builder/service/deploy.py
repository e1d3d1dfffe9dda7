"""Deploy: bring the service's two stacks to what is rendered, each through a change set that is shown first.

What a killed deployment has begun is found again: its change set by its name, its operation by what it says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipeline_builder.errors import OutsideFailure, PlanRefused, Problem
from pipeline_builder.service.cloudformation.evaluation.document import Template, load_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.moving import describe_move
from pipeline_builder.service.widening import compare_templates
from pipeline_builder.stacks.stack_plan import ResourceChange, StackPlan, refuse_unsafe
from pipeline_builder.stacks.stacks import (
    MARK,
    STORAGE_OUTPUTS,
    Ended,
    Stack,
    StackEvent,
    StackMovedError,
    WantedStack,
    Way,
    failure_problem,
    foreign_problem,
    stuck_problem,
    way_on,
)

_TRIES = 5
Watch = Callable[[StackEvent], None]


class StackService(Protocol):
    """What a deployment asks of CloudFormation; see aws/stacks.py."""

    def describe(self, name_or_id: str) -> Stack | None: ...

    def template(self, stack: Stack) -> str: ...

    def plan(self, wanted: WantedStack, stack: Stack | None, bucket: str) -> StackPlan: ...

    def drop(self, plan: StackPlan) -> None: ...

    def execute(self, plan: StackPlan, wanted: WantedStack, watch: Watch) -> Ended: ...

    def join(self, stack: Stack, watch: Watch) -> Ended: ...

    def begun(self, stack: Stack) -> StackEvent | None: ...

    def delete(self, stack: Stack, watch: Watch) -> Ended: ...

    def protect(self, stack: Stack, *, on: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTexts:
    """The service as it is rendered: the texts of its two templates, and what they are deployed with.

    `parameters` are those of the service's stack, but for what the storage stack's outputs say.
    """

    name: str
    storage: str
    service: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a deployment goes about it: what it says and shows, whom it asks, and what it may do."""

    say: Callable[[str], None]
    show: Callable[[StackPlan], None]
    confirm: Callable[[StackPlan], bool]
    watching: Callable[[StackPlan | None], AbstractContextManager[Watch]]
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A stack after its deployment, and what was planned for it; None where a dry run found no stack.

    `left` says what could not be done beside it, and is left to whoever may.
    """

    plan: StackPlan
    stack: Stack | None
    left: tuple[str, ...] = ()


def storage_name(service: str) -> str:
    """Return the name of the stack with the service's bucket and key."""
    return f"{service}-storage"


def deploy(service: ServiceTexts, stacks: StackService, manner: Manner) -> tuple[Deployed, ...]:
    """Deploy the storage stack, then the service's own with its outputs.

    Raises:
        PlanRefused: PB667 where data would be lost and it isn't forced, PB668 where nobody agreed, PB686 where a stack
            of that name is not this service's, PB765 where somebody else changes one again and again.
        OutsideFailure: PB666 for a stack that takes no update, PB669 where there can be no change set, PB682 where the
            deployment failed, PB685 where the storage stack lacks an output.
    """
    wanted = WantedStack(name=storage_name(service.name), template=service.storage, tags=service.tags, protected=True)
    storage = deploy_stack(wanted, service.name, stacks, manner)
    template = load_template(service.service, "service.yaml")
    if storage.stack is None:  # a dry run, and nothing is there
        plan = _offline(service.name, template)
        manner.show(plan)
        return storage, Deployed(plan=plan, stack=None)
    parameters = {**service.parameters, **_from_storage(template, storage.stack)}
    own = WantedStack(name=service.name, template=service.service, parameters=parameters, tags=service.tags)
    bucket = storage.stack.outputs.get(STORAGE_OUTPUTS["ArtifactBucket"], "")
    return storage, deploy_stack(own, service.name, stacks, manner, bucket=bucket)


def deploy_stack(
    wanted: WantedStack, service: str, stacks: StackService, manner: Manner, *, bucket: str = ""
) -> Deployed:
    """Bring one stack to what is wanted; `bucket` takes a template that is too long for a request.

    Where somebody else changes it meanwhile nothing of this plan is done: it is planned, shown and asked about anew.
    """
    for _ in range(_TRIES):
        if done := _deployed_if_still(wanted, service, stacks, manner, bucket=bucket):
            return done
    message = f"the stack '{wanted.name}' was changed by somebody else {_TRIES} times while it was planned"
    hint = "nothing of this deployment was done to it; see who else deploys the service, and deploy again"
    raise PlanRefused(Problem(id="PB765", message=message, hint=hint))


def _deployed_if_still(
    wanted: WantedStack, service: str, stacks: StackService, manner: Manner, *, bucket: str
) -> Deployed | None:
    """Bring the stack to what is wanted; None where it has moved meanwhile."""
    try:
        return _deployed(wanted, service, stacks, manner, bucket=bucket)
    except StackMovedError:
        manner.say(f"the stack '{wanted.name}' was changed by somebody else meanwhile: looking at it anew")
        return None


def _deployed(wanted: WantedStack, service: str, stacks: StackService, manner: Manner, *, bucket: str) -> Deployed:
    stack = _ready(wanted, service, stacks, manner)
    plan = _with_access(stacks.plan(wanted, stack, bucket), wanted, stack, stacks, manner)
    try:
        manner.show(plan)
        going = plan.changed and _allowed(plan, manner)
    except PlanRefused:
        stacks.drop(plan)
        raise
    if going:
        with manner.watching(plan) as watch:
            ended = stacks.execute(plan, wanted, watch)
        _raise_where_failed(wanted, ended)
    elif plan.changed:
        stacks.drop(plan)
    if plan.creates and not going:
        return Deployed(plan=plan, stack=None)
    after = stacks.describe(wanted.name)
    left = _protected(after, stacks) if after and wanted.protected and not manner.dry_run else ()
    return Deployed(plan=plan, stack=after, left=left)


def _protected(stack: Stack, stacks: StackService) -> tuple[str, ...]:
    """Protect the stack against deletion; where that can't be done, return what is left to do.

    It is no reason to leave the rest undone: the stack is as it is wanted, and the next deployment tries again.
    """
    try:
        stacks.protect(stack, on=True)
    except OutsideFailure as error:
        command = "aws cloudformation update-termination-protection --enable-termination-protection"
        line = f"protect the stack '{stack.name}' against deletion: '{command} --stack-name {stack.name}'"
        return (f"{line}, or deploy again as somebody who may ({error.problems[0].message})",)
    return ()


def _with_access(
    plan: StackPlan, wanted: WantedStack, stack: Stack | None, stacks: StackService, manner: Manner
) -> StackPlan:
    """Add what the plan widens, and what it narrows; all that a new stack gives is new. Say what it leaves behind."""
    if stack is None or plan.creates or not plan.changed:
        return plan
    try:
        deployed = stacks.template(stack)
    except OutsideFailure as error:
        return replace(plan, widens=(f"what it widens can't be told: {error.problems[0].message}",))
    for line in describe_move(deployed, wanted.template):
        manner.say(line)
    found = compare_templates(
        (deployed, stack.parameters), (wanted.template, {**stack.parameters, **wanted.parameters}), home_of(stack)
    )
    return replace(plan, widens=found.widens, narrows=found.narrows)


def home_of(stack: Stack) -> Home:
    """Return where a stack is, by its ARN."""
    _, _, _, region, account, *_ = stack.id.split(":")
    return Home(account=account, region=region, stack=stack.name)


def following(stack: Stack, begun: StackEvent | None, wanted: WantedStack | None = None) -> str:
    """Return a line on what is going on in a stack: since when, and whose it is as far as CloudFormation tells."""
    about = ""
    if begun:
        whose = "not by this tool"
        if begun.token.startswith(MARK):
            whose = "by another deployment"
        if wanted and begun.token.startswith(f"{wanted.mark}-"):
            whose = "by a deployment of the same"
        about = f", since {begun.when:%H:%M:%S} UTC, {whose}"
    return f"the stack '{stack.name}' is {stack.status}{about}: following it to its end"


def _allowed(plan: StackPlan, manner: Manner) -> bool:
    """Tell whether the plan is to be executed."""
    if manner.dry_run:
        return False
    if not manner.force:
        refuse_unsafe(plan)
    if not manner.confirm(plan):
        message = f"the plan for the stack '{plan.stack}' was not agreed to; nothing was changed"
        raise PlanRefused(
            Problem(id="PB668", message=message, hint="deploy again, and say yes; or look with --dry-run")
        )
    return True


def _ready(wanted: WantedStack, service: str, stacks: StackService, manner: Manner) -> Stack | None:
    """Return the stack, or None, once it can take a change set."""
    while True:
        stack = stacks.describe(wanted.name)
        if stack and (problem := foreign_problem(stack, service)):
            raise PlanRefused(problem)
        match way_on(stack), stack:
            case Way.FOLLOW, Stack() as busy:
                _join(busy, wanted, stacks, manner)
            case Way.CLEAR, Stack() as failed if not manner.dry_run:
                manner.say(
                    f"the stack '{failed.name}' is ROLLBACK_COMPLETE: its creation failed; deleting what is left"
                )
                with manner.watching(None) as watch:
                    _raise_where_not_deleted(failed, stacks, watch)
            case Way.REFUSE, Stack() as stuck:
                raise OutsideFailure(stuck_problem(stuck))
            case Way.CLEAR, Stack() as failed:
                hint = "deploy deletes it first; a dry run leaves it"
                message = f"the stack '{failed.name}' is ROLLBACK_COMPLETE: its creation failed"
                raise OutsideFailure(Problem(id="PB666", message=message, hint=hint))
            case _:
                return stack


def _join(stack: Stack, wanted: WantedStack, stacks: StackService, manner: Manner) -> None:
    """Follow what is going on; if it is this very deployment, begun and killed before, its failure is ours."""
    manner.say(following(stack, stacks.begun(stack), wanted))
    with manner.watching(None) as watch:
        ended = stacks.join(stack, watch)
    if ended.is_of(wanted):
        _raise_where_failed(wanted, ended)


def _raise_where_failed(wanted: WantedStack, ended: Ended) -> None:
    if ended.failed or ended.stack is None:  # somebody has deleted it meanwhile
        raise OutsideFailure(failure_problem(wanted.name, ended, problem="PB682", what="the deployment"))


def _raise_where_not_deleted(stack: Stack, stacks: StackService, watch: Watch) -> None:
    ended = stacks.delete(stack, watch)
    if ended.failed or ended.stack:
        raise OutsideFailure(failure_problem(stack.name, ended, problem="PB683", what="the deletion"))


def _from_storage(template: Template, storage: Stack) -> dict[str, str]:
    """Return the parameters that come from the storage stack's outputs."""
    declared = template.section("Parameters")
    needed = {name: output for name, output in STORAGE_OUTPUTS.items() if name in declared}
    missing = [output for output in needed.values() if output not in storage.outputs]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        message = f"the stack '{storage.name}' ({storage.status}) has no output {names}"
        raise OutsideFailure(Problem(id="PB685", message=message, hint="deploy without --dry-run brings it up to date"))
    return {name: storage.outputs[output] for name, output in needed.items()}


def _offline(name: str, template: Template) -> StackPlan:
    """Return the plan of a stack before there is anything that CloudFormation could be asked about."""
    found = template.resources.values()
    changes = tuple(ResourceChange(action="added", name=resource.id, type=resource.type) for resource in found)
    return StackPlan(stack=name, creates=True, changes=changes, offline=True)

"""Destroy: delete the service's stack, and only where that is asked for with all its data the storage stack too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import OutsideFailure, PlanRefused, Problem
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.deploy import Watch, following, storage_name
from pipeline_builder.stacks.stack_plan import DATA_STORES
from pipeline_builder.stacks.stacks import Ended, Stack, StackEvent, StackResource, failure_problem, foreign_problem

NEVER_DELETED = (
    "the SageMaker pipeline, its executions and their jobs",
    "model package groups and the model packages in them, endpoints",
    "connections to git hosts, secrets",
    "data, predictions and ledgers outside of the artifact bucket",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demolition:
    """What destroying a service takes away; a plan is a value.

    `bucket` is emptied and deleted where it is named. A stack that isn't there (any more) is empty.
    """

    service: str
    deleted: tuple[StackResource, ...] = ()
    kept: tuple[StackResource, ...] = ()
    storage: tuple[StackResource, ...] = ()
    with_data: bool = False
    bucket: str = ""

    @property
    def nothing(self) -> bool:
        return not (self.deleted or self.kept or (self.with_data and (self.storage or self.bucket)))


class DemolitionService(Protocol):
    """What destroying asks of CloudFormation; see aws/stacks.py."""

    def describe(self, name_or_id: str) -> Stack | None: ...

    def resources(self, stack: Stack) -> tuple[StackResource, ...]: ...

    def template(self, stack: Stack) -> str: ...

    def join(self, stack: Stack, watch: Watch) -> Ended: ...

    def begun(self, stack: Stack) -> StackEvent | None: ...

    def delete(self, stack: Stack, watch: Watch) -> Ended: ...

    def protect(self, stack: Stack, *, on: bool) -> None: ...


class Bucket(Protocol):
    """The artifact bucket as destroying sees it."""

    def owner(self, name: str) -> str | None:
        """Return the service that its tag names, empty where it has none; None where there is no such bucket."""
        ...

    def empty(self, name: str) -> None: ...

    def delete(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyManner:
    """How destroying goes about it: what it says and shows, and whom it asks."""

    say: Callable[[str], None]
    show: Callable[[Demolition], None]
    confirm: Callable[[Demolition], bool]
    watching: Callable[[], AbstractContextManager[Watch]]


def destroy(
    service: str,
    bucket_name: str,
    *,
    with_data: bool,
    stacks: DemolitionService,
    buckets: Bucket,
    manner: DestroyManner,
) -> Demolition:
    """Show what would go, ask, and delete it; again, it goes on where it was.

    `bucket_name` is what the artifact bucket is called, for a storage stack that is already gone.

    Raises:
        PlanRefused: PB668 where nobody agreed, PB686 where a stack of that name is not this service's.
        OutsideFailure: PB683 where a deletion failed, PB684 where somebody has protected the service's stack.
    """
    own = _settled(service, service, stacks, manner)
    storage = _settled(storage_name(service), service, stacks, manner)
    if own and own.protected:
        command = "aws cloudformation update-termination-protection --no-enable-termination-protection"
        message = f"the stack '{own.name}' is protected against deletion; somebody has switched that on"
        raise OutsideFailure(
            Problem(id="PB684", message=message, hint=f"where it is to go: '{command} --stack-name {own.name}'")
        )
    plan = _plan(service, own, storage, bucket_name, with_data=with_data, stacks=stacks, buckets=buckets)
    manner.show(plan)
    if plan.nothing:
        return plan
    if not manner.confirm(plan):
        raise PlanRefused(
            Problem(id="PB668", message=f"deleting the service '{service}' was not agreed to; nothing was changed")
        )
    if with_data and storage:
        _unprotect(storage, stacks)
    if own:
        _delete(own, stacks, manner)
    if with_data:
        _delete_storage(plan, storage, stacks, buckets, manner)
    return plan


def _settled(name: str, service: str, stacks: DemolitionService, manner: DestroyManner) -> Stack | None:
    """Return the stack when nothing is going on in it."""
    stack = stacks.describe(name)
    while stack and stack.busy:
        manner.say(following(stack, stacks.begun(stack)))
        with manner.watching() as watch:
            stacks.join(stack, watch)
        stack = stacks.describe(name)
    if stack and (problem := foreign_problem(stack, service)):
        raise PlanRefused(problem)
    return stack


def _plan(
    service: str,
    own: Stack | None,
    storage: Stack | None,
    bucket_name: str,
    *,
    with_data: bool,
    stacks: DemolitionService,
    buckets: Bucket,
) -> Demolition:
    found, stored = _resources(own, stacks), _resources(storage, stacks)
    bucket = storage.outputs.get("BucketName", bucket_name) if storage else bucket_name
    owner = buckets.owner(bucket) if with_data else None
    ours = owner is not None and (storage is not None or owner == service)
    return Demolition(
        service=service,
        deleted=tuple(resource for resource in found if not resource.kept),
        kept=tuple(resource for resource in found if resource.kept),
        storage=stored,
        with_data=with_data,
        bucket=bucket if ours else "",
    )


def _resources(stack: Stack | None, stacks: DemolitionService) -> tuple[StackResource, ...]:
    """Return what is in the stack; the deployed template's DeletionPolicy says what of it stays without the stack."""
    if stack is None:
        return ()
    text = stacks.template(stack)
    resources = load_template(text, f"the template of '{stack.name}'").resources if text else {}
    kept = {name for name, found in resources.items() if str(found.body.get("DeletionPolicy")).startswith("Retain")}
    return tuple(replace(resource, kept=resource.name in kept) for resource in stacks.resources(stack))


def _delete(stack: Stack, stacks: DemolitionService, manner: DestroyManner) -> None:
    with manner.watching() as watch:
        ended = stacks.delete(stack, watch)
    if ended.failed or ended.stack:
        raise OutsideFailure(failure_problem(stack.name, ended, problem="PB683", what="the deletion"))


def _unprotect(storage: Stack, stacks: DemolitionService) -> None:
    """Allow the stack's deletion, before anything is deleted: whoever may not do that has lost nothing."""
    try:
        stacks.protect(storage, on=False)
    except OutsideFailure as error:
        found = stacks.describe(storage.id)
        if found is None or found.status == "DELETE_IN_PROGRESS":  # by somebody else, at the same time
            return
        hint = f"nothing was deleted; cloudformation:UpdateTerminationProtection on '{storage.name}' is needed"
        raise OutsideFailure(*(replace(problem, hint=hint) for problem in error.problems)) from error


def _delete_storage(
    plan: Demolition, storage: Stack | None, stacks: DemolitionService, buckets: Bucket, manner: DestroyManner
) -> None:
    """Delete what is stored: the objects first, then the stack, then the bucket, which the stack leaves there."""
    if plan.bucket:
        buckets.empty(plan.bucket)
    if storage:
        _delete(storage, stacks, manner)
    if plan.bucket:
        buckets.delete(plan.bucket)
        manner.say(f"the bucket '{plan.bucket}' is deleted")


def render_demolition(plan: Demolition) -> str:
    """Return the plan as people read it."""
    if plan.nothing:
        kept = f"; the stack '{storage_name(plan.service)}' stays, with all data" if plan.storage else ""
        return f"service '{plan.service}': there is nothing to delete{kept}\n"
    gone = (*plan.deleted, *(found for found in plan.storage if plan.with_data and not _stays(found, plan)))
    lines = [f"service '{plan.service}' will be deleted: {len(gone)} resources"]
    width = max((len(resource.type) for resource in (*gone, *plan.kept)), default=0)
    lines += [_line("-", resource, width) for resource in gone]
    lines += ["kept:", *(_line(" ", resource, width) for resource in plan.kept)]
    if plan.with_data:
        lines += [_line(" ", resource, width) for resource in plan.storage if _stays(resource, plan)]
    else:
        holding = [found.physical or found.name for found in plan.storage if found.type in DATA_STORES]
        data = f"all data ({', '.join(holding) or 'nothing'})"
        lines.append(f"    the stack '{storage_name(plan.service)}' with {data}; --with-data deletes it")
    lines += [f"    {kept}" for kept in NEVER_DELETED]
    return "\n".join(lines) + "\n"


def _stays(resource: StackResource, plan: Demolition) -> bool:
    return resource.kept and resource.physical != plan.bucket


def _line(sign: str, resource: StackResource, width: int) -> str:
    physical = f" ({resource.physical})" if resource.physical and resource.physical != resource.name else ""
    holds = DATA_STORES.get(resource.type)
    lost = f": with {holds}" if holds and sign == "-" else ""
    return f"  {sign} {resource.type:<{width}}  {resource.name}{physical}{lost}"


def demolition_json(plan: Demolition) -> dict[str, JSON]:
    """Return the plan as JSON."""
    return {**asdict(plan), "never_deleted": list(NEVER_DELETED)}

"""Access of what gathers events into batches: a machine that each event starts, and one that starts a pipeline."""

from __future__ import annotations

from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.projects import start
from pipeline_builder.service.cloudformation.access.resources import objects
from pipeline_builder.service.cloudformation.access.statements import OURS, Role, Statement, arn, literal
from pipeline_builder.service.cloudformation.access.waiting import machine_logs

ARRIVALS, BATCH = "arrivals", "batch"


def gather_roles(facts: Facts) -> tuple[Role, ...]:
    """Return the roles of both machines."""
    first = _start_machine(facts, BATCH, "one execution by name is one batch, whatever begins it again")
    pipelines = start(*(one.service.name for one in (facts, *facts.further) if one.is_gathered))
    return (
        _role(ARRIVALS, (first, machine_logs()), "Step Functions: tells each event the batch that it belongs to"),
        _role(BATCH, (pipelines, machine_logs()), "Step Functions: starts a pipeline once for a batch of events"),
    )


def start_gather(facts: Facts) -> tuple[Statement, ...]:
    """Return what starting the first machine takes, where there is one."""
    if not facts.gathers:
        return ()
    return (_start_machine(facts, ARRIVALS, "events that start a pipeline in batches"),)


def look_at_landing(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking takes whether the buckets tell of their new objects whose data starts this pipeline."""
    buckets = tuple(dict.fromkeys(address.removeprefix("s3://").partition("/")[0] for address in facts.landing))
    if not buckets:
        return ()
    resources = tuple(text for bucket in buckets for text in objects(literal(bucket)))
    why = "whether they send their events to EventBridge"
    actions = ("s3:GetBucketNotification",)
    return (Statement(sid="LookAtLanding", actions=actions, resources=resources, why=why),)


def _start_machine(facts: Facts, name: str, why: str) -> Statement:
    machine = arn("states", f"stateMachine:{facts.service.name}-{name}")
    sid = f"Start{name.capitalize()}"
    return Statement(sid=sid, actions=("states:StartExecution",), resources=(machine,), why=why)


def _role(name: str, statements: tuple[Statement, ...], description: str) -> Role:
    return Role(
        name=name,
        trust="states.amazonaws.com",
        trust_conditions=OURS,
        statements=statements,
        description=description,
    )

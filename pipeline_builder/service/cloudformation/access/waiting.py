"""Access of what waits for a run: the state machine, and who may start it."""

from __future__ import annotations

from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.resources import named
from pipeline_builder.service.cloudformation.access.statements import OURS, Role, Statement, arn

# The actions of the stage that waits without a build.
START, WAIT, JUDGE = "Start", "Wait", "Judge"
_STAGES = {"training": "Train", "inference": "Score"}
# What the state machine says in its answer where it has stopped a run, by which Judge knows it.
TOO_LONG = "it has taken longer than a run may"
# What Start gives in the place of an execution where it has started none, as it was too early for a score.
NO_EXECUTION = "none"


def run_stage(kind: str) -> str:
    """Return the stage that runs a pipeline of a kind, and waits for that."""
    return _STAGES[kind]


def machine_name(service: str) -> str:
    """Return the name of a service's state machine."""
    return f"{service}-wait"


def start_wait(facts: Facts, *others: Facts) -> tuple[Statement, ...]:
    """Return what starting the state machine takes, where there is one; `others` are of further pipelines."""
    if not facts.waits_without_build:
        return ()
    names = (machine_name(one.service.name) for one in (facts, *others))
    machines = tuple(arn("states", f"stateMachine:{name}") for name in names)
    why = "the state machine that waits for the run"
    return (Statement(sid="StartWait", actions=("states:StartExecution",), resources=machines, why=why),)


def wait_role(facts: Facts) -> Role:
    """Return the role of the state machine: it looks, stops in time, and answers one action of the pipeline."""
    return Role(
        name="wait",
        trust="states.amazonaws.com",
        trust_conditions=OURS,
        statements=(*_looks(facts), _answers(facts), machine_logs()),
        description="Step Functions: waits for a run, stops it when its time is up, answers the action Wait",
    )


def _looks(facts: Facts) -> tuple[Statement, ...]:
    name = facts.service.name
    return (
        Statement(
            sid="Executions",
            actions=("sagemaker:DescribePipelineExecution", "sagemaker:StopPipelineExecution"),
            resources=named("pipeline", facts.definition.pipeline, "/execution/*"),
        ),
        Statement(
            sid="LookAtPipeline",
            actions=("codepipeline:GetPipelineState",),
            resources=(arn("codepipeline", name),),
            why="whether Wait is asked, and the token of its answer",
        ),
        Statement(
            sid="FirstOfCause",
            actions=("states:DescribeExecution",),
            resources=(arn("states", f"execution:{machine_name(name)}:*"),),
            why="what the machine was given that the same execution of CodePipeline has started before",
        ),
    )


def _answers(facts: Facts) -> Statement:
    action = arn("codepipeline", f"{facts.service.name}/{run_stage(facts.kind)}/{WAIT}")
    why = "this action alone: no approval of models"
    return Statement(sid="Answer", actions=("codepipeline:PutApprovalResult",), resources=(action,), why=why)


def machine_logs() -> Statement:
    """Return what the log of a state machine takes."""
    return Statement(
        sid="Logs",
        actions=(
            "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
            "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ),
        resources=("*",),
        why="Step Functions delivers its logs by CloudWatch; the actions take no resource",
    )  # fmt: skip

"""What starts pipelines besides pushes and schedules: data that comes, approvals, scores that ask for a training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.access.resources import artifact_keys

if TYPE_CHECKING:
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.service.cloudformation.access.facts import Facts
    from pipeline_builder.service.cloudformation.description.model import ServiceModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Events that start a pipeline once for all of them that come within `minutes`.

    `id` and `rule` are the names of the rule in the template and on AWS, `batch` begins those of its batches. Of data
    `bucket` and `prefixes` say where it comes, of approvals `groups` whose.
    """

    id: str
    rule: str
    pipeline: str
    batch: str
    trigger: str
    minutes: int
    bucket: str = ""
    prefixes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


# Several models are approved by one stage, in seconds.
_APPROVALS_MINUTES = 1


def gathered_events(model: ServiceModel) -> tuple[Gathered, ...]:
    """Return what a pipeline's own trigger asks for."""
    found = list(_of_data(model))
    if model.trigger.approval and model.used:
        groups = tuple(sorted({group.rpartition("/")[2] for group in model.used}))
        found.append(
            Gathered(
                id=f"{model.id}Approved",
                rule=f"{model.name}-approved",
                pipeline=model.name,
                batch=f"{model.handle or 'main'}-approval",
                trigger="approval",
                minutes=_APPROVALS_MINUTES,
                groups=groups,
            )
        )
    return tuple(found)


def _of_data(model: ServiceModel) -> Iterator[Gathered]:
    prefixes: dict[str, list[str]] = {}
    for address in model.trigger.data:
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        prefixes.setdefault(bucket, []).append(prefix)
    for number, (bucket, found) in enumerate(sorted(prefixes.items()), 1):
        yield Gathered(
            id=f"{model.id}Landing{number}",
            rule=f"{model.name}-data-{number}",
            pipeline=model.name,
            batch=f"{model.handle or 'main'}-data",
            trigger="data",
            minutes=model.trigger.batch_minutes,
            bucket=bucket,
            prefixes=() if "" in found else tuple(sorted(set(found))),
        )


def landing_buckets(models: Iterable[ServiceModel]) -> tuple[str, ...]:
    """Return the buckets whose new objects start something."""
    return tuple(sorted({one.bucket for model in models for one in _of_data(model)}))


def kept_problems(facts: Facts, manifest: Manifest, bucket: str) -> Iterator[Problem]:
    """Yield PB981 for data that is to come where the service keeps what each run writes.

    What steps write is held against it where the pipeline is composed (PB987).
    """
    names = facts.beside or (facts.service.name,)
    base = facts.definition.base
    folders = (f"{base}/ledger/", f"{base}/evidence/", f"{base}/code/", f"{base}/definitions/")
    kept = [(bucket, key) for key in folders]
    kept += [(facts.artifacts, key) for key in (f"{facts.prefix}runs/", f"{facts.prefix}builds/")]
    kept += [(facts.artifacts, key.removesuffix("*")) for name in names for key in artifact_keys(name)]
    for address in manifest.entry.trigger.data:
        where, _, prefix = address.removeprefix("s3://").partition("/")
        found = next((key for one, key in kept if one == where and key.startswith(prefix)), None)
        found = found or next((key for one, key in kept if one == where and prefix.startswith(key)), None)
        if found is not None:
            message = (
                f"new objects below '{address}' are to start the pipeline '{manifest.entry.name}', and each run writes "
                f"to 's3://{where}/{found}': it would start itself for ever"
            )
            hint = "let data come below a prefix of its own"
            yield Problem(id="PB981", message=message, place=manifest.entry.at("trigger"), hint=hint)


def batch_definition() -> Mapping[str, object]:
    """Return the machine that waits for the end of a batch, and starts its pipeline; it stands in Fn::Sub.

    It is started by name, one of a name is all that there is in three months. What comes once more is known by it.
    """
    return {
        "Comment": "Starts a pipeline of CodePipeline when the time of a batch of events is over",
        "QueryLanguage": "JSONata",
        "StartAt": "Gather",
        "States": {
            "Gather": {"Type": "Wait", "Timestamp": "{% $states.input.until %}", "Next": "Start"},
            "Start": {
                "Type": "Task",
                "Resource": "arn:${AWS::Partition}:states:::aws-sdk:codepipeline:startPipelineExecution",
                "Arguments": {
                    "Name": "{% $states.input.pipeline %}",
                    "ClientRequestToken": "{% $states.context.Execution.Name %}",
                    "Variables": [{"Name": "TRIGGER", "Value": "{% $states.input.trigger %}"}],
                },
                "TimeoutSeconds": 60,
                "Retry": [{**_RETRY, "MaxAttempts": 20}],
                "End": True,
            },
        },
    }


def arrivals_definition(service: str) -> Mapping[str, object]:
    """Return the machine that each event starts: it begins the batch that the event's time is in.

    The batch of a time ends at the same moment for all events of it; the first one begins it, for the others it is
    there. One that comes when it is over was there when the pipeline looked, as its object was made before.
    """
    number = "$floor($toMillis($states.input.time) / ($states.input.minutes * 60000))"
    until = f"$fromMillis(({number} + 1) * $states.input.minutes * 60000)"
    told = f'{{"pipeline": $states.input.pipeline, "trigger": $states.input.trigger, "until": {until}}}'
    machine = f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:stateMachine:{service}-batch"
    return {
        "Comment": "Begins the batch that an event belongs to, where no other event has",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            "Begin": {
                "Type": "Task",
                "Resource": "arn:${AWS::Partition}:states:::aws-sdk:sfn:startExecution",
                "Arguments": {
                    "StateMachineArn": machine,
                    "Name": f"{{% $states.input.batch & '-' & $string({number}) %}}",
                    "Input": f"{{% $string({told}) %}}",
                },
                "TimeoutSeconds": 30,
                "Retry": [{"ErrorEquals": [_THERE], "MaxAttempts": 0}, {**_RETRY, "MaxAttempts": 5}],
                "Catch": [{"ErrorEquals": [_THERE], "Next": "There"}],
                "End": True,
            },
            "There": {"Type": "Succeed"},
        },
    }


_THERE = "Sfn.ExecutionAlreadyExistsException"
_RETRY: Mapping[str, object] = {
    "ErrorEquals": ["States.TaskFailed", "States.Timeout"], "IntervalSeconds": 2, "BackoffRate": 2,
    "MaxDelaySeconds": 120, "JitterStrategy": "FULL",
}  # fmt: skip

"""Everything goes again: what runs is stopped, what was made is deleted; a sweep by tag and name says what is left.

Each step may be repeated, and one that fails doesn't keep the others from being done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from acceptance import own
from acceptance.following import ENDS, executions, stop
from acceptance.ground import TAG, Ground, NotHere, NotSeen, Otherwise, code_of
from acceptance.scenarios import asking
from pipeline_builder.aws.client import ChangedError, NotFoundError
from pipeline_builder.aws.emptying import Buckets
from pipeline_builder.errors import OutsideFailure, PipelineBuilderError

JOB_LOGS = ("ProcessingJobs", "TrainingJobs", "TransformJobs")
FAULTS = (PipelineBuilderError, NotFoundError, ChangedError, Otherwise, NotSeen)
_FORGETS = 10
"""Minutes in which the tagging API forgets what is deleted."""


def remove(ground: Ground) -> tuple[str, ...]:
    """Take everything away; return what is left, each with what failed or how it can be removed."""
    failed = [_take(ground, title, step) for title, step in STEPS]
    return (*filter(None, failed), *sweep(ground))


def _take(ground: Ground, title: str, step: Callable[[Ground], None]) -> str:
    """Do a step; return what failed."""
    ground.say(f"  taking away: {title}")
    try:
        step(ground)
    except NotHere:
        return ""
    except FAULTS as error:
        return f"{title}: {error}"
    return ""


def _pipelines(ground: Ground) -> tuple[str, ...]:
    """Return the names of the acceptance's pipelines of CodePipeline."""
    return (ground.name, asking.name_of(ground), f"{ground.name}-long")


def stop_runs(ground: Ground) -> None:
    """Stop every execution that goes on."""
    for name in _pipelines(ground):
        if ground.there("codepipeline", "get_pipeline", name=name) is None:
            continue
        for one in executions(ground, name):
            if one["status"] not in ENDS:
                stop(ground, name, str(one["pipelineExecutionId"]))


def stop_training(ground: Ground) -> None:
    """Stop executions of SageMaker, note their ids (jobs and models are named after them), and wait for their end."""
    ids: list[str] = []
    for arn, status in _model_executions(ground):
        ids.append(arn.rsplit("/", 1)[-1])
        if status == "Executing":
            _stop(ground, arn)
    known = ground.book.state.notes.get("executions", "").split()
    ground.book.note("executions", " ".join(sorted({*known, *ids})))

    def look() -> bool:
        return all(status not in ("Executing", "Stopping") for _, status in _model_executions(ground))

    ground.wait("the end of every execution of SageMaker", look, minutes=20)


def _stop(ground: Ground, arn: str) -> None:
    """Stop an execution; one that has ended meanwhile is refused, and that is as good."""
    token = ground.token("stop", arn)
    try:
        ground.call("sagemaker", "stop_pipeline_execution", PipelineExecutionArn=arn, ClientRequestToken=token)
    except OutsideFailure as error:
        if code_of(error) != "ValidationException":
            raise


def _names(ground: Ground) -> tuple[str, ...]:
    found = ground.pages("sagemaker", "list_pipelines", "PipelineSummaries", PipelineNamePrefix=ground.name)
    return tuple(str(one["PipelineName"]) for one in found)


def _model_executions(ground: Ground) -> Iterator[tuple[str, str]]:
    for name in _names(ground):
        for one in ground.pages(
            "sagemaker", "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=name
        ):
            yield str(one["PipelineExecutionArn"]), str(one["PipelineExecutionStatus"])


def destroy_service(ground: Ground) -> None:
    """Destroy the service with its data, as people do."""
    if "version of round 1" not in ground.book.state.notes:
        return
    if not (ground.repository / "model_repos.yaml").exists():  # on another machine, or killed while it was written
        own.write_service(ground, round_=1)
    ground.command("destroy", "--with-data", "--yes", "--force")


def delete_models(ground: Ground) -> None:
    """Delete packages, their group, and the models that pipelines have made."""
    group = ground.name
    if ground.there("sagemaker", "describe_model_package_group", ModelPackageGroupName=group):
        listed = ground.pages(
            "sagemaker", "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group
        )
        for one in tuple(listed):
            _gone(ground, "sagemaker", "delete_model_package", ModelPackageName=one["ModelPackageArn"])
        _gone(ground, "sagemaker", "delete_model_package_group", ModelPackageGroupName=group)
    for execution in ground.book.state.notes.get("executions", "").split():
        found = ground.pages("sagemaker", "list_models", "Models", NameContains=execution)
        for one in tuple(found):
            _gone(ground, "sagemaker", "delete_model", ModelName=one["ModelName"])


def delete_training_pipelines(ground: Ground) -> None:
    """Delete the pipelines of SageMaker."""
    for name in _names(ground):
        token = ground.token("delete", name)
        _gone(ground, "sagemaker", "delete_pipeline", PipelineName=name, ClientRequestToken=token)


def delete_pipelines(ground: Ground) -> None:
    """Delete the pipelines beside the service's, and the build of one."""
    for name in _pipelines(ground)[1:]:
        _gone(ground, "codepipeline", "delete_pipeline", name=name)
    _gone(ground, "codebuild", "delete_project", name=f"{ground.name}-long")


def delete_rule(ground: Ground) -> None:
    """Delete the rule that starts the pipeline that only asks."""
    rule = f"{ground.name}-event"
    if ground.there("events", "describe_rule", Name=rule):
        _gone(ground, "events", "remove_targets", Rule=rule, Ids=["pipeline"])
        _gone(ground, "events", "delete_rule", Name=rule)


def delete_logs(ground: Ground) -> None:
    """Delete the groups of builds, and the jobs' streams in the groups that SageMaker shares among all."""
    for group in tuple(_log_groups(ground)):
        _gone(ground, "logs", "delete_log_group", logGroupName=group)
    for execution in ground.book.state.notes.get("executions", "").split():
        for kind in JOB_LOGS:
            _delete_streams(ground, f"/aws/sagemaker/{kind}", f"pipelines-{execution}")


def _log_groups(ground: Ground) -> Iterator[str]:
    for prefix in (f"/aws/codebuild/{ground.name}-", f"/aws/vendedlogs/states/{ground.name}-"):
        for one in ground.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            yield str(one["logGroupName"])


def _delete_streams(ground: Ground, group: str, prefix: str) -> None:
    try:
        found = tuple(
            ground.pages("logs", "describe_log_streams", "logStreams", logGroupName=group, logStreamNamePrefix=prefix)
        )
    except NotFoundError:
        return
    for one in found:
        _gone(ground, "logs", "delete_log_stream", logGroupName=group, logStreamName=one["logStreamName"])


def delete_buckets(ground: Ground) -> None:
    """Delete the acceptance's own bucket with every version in it, and the service's, should it still be there."""
    buckets = Buckets(ground.aws, ground.account, lambda count: ground.say(f"    {count} versions of objects deleted"))
    for name in (ground.own, ground.bucket):
        if ground.there("s3", "head_bucket", Bucket=name) is not None:
            buckets.empty(name)
            buckets.delete(name)


def delete_roles(ground: Ground) -> None:
    """Delete the acceptance's own roles."""
    for kind in (own.JOBS, own.ASKS):
        name = f"{ground.name}-{kind}"
        if ground.there("iam", "get_role", RoleName=name):
            _gone(ground, "iam", "delete_role_policy", RoleName=name, PolicyName=kind)
            _gone(ground, "iam", "delete_role", RoleName=name)


def _gone(ground: Ground, service: str, operation: str, **arguments: Any) -> None:
    """Delete something that may be gone already."""
    ground.there(service, operation, **arguments)


STEPS: tuple[tuple[str, Callable[[Ground], None]], ...] = (
    ("executions of CodePipeline", stop_runs),
    ("executions of SageMaker", stop_training),
    ("the rule", delete_rule),
    ("the service, with its data", destroy_service),
    ("pipelines of CodePipeline", delete_pipelines),
    ("models and packages", delete_models),
    ("pipelines of SageMaker", delete_training_pipelines),
    ("logs", delete_logs),
    ("buckets", delete_buckets),
    ("roles", delete_roles),
)


def sweep(ground: Ground) -> tuple[str, ...]:
    """Return what is left, by the tag of everything and by name."""
    looks = (_by_tag, _stacks, _buckets, _roles, _logs, _sagemaker)
    return tuple(line for look in looks for line in _looked(ground, look))


def _looked(ground: Ground, look: Callable[[Ground], list[str]]) -> list[str]:
    try:
        return look(ground)
    except NotHere as error:
        ground.say(f"  not looked for: {error}")
    except FAULTS as error:
        return [f"could not be looked for: {error}"]
    return []


def _by_tag(ground: Ground) -> list[str]:
    """The tagging API is told of a deletion later than others, so it is asked again for a while."""
    wanted = [{"Key": TAG, "Values": [ground.book.state.suffix]}]

    def tagged() -> list[str]:
        listed = ground.pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=wanted)
        return [str(one["ResourceARN"]) for one in listed]

    try:
        ground.wait("the end of everything with the tag", lambda: not tagged(), minutes=_FORGETS)
    except NotSeen:
        return [f"{arn}: still has the tag" for arn in tagged()]
    return []


def _stacks(ground: Ground) -> list[str]:
    names = (ground.name, f"{ground.name}-storage")
    return [
        f"the stack {name}: aws cloudformation delete-stack --stack-name {name}"
        for name in names
        if (found := ground.there("cloudformation", "describe_stacks", StackName=name))
        and found["Stacks"][0]["StackStatus"] != "DELETE_COMPLETE"
    ]


def _buckets(ground: Ground) -> list[str]:
    return [
        f"the bucket {name}: aws s3 rb --force s3://{name}"
        for name in (ground.own, ground.bucket)
        if ground.there("s3", "head_bucket", Bucket=name) is not None
    ]


def _roles(ground: Ground) -> list[str]:
    found = ground.pages("iam", "list_roles", "Roles")
    return [f"the role {one['RoleName']}" for one in found if str(one["RoleName"]).startswith(f"{ground.name}-")]


def _logs(ground: Ground) -> list[str]:
    return [f"the log group {name}: aws logs delete-log-group --log-group-name {name}" for name in _log_groups(ground)]


def _sagemaker(ground: Ground) -> list[str]:
    group = ground.there("sagemaker", "describe_model_package_group", ModelPackageGroupName=ground.name)
    return [
        *([f"the model package group {ground.name}"] if group else []),
        *(f"the SageMaker pipeline {name}" for name in _names(ground)),
    ]

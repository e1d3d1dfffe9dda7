"""Everything goes again: what runs is stopped, what was made is deleted; a sweep by tag and name says what is left.

Each step may be repeated, and one that fails doesn't keep the others from being done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acceptance import own
from acceptance.belongings import code_pipelines, log_groups, training_executions, training_pipelines
from acceptance.faults import FAULTS
from acceptance.following import ENDS, executions, stop
from acceptance.ground import Ground, NotHere, code_of
from acceptance.sweep import sweep
from pipeline_builder.aws.client import NotFoundError
from pipeline_builder.aws.emptying import Buckets
from pipeline_builder.errors import OutsideFailure

JOB_LOGS = ("ProcessingJobs", "TrainingJobs", "TransformJobs")


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
    except Exception as error:  # noqa: BLE001 - a mistake of ours in one step leaves nothing else behind
        return f"{title}: a bug of the acceptance: {error!r}"
    return ""


def stop_runs(ground: Ground) -> None:
    """Stop every execution that goes on."""
    for name in code_pipelines(ground):
        if ground.there("codepipeline", "get_pipeline", name=name) is None:
            continue
        for one in executions(ground, name):
            if one["status"] not in ENDS:
                stop(ground, name, str(one["pipelineExecutionId"]))


def stop_training(ground: Ground) -> None:
    """Stop executions of SageMaker, note their ids (jobs and models are named after them), and wait for their end."""
    ids: list[str] = []
    for arn, status in training_executions(ground):
        ids.append(arn.rsplit("/", 1)[-1])
        if status == "Executing":
            _stop(ground, arn)
    known = ground.book.state.notes.get("executions", "").split()
    ground.book.note("executions", " ".join(sorted({*known, *ids})))

    def look() -> bool:
        return all(status not in ("Executing", "Stopping") for _, status in training_executions(ground))

    ground.wait("the end of every execution of SageMaker", look, minutes=20)


def _stop(ground: Ground, arn: str) -> None:
    """Stop an execution; one that has ended meanwhile is refused, and that is as good."""
    token = ground.token("stop", arn)
    try:
        ground.call("sagemaker", "stop_pipeline_execution", PipelineExecutionArn=arn, ClientRequestToken=token)
    except OutsideFailure as error:
        if code_of(error) != "ValidationException":
            raise


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


def delete_jobs(ground: Ground) -> None:
    """Delete what is described of jobs that have ended; of transforms SageMaker keeps it, and it costs nothing."""
    for execution in ground.book.state.notes.get("executions", "").split():
        for kind in ("Processing", "Training"):
            word = kind.lower()
            listed = ground.pages(
                "sagemaker", f"list_{word}_jobs", f"{kind}JobSummaries", NameContains=f"pipelines-{execution}"
            )
            for one in tuple(listed):
                name = {f"{kind}JobName": one[f"{kind}JobName"]}
                _gone(ground, "sagemaker", f"delete_{word}_job", **name)


def delete_training_pipelines(ground: Ground) -> None:
    """Delete the pipelines of SageMaker."""
    for name in training_pipelines(ground):
        token = ground.token("delete", name)
        _gone(ground, "sagemaker", "delete_pipeline", PipelineName=name, ClientRequestToken=token)


def delete_pipelines(ground: Ground) -> None:
    """Delete the pipelines beside the service's, and the build of one."""
    for name in code_pipelines(ground)[1:]:
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
    for group in tuple(log_groups(ground)):
        _gone(ground, "logs", "delete_log_group", logGroupName=group)
    for execution in ground.book.state.notes.get("executions", "").split():
        for kind in JOB_LOGS:
            _delete_streams(ground, f"/aws/sagemaker/{kind}", f"pipelines-{execution}")


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
    ("jobs", delete_jobs),
    ("logs", delete_logs),
    ("buckets", delete_buckets),
    ("roles", delete_roles),
)

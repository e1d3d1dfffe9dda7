"""The last look: what is left of an acceptance, by the tag that everything has, and by name where there are no tags."""

from __future__ import annotations

import re
from collections.abc import Callable

from acceptance.belongings import log_groups, training_pipelines
from acceptance.faults import FAULTS
from acceptance.ground import TAG, Ground, NotHere, NotSeen

# What is described of a transform that has ended can't be deleted, and costs nothing.
_ENDED_JOB = re.compile(r":sagemaker:.*:transform-job/")
_FORGETS = 10
"""Minutes in which the tagging API forgets what is deleted."""


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
        arns = [str(one["ResourceARN"]) for one in listed]
        return [arn for arn in arns if not _ENDED_JOB.search(arn)]

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
    return [f"the log group {name}: aws logs delete-log-group --log-group-name {name}" for name in log_groups(ground)]


def _sagemaker(ground: Ground) -> list[str]:
    group = ground.there("sagemaker", "describe_model_package_group", ModelPackageGroupName=ground.name)
    return [
        *([f"the model package group {ground.name}"] if group else []),
        *(f"the SageMaker pipeline {name}" for name in training_pipelines(ground)),
    ]

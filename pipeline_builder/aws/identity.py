"""Who we are on AWS: account, Region and role out of the credentials, for values that nobody has set."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.codepipeline import person
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem

# What boto3 calls the Region of STS where none is configured.
_NOWHERE = "aws-global"
_ASSUMED = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+")


def look_up(values: Mapping[str, str], aws: Aws | None = None) -> dict[str, str]:
    """Return the values with SMP_REGION, SMP_ACCOUNTID and SMP_ROLE where these are unset and can be told.

    The role is the one that the credentials are of, as inside of SageMaker and CodeBuild; a user has none. What can't
    be told stays unset: the settings then say what is missing.
    """
    found = {name: value for name, value in values.items() if value.strip()}
    if {"SMP_REGION", "SMP_ACCOUNTID", "SMP_ROLE"} <= found.keys():
        return found
    aws = aws or Aws(found.get("SMP_REGION", ""))
    with contextlib.suppress(OutsideFailure):
        region = aws.client("sts").meta.region_name
        if region and region != _NOWHERE:
            found.setdefault("SMP_REGION", region)
        caller = aws.call("sts", "get_caller_identity")
        found.setdefault("SMP_ACCOUNTID", caller["Account"])
        if role := _role(aws, caller["Arn"]):
            found.setdefault("SMP_ROLE", role)
    return found


def caller_name(aws: Aws) -> str:
    """Return who the credentials are of, as people know them: a session's name and its role, or a user's."""
    return person(str(aws.call("sts", "get_caller_identity")["Arn"]))


def check_caller(aws: Aws, *, account: str, region: str) -> None:
    """See that what was rendered for an account and a Region goes there, before anything is asked of them.

    Raises:
        InputProblems: PB665 where the credentials are another account's, or the Region is another one.
        OutsideFailure: PB701 without credentials.
    """
    caller = aws.call("sts", "get_caller_identity")
    problems = []
    if caller["Account"] != account:
        message = (
            f"the credentials are of the account {caller['Account']} ({caller['Arn']}), and SMP_ACCOUNTID is {account}"
        )
        hint = "log in to that account, or choose its profile with AWS_PROFILE; or correct SMP_ACCOUNTID"
        problems.append(Problem(id="PB665", message=message, hint=hint))
    used = aws.client("cloudformation").meta.region_name
    if used != region:
        message = f"the service is rendered for {region}, and AWS is asked in {used}"
        problems.append(Problem(id="PB665", message=message, hint="correct SMP_REGION"))
    if problems:
        raise InputProblems(*problems)


def _role(aws: Aws, caller: str) -> str:
    """Return the ARN of the role that an assumed one is of; its path is known to IAM only."""
    match = _ASSUMED.fullmatch(caller)
    if match is None:
        return ""
    with contextlib.suppress(OutsideFailure, NotFoundError):
        return str(aws.call("iam", "get_role", RoleName=match["role"])["Role"]["Arn"])
    return f"arn:{match['partition']}:iam::{match['account']}:role/{match['role']}"

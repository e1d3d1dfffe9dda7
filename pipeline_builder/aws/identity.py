"""Who we are on AWS: account, Region and role out of the credentials, for values that nobody has set."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import OutsideFailure

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
        if region := aws.client("sts").meta.region_name:
            found.setdefault("SMP_REGION", region)
        caller = aws.call("sts", "get_caller_identity")
        found.setdefault("SMP_ACCOUNTID", caller["Account"])
        if role := _role(aws, caller["Arn"]):
            found.setdefault("SMP_ROLE", role)
    return found


def _role(aws: Aws, caller: str) -> str:
    """Return the ARN of the role that an assumed one is of; its path is known to IAM only."""
    match = _ASSUMED.fullmatch(caller)
    if match is None:
        return ""
    with contextlib.suppress(OutsideFailure, NotFoundError):
        return str(aws.call("iam", "get_role", RoleName=match["role"])["Role"]["Arn"])
    return f"arn:{match['partition']}:iam::{match['account']}:role/{match['role']}"

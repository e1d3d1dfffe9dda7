"""What builds on AWS have of a manifest's account: values for composing, and where the service's things are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline_builder.definition.roles import made_roles
from pipeline_builder.documents.prefix import read_prefix
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.opened import Opened
from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.service.cloudformation.description.model import Place

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


def aws_values(manifest: Manifest, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that builds on AWS have: what the service makes stands for what nobody has set.

    Raises:
        InputProblems: PB616 where account, Region or a given role are not AWS's.
    """
    service = manifest.service
    account, region = values.get("SMP_ACCOUNTID", "").strip(), values.get("SMP_REGION", "").strip()
    problems = list(_value_problems(account, region))
    bucket = _given(values, "SMP_S3BUCKETNAME") or f"{service.name}-{account}-{region}"
    role = f"arn:{partition_of(region).name}:iam::{account}:role/{manifest.service_name}-execution"
    if service.execution_role == "given":
        role = _given(values, "SMP_ROLE")
        if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", role, re.ASCII):
            message = f"SMP_ROLE is '{role}', and the service is to use it as execution role ('execution_role: given')"
            hint = "set SMP_ROLE to the role's ARN in the environment or in .env"
            problems.append(Problem(id="PB616", message=message, place=manifest.service_place, hint=hint))
    if problems:
        raise InputProblems(*problems)
    own = service.execution_role == "per-repository"
    jobs = made_roles(manifest.service_name, account=account, region=region) if own else role
    return {**values, "SMP_S3BUCKETNAME": bucket, "SMP_ROLE": role, "SMP_JOBROLES": jobs, "SMP_TARGET": "aws"}


def _given(values: Mapping[str, str], name: str) -> str:
    """Return a value that somebody has set; the local target's own are nobody's."""
    value = values.get(name, "").strip()
    return "" if value == LOCAL_DEFAULTS[name] else value


def _value_problems(account: str, region: str) -> Iterator[Problem]:
    if not _ACCOUNT.fullmatch(account) or account == LOCAL_DEFAULTS["SMP_ACCOUNTID"]:
        message = f"SMP_ACCOUNTID is '{account}', expected the twelve digits of the account that the service goes to"
        hint = "set SMP_ACCOUNTID in the environment or in .env; with --target aws it is that of the credentials"
        yield Problem(id="PB616", message=message, hint=hint)
    if not _REGION.fullmatch(region):
        message = f"SMP_REGION is '{region}', expected the Region that the service goes to, such as 'eu-central-1'"
        hint = "set SMP_REGION in the environment or in .env; with --target aws it is that of the profile"
        yield Problem(id="PB616", message=message, hint=hint)


def repository_root(folder: Path) -> Path:
    """Return the root of the git repository that the folder is in; the folder itself where it is in none."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def place_of(opened: Opened, values: Mapping[str, str], pipeline: str) -> Place:
    """Return the account and what the definition lives with in it."""
    workspace = opened.workspace
    return Place(
        account=values["SMP_ACCOUNTID"].strip(),
        region=values["SMP_REGION"].strip(),
        pipeline=pipeline,
        bucket=values["SMP_S3BUCKETNAME"],
        role=values["SMP_ROLE"],
        prefix=read_prefix(values),
        manifest=workspace.manifest_path.relative_to(repository_root(workspace.root)).as_posix(),
        kms_key=values.get("SMP_KMSKEY", "").strip(),
        subnets=values.get("SMP_SUBNETS", "").strip(),
        security_groups=values.get("SMP_SECURITYGROUPS", "").strip(),
    )

"""Preflight: whether the account has what a definition needs, all findings at once; it only reads.

What this process may not look at is a warning: the pipeline's own role may be allowed more, or less.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pipeline_builder.aws.client import Aws, NotFoundError, UnservedError
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.regions.hosts import ecr_image, registry

_DENIED = "PB704"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a definition takes of an account; `instances` counts by quota name the most that one job wants, `pools` the
    most that one wants to stay after it.
    """

    role: str
    bucket: str
    region: str
    kms_key: str = ""
    job_roles: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    instances: Mapping[str, int] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)


def needs_of(definition: bytes, *, role: str, bucket: str, region: str, kms_key: str) -> Needs:
    """Read the needs out of a definition."""
    images: set[str] = set()
    roles: set[str] = set()
    functions: set[str] = set()
    instances: dict[str, int] = {}
    pools: dict[str, int] = {}
    for kind, found in _mappings(json.loads(definition)["Steps"], ""):
        images |= {found[key] for key in ("ImageUri", "TrainingImage", "Image") if isinstance(found.get(key), str)}
        roles |= {found[key] for key in ("RoleArn", "ExecutionRoleArn") if isinstance(found.get(key), str)}
        if isinstance(function := found.get("FunctionArn"), str) and f":lambda:{region}:" in function:
            functions.add(function)
        name, count = found.get("InstanceType"), found.get("InstanceCount")
        if isinstance(name, str) and isinstance(count, int):
            quota = f"{name} for {kind} job usage"
            instances[quota] = max(count, instances.get(quota, 0))
            if found.get("KeepAlivePeriodInSeconds"):
                pool = f"{name} for {kind} warm pool usage"
                pools[pool] = max(count, pools.get(pool, 0))
    return Needs(
        role=role,
        bucket=bucket,
        region=region,
        kms_key=kms_key,
        job_roles=frozenset(roles - {role}),
        images=frozenset(images),
        functions=frozenset(functions),
        instances=instances,
        pools=pools,
    )


def _mappings(value: Any, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping in a value with the kind of job that it belongs to, as quotas name it."""
    if isinstance(value, list):
        for item in value:
            yield from _mappings(item, kind)
    elif isinstance(value, dict):
        types = {"Processing": "processing", "Training": "training", "Transform": "transform", "Tuning": "training"}
        kind = types.get(str(value.get("Type")), kind)
        if value.get("EnableManagedSpotTraining") is True:
            kind = f"spot {kind}"
        yield kind, value
        for item in value.values():
            yield from _mappings(item, kind)


def preflight(aws: Aws, needs: Needs) -> tuple[Problem, ...]:
    """Return every finding; none where all is well.

    Raises:
        OutsideFailure: without credentials, or where AWS isn't reached, as nothing else can be asked then.
    """
    credentials = tuple(_look(lambda: _credentials(aws)))
    if any(not problem.warning for problem in credentials):
        raise OutsideFailure(*credentials)
    looks: tuple[Callable[[], Iterable[Problem]], ...] = (
        lambda: _role(aws, needs.role, "correct SMP_ROLE, or make the role"),
        *(_job_role_look(aws, role) for role in sorted(needs.job_roles)),
        lambda: _bucket(aws, needs),
        lambda: _key(aws, needs.kms_key),
        *(_image_look(aws, needs, image) for image in sorted(needs.images)),
        *(_function_look(aws, function) for function in sorted(needs.functions)),
        lambda: _quotas(aws, needs.instances, needs.pools),
    )
    return (*credentials, *(problem for look in looks for problem in _look(look)))


def _look(look: Callable[[], Iterable[Problem]]) -> Iterator[Problem]:
    try:
        yield from look()
    except OutsideFailure as error:
        for problem in error.problems:
            warning = problem.id == _DENIED
            yield Problem(id=problem.id, message=problem.message, hint=problem.hint, warning=warning)


def _credentials(aws: Aws) -> tuple[Problem, ...]:
    aws.call("sts", "get_caller_identity")
    return ()


def _job_role_look(aws: Aws, role: str) -> Callable[[], Iterable[Problem]]:
    return lambda: _role(aws, role, "'pipeline-builder deploy' makes the roles of repositories; or correct the RoleArn")


def _role(aws: Aws, role: str, hint: str) -> Iterator[Problem]:
    name = role.rsplit("/", 1)[-1]
    try:
        found = aws.call("iam", "get_role", RoleName=name)["Role"]
    except NotFoundError:
        yield Problem(id="PB710", message=f"the role '{role}' is not there", hint=hint)
        return
    if found["Arn"] != role:
        yield Problem(id="PB710", message=f"the role '{role}' is not there; '{found['Arn']}' is")
    document = found.get("AssumeRolePolicyDocument")
    if not document:
        return
    policy = document if isinstance(document, dict) else json.loads(unquote(document))
    if not any(_trusts(statement) for statement in _listed(policy.get("Statement"))):
        hint = "let its trust policy allow sts:AssumeRole to the service sagemaker.amazonaws.com"
        yield Problem(id="PB711", message=f"the role '{role}' does not trust SageMaker", hint=hint)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _trusts(statement: Any) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if isinstance(principal, dict) else [principal]
    return "sagemaker.amazonaws.com" in services or "*" in services


def _bucket(aws: Aws, needs: Needs) -> Iterator[Problem]:
    try:
        found = aws.call("s3", "head_bucket", Bucket=needs.bucket)
    except OutsideFailure as error:
        if not isinstance(error, NotFoundError) and error.problems[0].id != _DENIED:
            raise
        what = "is not there" if isinstance(error, NotFoundError) else "may not be used, or is somebody else's"
        hint = "correct SMP_S3BUCKETNAME, or make the bucket"
        yield Problem(id="PB712", message=f"the bucket '{needs.bucket}' {what}", hint=hint)
        return
    region = found.get("BucketRegion") or found["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "")
    if region and region != needs.region:
        message = f"the bucket '{needs.bucket}' is in {region}, and the pipeline runs in {needs.region}"
        yield Problem(
            id="PB713", message=message, hint="SageMaker reads and writes in its own Region: use a bucket there"
        )


def _key(aws: Aws, key: str) -> Iterator[Problem]:
    if not key:
        return
    try:
        found = aws.call("kms", "describe_key", KeyId=key)["KeyMetadata"]
    except NotFoundError:
        yield Problem(id="PB714", message=f"the key '{key}' is not there", hint="correct SMP_KMSKEY")
        return
    usage = found.get("KeyUsage") or "ENCRYPT_DECRYPT"
    if found["KeyState"] != "Enabled" or usage != "ENCRYPT_DECRYPT":
        message = f"the key '{key}' is {found['KeyState']} for {usage}, expected Enabled for ENCRYPT_DECRYPT"
        yield Problem(id="PB714", message=message, hint="enable it, or name another with SMP_KMSKEY")


def _function_look(aws: Aws, function: str) -> Callable[[], Iterable[Problem]]:
    return lambda: _function(aws, function)


def _function(aws: Aws, function: str) -> Iterator[Problem]:
    try:
        aws.call("lambda", "get_function_configuration", FunctionName=function)
    except UnservedError:
        return  # who has no functions runs handlers by their code, which calls name
    except NotFoundError:
        hint = "'pipeline-builder deploy' makes the functions of handlers; or correct 'function'"
        yield Problem(id="PB874", message=f"the function '{function}' is not there", hint=hint)


def _image_look(aws: Aws, needs: Needs, image: str) -> Callable[[], Iterable[Problem]]:
    return lambda: _image(aws, needs, image)


def _image(aws: Aws, needs: Needs, image: str) -> Iterator[Problem]:
    found = ecr_image(image)
    if found is None:
        hint = f"SageMaker takes images from Amazon ECR: {registry('<account>', needs.region)}/<repository>:<tag>"
        yield Problem(id="PB715", message=f"the image '{image}' is not in Amazon ECR", hint=hint)
        return
    if found.region != needs.region:
        message = f"the image '{image}' is in {found.region}, and the pipeline runs in {needs.region}"
        yield Problem(id="PB715", message=message, hint="take its address in that Region, or 'image:' by framework")
        return
    wanted = {"imageDigest": found.digest} if found.digest else {"imageTag": found.tag or "latest"}
    try:
        aws.call("ecr", "describe_images", registryId=found.account, repositoryName=found.repository, imageIds=[wanted])
    except NotFoundError:
        yield Problem(id="PB715", message=f"the image '{image}' is not there", hint="push it, or correct the address")


def _quotas(aws: Aws, instances: Mapping[str, int], pools: Mapping[str, int]) -> Iterator[Problem]:
    if not instances:
        return
    pages = aws.pages("service-quotas", "list_service_quotas", ServiceCode="sagemaker")
    values = {quota["QuotaName"]: quota["Value"] for page in pages for quota in page["Quotas"]}
    for name, count in sorted(instances.items()):
        if name in values and values[name] < count:
            message = f"the quota '{name}' is {values[name]:g}, and a job of the pipeline takes {count}"
            yield Problem(
                id="PB716", message=message, hint="ask for more in Service Quotas, or use another instance type"
            )
    for name, count in sorted(pools.items()):
        if name in values and values[name] < count:
            message = f"the quota '{name}' is {values[name]:g}, and a job wants {count} to stay: SageMaker keeps none"
            hint = "ask for more in Service Quotas: each type begins with 0"
            yield Problem(id="PB716", message=message, hint=hint, warning=True)

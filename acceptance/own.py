"""What the acceptance makes beside the service: a bucket, and roles for probes and for the pipeline that only asks.

Each is made where it isn't there, so that a killed acceptance goes on; all of it has the tag, and goes in `removal`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from acceptance.ground import Ground, code_of
from acceptance.images import image_uri
from acceptance.repository import Content, pack, write_repository
from pipeline_builder.aws.client import NotFoundError
from pipeline_builder.errors import OutsideFailure

SOURCE = "source.zip"
JOBS, ASKS = "jobs", "asks"
_TRUST = {
    JOBS: ("sagemaker.amazonaws.com",),
    ASKS: ("codepipeline.amazonaws.com", "codebuild.amazonaws.com", "events.amazonaws.com"),
}
_ROLE_PAUSE = 15
"""Seconds that a new role takes until every service knows it."""


def image(ground: Ground) -> str:
    """Return the image that everything runs in."""
    return ground.options.image or image_uri(ground.region)


def make_bucket(ground: Ground) -> str:
    """Make the acceptance's own bucket: private, telling EventBridge, versioned as a source has to be."""
    name = ground.own
    if ground.there("s3", "head_bucket", Bucket=name) is None:
        where = (
            {} if ground.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": ground.region}}
        )
        ground.call("s3", "create_bucket", Bucket=name, **where)
    private = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    _as_far("s3", "put_bucket_tagging", ground, Bucket=name, Tagging={"TagSet": ground.listed_tags})
    _as_far("s3", "put_public_access_block", ground, Bucket=name, PublicAccessBlockConfiguration=private)
    _as_far("s3", "put_bucket_versioning", ground, Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    events: dict[str, dict[str, str]] = {"EventBridgeConfiguration": {}}
    _as_far("s3", "put_bucket_notification_configuration", ground, Bucket=name, NotificationConfiguration=events)
    return name


def _as_far(service: str, operation: str, ground: Ground, **arguments: Any) -> None:
    """Call it; an emulated service may not know it, or some of it."""
    try:
        ground.call(service, operation, **arguments)
    except Exception:
        if not ground.emulated(service):
            raise


def make_role(ground: Ground, kind: str) -> str:
    """Make one of the two roles; return its ARN."""
    name = f"{ground.name}-{kind}"
    if found := ground.there("iam", "get_role", RoleName=name):
        arn = str(found["Role"]["Arn"])
        if kind in ground.book.state.notes.get("roles", ""):
            return arn
    trust = _document({"Principal": {"Service": list(_TRUST[kind])}, "Action": "sts:AssumeRole"})
    try:
        made = ground.call(
            "iam", "create_role", RoleName=name, AssumeRolePolicyDocument=trust, Tags=ground.listed_tags
        )["Role"]
    except OutsideFailure as error:
        if code_of(error) != "EntityAlreadyExists":
            raise
        made = {"Arn": ground.arn("iam", f"role/{name}")}
    policy = _document(*(_jobs(ground) if kind == JOBS else _asks(ground)))
    ground.call("iam", "put_role_policy", RoleName=name, PolicyName=kind, PolicyDocument=policy)
    ground.pause(_ROLE_PAUSE)
    ground.book.note("roles", f"{ground.book.state.notes.get('roles', '')} {kind}")
    return str(made["Arn"])


def _document(*statements: Mapping[str, Any]) -> str:
    found = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": found})


def _own_objects(ground: Ground) -> list[str]:
    bucket = f"arn:{ground.partition}:s3:::{ground.own}"
    return [bucket, f"{bucket}/*"]


def _jobs(ground: Ground) -> tuple[Mapping[str, Any], ...]:
    """Return what probes may: jobs and models of the acceptance's names, its own bucket, AWS's image, logs."""
    kinds = ("processing-job", "training-job", "transform-job", "model", "pipeline")
    # SageMaker names jobs after the pipeline's execution: "pipelines-<execution>-<step>-<random>".
    jobs = [ground.arn("sagemaker", f"{kind}/{name}*") for kind in kinds for name in ("pipelines-", ground.name)]
    verbs = ("Create", "Describe", "Stop")
    made = [f"sagemaker:{verb}{kind}Job" for verb in verbs for kind in ("Processing", "Training", "Transform")]
    return (
        {"Action": [*made, "sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags"], "Resource": jobs},
        {"Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketLocation"],
         "Resource": _own_objects(ground)},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
         "Resource": ground.arn("logs", "log-group:/aws/sagemaker/*")},
        {"Action": "cloudwatch:PutMetricData", "Resource": "*"},
        {"Action": ["ecr:GetAuthorizationToken"], "Resource": "*"},
        {"Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
         "Resource": f"arn:{ground.partition}:ecr:{ground.region}:*:repository/*"},
        {"Action": "iam:PassRole", "Resource": ground.arn("iam", f"role/{ground.name}-{JOBS}"),
         "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}},
    )  # fmt: skip


def _asks(ground: Ground) -> tuple[Mapping[str, Any], ...]:
    """Return what the pipeline that only asks may, the rule that starts it, and the build that only sleeps."""
    return (
        {"Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:ListBucket", "s3:GetBucketVersioning",
                    "s3:GetObjectTagging", "s3:GetBucketAcl", "s3:GetBucketLocation"],
         "Resource": _own_objects(ground)},
        {"Action": "codepipeline:StartPipelineExecution",
         "Resource": ground.arn("codepipeline", f"{ground.name}-asks")},
        {"Action": ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
         "Resource": ground.arn("codebuild", f"project/{ground.name}-long")},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
         "Resource": ground.arn("logs", f"log-group:/aws/codebuild/{ground.name}-long*")},
    )  # fmt: skip


def put(ground: Ground, bucket: str, key: str, content: bytes) -> str:
    """Write an object; return its version, empty where the bucket keeps none."""
    written = ground.call("s3", "put_object", Bucket=bucket, Key=key, Body=content)
    return str(written.get("VersionId", ""))


def take(ground: Ground, bucket: str, key: str) -> None:
    """Delete an object, which may be gone."""
    ground.call("s3", "delete_object", Bucket=bucket, Key=key)


def write_service(ground: Ground, *, round_: int, **more: Any) -> None:
    """Write the service's own repository anew; `more` goes into the manifest's `service`, `schedules` and `repos`."""
    service = {
        "source": {"kind": "s3", "repository": f"{ground.own}/{SOURCE}"}, "encryption": "aws", "wait": "step-functions",
        "execution_role": "per-repository", "run_timeout_minutes": 60, "log_days": 1, "artifact_days": 7,
        "approval": {"timeout_minutes": 120}, "tags": dict(ground.tags), **more.pop("service", {}),
    }  # fmt: skip
    content = Content(name=ground.name, image=image(ground), round=round_, service=service, tags=ground.tags, **more)
    write_repository(ground.repository, content)


def publish(ground: Ground, key: str) -> str:
    """Upload the repository as the pipeline's source, once for the key; return the version of the object."""
    archive = ground.home / SOURCE
    digest = pack(ground.repository, archive)

    def make() -> str:
        try:
            found = ground.call("s3", "head_object", Bucket=ground.own, Key=SOURCE)
        except NotFoundError:
            found = {}
        if found.get("Metadata", {}).get("sha256") == digest:  # uploaded before a kill
            return str(found.get("VersionId", ""))
        written = ground.call(
            "s3", "put_object", Bucket=ground.own, Key=SOURCE, Body=archive.read_bytes(), Metadata={"sha256": digest}
        )
        return str(written.get("VersionId", ""))

    return ground.book.once(key, make)

"""Calls of boto3 as botocore sends them, recorded by stage; and what each of them needs in IAM."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import boto3
import botocore.handlers
import pytest

from tests.service.cloudformation.access.iam import ACCOUNT, REGION

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the service as boto3 has it, the operation as the API has it, and the request without its content."""

    service: str
    operation: str
    request: Mapping[str, Any]


@dataclass(slots=True)
class Recorder:
    """Writes down every call by the stage that is going on; `answers` stand for services that aren't served here."""

    answers: Mapping[tuple[str, str], Answer]
    calls: dict[str, list[Call]] = field(default_factory=dict)
    stage: str = ""

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Record what follows under a stage's name."""
        self.stage = stage
        yield
        self.stage = ""

    def note(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Write a call down, before botocore makes a request of it."""
        request = {name: value for name, value in params.items() if name != "Body"}  # which may be an open file
        call = Call(str(model.service_model.service_name), str(model.name), request)
        self.calls.setdefault(self.stage, []).append(call)

    def answer(self, model: Any, params: Mapping[str, Any], **_: Any) -> Any:
        """Give the answer of a service that isn't served here; None lets the request go out."""
        found = self.answers.get((str(model.service_model.service_name), str(model.name)))
        if found is None:
            return None
        import botocore.awsrequest

        body: Any = found(params)
        http = botocore.awsrequest.AWSResponse("", 200, {}, None)
        return http, {**body, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}


def record(monkeypatch: pytest.MonkeyPatch, answers: Mapping[tuple[str, str], Answer]) -> Recorder:
    """Record every client that is made from now on."""
    recorder = Recorder(answers)
    handlers = [
        *botocore.handlers.BUILTIN_HANDLERS,
        ("before-parameter-build", recorder.note),
        ("before-call", recorder.answer),
    ]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", handlers)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps its handlers, longer than this test
    return recorder


@dataclass(frozen=True, slots=True)
class Needed:
    """What IAM looks at: an action, on a resource, and the context that conditions may name."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


def needs(call: Call) -> list[Needed]:
    """Return what a call needs; an operation that isn't known here fails: say what IAM action and resource it has."""
    found = _OBJECTS if call.service == "s3" else _OTHERS
    assert (call.service, call.operation) in found, f"which permission has {call.service} {call.operation}?"
    return [*found[call.service, call.operation](call.request)]


Needs = Callable[[Mapping[str, Any]], Iterator[Needed]]
_OBJECTS: dict[tuple[str, str], Needs] = {}
_OTHERS: dict[tuple[str, str], Needs] = {}


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _s3(operation: str, action: str, resource: str) -> None:
    def found(request: Mapping[str, Any]) -> Iterator[Needed]:
        context = {"s3_prefix": request["Prefix"]} if "Prefix" in request else {}
        yield Needed(f"s3:{action}", "arn:aws:s3:::" + resource.format(**request), context)

    _OBJECTS["s3", operation] = found


def _put_object(request: Mapping[str, Any]) -> Iterator[Needed]:
    yield Needed("s3:PutObject", f"arn:aws:s3:::{request['Bucket']}/{request['Key']}")
    if key := request.get("SSEKMSKeyId"):
        yield Needed("kms:GenerateDataKey", str(key), _BY_S3)


_BY_S3 = {"kms_ViaService": f"s3.{REGION}.amazonaws.com"}
_OBJECTS["s3", "PutObject"] = _put_object
_s3("HeadBucket", "ListBucket", "{Bucket}")
_s3("ListObjectsV2", "ListBucket", "{Bucket}")


def _get_object(request: Mapping[str, Any]) -> Iterator[Needed]:
    """Without the right to list, S3 answers 403 for an object that isn't there; there is no prefix in the request."""
    yield Needed("s3:GetObject", f"arn:aws:s3:::{request['Bucket']}/{request['Key']}")
    yield Needed("s3:ListBucket", f"arn:aws:s3:::{request['Bucket']}")


_OBJECTS["s3", "GetObject"] = _get_object
_OBJECTS["s3", "HeadObject"] = _get_object


def _copy_object(request: Mapping[str, Any]) -> Iterator[Needed]:
    source = request["CopySource"]
    named = f"{source['Bucket']}/{source['Key']}" if isinstance(source, dict) else unquote(source)
    yield Needed("s3:GetObject", f"arn:aws:s3:::{named.partition('?')[0]}")
    yield from _put_object(request)


_OBJECTS["s3", "CopyObject"] = _copy_object
_OBJECTS["s3", "UploadPartCopy"] = _copy_object
_OBJECTS["s3", "CreateMultipartUpload"] = _put_object
_OBJECTS["s3", "CompleteMultipartUpload"] = _put_object
_s3("AbortMultipartUpload", "AbortMultipartUpload", "{Bucket}/{Key}")
_s3("GetBucketNotificationConfiguration", "GetBucketNotification", "{Bucket}")


def _sagemaker(operation: str, kind: str, member: str) -> None:
    def found(request: Mapping[str, Any]) -> Iterator[Needed]:
        value = str(request[member])
        name = re.sub(r"arn:aws:sagemaker:[^:]+:\d+:", "", value)
        resource = name if name != value else f"{kind}/{name}"
        yield Needed(f"sagemaker:{operation}", _arn("sagemaker", resource))
        if "Tags" in request and operation != "AddTags":
            yield Needed("sagemaker:AddTags", _arn("sagemaker", resource))
        if "RoleArn" in request:
            passed = {"iam_PassedToService": "sagemaker.amazonaws.com"}
            yield Needed("iam:PassRole", str(request["RoleArn"]), passed)

    _OTHERS["sagemaker", operation] = found


for _operation in (
    "CreatePipeline", "DescribePipeline", "UpdatePipeline", "ListPipelineVersions", "ListPipelineExecutions",
    "StartPipelineExecution",
):  # fmt: skip
    _sagemaker(_operation, "pipeline", "PipelineName")
for _operation in (
    "DescribePipelineExecution", "DescribePipelineDefinitionForExecution", "ListPipelineExecutionSteps",
    "ListPipelineParametersForExecution", "StopPipelineExecution", "RetryPipelineExecution",
):  # fmt: skip
    _sagemaker(_operation, "", "PipelineExecutionArn")
_sagemaker("AddTags", "", "ResourceArn")
_sagemaker("ListTags", "", "ResourceArn")
_sagemaker("CreateModelPackageGroup", "model-package-group", "ModelPackageGroupName")
_sagemaker("ListModelPackages", "model-package-group", "ModelPackageGroupName")
_sagemaker("DescribeModelPackage", "model-package", "ModelPackageName")
_sagemaker("UpdateModelPackage", "model-package", "ModelPackageArn")
for _operation, _kind in (
    ("DescribeProcessingJob", "processing-job"), ("DescribeTrainingJob", "training-job"), ("DescribeModel", "model"),
    ("DescribeTransformJob", "transform-job"),
):  # fmt: skip
    _sagemaker(_operation, _kind, f"{_operation.removeprefix('Describe')}Name")


def _plain(service: str, operation: str, action: str, resource: Callable[[Mapping[str, Any]], str]) -> None:
    def found(request: Mapping[str, Any]) -> Iterator[Needed]:
        yield Needed(action, resource(request))

    _OTHERS[service, operation] = found


def _group(request: Mapping[str, Any]) -> str:
    return _arn("logs", f"log-group:{request['logGroupName']}:log-stream:{request.get('logStreamName', '')}")


def _repository(request: Mapping[str, Any]) -> str:
    return f"arn:aws:ecr:{REGION}:{request['registryId']}:repository/{request['repositoryName']}"


_plain("sagemaker", "ListModelPackageGroups", "sagemaker:ListModelPackageGroups", lambda _: "*")
_plain("service-quotas", "ListServiceQuotas", "servicequotas:ListServiceQuotas", lambda _: "*")
_plain("iam", "GetRole", "iam:GetRole", lambda request: f"arn:aws:iam::{ACCOUNT}:role/{request['RoleName']}")
_plain("ecr", "DescribeImages", "ecr:DescribeImages", _repository)
_plain("ecr", "BatchGetImage", "ecr:BatchGetImage", _repository)
_plain(
    "lambda", "GetFunctionConfiguration", "lambda:GetFunctionConfiguration",
    lambda request: str(request["FunctionName"]),
)  # fmt: skip
_plain("kms", "DescribeKey", "kms:DescribeKey", lambda request: str(request["KeyId"]))
_plain("logs", "DescribeLogStreams", "logs:DescribeLogStreams", _group)
_plain("logs", "GetLogEvents", "logs:GetLogEvents", _group)
_plain(
    "codepipeline", "GetPipelineExecution", "codepipeline:GetPipelineExecution",
    lambda request: _arn("codepipeline", str(request["pipelineName"])),
)  # fmt: skip
_plain(
    "codepipeline", "ListActionExecutions", "codepipeline:ListActionExecutions",
    lambda request: _arn("codepipeline", str(request["pipelineName"])),
)  # fmt: skip
_plain(
    "codepipeline", "GetPipelineState", "codepipeline:GetPipelineState",
    lambda request: _arn("codepipeline", str(request["name"])),
)  # fmt: skip
_plain(
    "codepipeline", "StartPipelineExecution", "codepipeline:StartPipelineExecution",
    lambda request: _arn("codepipeline", str(request["name"])),
)  # fmt: skip
_plain("stepfunctions", "StartExecution", "states:StartExecution", lambda request: str(request["stateMachineArn"]))
_plain(
    "codebuild", "StartBuild", "codebuild:StartBuild",
    lambda request: _arn("codebuild", f"project/{request['projectName']}"),
)  # fmt: skip
# Secrets Manager puts six characters behind a secret's name.
_plain(
    "secretsmanager", "GetSecretValue", "secretsmanager:GetSecretValue",
    lambda request: _arn("secretsmanager", f"secret:{request['SecretId']}-AbCdEf"),
)  # fmt: skip


def _put_events(request: Mapping[str, Any]) -> Iterator[Needed]:
    for entry in request["Entries"]:
        kind = {"events_source": entry["Source"], "events_detail-type": entry["DetailType"]}
        yield Needed("events:PutEvents", _arn("events", "event-bus/default"), kind)


def _put_metric(request: Mapping[str, Any]) -> Iterator[Needed]:
    yield Needed("cloudwatch:PutMetricData", "*", {"cloudwatch_namespace": request["Namespace"]})


_OTHERS["events", "PutEvents"] = _put_events
_OTHERS["cloudwatch", "PutMetricData"] = _put_metric
# Everybody may ask who they are.
_OTHERS["sts", "GetCallerIdentity"] = lambda _: iter(())
KNOWN = {**_OBJECTS, **_OTHERS}

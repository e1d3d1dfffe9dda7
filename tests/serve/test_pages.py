"""Every paginator and every waiter that boto3 has for an operation of the table goes through here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name

from pipeline_builder.engine.jobs.records import put_job
from pipeline_builder.serve.operations import served_operations
from tests.engine.definitions import definition, fail, training, tuning
from tests.serve.serving import ROLE, Found, Served, serving
from tests.serve.test_jobs import processing

SOON = {"Delay": 1, "MaxAttempts": 60}
TUNING = "hyper-parameter-tuning-job"
REQUESTS = {
    TUNING: tuning("tune", "", {"x": ["1"]}, strategy="Grid")["Arguments"],
    "training-job": training("fit", "true")["Arguments"],
    "transform-job": {
        "ModelName": "p",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/a"}}},
        "TransformOutput": {"S3OutputPath": "s3://local/b"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
}
"""What the jobs that are listed were asked for; nobody runs them."""
SPECIFICATION = {
    "Containers": [{"Image": "image:1", "ModelDataUrl": "s3://local/a"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
GROUP = "/aws/sagemaker/ProcessingJobs"
IMAGE = {"registryId": "763104351884", "repositoryName": "repo", "imageIds": [{"imageTag": "1"}, {"imageTag": "2"}]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve two of everything that is listed."""
    with serving(tmp_path_factory.mktemp("pages")) as found:
        _fill_s3(found)
        _fill_sagemaker(found)
        _fill_jobs(found)
        yield found


def _fill_s3(served: Served) -> None:
    for name in ("local", "other"):
        served.s3.create_bucket(Bucket=name)
        served.s3.put_object(Bucket="local", Key=name, Body=b"1")
    for key in ("a", "b"):
        served.s3.put_object(Bucket="local", Key=key, Body=b"1")
        upload = served.s3.create_multipart_upload(Bucket="local", Key=key)["UploadId"]
        for number in (1, 2):
            served.s3.upload_part(Bucket="local", Key=key, UploadId=upload, PartNumber=number, Body=b"x")


def _fill_sagemaker(served: Served) -> None:
    client = served.sagemaker
    tags = [{"Key": key, "Value": "1"} for key in "ab"]
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "1"} for name in "xy"]
    of_execution = {"Get": "Execution.PipelineExecutionId"}
    config = {"ExperimentName": of_execution, "TrialName": of_execution}
    content = definition(fail("one"), fail("two"), Parameters=parameters, PipelineExperimentConfig=config)
    for name in ("p", "q"):
        served.create(name, content, Tags=tags)
        other = definition(fail("one"), Parameters=parameters).decode()
        client.update_pipeline(PipelineName=name, PipelineDefinition=other, RoleArn=ROLE)
        client.update_pipeline(PipelineName=name, PipelineDefinition=content.decode(), RoleArn=ROLE)
        served.end(served.start("p"))
        client.create_model(ModelName=name, PrimaryContainer={"Image": "image:1"}, ExecutionRoleArn=ROLE)
        client.create_model_package_group(ModelPackageGroupName=name)
        client.create_model_package(ModelPackageGroupName="p", InferenceSpecification=SPECIFICATION)


def _fill_jobs(served: Served) -> None:
    for number in (1, 2):
        name = f"job-{number}"
        served.sagemaker.create_processing_job(**processing(name, "echo hello; echo again"))
        served.sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
            ProcessingJobName=name, WaiterConfig=SOON
        )
        with served.engine.state.transaction() as db:
            for kind, request in REQUESTS.items():
                assert put_job(db, kind, name, request)
            tried = "UPDATE jobs SET execution = 'e', step = ? WHERE name = ? AND kind = ?"
            db.execute(tried, (f"tune.{number}", name, "training-job"))
            db.execute(tried, ("tune", name, TUNING))
            of_execution = "UPDATE jobs SET execution = ?, step = ? WHERE name = ? AND kind = 'processing-job'"
            db.execute(of_execution, (served.engine.state.executions()[0].arn, ("one", "two")[number - 1], name))


def arguments(served: Served) -> dict[str, Found]:
    """Return what each paginator that needs something is asked for."""
    client = served.sagemaker
    execution = client.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"][0]
    upload = served.s3.list_multipart_uploads(Bucket="local")["Uploads"][0]
    of_execution = {"PipelineExecutionArn": execution["PipelineExecutionArn"]}
    return {
        "ListPipelineExecutions": {"PipelineName": "p"},
        "ListPipelineVersions": {"PipelineName": "p"},
        "ListPipelineExecutionSteps": of_execution,
        "ListPipelineParametersForExecution": of_execution,
        "ListModelPackages": {"ModelPackageGroupName": "p"},
        "ListTags": {"ResourceArn": client.describe_pipeline(PipelineName="p")["PipelineArn"]},
        "ListTrainingJobsForHyperParameterTuningJob": {"HyperParameterTuningJobName": "job-1"},
        "Search": {"Resource": "Pipeline"},
        "ListObjects": {"Bucket": "local"},
        "ListObjectsV2": {"Bucket": "local"},
        "ListObjectVersions": {"Bucket": "local"},
        "ListMultipartUploads": {"Bucket": "local"},
        "ListParts": {"Bucket": "local", "Key": upload["Key"], "UploadId": upload["UploadId"]},
        "DescribeLogStreams": {"logGroupName": GROUP},
        "FilterLogEvents": {"logGroupName": GROUP},
        "DescribeImages": IMAGE,
        "ListServiceQuotas": {"ServiceCode": "sagemaker"},
    }


# What is refused here; what is in one page, as nobody asks for so many, or for less than all tags that there may be;
# what is empty.
REFUSED, ALONE, NOTHING = "SimulatePrincipalPolicy", ("DescribeImages", "ListTags"), "ListServiceQuotas"
OPERATIONS = [
    (service, name) for service, about in served_operations().items() for each in about.values() for name in each
]


@pytest.mark.long
@pytest.mark.parametrize("service", sorted(served_operations()))
def test_every_paginator_gives_what_one_page_has(served: Served, service: str) -> None:
    client, asked = served.client(service), arguments(served)
    names = [name for of, name in OPERATIONS if of == service and client.can_paginate(xform_name(name))]
    for name in names:
        if name == REFUSED:
            continue
        paginator, given = client.get_paginator(xform_name(name)), asked.get(name, {})
        whole = paginator.paginate(**given).build_full_result()
        few = {"PageSize": 50 if name == "ListTags" else 1}
        one_by_one = list(paginator.paginate(**given, PaginationConfig=few))
        merged = paginator.paginate(**given, PaginationConfig=few).build_full_result()
        assert merged == whole, name
        found = [item for key in _keys(paginator) for item in whole.get(key, ())]
        assert len(found) == 0 if name == NOTHING else len(found) >= 2, name
        assert len(one_by_one) >= 2 or name in (*ALONE, NOTHING), name
    client.close()


def _keys(paginator: Any) -> list[str]:
    return [key.expression for key in paginator.result_keys]


def test_every_waiter_comes_to_its_end(served: Served) -> None:
    with served.engine.state.transaction() as db:
        db.execute("UPDATE jobs SET status = 'Completed', ended = started")
    here, none = {"Bucket": "local"}, {"Bucket": "nobodys"}
    ends: dict[str, dict[str, Found]] = {
        "sagemaker": {
            f"{kind}_job_completed_or_stopped": {f"{kind.capitalize()}JobName": "job-1"}
            for kind in ("training", "processing", "transform")
        },
        "s3": {
            "bucket_exists": here, "bucket_not_exists": none, "object_exists": {**here, "Key": "a"},
            "object_not_exists": {**here, "Key": "none"},
        },
        "iam": {"role_exists": {"RoleName": "local"}},
    }  # fmt: skip
    for service in served_operations():
        client = served.client(service)
        known = client._get_waiter_config().get("waiters", {})
        names = {xform_name(name) for name, one in known.items() if (service, one["operation"]) in OPERATIONS}
        assert names == set(ends.get(service, {}))
        for name in names:
            client.get_waiter(name).wait(**ends[service][name], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
        client.close()

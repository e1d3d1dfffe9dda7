"""Jobs that are no step's: they really run, stop, go on after a kill, and are refused as SageMaker refuses them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.records import put_job, stop_job
from tests.doors import Door
from tests.engine.definitions import definition, script, training
from tests.serve.serving import ROLE, Served, refused, serving, until

PROGRAM = (
    r'def model_fn(folder): return open(folder + "/weights").read()\n'
    r'def transform_fn(model, body, content_type, accept): return model + ":" + body, accept\n'
)
SOON = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def processing(name: str, command: str, **more: Any) -> dict[str, Any]:
    """Return a request for CreateProcessingJob."""
    request = dict(script(name, command)["Arguments"])
    request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = f"s3://local/{name}"
    return {**request, "ProcessingJobName": name, **more}


def train(name: str, command: str, **more: Any) -> dict[str, Any]:
    """Return a request for CreateTrainingJob."""
    return {**training(name, command)["Arguments"], "TrainingJobName": name, **more}


def waited(served: Served, waiter: str, **which: str) -> None:
    """Wait as boto3 does."""
    served.sagemaker.get_waiter(waiter).wait(**which, WaiterConfig=SOON)


@pytest.mark.long
def test_a_processing_job(served: Served) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    arn = served.sagemaker.create_processing_job(
        **processing("one", "echo hello; echo 1 > /opt/ml/processing/output/x"), Tags=tags
    )["ProcessingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:processing-job/one"
    waited(served, "processing_job_completed_or_stopped", ProcessingJobName="one")
    assert served.engine.store.get("s3://local/one/x") == b"1\n"
    found = served.sagemaker.describe_processing_job(ProcessingJobName="one")
    assert (found["ProcessingJobStatus"], found["RoleArn"]) == ("Completed", ROLE)
    assert served.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    logs = served.client("logs")
    group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/ProcessingJobs"
    events = logs.filter_log_events(logGroupIdentifier=group, filterPattern="hello")["events"]
    assert [event["message"] for event in events] == ["hello"]
    logs.close()
    with refused("ResourceInUse", f"a processing job with this name already exists ({arn})"):
        served.sagemaker.create_processing_job(**processing("one", "true"))


@pytest.mark.long
def test_a_training_job_leaves_a_model_that_a_transform_uses(served: Served) -> None:
    served.engine.store.put("s3://local/in/a.csv", b"1\n")
    metrics = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    request = train(
        "fit",
        f"echo loss=0.5; cd /opt/ml/model; echo model > weights; mkdir code; printf '{PROGRAM}' > code/inference.py",
    )
    request["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    served.sagemaker.create_training_job(**request)
    waited(served, "training_job_completed_or_stopped", TrainingJobName="fit")
    found = served.sagemaker.describe_training_job(TrainingJobName="fit")
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Completed", "Completed")
    assert [(one["MetricName"], one["Value"]) for one in found["FinalMetricDataList"]] == [("loss", 0.5)]
    assert found["OutputDataConfig"] == {"S3OutputPath": "s3://local/models", "KmsKeyId": ""}
    artifact = found["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == "s3://local/models/fit/output/model.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(served.engine.store.get(artifact))) as archive:
        assert "weights" in [name.removeprefix("./") for name in archive.getnames()]
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": "image:1", "ModelDataUrl": artifact, "Environment": environment}
    served.sagemaker.create_model(ModelName="fitted", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in/"}
    served.sagemaker.create_transform_job(
        TransformJobName="use", ModelName="fitted",
        TransformInput={"ContentType": "text/csv", "DataSource": {"S3DataSource": source}},
        TransformOutput={"S3OutputPath": "s3://local/used"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )  # fmt: skip
    waited(served, "transform_job_completed_or_stopped", TransformJobName="use")
    used = served.sagemaker.describe_transform_job(TransformJobName="use")
    assert used["TransformJobStatus"] == "Completed"
    assert used["TransformOutput"] == {"S3OutputPath": "s3://local/used", "KmsKeyId": "", "AssembleWith": "None"}
    assert served.engine.store.get("s3://local/used/a.csv.out") == b"model\n:1\n"


def test_each_status_of_a_training_has_a_message_from_the_first_moment_on(served: Served) -> None:
    """Airflow and the SDK read it of a job that they have just made."""
    served.sagemaker.list_training_jobs()  # what it finds at its start it runs
    with served.engine.state.transaction() as db:
        put_job(db, "training-job", "new", train("new", "true"))

    def messages() -> list[str]:
        told = served.sagemaker.describe_training_job(TrainingJobName="new")["SecondaryStatusTransitions"]
        return [each["StatusMessage"] for each in told]

    assert messages() == ["Starting the training job"]
    served.sagemaker.stop_training_job(TrainingJobName="new")
    assert messages() == ["Stopping the training job"]
    stop_job(served.engine.state, "training-job", "new")
    assert messages()[1:] == ["Training job stopped"]


@pytest.mark.long
def test_a_job_that_fails(served: Served) -> None:
    served.sagemaker.create_training_job(**train("bad", "echo it broke; exit 3"))
    waiter = served.sagemaker.get_waiter("training_job_completed_or_stopped")
    with pytest.raises(Exception, match="terminal failure"):
        waiter.wait(TrainingJobName="bad", WaiterConfig=SOON)
    found = served.sagemaker.describe_training_job(TrainingJobName="bad")
    assert (found["TrainingJobStatus"], found["FailureReason"]) == ("Failed", "AlgorithmError: it broke")


@pytest.mark.long
def test_a_job_is_stopped(served: Served, door: Door) -> None:
    served.sagemaker.create_processing_job(**processing("long", f"trap 'exit 0' TERM; {door.until}"))
    until((served.engine.jobs_folder / "processing-job-long" / "job" / "log.txt").exists)
    served.sagemaker.stop_processing_job(ProcessingJobName="long")
    waited(served, "processing_job_completed_or_stopped", ProcessingJobName="long")
    assert served.sagemaker.describe_processing_job(ProcessingJobName="long")["ProcessingJobStatus"] == "Stopped"
    with refused("ValidationException", "is in status Stopped"):
        served.sagemaker.stop_processing_job(ProcessingJobName="long")


@pytest.mark.long
def test_a_job_goes_on_with_the_next_server(tmp_path: Path, door: Door) -> None:
    with serving(tmp_path) as served:
        served.sagemaker.create_processing_job(**processing("long", f"{door.until}; echo done"))
        log = served.engine.jobs_folder / "processing-job-long" / "job" / "log.txt"
        until(log.exists)
    door.open()
    with serving(tmp_path) as served:
        waited(served, "processing_job_completed_or_stopped", ProcessingJobName="long")
        assert served.sagemaker.describe_processing_job(ProcessingJobName="long")["ProcessingJobStatus"] == "Completed"


def test_jobs_are_refused_as_steps_are(served: Served) -> None:
    missing = {
        "InputName": "i",
        "S3Input": {"S3Uri": "s3://local/none", "S3DataType": "S3Prefix", "LocalPath": "/opt/ml/processing/i"},
    }
    with refused("ValidationException", "'ResourceConfig.InstanceCount' is 0"):
        served.sagemaker.create_training_job(
            **{
                **train("x", "true"),
                "ResourceConfig": {"InstanceCount": 0, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            }
        )
    with refused("ValidationException"):
        served.sagemaker.create_transform_job(
            TransformJobName="t", ModelName="none", TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in"}}},
            TransformOutput={"S3OutputPath": "s3://local/out"}, TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )  # fmt: skip
    assert served.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    served.sagemaker.create_processing_job(**processing("nodata", "true", ProcessingInputs=[missing]))
    found = until(
        lambda: (
            (d := served.sagemaker.describe_processing_job(ProcessingJobName="nodata"))["ProcessingJobStatus"]
            == "Failed"
            and d
        )
    )
    assert found["FailureReason"].startswith("ClientError: PB")


@pytest.mark.parametrize("kind", ["training", "processing", "transform"])
def test_a_job_that_is_not_there(served: Served, kind: str) -> None:
    name = {f"{kind.capitalize()}JobName": "none"}
    words = "Requested resource not found." if kind == "training" else "Could not find requested job with name: none"
    for verb in ("describe", "stop"):
        with refused("ValidationException", words):
            getattr(served.sagemaker, f"{verb}_{kind}_job")(**name)


@pytest.mark.long
def test_many_jobs_are_listed_in_pages_and_searched(served: Served) -> None:
    for number in range(3):
        tags = [{"Key": "number", "Value": str(number)}]
        served.sagemaker.create_training_job(**train(f"job-{number}", "true"), Tags=tags)
    for number in range(3):
        waited(served, "training_job_completed_or_stopped", TrainingJobName=f"job-{number}")
    pages = served.sagemaker.get_paginator("list_training_jobs").paginate(PaginationConfig={"PageSize": 2})
    assert sorted(one["TrainingJobName"] for page in pages for one in page["TrainingJobSummaries"]) == [
        "job-0",
        "job-1",
        "job-2",
    ]

    def names(*filters: dict[str, Any], **more: Any) -> list[str]:
        pages = served.sagemaker.get_paginator("search").paginate(
            Resource="TrainingJob",
            SearchExpression={"Filters": list(filters), **more}
            if filters or more
            else {"Filters": [{"Name": "TrainingJobName", "Operator": "Exists"}]},
            PaginationConfig={"PageSize": 1},
        )
        return sorted(one["TrainingJob"]["TrainingJobName"] for page in pages for one in page["Results"])

    assert names() == ["job-0", "job-1", "job-2"]
    assert names({"Name": "Tags.number", "Value": "1"}) == ["job-1"]
    assert names({"Name": "TrainingJobName", "Operator": "Contains", "Value": "b-2"}) == ["job-2"]
    assert names({"Name": "TrainingJobStatus", "Operator": "NotEquals", "Value": "Completed"}) == []
    assert names({"Name": "ResourceConfig.InstanceCount", "Operator": "LessThan", "Value": "2"}) == [
        "job-0",
        "job-1",
        "job-2",
    ]
    assert names({"Name": "CreationTime", "Operator": "GreaterThan", "Value": "2020-01-01T00:00:00Z"}) == [
        "job-0",
        "job-1",
        "job-2",
    ]
    either = [{"Name": "Tags.number", "Value": "0"}, {"Name": "Tags.number", "Value": "2"}]
    assert names(*either, Operator="Or") == ["job-0", "job-2"]
    with refused("ValidationException", "none of 'Endpoint' to search"):
        served.sagemaker.search(Resource="Endpoint")


def test_pipelines_executions_and_packages_are_searched(served: Served) -> None:
    served.create("p", definition(script("A", "exit 1")), Tags=[{"Key": "team", "Value": "a"}])
    arn = served.start("p")
    ended = served.end(arn)
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed"
    assert served.steps(arn)["A"]["FailureReason"].startswith("ClientError: AlgorithmError: ")
    with refused("ValidationException", "Only pipelines with 'Executing' status can be stopped"):
        served.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    group = served.sagemaker.create_model_package_group(ModelPackageGroupName="g")["ModelPackageGroupArn"]
    containers = [{"Image": "image:1", "ModelDataUrl": "s3://local/m.tar.gz"}]
    specification = {
        "Containers": containers,
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    package = served.sagemaker.create_model_package(
        ModelPackageGroupName="g", ModelApprovalStatus="Approved", InferenceSpecification=specification
    )["ModelPackageArn"]

    def found(resource: str, name: str, value: str) -> list[dict[str, Any]]:
        expression = {"Filters": [{"Name": name, "Operator": "Equals", "Value": value}]}
        return [
            one[resource] for one in served.sagemaker.search(Resource=resource, SearchExpression=expression)["Results"]
        ]

    assert [one["PipelineName"] for one in found("Pipeline", "Tags.team", "a")] == ["p"]
    assert [one["PipelineExecutionArn"] for one in found("PipelineExecution", "PipelineExecutionStatus", "Failed")] == [
        arn
    ]
    assert [one["ModelPackageArn"] for one in found("ModelPackage", "ModelApprovalStatus", "Approved")] == [package]
    assert [one["ModelPackageGroupArn"] for one in found("ModelPackageGroup", "ModelPackageGroupName", "g")] == [group]
    none = package[:-1] + "9"
    batch = served.sagemaker.batch_describe_model_package(ModelPackageArnList=[package, none])
    assert batch["ModelPackageSummaries"][package]["ModelApprovalStatus"] == "Approved"
    assert list(batch["BatchDescribeModelPackageErrorMap"]) == [none]
    with refused("ResourceNotFound", "callback token"):
        served.sagemaker.send_pipeline_execution_step_success(CallbackToken="abcdefghij")


def test_what_a_preflight_asks(tmp_path: Path) -> None:
    images = (("*/team/train:*", ()), ("763104351884.dkr.ecr.*.amazonaws.com/pytorch-training:*", ()))
    with serving(tmp_path, settings={"images": images}) as served:
        ecr, quotas, iam = (served.client(name) for name in ("ecr", "service-quotas", "iam"))
        asked = {"registryId": "763104351884", "repositoryName": "pytorch-training", "imageIds": [{"imageTag": "2.3"}]}
        assert ecr.describe_images(**asked)["imageDetails"][0]["imageTags"] == ["2.3"]
        with refused("ImageNotFoundException", "imageTag:'2.3'} does not exist within the repository"):
            ecr.describe_images(**{**asked, "registryId": "000000000001"})
        assert quotas.list_service_quotas(ServiceCode="sagemaker")["Quotas"] == []
        with refused("AccessDenied", "is not authorized to perform: iam:SimulatePrincipalPolicy on resource: " + ROLE):
            iam.simulate_principal_policy(PolicySourceArn=ROLE, ActionNames=["s3:GetObject"])
        for client in (ecr, quotas, iam):
            client.close()


@pytest.mark.long
def test_uploads_in_parts_are_listed(served: Served) -> None:
    s3 = served.s3
    s3.create_bucket(Bucket="local")
    ids = [s3.create_multipart_upload(Bucket="local", Key=key)["UploadId"] for key in ("a", "b", "b")]
    for number in (1, 2, 5):
        s3.upload_part(Bucket="local", Key="a", UploadId=ids[0], PartNumber=number, Body=b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(
        Bucket="local", Key="a", UploadId=ids[0], PaginationConfig={"PageSize": 2}
    )
    assert [(one["PartNumber"], one["Size"]) for page in pages for one in page.get("Parts", ())] == [
        (1, 1),
        (2, 2),
        (5, 5),
    ]
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket="local", PaginationConfig={"PageSize": 1})
    listed = [(one["Key"], one["UploadId"]) for page in pages for one in page.get("Uploads", ())]
    assert listed == [("a", ids[0]), *sorted(("b", one) for one in ids[1:])]
    s3.abort_multipart_upload(Bucket="local", Key="a", UploadId=ids[0])
    assert [one["Key"] for one in s3.list_multipart_uploads(Bucket="local", Prefix="a").get("Uploads", ())] == []
    with refused("NoSuchUpload"):
        s3.list_parts(Bucket="local", Key="a", UploadId=ids[0])
    with refused("InvalidArgument", "is no number of uploads"):
        s3.list_multipart_uploads(Bucket="local", MaxUploads=-1)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="local", MaxUploads=0)

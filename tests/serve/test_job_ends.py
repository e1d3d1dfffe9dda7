"""Jobs over the API: stopped with time to save, and described as SageMaker does it, whatever their end was."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.definitions import definition, script, training
from tests.engine.jobs.test_training_job import CHECKPOINTS, COUNTING, SPOT, saving
from tests.serve.serving import ROLE, Found, Served, refused, serving, until

KINDS = {"ProcessingJob": "processing", "TrainingJob": "training", "TransformJob": "transform"}
WAITING = """
import time
def model_fn(folder): return 1
def transform_fn(model, body, content_type, accept):
    print("ready", flush=True)
    time.sleep(60 if b"wait" in (body.encode() if isinstance(body, str) else body) else 0)
    return body, accept
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("ends")
    with serving(folder, settings={"interrupts": {"Spot": (0.5,)}}) as server:
        yield server


def describe(served: Served, step: dict[str, Any]) -> Found:
    """Describe the job of a listed step."""
    (kind, metadata), *_ = step["Metadata"].items()
    ask = getattr(served.sagemaker, f"describe_{KINDS[kind]}_job")
    found: Found = ask(**{f"{kind}Name": metadata["Arn"].rsplit("/", 1)[-1]})
    return found


def ready(served: Served, arn: str, step: str) -> Found:
    """Wait until the step's job says that it is ready, and describe it."""

    def look() -> Found:
        steps = served.steps(arn)
        if step not in steps or "Metadata" not in steps[step]:
            return {}
        job = describe(served, steps[step])
        log = served.engine.jobs_folder / arn.rsplit("/", 1)[-1] / step / "log.txt"
        return job if log.is_file() and "ready" in log.read_text() else {}

    return until(look)


def story(job: Found) -> list[str]:
    return [part["Status"] for part in job["SecondaryStatusTransitions"]]


def objects(served: Served, prefix: str) -> list[str]:
    found = served.s3.list_objects_v2(Bucket="local", Prefix=prefix).get("Contents", [])
    return [item["Key"].rsplit("/", 1)[-1] for item in found]


@pytest.mark.long
def test_a_training_that_is_stopped_by_its_name_saves_and_its_step_fails(served: Served) -> None:
    after = training("After", "true") | {"DependsOn": ["T"]}
    served.create("stop-one", definition(training("T", saving()), script("Other", "sleep 1"), after))
    arn = served.start("stop-one")
    job = ready(served, arn, "T")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Training")
    assert story(job) == ["Starting", "Downloading", "Training"]
    served.sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    steps = served.steps(arn)
    assert {name: step["StepStatus"] for name, step in steps.items()} == {"T": "Failed", "Other": "Succeeded"}
    assert steps["T"]["FailureReason"] == "ClientError: the job was stopped"
    job = describe(served, steps["T"])
    assert (job["TrainingJobStatus"], job["SecondaryStatus"], "FailureReason" in job) == ("Stopped", "Stopped", False)
    assert story(job)[-3:] == ["Stopping", "Uploading", "Stopped"]
    assert objects(served, f"models/{job['TrainingJobName']}") == ["model.tar.gz"]
    with refused("ValidationException", "The request was rejected because the training job is in status Stopped."):
        served.sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])
    with refused("ValidationException", "Could not find requested job"):
        served.sagemaker.stop_processing_job(ProcessingJobName="none")


@pytest.mark.long
def test_a_processing_job_that_is_stopped_by_its_name(served: Served) -> None:
    command = "echo said > /opt/ml/output/message; echo 1 > /opt/ml/processing/output/a; echo ready; sleep 60"
    served.create("stop-processing", definition(script("P", command)))
    arn = served.start("stop-processing")
    job = ready(served, arn, "P")
    served.sagemaker.stop_processing_job(ProcessingJobName=job["ProcessingJobName"])
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    job = describe(served, served.steps(arn)["P"])
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Stopped", "said\n")
    assert objects(served, f"out/{arn.rsplit('/', 1)[-1]}") == []


def archive(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.mark.long
def test_a_transform_that_is_stopped_by_its_name_stores_nothing(served: Served) -> None:
    put = {
        "code.tar.gz": archive({"main.py": WAITING}),
        "model.tar.gz": archive({"m": "1"}),
        "in/a": b"a",
        "in/b": b"wait",
    }
    for key, content in put.items():
        served.s3.put_object(Bucket="local", Key=f"transform/{key}", Body=content)
    environment = {"SAGEMAKER_PROGRAM": "main.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://local/transform/code.tar.gz"}
    container = {
        "Image": "image:1", "ModelDataUrl": "s3://local/transform/model.tar.gz", "Environment": environment,
    }  # fmt: skip
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/transform/in/"}}
    transform = {
        "ModelName": {"Get": "Steps.M.ModelName"},
        "TransformInput": {"DataSource": source, "ContentType": "text/plain"},
        "TransformOutput": {"S3OutputPath": "s3://local/transformed"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    model = {"Name": "M", "Type": "Model", "Arguments": {"ExecutionRoleArn": ROLE, "PrimaryContainer": container}}
    served.create("stop-transform", definition(model, {"Name": "T", "Type": "Transform", "Arguments": transform}))
    arn = served.start("stop-transform")
    job = ready(served, arn, "T")
    served.sagemaker.stop_transform_job(TransformJobName=job["TransformJobName"])
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    assert describe(served, served.steps(arn)["T"])["TransformJobStatus"] == "Stopped"
    assert objects(served, "transformed") == []


@pytest.mark.long
def test_a_stopped_execution_lets_its_training_save(served: Served) -> None:
    served.create("stop-all", definition(training("T", saving())))
    arn = served.start("stop-all")
    ready(served, arn, "T")
    served.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert served.end(arn)["PipelineExecutionStatus"] == "Stopped"
    job = describe(served, served.steps(arn)["T"])
    assert (job["TrainingJobStatus"], story(job)[-3:]) == ("Stopped", ["Stopping", "Uploading", "Stopped"])
    assert objects(served, f"models/{job['TrainingJobName']}") == ["model.tar.gz"]


@pytest.mark.long
def test_a_job_that_is_stopping_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, settings={"grace": 60.0}) as served:
        command = "trap 'echo told' TERM; echo ready; while [ ! -f /opt/ml/go ]; do sleep 0.1; done"
        served.create("p", definition(training("T", command)))
        arn = served.start("p")
        job = ready(served, arn, "T")
        served.sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])
        job = describe(served, served.steps(arn)["T"])
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopping", "Stopping")
        (folder,) = served.engine.jobs_folder.glob("*/T")
        until(lambda: "told" in (folder / "log.txt").read_text())
        (folder / "ml" / "go").touch()
        assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
        assert describe(served, served.steps(arn)["T"])["TrainingJobStatus"] == "Stopped"


@pytest.mark.long
def test_the_maximum_run_time(served: Served) -> None:
    served.create("late", definition(training("T", saving(), StoppingCondition={"MaxRuntimeInSeconds": 1})))
    arn = served.start("late")
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    job = describe(served, served.steps(arn)["T"])
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model.tar.gz")
    listed = served.sagemaker.list_training_jobs(NameContains="late-", StatusEquals="Stopped")["TrainingJobSummaries"]
    assert all(item["SecondaryStatus"] in ("Stopped", "MaxRuntimeExceeded") for item in listed)


@pytest.mark.long
def test_a_spot_training_is_described_with_its_times_and_metrics(served: Served) -> None:
    command = f"echo loss=0.5; {COUNTING}".replace("-ge 2", "-ge 1")
    served.create("spot", definition(training("Spot", command, metrics={"loss": "loss=(.*)"}, **CHECKPOINTS, **SPOT)))
    arn = served.start("spot")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    job = describe(served, served.steps(arn)["Spot"])
    assert story(job).count("Interrupted") == 1
    assert (job["EnableManagedSpotTraining"], job["CheckpointConfig"]) == (True, CHECKPOINTS["CheckpointConfig"])
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 0.5)
    assert job["CreationTime"].replace(microsecond=0) <= metric["Timestamp"] <= job["TrainingEndTime"]
    assert 1 <= job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]
    ends = [part["EndTime"] for part in job["SecondaryStatusTransitions"]]
    assert ends == sorted(ends)


def test_a_killed_job_says_so(served: Served) -> None:
    served.create("killed", definition(script("P", "echo epoch 7; kill -9 $$")))
    arn = served.start("killed")
    served.end(arn)
    reason = "AlgorithmError: exit code 137 (SIGKILL, often out of memory)\nepoch 7"
    step = served.steps(arn)["P"]
    assert (step["FailureReason"], describe(served, step)["FailureReason"]) == (f"ClientError: {reason}", reason)


def test_what_a_processing_job_says_at_its_end(served: Served) -> None:
    bad = script("Bad", "printf '\\377' > /opt/ml/output/message")
    served.create("said", definition(script("P", "echo all well > /opt/ml/output/message"), bad))
    arn = served.start("said")
    served.end(arn)
    steps = served.steps(arn)
    assert describe(served, steps["P"])["ExitMessage"] == "all well\n"
    assert steps["Bad"]["FailureReason"] == "ClientError: /opt/ml/output/message is not UTF-8"

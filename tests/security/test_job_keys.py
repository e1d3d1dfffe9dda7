"""Attacks with the key of a job: it reads its inputs, writes its own, looks at its own execution, and dies with it."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.serve.access.steps import step_key
from pipeline_builder.target import Calling
from tests.doors import Door
from tests.engine.definitions import definition, script, training
from tests.engine.environments import share_environments, shared_environment
from tests.serve.serving import ROLE, Served, refused, serving, until

WAIT = "env > /opt/ml/processing/output/env; {wait}; touch /opt/ml/processing/output/done"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        for key in ("data/in/a.csv", "data/in-secret/a.csv", "data/other.csv"):
            found.engine.store.put(f"s3://local/{key}", b"1")
        yield found


class Job:
    """What somebody has who is a job: its variables, and clients made of nothing else."""

    def __init__(self, variables: dict[str, str], url: str) -> None:
        self.variables = variables
        self.url = url

    def client(self, service: str, **config: Any) -> Any:
        keys = {name.lower(): self.variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        session = boto3.session.Session(**keys, region_name=self.variables["AWS_REGION"])
        settings = Config(retries={"total_max_attempts": 1}, **config)
        return session.client(service, endpoint_url=self.url, config=settings)


@pytest.fixture
def running(served: Served, door: Door) -> Iterator[tuple[Job, str]]:
    """Run two steps that wait, and give the first one's key and the ARN of their execution."""
    steps = [script(name, WAIT.format(wait=door.until), inputs={"in": "s3://local/data/in"}) for name in ("A", "B")]
    served.create("p", definition(*steps))
    arn = served.start("p")
    folder = served.engine.jobs_folder / arn.rsplit("/", 1)[-1] / "A" / "ml" / "processing" / "output" / "env"
    text = until(lambda: folder.read_text() if folder.exists() and "AWS_ENDPOINT_URL" in folder.read_text() else "")
    variables = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    yield Job(variables, served.url), arn
    door.open()
    served.end(arn)


def denied(ask: Any, words: str = "is not authorized to perform", **request: Any) -> None:
    """Expect that the service refuses, in AWS's words where its answer has a body."""
    with pytest.raises(ClientError) as caught:
        ask(**request)
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException", "403"), error
    assert error["Code"] == "403" or words in error["Message"], error


@pytest.mark.long
def test_what_a_job_may_do(running: tuple[Job, str]) -> None:
    job, arn = running
    s3, sagemaker = job.client("s3"), job.client("sagemaker")
    own = f"out/{arn.rsplit('/', 1)[-1]}/A"
    assert s3.get_object(Bucket="local", Key="data/in/a.csv")["Body"].read() == b"1"
    s3.put_object(Bucket="local", Key=f"{own}/more/x", Body=b"2")
    assert s3.get_object(Bucket="local", Key=f"{own}/more/x")["Body"].read() == b"2"
    for prefix in ("data/in/", "data/in"):
        assert "data/in/a.csv" in [one["Key"] for one in s3.list_objects_v2(Bucket="local", Prefix=prefix)["Contents"]]
    s3.copy_object(Bucket="local", Key=f"{own}/copy", CopySource="local/data/in/a.csv")
    s3.delete_object(Bucket="local", Key=f"{own}/copy")
    s3.head_bucket(Bucket="local")
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing"
    assert len(sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]) == 2
    name = job.variables["PROCESSING_JOB_ARN"].rsplit("/", 1)[-1]
    assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    assert job.client("sts").get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/local/SageMaker"


@pytest.mark.long
def test_a_job_reads_nothing_of_others(running: tuple[Job, str]) -> None:
    job, arn = running
    s3, execution = job.client("s3"), arn.rsplit("/", 1)[-1]
    tricks = ("data/in/../other.csv", "data/in/./a.csv", "/data/in/a.csv")
    for key in ("data/other.csv", "data/in-secret/a.csv", f"out/{execution}/B/env", *tricks):
        denied(s3.get_object, Bucket="local", Key=key)
        denied(s3.head_object, Bucket="local", Key=key)
    for prefix in ("", "data/", "out/", f"out/{execution}/", f"out/{execution}/B"):
        denied(s3.list_objects_v2, Bucket="local", Prefix=prefix)
        denied(s3.list_objects, Bucket="local", Prefix=prefix)
        denied(s3.list_object_versions, Bucket="local", Prefix=prefix)
    denied(s3.list_buckets)
    denied(s3.head_bucket, Bucket="sagemaker-us-east-1-000000000000")


@pytest.mark.long
def test_a_job_writes_nowhere_else_on_any_way(served: Served, running: tuple[Job, str]) -> None:
    job, arn = running
    s3, execution = job.client("s3"), arn.rsplit("/", 1)[-1]
    own = f"out/{execution}/A"
    beside = (f"out/{execution}/B/x", "out/other/A/x", f"{own}/../B/x", f"{own}-evil/x", f"out/{execution}")
    for key in ("data/in/a.csv", *beside):
        denied(s3.put_object, Bucket="local", Key=key, Body=b"evil")
        denied(s3.delete_object, Bucket="local", Key=key)
        denied(s3.create_multipart_upload, Bucket="local", Key=key)
        denied(s3.copy_object, Bucket="local", Key=key, CopySource="local/data/in/a.csv")
    denied(s3.copy_object, Bucket="local", Key=f"{own}/stolen", CopySource="local/data/other.csv")
    denied(s3.create_bucket, Bucket="evil")
    denied(s3.delete_bucket, Bucket="local")
    s3.put_object(Bucket="local", Key=f"{own}/x", Body=b"")
    keys = [{"Key": "data/other.csv"}, {"Key": f"{own}/x"}]
    answer = s3.delete_objects(Bucket="local", Delete={"Objects": keys})
    assert [one["Code"] for one in answer["Errors"]] == ["AccessDenied"]
    assert [one["Key"] for one in answer["Deleted"]] == [f"{own}/x"]
    assert served.engine.store.get("s3://local/data/other.csv") == b"1"
    upload = served.s3.create_multipart_upload(Bucket="local", Key="data/parts")["UploadId"]
    denied(s3.upload_part, Bucket="local", Key="data/parts", UploadId=upload, PartNumber=1, Body=b"1")
    with refused("NoSuchUpload"):
        s3.upload_part(Bucket="local", Key=f"{own}/x", UploadId=upload, PartNumber=1, Body=b"1")


@pytest.mark.long
def test_a_job_decides_starts_and_stops_nothing(running: tuple[Job, str]) -> None:
    job, arn = running
    sagemaker, region = job.client("sagemaker"), job.variables["AWS_REGION"]
    package = f"arn:aws:sagemaker:{region}:000000000000:model-package/g/1"
    denied(sagemaker.create_model_package_group, ModelPackageGroupName="g")
    denied(sagemaker.create_model_package, ModelPackageGroupName="g")
    denied(sagemaker.update_model_package, ModelPackageArn=package, ModelApprovalStatus="Approved")
    words = (
        "User: arn:aws:sts::000000000000:assumed-role/local/SageMaker is not authorized to perform: "
        f"sagemaker:StartPipelineExecution on resource: arn:aws:sagemaker:{region}:000000000000:pipeline/p because no "
        "identity-based policy allows the sagemaker:StartPipelineExecution action"
    )
    denied(sagemaker.start_pipeline_execution, words, PipelineName="p")
    denied(sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
    denied(sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
    denied(sagemaker.create_pipeline, PipelineName="q", PipelineDefinition="{}", RoleArn=ROLE)
    denied(sagemaker.list_pipelines)
    denied(sagemaker.describe_pipeline, PipelineName="p")
    denied(sagemaker.describe_pipeline_execution, PipelineExecutionArn=f"{arn[:-1]}_")
    denied(sagemaker.describe_processing_job, ProcessingJobName="other")
    denied(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    denied(job.client("logs").describe_log_groups)
    iam, me = (
        job.client("iam"),
        "assumed-role/local/SageMaker is not authorized to perform: iam:SimulatePrincipalPolicy",
    )
    denied(iam.get_role, RoleName="admin")
    denied(iam.simulate_principal_policy, me, PolicySourceArn=ROLE, ActionNames=["s3:GetObject"])


def opened(url: str, method: str = "GET", body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.long
def test_presigned_addresses_are_no_more_than_their_key(served: Served, running: tuple[Job, str]) -> None:
    job, _ = running
    s3 = job.client("s3", signature_version="s3v4")

    def address(key: str, operation: str = "get_object") -> str:
        return str(s3.generate_presigned_url(operation, Params={"Bucket": "local", "Key": key}, ExpiresIn=600))

    assert opened(address("data/in/a.csv")) == 200
    assert opened(address("data/other.csv")) == 403
    assert opened(address("data/in/a.csv").replace("in/a.csv", "other.csv")) == 403
    assert opened(address("data/in/a.csv", "put_object"), "PUT", b"x") == 403
    assert opened(address("data/in/a.csv").replace("data/in/a.csv", "data/in/%2e%2e/other.csv")) == 403
    mine = address("data/in/a.csv")
    assert opened(mine) == 200


@pytest.mark.long
def test_the_key_ends_with_the_step(served: Served, door: Door) -> None:
    step = script("A", WAIT.format(wait="true"), inputs={"in": "s3://local/data/in"})
    served.create("p", definition(step))
    arn = served.start("p")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    text = served.engine.store.get(f"s3://local/out/{arn.rsplit('/', 1)[-1]}/A/env").decode()
    variables = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    job = Job(variables, served.url)
    with refused("InvalidAccessKeyId"):
        job.client("s3").get_object(Bucket="local", Key="data/in/a.csv")
    with refused("UnrecognizedClientException"):
        job.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
    url = job.client("s3").generate_presigned_url("get_object", Params={"Bucket": "local", "Key": "data/in/a.csv"})
    assert opened(url) == 403
    # Nor is it anywhere that somebody could find it who comes later.
    secret = variables["AWS_SECRET_ACCESS_KEY"].encode()
    found = [p for p in served.engine.jobs_folder.parent.rglob("*") if p.is_file() and secret in p.read_bytes()]
    assert [path.name for path in found] == ["env"]  # what the job itself has written of it


REACH = """
import os, socket, urllib.request, urllib.error
url = os.environ["AWS_ENDPOINT_URL"]
try:
    urllib.request.urlopen(url + "/local", timeout=5)
except urllib.error.HTTPError as error:
    print("endpoint", error.code)
for port in %r:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        print("port", port, "reached")
    except OSError as error:
        print("port", "closed")
"""


@pytest.mark.long
@pytest.mark.skipif(not private_mounts_available(), reason="jobs can't be isolated here")
def test_a_job_without_a_network_reaches_this_one_and_nothing_else(served: Served) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [served.port, other.getsockname()[1]]
        command = "python3 /opt/ml/processing/input/code/reach.py"
        step = script("A", command, inputs={"code": "s3://local/code"})
        served.engine.store.put("s3://local/code/reach.py", (REACH % ports).encode())
        step["Arguments"]["NetworkConfig"] = {"EnableNetworkIsolation": True}
        served.create("p", definition(step))
        arn = served.start("p")
        assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded", served.steps(arn)
    log = (served.engine.jobs_folder / arn.rsplit("/", 1)[-1] / "A" / "log.txt").read_text()
    assert log.splitlines() == ["endpoint 403", "port closed", "port closed"]


@pytest.mark.long
def test_who_brings_keys_of_their_own_gets_none_of_ours(served: Served) -> None:
    step = script("A", "env | grep AWS_ | sort")
    step["Arguments"]["Environment"] = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    served.create("p", definition(step))
    arn = served.start("p")
    served.end(arn)
    log = (served.engine.jobs_folder / arn.rsplit("/", 1)[-1] / "A" / "log.txt").read_text()
    assert "AWS_ACCESS_KEY_ID" not in log
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:1" in log


@pytest.mark.long
@pytest.mark.skipif(not private_mounts_available(), reason="jobs can't be isolated here")
@pytest.mark.parametrize("isolated", [False, True])
def test_boto3_in_a_job(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, isolated: bool) -> None:
    share_environments(tmp_path / "state", tmp_path_factory)
    clients = "; ".join(f"boto3.client('{name}', region_name='us-east-1')" for name in ("s3", "sts", "sagemaker"))
    shared_environment((("boto3",),), f"import boto3; {clients}", tmp_path_factory)
    program = """
import boto3, json, os
s3 = boto3.client("s3")
body = s3.get_object(Bucket="local", Key="data/in/a.csv")["Body"].read()
s3.upload_fileobj(__import__("io").BytesIO(body * 20_000_000), "local", os.environ["OWN"] + "/large")
print(boto3.client("sts").get_caller_identity()["Arn"])
try:
    boto3.client("sagemaker").list_pipelines()
except Exception as error:
    print(error.response["Error"]["Code"])
"""
    with serving(tmp_path, settings={"images": (("image:*", ("boto3",)),)}) as served:
        served.engine.store.put("s3://local/data/in/a.csv", b"1")
        served.engine.store.put("s3://local/code/run.py", program.encode())
        inputs = {"in": "s3://local/data/in", "code": "s3://local/code"}
        step = script("A", "python3 /opt/ml/processing/input/code/run.py", inputs=inputs)
        own: Any = {"Std:Join": {"On": "/", "Values": ["out", {"Get": "Execution.PipelineExecutionId"}, "A"]}}
        step["Arguments"]["Environment"] = {"OWN": own}
        step["Arguments"]["NetworkConfig"] = {"EnableNetworkIsolation": isolated}
        served.create("p", definition(step))
        arn = served.start("p")
        assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded", served.steps(arn)
        execution = arn.rsplit("/", 1)[-1]
        head = served.s3.head_object(Bucket="local", Key=f"out/{execution}/A/large")
        assert head["ContentLength"] == 20_000_000
        log = (served.engine.jobs_folder / execution / "A" / "log.txt").read_text().splitlines()
    assert log == ["arn:aws:sts::000000000000:assumed-role/local/SageMaker", "AccessDeniedException"]


@pytest.mark.long
@pytest.mark.parametrize("base", ["models", "stepped"])
def test_a_training_owns_a_folder_of_an_address_that_others_have_too(served: Served, door: Door, base: str) -> None:
    step = training("T", f"env > /opt/ml/model/env; {door.until}")
    # As the SDK asks for a function with `@step`: what it is and what it returns is below this address, if that of its
    # results is too; an address that arguments name alone is nobody's.
    named = "s3://local/stepped" if base == "stepped" else "s3://local/elsewhere"
    step["Arguments"]["AlgorithmSpecification"]["ContainerArguments"] = ["--s3_base_uri", named]
    if base == "stepped":
        results = {"Std:Join": {"On": "/", "Values": [named, {"Get": "Execution.PipelineExecutionId"}, "T/results"]}}
        step["Arguments"]["OutputDataConfig"] = {"S3OutputPath": results}
    served.create("p", definition(step))
    arn = served.start("p")
    execution = arn.rsplit("/", 1)[-1]
    file = served.engine.jobs_folder / execution / "T" / "ml" / "model" / "env"
    text = until(lambda: file.read_text() if file.exists() and "AWS_SECRET" in file.read_text() else "")
    job = Job(dict(line.split("=", 1) for line in text.splitlines() if "=" in line), served.url)
    s3 = job.client("s3")
    name = job.variables["TRAINING_JOB_NAME"]
    for key in (f"{base}/{name}/x", f"{base}/{execution}/T/results/payload.pkl"):
        s3.put_object(Bucket="local", Key=key, Body=b"1")
    for key in (f"{base}/T/2026/function/payload.pkl", f"{base}/{execution}/Other/results/payload.pkl"):
        served.s3.put_object(Bucket="local", Key=key, Body=b"2")
        assert s3.get_object(Bucket="local", Key=key)["Body"].read() == b"2"
        denied(s3.put_object, Bucket="local", Key=key, Body=b"1")
    denied(s3.get_object, Bucket="local", Key=f"{base}/Other/2026/function/payload.pkl")
    denied(s3.put_object, Bucket="local", Key=f"elsewhere/{execution}/T/results/payload.pkl", Body=b"1")
    assert {job.variables[variable] for variable in ("AWS_REGION", "AWS_DEFAULT_REGION")} == {"us-east-1"}
    for key in ("models/x", f"models/{name}x/y", f"models/{execution}/Other/x", "models/other-job/output/model.tar.gz"):
        denied(s3.put_object, Bucket="local", Key=key, Body=b"1")
    door.open()
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"


@pytest.mark.parametrize("made", ["{run}/{step}", "{step}/2026/{run}"], ids=["SDK 2", "SDK 3"])
def test_a_function_returns_below_its_own_address_and_reads_what_it_is_handed(made: str) -> None:
    """As versions of the SDK ask for a function with `@step`; what each finds is what it asks for."""
    base = "s3://local/stepped"
    mine, handed = (f"{base}/{made.format(run='run', step=step)}/results" for step in ("two", "one"))
    other = f"{base}/{made.format(run='other', step='one')}/results"
    arguments = [
        "--s3_base_uri",
        base,
        "--property_references",
        "Steps.one",
        handed,
        "Steps.x",
        other,
        "s3://else/run/x",
    ]
    request = {
        "AlgorithmSpecification": {"ContainerArguments": arguments}, "OutputDataConfig": {"S3OutputPath": mine},
    }  # fmt: skip
    key = step_key(Calling(execution="arn:x/run", step="two", job="arn:x:training-job/job", request=request))

    def may(asked: Any, address: str) -> bool:
        return bool(asked(*address.removeprefix("s3://").split("/", 1)))

    for address in (f"{mine}/payload.pkl", f"{base}/run/two/exception/payload.pkl", f"{base}/job/output/model.tar.gz"):
        assert may(key.may_write, address)
    for address in (f"{handed}/payload.pkl", f"{base}/two/2026/function/payload.pkl"):
        assert may(key.may_read, address)
        assert not may(key.may_write, address)
    for address in (f"{other}/payload.pkl", f"{base}/one/2026/function/payload.pkl", "s3://else/run/x"):
        assert not may(key.may_read, address)

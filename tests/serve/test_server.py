"""The server itself: whom it answers, what it refuses, the services around SageMaker, and its life as a process."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline_builder.errors import OutsideFailure
from pipeline_builder.serve.access.access import Access
from pipeline_builder.serve.server import make_server_on
from tests.doors import Door
from tests.engine.definitions import definition, script
from tests.forking import Process, fork
from tests.places import ROOT
from tests.serve.serving import ROLE, Served, refused, serving, until


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, any_key=True) as found:  # requests by hand aren't signed
        yield found


def ask(
    served: Served, target: str, body: bytes = b"{}", /, *, method: str = "POST", path: str = "/", **headers: str
) -> tuple[int, str]:
    """Send a request by hand; return the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    sent = {"X-Amz-Target": target, **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


START = json.dumps({"PipelineName": "p", "ClientRequestToken": "t" * 32}).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8265"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example"},  # a name that its owner lets point to 127.0.0.1
        {"Host": "evil.example:8265"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
    ],
)
def test_a_web_page_starts_nothing(served: Served, headers: dict[str, str]) -> None:
    served.create("p", definition(script("A", "true")))
    for kind in ("application/x-amz-json-1.1", "text/plain"):
        status, answer = ask(served, "SageMaker.StartPipelineExecution", START, Content_Type=kind, **headers)
        assert status == 403, answer
        assert "Access-Control" not in answer
    for method, path in (("PUT", "/bucket"), ("GET", "/"), ("OPTIONS", "/"), ("POST", "/")):
        assert ask(served, "", method=method, path=path, **headers)[0] == 403
    form = {"Content_Type": "application/x-www-form-urlencoded", **headers}
    assert ask(served, "", b"Action=GetCallerIdentity", **form)[0] == 403
    assert served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"] == []
    assert served.engine.store.buckets() == ()


def test_it_listens_on_this_machine_only(served: Served) -> None:
    others = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with socket.socket() as client:
            client.settimeout(2)
            assert client.connect_ex((str(address), served.port)) != 0


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("SageMaker.CreateAutoMLJob", "'CreateAutoMLJob' is not served by the local engine"),
        ("SageMaker.MakeCoffee", "'MakeCoffee' is no operation of SageMaker"),
        ("Logs_20140328.PutLogEvents", "'PutLogEvents' is not served by the local engine"),
        ("DynamoDB_20120810.ListTables", "'DynamoDB_20120810.ListTables' is not served here"),
        ("StartPipelineExecution", "is not served by the local engine"),
    ],
)
def test_what_it_does_not_know_it_refuses(served: Served, target: str, text: str) -> None:
    status, answer = ask(served, target)
    assert status in (400, 501), answer
    if target != "StartPipelineExecution":
        assert (json.loads(answer)["__type"], text in answer) == ("UnknownOperationException", True), answer


@pytest.mark.long
def test_boto3_sees_an_unknown_operation_as_such(served: Served) -> None:
    with refused("UnknownOperationException", "not served"):
        served.sagemaker.list_endpoints()
    client = served.client("sts")
    with refused("InvalidAction", "'AssumeRole' is not served"):
        client.assume_role(RoleArn=ROLE, RoleSessionName="name")
    client.close()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "line 1 column 2"),
        (b"[]", ""),
        (b"1", ""),
        (b'"text"', ""),
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "too many levels"),
        (b"1" * 5000, "a number too long"),
    ],
    ids=["open", "list", "number", "text", "binary", "levels", "digits"],
)
def test_a_body_that_is_no_object_is_refused(served: Served, body: bytes, why: str) -> None:
    status, answer = ask(served, "SageMaker.ListPipelines", body)
    assert (status, json.loads(answer)["__type"], why in answer) == (400, "SerializationException", True), answer


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    status, answer = ask(served, "SageMaker.ListPipelines", Content_Length=str(17 << 20))
    assert (status, json.loads(answer)["__type"]) == (413, "RequestEntityTooLarge")


def exchanged(served: Served, path: str = "/bucket/waits", host: str = "127.0.0.1", length: int = 4) -> bytes:
    """Send the head of an upload, and its body where the server asks for it; return all that is answered."""
    head = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(head.encode())
        found = b""
        while block := connection.recv(4096):
            if block.startswith(b"HTTP/1.1 100"):
                connection.sendall(b"body")
            found += block
    return found


def test_a_body_is_asked_for_once_and_not_where_it_is_refused(served: Served) -> None:
    served.s3.create_bucket(Bucket="bucket")
    taken = exchanged(served)
    assert (taken.count(b"HTTP/1.1 100 Continue\r\n\r\n"), taken.count(b" 200 OK")) == (1, 1), taken
    assert served.engine.store.get("s3://bucket/waits") == b"body"
    for answer, status in (
        (exchanged(served, host="evil.example"), b"403"),
        (exchanged(served, length=6 << 30), b"400"),
        (exchanged(served, "/bucket/waits?torrent"), b"501"),
    ):
        assert answer.startswith(b"HTTP/1.1 " + status), answer


def test_an_error_in_xml_has_the_name_of_the_answer(served: Served) -> None:
    for path, body in (("/bucket/none", None), ("/", b"Action=None")):
        url = f"{served.url}{path}"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(urllib.request.Request(url, body, kind if body else {}))
        with error.value as answer:
            assert f"<RequestId>{answer.headers['x-amz-request-id']}</RequestId>" in answer.read().decode()


def test_who_we_are(served: Served) -> None:
    sts, iam = served.client("sts"), served.client("iam")
    assert sts.get_caller_identity()["Account"] == "000000000000"
    assert iam.get_role(RoleName="local")["Role"]["Arn"] == ROLE
    sts.close()
    iam.close()


@pytest.mark.long
def test_jobs_are_described_and_listed_and_their_logs_read(served: Served) -> None:
    lines = "for line in one two three; do echo $line; done"
    served.create("p", definition(script("A", lines), script("B", "exit 1")))
    arn = served.start("p")
    served.end(arn)
    names = {
        step: item["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1] for step, item in served.steps(arn).items()
    }
    job = served.sagemaker.describe_processing_job(ProcessingJobName=names["A"])
    assert (job["ProcessingJobStatus"], job["AppSpecification"]["ImageUri"]) == ("Completed", "image:1")
    assert job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].startswith("s3://local/out/")
    listed = served.sagemaker.list_processing_jobs(StatusEquals="Failed")["ProcessingJobSummaries"]
    assert [item["ProcessingJobName"] for item in listed] == [names["B"]]
    assert served.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    with refused("ValidationException", "Requested resource not found."):
        served.sagemaker.describe_training_job(TrainingJobName="none")
    logs = served.client("logs")
    group = "/aws/sagemaker/ProcessingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{names['A']}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    messages = [event["message"] for event in events]
    assert [line for line in messages if line in ("one", "two", "three")] == ["one", "two", "three"]
    last = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=1)["events"]
    assert [event["message"] for event in last] == messages[-1:]
    found = logs.filter_log_events(logGroupName=group, filterPattern="two")["events"]
    assert [event["message"] for event in found] == ["two"]
    with refused("ResourceNotFoundException"):
        logs.get_log_events(logGroupName=group, logStreamName="none")
    with refused("ResourceNotFoundException"):
        logs.describe_log_streams(logGroupName="none")
    logs.close()


@pytest.mark.long
def test_many_clients_at_once(served: Served) -> None:
    def work(number: int) -> str:
        client = served.client("sagemaker")
        name = f"p{number}"
        content = definition(script("A", f"echo {number}")).decode()
        client.create_pipeline(PipelineName=name, PipelineDefinition=content, RoleArn=ROLE)
        arn = str(client.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"])
        client.close()
        return str(served.end(arn)["PipelineExecutionStatus"])

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(work, range(6))) == {"Succeeded"}
    assert len(served.sagemaker.list_pipelines()["PipelineSummaries"]) == 6


def test_a_port_that_is_taken_is_said(served: Served) -> None:
    with pytest.raises(OutsideFailure, match="PB542"):
        make_server_on(served.port, served.engine, access=Access(), say=lambda _: None)


def start_process(folder: Path) -> tuple[Process, Any]:
    command = ["serve", "--port", "0", "--state", str(folder)]
    process = fork(command, cwd=folder.parent, environment=os.environ)
    line = process.stdout.readline().strip()
    if not line.startswith("AWS_ENDPOINT_URL=http://127.0.0.1:"):
        process.kill()
        raise AssertionError(line, process.communicate()[1])
    url = line.removeprefix("AWS_ENDPOINT_URL=")
    exported = dict(word.split("=", 1) for word in process.stdout.readline().split()[1:])
    keys = {name.lower(): exported[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    return process, boto3.session.Session(**keys, region_name="us-east-1").client("sagemaker", endpoint_url=url)


def end_process(process: Process, number: signal.Signals) -> str:
    process.send_signal(number)
    return process.communicate(timeout=60)[1]


@pytest.mark.long
def test_as_a_process_that_is_killed_and_goes_on(tmp_path: Path, door: Door) -> None:
    process, client = start_process(tmp_path / "state")
    try:
        steps = [script("Before", "true"), script("Wait", door.until)]
        client.create_pipeline(PipelineName="p", PipelineDefinition=definition(*steps).decode(), RoleArn=ROLE)
        arn = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]

        def statuses() -> dict[str, str]:
            listed = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
            return {step["StepName"]: step["StepStatus"] for step in listed}

        until(lambda: statuses() == {"Before": "Succeeded", "Wait": "Executing"})
        end_process(process, signal.SIGKILL)
        client.close()
        door.open()
        process, client = start_process(tmp_path / "state")
        until(lambda: statuses() == {"Before": "Succeeded", "Wait": "Succeeded"})
        until(
            lambda: (
                client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] != "Executing"
            )
        )
        said = end_process(process, signal.SIGINT)
        assert process.returncode == 0
        assert "Traceback" not in said
    finally:
        client.close()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()


def test_the_script_of_the_documentation_works(served: Served) -> None:
    page = ROOT / "docs" / "how-to" / "serve.md"
    (text,) = re.findall(r"```python {.shown}\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": served.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": served.key.id,
        "AWS_SECRET_ACCESS_KEY": served.key.secret,
    }
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("Succeeded\nCopy Succeeded\n1\n2\n3\n", "")

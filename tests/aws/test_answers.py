"""What answers in AWS's place: a proxy, a login page, a document that breaks off. A real server says it, to real clients."""

from __future__ import annotations

import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import botocore.endpoint
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.store import S3Store
from pipeline_builder.errors import ExitCode, OutsideFailure
from tests.serve.serving import KEYS

PAGE = "<!DOCTYPE html><html><head><style>b {}</style></head><body><h1>Proxy</h1> is <b>overloaded</b></body></html>"
CALLS = {
    "cloudformation": ("describe_stacks", {"StackName": "x"}),
    "sts": ("get_caller_identity", {}),
    "sagemaker": ("describe_pipeline", {"PipelineName": "x"}),
    "codepipeline": ("get_pipeline_execution", {"pipelineName": "x", "pipelineExecutionId": "e" * 36}),
    "s3": ("get_bucket_tagging", {"Bucket": "bucket"}),
}


class Server:
    """What is answered to whatever is asked, and how often it was."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"", {"Content-Type": "text/html"}
        self.cut = 0
        self.asked = 0

    def says(self, status: int, body: str = "", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.status, self.body, self.headers, self.asked, self.cut = status, body.encode(), named, 0, 0


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.asked += 1
            self.send_response(server.status)
            for name, value in {**server.headers, "Content-Length": str(len(server.body) + server.cut)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(server.body)
            self.close_connection = bool(server.cut)

        do_GET = do_PUT = do_HEAD = do_POST  # noqa: N815 - the handlers' names

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    return Handler


@contextmanager
def answering() -> Iterator[tuple[Server, str]]:
    server = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Server, str]]:
    with answering() as found:
        yield found


@pytest.fixture
def server(place: tuple[Server, str]) -> Server:
    return place[0]


@pytest.fixture
def aws(place: tuple[Server, str], monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setenv("AWS_ENDPOINT_URL", place[1])
    return Aws("us-east-1", session=boto3.session.Session(**KEYS))


def refused(aws: Aws, service: str) -> OutsideFailure:
    operation, arguments = CALLS[service]
    with pytest.raises(OutsideFailure) as caught:
        _ = aws.call(service, operation, **arguments)["NotThere"]
    assert caught.value.exit_code == ExitCode.OUTSIDE
    return caught.value


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize(
    ("status", "body"),
    [(503, PAGE), (502, "Bad gateway"), (403, PAGE), (407, PAGE), (200, PAGE), (200, "login first")],
)
def test_a_page_in_an_answers_place(aws: Aws, server: Server, service: str, status: int, body: str) -> None:
    server.says(status, body, Content_Type="text/html")
    if service == "s3" and body == "login first":
        status = 500  # what is no XML botocore makes an error of S3's, and tries again
    words, tries = "Proxy is overloaded" if body == PAGE else body, 8 if status >= 500 else 1
    (problem,) = refused(aws, service).problems
    asked = f"{service} {CALLS[service][0]}"
    assert (problem.id, problem.message) == ("PB763", f"what answered {asked} is not AWS (status {status}): {words}")
    assert "HTTPS_PROXY" in str(problem.hint)
    assert server.asked == tries


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize(
    "body", ['{"Pipel', "[1]", '"x"', "<DescribeStacksResponse><Desc", "<other/>", '{"error": "blocked"}', "{}", ""]
)
def test_half_a_document_and_another_ones(aws: Aws, server: Server, service: str, body: str) -> None:
    server.says(200, body)
    (problem,) = refused(aws, service).problems
    # What begins like XML and is none is for botocore an error of S3's.
    assert problem.id == ("PB703" if service == "s3" and body.startswith("<Desc") else "PB763"), problem


def test_a_listing_of_nothing_at_all_is_no_empty_one(aws: Aws, server: Server) -> None:
    server.says(200, "{}")
    with pytest.raises(OutsideFailure, match="PB763 what answered sagemaker list_pipeline_executions"):
        list(aws.pages("sagemaker", "list_pipeline_executions", PipelineName="x"))
    server.says(200, "{}", x_amzn_RequestId="1")
    assert len(list(aws.pages("sagemaker", "list_pipeline_executions", PipelineName="x"))) == 1


def test_a_login_page_elsewhere(aws: Aws, server: Server) -> None:
    server.says(302, "", Location="https://login.example.com/")
    (problem,) = refused(aws, "sagemaker").problems
    assert problem.message.endswith("is not AWS (status 302): it leads to https://login.example.com/")


@pytest.mark.long
@pytest.mark.parametrize("headers", [{"Content_Type": "text/html"}, {}])
def test_what_has_stored_nothing_is_not_believed(
    aws: Aws, server: Server, tmp_path: Path, headers: dict[str, str]
) -> None:
    store = S3Store(aws)
    (tmp_path / "file").write_bytes(b"x")
    server.says(200, PAGE if headers else "", **headers)
    for attempt in (
        lambda: store.put("s3://bucket/x", b"x"),
        lambda: store.put("s3://bucket/x", tmp_path / "file"),
        lambda: store.get("s3://bucket/x"),
        lambda: store.look("s3://bucket/x"),
    ):
        with pytest.raises(OutsideFailure, match="PB763 what answered s3 "):
            attempt()


def test_a_page_of_ones_own_can_be_read(aws: Aws, server: Server) -> None:
    server.says(200, PAGE, Content_Type="text/html", ETag='"x"')
    assert S3Store(aws).get("s3://bucket/report.html") == PAGE.encode()


def test_an_object_that_breaks_off(aws: Aws, server: Server) -> None:
    server.says(200, "half", ETag='"x"')
    server.cut = 10
    with pytest.raises(OutsideFailure, match="PB703"):
        S3Store(aws).get("s3://bucket/x")


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("s3", "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>"),
        ("sagemaker", '{"__type": "InvalidSignatureException", "message": "Signature expired: 20261129T1200Z is now"}'),
        (
            "cloudformation",
            "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature not yet current: 2026"
            "</Message></Error></ErrorResponse>",
        ),
    ],
)
def test_a_wrong_clock(aws: Aws, server: Server, service: str, body: str) -> None:
    server.says(403, body, Date="Sun, 29 Nov 2026 12:00:00 GMT")
    (problem,) = refused(aws, service).problems
    assert problem.id == "PB764"
    assert "AWS has " in str(problem.hint)


def test_credentials_that_are_only_wrong_are_no_wrong_clock(aws: Aws, server: Server) -> None:
    server.says(403, '{"__type": "InvalidSignatureException", "message": "The request signature does not match"}')
    assert refused(aws, "sagemaker").problems[0].id == "PB701"


def test_an_endpoint_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not a url")
    with pytest.raises(OutsideFailure, match="PB707 AWS can't be asked for sts: Invalid endpoint"):
        Aws("us-east-1", session=boto3.session.Session(**KEYS)).call("sts", "get_caller_identity")


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://aws.invalid")
    monkeypatch.setenv("HTTP_PROXY", "http://ada:hidden@127.0.0.1:1")
    with pytest.raises(
        OutsideFailure, match="PB703 AWS could not be reached for get_caller_identity: .* proxy"
    ) as caught:
        Aws("us-east-1", session=boto3.session.Session(**KEYS)).call("sts", "get_caller_identity")
    assert "hidden" not in str(caught.value)
    assert "the proxy variables" in str(caught.value.problems[0].hint)


def test_what_nobody_expected_to_be_gone_is_a_problem_too(aws: Aws, server: Server) -> None:
    server.says(400, '{"__type": "ResourceNotFound", "message": "Pipeline x does not exist"}')
    (problem,) = refused(aws, "sagemaker").problems
    assert problem.message == "AWS has nothing there for describe_pipeline: Pipeline x does not exist"

"""What is signed with the owner's key is taken, however a client signs; all else is refused in AWS's words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
import time
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline_builder.errors import OutsideFailure
from pipeline_builder.serve.access.keys import draw_key, owners_key
from tests.engine.definitions import definition, fail
from tests.serve.access.signing import EMPTY, Signing, send
from tests.serve.serving import ROLE, Served, refused, serving

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Path(tmp_path_factory.mktemp("access"))) as found:
        found.s3.create_bucket(Bucket="bucket")
        yield found


@pytest.fixture
def sign(served: Served) -> Signing:
    return Signing(port=served.port, id=served.key.id, secret=served.key.secret)


def test_what_the_owner_signs_is_taken(sign: Signing) -> None:
    assert sign.sagemaker().status == 200
    assert sign.ask("sts", body=IDENTITY, **FORM).status == 200
    assert sign.ask("s3", "GET", "/bucket?list-type=2&prefix=a%2Fb", b"").status == 200


def answers(sign: Signing) -> tuple[str, str, str]:
    """Ask a service of each protocol, and return the codes."""
    found = sign.sagemaker(), sign.ask("sts", body=IDENTITY, **FORM), sign.ask("s3", "GET", "/bucket", b"")
    assert [one.status for one in found] == [400, 403, 403], found
    return found[0].code, found[1].code, found[2].code


def test_an_unknown_key(sign: Signing) -> None:
    sign.id = draw_key().id
    assert answers(sign) == ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId")


def test_another_secret(sign: Signing) -> None:
    sign.secret += "x"
    assert answers(sign) == ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch")


def test_no_signature(sign: Signing) -> None:
    sign.edit = lambda headers: headers.pop("Authorization")
    expected = ("MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied")
    assert answers(sign) == expected


@pytest.mark.parametrize("late", [16 * 60, -16 * 60])
def test_another_time(sign: Signing, late: float) -> None:
    sign.late = late
    assert answers(sign) == ("InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed")
    said = "Signature expired: " if late > 0 else "Signature not yet current: "
    assert said in sign.sagemaker().body


def test_a_time_that_differs_a_little(sign: Signing) -> None:
    sign.late = 4 * 60
    assert sign.sagemaker().status == 200


@pytest.mark.parametrize("late", [5 * 60 + 5])
def test_s3_takes_a_time_that_others_do_not(sign: Signing, late: float) -> None:
    sign.late = late
    assert sign.ask("s3", "GET", "/bucket", b"").status == 200
    assert sign.sagemaker().code == "InvalidSignatureException"


def test_what_was_changed_after_it_was_signed(sign: Signing, served: Served) -> None:
    target = {"X-Amz-Target": "SageMaker.ListPipelines", "Content-Type": "application/x-amz-json-1.1"}
    signed = sign.headers("sagemaker", "POST", "/", target, b"{}")
    for edited, body in (
        (signed, b'{"MaxResults": 3}'),
        ({**signed, "X-Amz-Target": "SageMaker.ListModels"}, b"{}"),
        ({**signed, "Host": f"localhost:{served.port}"}, b"{}"),
    ):
        assert send(served.port, "POST", "/", edited, body).code == "InvalidSignatureException"
    signed = sign.headers("s3", "GET", "/bucket?prefix=a", {}, b"")
    assert send(served.port, "GET", "/bucket?prefix=b", signed).code == "SignatureDoesNotMatch"
    assert send(served.port, "GET", "/bucket/a?prefix=a", signed).code == "SignatureDoesNotMatch"
    assert send(served.port, "DELETE", "/bucket?prefix=a", signed).code == "SignatureDoesNotMatch"


def test_a_body_that_is_not_the_one_that_was_signed(sign: Signing, served: Served) -> None:
    signed = sign.headers("s3", "PUT", "/bucket/body", {}, b"one")
    assert send(served.port, "PUT", "/bucket/body", signed, b"two").code == "XAmzContentSHA256Mismatch"
    document = b"<Delete><Object><Key>body</Key></Object></Delete>"
    signed = sign.headers("s3", "POST", "/bucket?delete", {}, document.replace(b"body", b"else"))
    assert send(served.port, "POST", "/bucket?delete", signed, document).code == "XAmzContentSHA256Mismatch"
    with refused("404"):
        served.s3.head_object(Bucket="bucket", Key="body")


@pytest.mark.parametrize(
    "header",
    [
        "AWS4-HMAC-SHA256 Credential=x",
        "AWS4-HMAC-SHA256 Credential=AKIA/1/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/s3/aws4_request, SignedHeaders=date, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=",
        "Bearer token",
        "AWS x",
    ],
)
def test_what_is_no_signature(sign: Signing, header: str) -> None:
    sign.edit = lambda headers: headers.update({"Authorization": header})
    assert sign.ask("s3", "GET", "/bucket", b"").code == "AuthorizationHeaderMalformed"
    assert sign.sagemaker().code == "IncompleteSignatureException"
    assert sign.ask("sts", body=IDENTITY, **FORM).code == "IncompleteSignature"


def test_a_signature_for_another_service(sign: Signing) -> None:
    target: Any = {"X_Amz_Target": "SageMaker.ListPipelines", "Content_Type": "application/x-amz-json-1.1"}
    assert sign.ask("logs", **target).code == "InvalidSignatureException"
    assert sign.ask("s3", body=IDENTITY, **FORM).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("service", "ask"),
    [
        ("lambda", lambda client: client.list_functions()),
        ("sagemaker-runtime", lambda client: client.invoke_endpoint(EndpointName="e", Body=b"1")),
        (
            "sagemaker-featurestore-runtime",
            lambda c: c.get_record(FeatureGroupName="g", RecordIdentifierValueAsString="1"),
        ),
        ("dynamodb", lambda client: client.list_tables()),
        ("emr-serverless", lambda client: client.list_applications()),
    ],
)
def test_services_that_are_not_here_answer_as_such(served: Served, service: str, ask: Any) -> None:
    client = served.client(service)
    with refused("UnknownOperationException", "not served"):
        ask(client)
    client.close()


@pytest.mark.parametrize("key", ["a/plain", "with space/ü+&=?#%2F~*'()", "dots/.../x"])
def test_keys_of_every_kind(served: Served, key: str) -> None:
    for path in ("path", "auto"):
        client = served.client("s3", s3={"addressing_style": path})
        client.put_object(Bucket="bucket", Key=key, Body=b"1", Metadata={"two": "a   b"})
        assert client.get_object(Bucket="bucket", Key=key)["Body"].read() == b"1"
        assert key in [one["Key"] for one in client.list_objects_v2(Bucket="bucket", Prefix=key)["Contents"]]
        client.delete_object(Bucket="bucket", Key=key)
        client.close()


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """Open an address as anybody may; return status and body."""
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.long
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_addresses(served: Served, version: str) -> None:
    client = served.client("s3", signature_version=version)
    client.put_object(Bucket="bucket", Key="given x", Body=b"1")
    which = {"Bucket": "bucket", "Key": "given x"}
    asked = {**which, "ResponseContentType": "text/x"}
    url = client.generate_presigned_url("get_object", Params=asked, ExpiresIn=60)
    assert fetch(url) == (200, b"1")
    for other in (url.replace("given", "other"), f"{url}1", url.replace("text%2Fx", "text%2Fy")):
        status, said = fetch(other)
        assert (status, b"SignatureDoesNotMatch" in said) == (403, True), said
    assert fetch(url, "DELETE")[0] == 403
    put = client.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "put"}, ExpiresIn=60)
    if version == "s3v4":  # with the content type that urllib and curl say of what isn't named
        assert fetch(put, "PUT", b"2") == (200, b"")
        assert served.engine.store.get("s3://bucket/put") == b"2"
    past = client.generate_presigned_url("get_object", Params=which, ExpiresIn=-1 if version == "s3" else 1)
    time.sleep(1.1 if version == "s3v4" else 0)
    status, said = fetch(past)
    assert (status, b"Request has expired" in said) == (403, True), said
    client.close()


def test_a_presigned_address_of_a_long_time_or_of_none(served: Served) -> None:
    client = served.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "x"}, ExpiresIn=604_801)
    status, said = fetch(url)
    assert (status, b"<Code>AuthorizationQueryParametersError</Code>" in said) == (400, True), said
    assert b"<Message>X-Amz-Expires must be less than a week (in seconds); that is, the given" in said
    status, said = fetch(url.replace("Expires=604801", "Expires=undefined"))
    assert (status, b"<Message>X-Amz-Expires should be a number</Message>" in said) == (400, True), said
    assert fetch(url.partition("?")[0])[0] == 403
    client.close()


def test_a_presigned_address_says_no_more_than_was_signed(served: Served) -> None:
    client = served.client("s3", signature_version="s3v4")
    client.put_object(Bucket="bucket", Key="secret", Body=b"1")
    put = client.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "mine"}, ExpiresIn=60)
    path = put.partition(f":{served.port}")[2]
    answer = send(served.port, "PUT", path, {"x-amz-copy-source": "/bucket/secret"})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "headers present in the request which were not signed" in answer.body
    twice = send(served.port, "PUT", path, {"Authorization": "AWS a:b"})
    assert (twice.status, twice.code) == (400, "InvalidArgument")
    assert "Only one auth mechanism allowed" in twice.body
    with refused("404"):
        client.head_object(Bucket="bucket", Key="mine")
    client.close()


def test_headers_that_are_not_signed(sign: Signing) -> None:
    sign.edit = lambda headers: headers.update({"x-amz-copy-source": "/bucket/secret"})
    assert sign.ask("s3", "PUT", "/bucket/mine", b"").code == "AccessDenied"
    assert sign.sagemaker().code == "IncompleteSignatureException"


def test_a_time_beyond_all_times(sign: Signing) -> None:
    scope = f"{sign.id}%2F99991231%2Fus-east-1%2Fs3%2Faws4_request"
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    answer = send(sign.port, "GET", f"/bucket?{query}&X-Amz-Date=99991231T235959Z&X-Amz-Expires=604800", {})
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


def test_an_address_that_is_none(sign: Signing, served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    signed = sign.headers("s3", "GET", "/bucket", {}, b"")
    for target in ("foo[bar", "http://a[b/"):
        assert send(sign.port, "GET", target, signed).code == "SignatureDoesNotMatch"
    assert (served.reports, capfd.readouterr().err) == ([], "")


@pytest.mark.parametrize("named", ["foo", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"])
def test_what_is_no_digest_of_a_body(sign: Signing, named: str) -> None:
    body = b"1\r\na\r\n0\r\n\r\n"
    assert sign.ask("s3", "PUT", "/bucket/none", body, x_amz_content_sha256=named).code == "InvalidArgument"


def test_a_search_of_too_many_levels(sign: Signing) -> None:
    levels = b'{"SubExpressions":[' * 60 + b"{}" + b"]}" * 60  # what Python itself would take
    answer = sign.sagemaker("Search", b'{"Resource":"Pipeline","SearchExpression":' + levels + b"}")
    assert (answer.status, answer.code) == (400, "ValidationException")


def test_an_object_may_be_a_form(sign: Signing, served: Served) -> None:
    assert sign.ask("s3", "PUT", "/bucket/form", b"a=1", **FORM).status == 200
    assert served.engine.store.get("s3://bucket/form") == b"a=1"


def test_a_query_service_that_is_not_here_says_so(sign: Signing) -> None:
    answer = sign.ask("cloudformation", body=b"Action=ListStacks&Version=2010-05-15", **FORM)
    assert (answer.status, answer.code) == (400, "InvalidAction")
    assert "'cloudformation' is not served by the local engine" in answer.body


def test_images_and_quotas_want_a_signature_of_their_own(sign: Signing) -> None:
    for target in ("AmazonEC2ContainerRegistry_V20150921.DescribeImages", "ServiceQuotasV20190624.ListServiceQuotas"):
        answer = sign.ask("s3", body=b"{}", X_Amz_Target=target, Content_Type="application/x-amz-json-1.1")
        assert answer.code == "InvalidSignatureException", answer


def chunk_signed(sign: Signing, parts: list[bytes], trailer: str = "") -> tuple[dict[str, str], bytes]:
    """Return headers and body of an upload in signed chunks, made as AWS's documentation says and by nothing of ours."""
    whole = b"".join(parts)
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = {
        "x-amz-content-sha256": kind,
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(whole)),
        **({"x-amz-trailer": "x-amz-checksum-crc32"} if trailer else {}),
    }
    signed = sign.headers("s3", "PUT", "/bucket/chunks", headers, b"")
    date = signed["X-Amz-Date"]
    key = f"AWS4{sign.secret}".encode()
    for of in (date[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, of.encode(), hashlib.sha256).digest()
    scope = f"{date}\n{date[:8]}/us-east-1/s3/aws4_request"
    last = signed["Authorization"].rpartition("Signature=")[2]
    body = b""
    for part in [*parts, b""]:
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{scope}\n{last}\n{EMPTY}\n{hashlib.sha256(part).hexdigest()}"
        last = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        body += f"{len(part):x};chunk-signature={last}\r\n".encode() + part + (b"\r\n" if part else b"")
    if trailer:
        line = f"x-amz-checksum-crc32:{trailer}\n"
        text = f"AWS4-HMAC-SHA256-TRAILER\n{scope}\n{last}\n{hashlib.sha256(line.encode()).hexdigest()}"
        last = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        body += f"x-amz-checksum-crc32:{trailer}\r\nx-amz-trailer-signature:{last}\r\n".encode()
    return signed, body + b"\r\n"


@pytest.mark.parametrize("trailer", [False, True])
def test_an_upload_in_signed_chunks(served: Served, sign: Signing, trailer: bool) -> None:
    parts = [b"a" * 70_000, b"bcd"]
    crc = base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode() if trailer else ""
    headers, body = chunk_signed(sign, parts, crc)
    assert send(served.port, "PUT", "/bucket/chunks", headers, body).status == 200
    assert served.engine.store.get("s3://bucket/chunks") == b"".join(parts)
    tampered = [body.replace(b"bcd", b"bce"), body.replace(b"aaa", b"aab", 1)]
    if trailer:
        tampered.append(body.replace(b"trailer-signature:", b"trailer-signature:0"))
    for other in tampered:
        headers["Content-Length"] = str(len(other))
        assert send(served.port, "PUT", "/bucket/chunks", headers, other).code == "SignatureDoesNotMatch"
    assert served.engine.store.get("s3://bucket/chunks") == b"".join(parts)


def test_bodies_that_are_not_signed(served: Served, sign: Signing) -> None:
    named: Any = {"x_amz_content_sha256": "UNSIGNED-PAYLOAD"}
    assert sign.ask("s3", "PUT", "/bucket/plain", b"1", **named).status == 200
    # By boto3 itself: STREAMING-UNSIGNED-PAYLOAD-TRAILER needs https, so that it is made by hand here.
    crc = base64.b64encode(zlib.crc32(b"12").to_bytes(4, "big")).decode()
    body = f"2\r\n12\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n".encode()
    named = {
        "x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content_Encoding": "aws-chunked",
        "x_amz_trailer": "x-amz-checksum-crc32", "x_amz_decoded_content_length": "2",
    }  # fmt: skip
    assert sign.ask("s3", "PUT", "/bucket/streamed", body, **named).status == 200
    assert served.engine.store.get("s3://bucket/streamed") == b"12"


def test_the_key_is_the_states_and_the_owners_alone(tmp_path: Path) -> None:
    key = owners_key(tmp_path)
    assert owners_key(tmp_path) == key != owners_key(tmp_path / "other")
    file = tmp_path / "serve" / "key.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key.secret not in repr(key)
    file.write_text("{")  # half of it, as a kill may leave a file of a version that wrote it so
    assert owners_key(tmp_path) != key
    file.chmod(0o644)
    with pytest.raises(OutsideFailure, match="PB840"):
        owners_key(tmp_path)


def test_every_regions_arn_is_of_the_one_state(served: Served) -> None:
    content = definition(fail("End", "no")).decode()
    arn = served.sagemaker.create_pipeline(PipelineName="everywhere", PipelineDefinition=content, RoleArn=ROLE)
    session = boto3.session.Session(**{**served.keys, "region_name": "eu-west-1"})
    client = session.client("sagemaker", endpoint_url=served.url)
    found = client.describe_pipeline(PipelineName=arn["PipelineArn"])
    assert found["PipelineArn"] == "arn:aws:sagemaker:eu-west-1:000000000000:pipeline/everywhere"
    client.close()


def test_a_key_of_twelve_digits_is_none_where_keys_are_verified(served: Served) -> None:
    session = boto3.session.Session("123456789012", served.key.secret, region_name="us-east-1")
    client = session.client("sts", endpoint_url=served.url, config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client.get_caller_identity()
    client.close()

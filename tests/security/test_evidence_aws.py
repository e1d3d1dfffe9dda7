"""Attacks on the evidence of models on AWS: objects in S3 are replaced, packages and reports are changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.test_evidence import CONF
from tests.serve.serving import Served, serving
from tests.workspaces import Ended, Workspace, make_workspace


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Served]]:
    """A model that waits on `serve`, which has no versions of objects."""
    folder = tmp_path_factory.mktemp("aws")
    workspace = make_workspace(folder / "w", conf=CONF)
    with serving(folder, jobs=2, **{"local/churn": workspace.root / "data"}) as served:
        ended = call(workspace, served, "up")
        assert ended.code == 0, ended.err
        yield workspace, served


def call(workspace: Workspace, served: Served, *arguments: str) -> Ended:
    return workspace.call(*arguments, **served.environment, AWS_EC2_METADATA_DISABLED="true")


def record_of(workspace: Workspace) -> Any:
    return json.loads((workspace.root / "build" / "run.json").read_text())


def key_of(workspace: Workspace, served: Served, what: str) -> str:
    evidence = json.loads(
        served.s3.get_object(Bucket="local", Key=f"tiny/evidence/{record_of(workspace)['evidence']}.json")[
            "Body"
        ].read()
    )
    (package,) = evidence["packages"]
    if what == "artifact":
        uri = package["containers"][0]["artifact"]["uri"]
    elif what == "report":
        uri = package["reports"]["ModelQuality.Statistics"]["uri"]
    else:
        uri = package["code"][0]
    return str(uri).removeprefix("s3://local/")


@pytest.mark.long
@pytest.mark.parametrize(
    ("what", "content", "words"),
    [
        ("artifact", b"other", "was replaced: size was "),
        ("artifact", None, "the artifact is gone"),
        ("report", b'{"regression_metrics": {"mae": {"value": 0.1}}}', "mae was 1, is 0.1"),
        ("code", b"other", "is not what its name says"),
        ("evidence", b"{}", "PB462 the evidence at 's3://local/tiny/evidence/"),
        ("evidence", None, "is gone: nothing is at"),
    ],
)
def test_promote_refuses_what_was_put_in_the_place_of_an_object(
    service: tuple[Workspace, Served], what: str, content: bytes | None, words: str
) -> None:
    workspace, served = service
    evidence = f"tiny/evidence/{record_of(workspace)['evidence']}.json"
    key = evidence if what == "evidence" else key_of(workspace, served, what)
    path = served.engine.store.root / "local" / key
    kept, before = path.read_bytes(), path.stat()
    if content is None:
        served.s3.delete_object(Bucket="local", Key=key)
    else:
        served.s3.put_object(Bucket="local", Key=key, Body=content)
    ended = call(workspace, served, "promote", "--comment", "fine")
    assert (ended.code, words in ended.err) == (3, True), ended.err
    status = served.sagemaker.describe_model_package(ModelPackageName=record_of(workspace)["packages"][0]["arn"])
    assert status["ModelApprovalStatus"] == "PendingManualApproval"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(kept)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.long
def test_what_is_promoted_agrees_until_a_bit_moves(service: tuple[Workspace, Served]) -> None:
    workspace, served = service
    assert call(workspace, served, "verify", "churn").code == 1  # no champion yet
    ended = call(workspace, served, "promote", "--comment", "fine")
    assert ended.code == 0, ended.err
    verified = call(workspace, served, "verify", "tiny-churn", "1", "--json")
    assert verified.code == 0, verified.err
    assert verified.json["evidence"] == record_of(workspace)["evidence"]
    (line,) = (json.loads(text) for text in call(workspace, served, "history", "--audit").out.splitlines())
    assert (line["decision"], line["digest"]) == ("approved", record_of(workspace)["evidence"])
    key = key_of(workspace, served, "artifact")
    content = served.s3.get_object(Bucket="local", Key=key)["Body"].read()
    served.s3.put_object(Bucket="local", Key=key, Body=content[:-1] + bytes([content[-1] ^ 1]))
    ended = call(workspace, served, "verify", "churn")
    assert (ended.code, "ETag was " in ended.err) == (3, True), ended.err
    assert call(workspace, served, "promote").code == 3
    assert call(workspace, served, "run", "--resume", record_of(workspace)["execution"]).code == 3

"""The pages about runs on AWS, over real HTTP against `serve`: the same, out of what the service lists and describes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pipeline_builder.console.looks import Looks
from tests.console.consoles import Client, client_of, logged_in, session_of
from tests.serve.serving import ROLE, Served, serving
from tests.workspaces import Workspace, make_workspace


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Served]]:
    """A workspace with two runs on a service: one whose model is approved, and one that failed."""
    folder = tmp_path_factory.mktemp("far")
    workspace = make_workspace(folder / "here", state=False)
    with serving(folder, jobs=4, **{"local/churn": workspace.root / "data"}) as served:
        ended = workspace.run("up", "--approve", **served.environment)
        assert ended.code == 0, ended.err
        workspace.push("scripts/train.py", "import sys\nprint('before')\nsys.exit('no such column')\n")
        assert workspace.run("up", **served.environment).code == 5
        yield workspace, served


@pytest.fixture
def console(far: tuple[Workspace, Served], monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    workspace, served = far
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    looks = Looks(open_session=lambda: session_of(workspace, target="aws", **served.environment))
    with logged_in(looks) as client:
        yield client


@pytest.mark.long
def test_the_same_pages_are_made_of_what_the_service_tells(console: Client) -> None:
    rows = console.json("/runs.json")["rows"]
    assert [row["word"] for row in rows] == ["Failed", "Promoted"]
    failed, promoted = (row["id"] for row in rows)
    found = console.json(f"/runs/tiny/{failed}.json")
    assert found["record"]["target"] == "aws"
    assert found["between"]["id"] == promoted
    assert "no such column" in console.text(f"/runs/tiny/{failed}")
    step = console.json(f"/runs/tiny/{failed}/steps/churn-Train.json")
    assert step["state"] == "Failed"
    assert step["job"]["arn"].startswith("arn:aws:sagemaker:")
    assert json.loads(step["asked"])["AlgorithmSpecification"]["TrainingImage"] == "example.com/tiny:1"
    assert step["missed"].startswith("changed: HyperParameters")
    assert step["log"]["text"].endswith("before\nno such column\n")
    cached = console.json(f"/runs/tiny/{failed}/steps/churn-Preprocess.json")
    assert (cached["state"], cached["source"]) == ("cached", promoted)
    assert console.get(f"/runs/tiny/{failed}/log/churn-Train").text.endswith("before\nno such column\n")
    assert console.get("/runs/tiny/nothing").status_code == 404
    assert "as of" in console.text(f"/runs/tiny/{failed}")


def test_a_service_that_cannot_be_asked_is_a_line_and_no_list_of_nothing(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    values = {"SMP_REGION": "us-east-1", "SMP_ACCOUNTID": "000000000000", "SMP_ROLE": ROLE, "SMP_S3BUCKETNAME": "b"}
    looks = Looks(open_session=lambda: session_of(ran, target="aws", **values))
    client = client_of(looks)
    said = client.text("/runs")
    assert "PB701" in said
    assert "Nothing has run yet" not in said
    answer = client.get("/runs/tiny/abc")
    assert (answer.status_code, "PB701" in answer.text) == (503, True)
    assert client.bugs == []

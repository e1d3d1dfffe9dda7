"""Everything of a service below a prefix of its own: a run on this machine, definition, templates and roles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline_builder.definition.policy.territory import Territory
from pipeline_builder.service.cloudformation.rendering.rendering import render_templates
from pipeline_builder.service.moving import describe_move
from tests.places import ROOT
from tests.service.cloudformation.access.iam import NAMES, documents
from tests.service.services import REPOS, read_service, render
from tests.service.test_render import AWS, MANIFEST
from tests.workspaces import Workspace, make_workspace

PREFIX = "team/models"
GIVEN = {"SMP_S3PREFIX": PREFIX}


@pytest.mark.long
def test_a_run_leaves_everything_below_it(tmp_path: Path) -> None:
    """Build, train and a report, as the service does; what is found of it later is found there."""
    workspace = make_workspace(tmp_path)
    stage = {**GIVEN, "SMP_ARTIFACTS": "arts", "SMP_CODEPIPELINE_EXECUTION": "e1"}
    for name in ("build", "train"):
        ended = workspace.call("stage", name, **stage)
        assert ended.code == 0, ended.err
    store = workspace.root / ".pipeline_builder" / "store"
    found = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    assert {
        name for name in found if not name.startswith((f"local/{PREFIX}/tiny/", f"arts/{PREFIX}/runs/e1/"))
    } == set()
    kinds = {name.removeprefix(f"local/{PREFIX}/tiny/").split("/")[0] for name in found if name.startswith("local/")}
    assert {"churn", "code", "evidence"} <= kinds
    promoted = workspace.call("promote", "--comment", "fine", **GIVEN)
    assert promoted.code == 0, promoted.err
    assert "tiny" in workspace.call("history", **GIVEN).out
    again = workspace.call("run", **GIVEN)  # from the cache, whose entries are of these addresses
    assert again.code == 0, again.err


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path, manifest=MANIFEST)
    (tmp_path / "buildspec.yml").write_bytes((ROOT / "buildspec.yml").read_bytes())
    assert made.call("checkout").code == 0
    return made


def test_the_definition_differs_in_addresses_only(workspace: Workspace) -> None:
    texts = []
    for given in ({}, GIVEN):
        assert workspace.call("build", **given).code == 0
        texts.append((workspace.root / "build" / "pipeline_definition.json").read_text())
    assert f"s3://local/{PREFIX}/tiny/" in texts[1]
    assert texts[1].replace(f"{PREFIX}/tiny/", "tiny/") == texts[0]


@pytest.mark.long
def test_a_bad_prefix_is_refused_by_every_command_that_uses_it(workspace: Workspace) -> None:
    for command in (["validate"], ["build"], ["render"], ["stage", "build"], ["promote"]):
        ended = workspace.call(*command, **AWS, SMP_S3PREFIX="/team/../x/")
        assert (ended.code, ended.err.count("PB637 the prefix")) == (1, 3), (command, ended.err)


def test_the_framework_file_may_say_it(workspace: Workspace) -> None:
    (workspace.root / "framework.yaml").write_text(f"conf: {{s3Prefix: {PREFIX}}}\n")
    assert workspace.call("build").code == 0
    assert f"s3://local/{PREFIX}/tiny/" in (workspace.root / "build" / "pipeline_definition.json").read_text()
    (workspace.root / "framework.yaml").write_text("conf:\n  s3Prefix: runs/x\n")
    ended = workspace.call("validate")
    assert (ended.code, "framework.yaml:2:13: PB216" in ended.err) == (1, True), ended.err


# --- the service on AWS


def services(**more: str) -> list[Mapping[str, str]]:
    """The rendered files with a prefix and without."""
    return [
        render_templates(read_service(place={"prefix": prefix, **more}, execution_role="per-repository")[0])
        for prefix in (f"{PREFIX}/", "")
    ]


def test_templates_differ_in_addresses_and_one_variable_only() -> None:
    below, without = services()
    variable = f'          - Name: SMP_S3PREFIX\n            Value: "{PREFIX}"\n'
    assert below["service.yaml"].count(variable) == 4
    assert below["service.yaml"].replace(variable, "").replace(f"{PREFIX}/", "") == without["service.yaml"]
    assert below["storage.yaml"].replace(f'"{PREFIX}/builds/"', "builds/") == without["storage.yaml"]
    assert "SMP_S3PREFIX" not in without["service.yaml"]


def test_no_role_touches_anything_of_the_service_beside_the_prefix() -> None:
    """But CodePipeline's artifacts, which have none."""
    model, _ = read_service(place={"prefix": f"{PREFIX}/"}, execution_role="per-repository")
    text = json.dumps([documents(role) for role in model.roles])
    own = [part.split('"')[0] for part in text.split(f"arn:aws:s3:::{NAMES.bucket}/")[1:]]
    beside = {key for key in own if not key.startswith(f"{PREFIX}/")}
    assert len(own) > 20
    assert {key.split("/")[0] for key in beside} <= {model.artifact_prefix, "tiny-data", "churn", "data"}, beside


def test_what_would_be_thrown_away_is_refused() -> None:
    _, problems = read_service(place={"prefix": "model-service/x/"})
    assert [problem.id for problem in problems if not problem.warning] == ["PB614"]
    _, problems = read_service(place={"prefix": "team/", "pipeline": "runs"})
    assert [problem.id for problem in problems if not problem.warning] == ["PB614"]
    assert ["or choose another SMP_S3PREFIX" in str(problem.hint) for problem in problems if not problem.warning] == [
        True
    ]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "all of the bucket"),
        ("team", "where all of the service is"),
        ("Team/models/", "where all of the service is"),
        ("team/models/runs/x", "where the service keeps its records"),
        ("team/models/tiny/code", "where the pipeline keeps code"),
        ("team/models/other/definitions/x", "where a pipeline keeps what it has made"),
        ("runs/x", "where the service keeps its records"),
        ("models-1/x", "where the service keeps its records"),
        ("team/models/mine", ""),
        ("team/other", ""),
        ("mine/models", ""),
    ],
)
def test_whose_an_address_is(key: str, why: str) -> None:
    territory = Territory(bucket="b", pipeline="tiny", artifacts=("models-1",), prefix=f"{PREFIX}/")
    assert territory.own("churn") == f"s3://b/{PREFIX}/tiny/churn/"
    found = territory.protected(f"s3://b/{key}")
    assert (why in found, bool(found)) == (True, bool(why))


def test_without_a_prefix_the_files_are_those_of_always() -> None:
    assert render(*REPOS)["storage.yaml"].count("Prefix: builds/\n") == 1


@pytest.mark.long
def test_a_deployed_service_that_gets_a_prefix_is_told_what_it_leaves_behind() -> None:
    below, without = (files["service.yaml"] for files in services())
    (line,) = describe_move(without, below)
    assert line.startswith(f"SMP_S3PREFIX was '' and becomes '{PREFIX}': what lies below the old one isn't found")
    for deployed, wanted in (
        (below, below),
        (without, without),
        (services()[1]["storage.yaml"], below),
        ("no: [", below),
    ):
        assert describe_move(deployed, wanted) == ()

"""What this machine can't do of a conf: `validate` says all of it with its place, what has no effect once, and `run`
starts nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspaces import MANIFEST, Workspace, make_workspace

TRAIN = """\
      train:
        arguments:
          InputDataConfig:
            - ChannelName: shared
              DataSource:
                FileSystemDataSource:
                  FileSystemId: fs-0123456789abcdef0
                  FileSystemType: EFS
                  FileSystemAccessMode: ro
                  DirectoryPath: /train
          VpcConfig: {SecurityGroupIds: [sg-1], Subnets: [subnet-1]}
          ModelPackageConfig:
            ModelPackageGroupArn: arn:aws:sagemaker:eu-west-1:000000000000:model-package-group/churn
"""
EVALUATE = """\
      evaluate:
        instance_count: 3
"""
POLICY = """\
policy:
  read: ["filesystem://*"]
  groups: [churn]
"""
REQUIREMENTS = "numpy\n-e .\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = make_workspace(tmp_path_factory.mktemp("ability"), manifest=MANIFEST + POLICY)
    conf = (made.remote / "conf" / "conf.yaml").read_text()
    conf = conf.replace("      train:\n        image", TRAIN + "        image", 1)
    conf = conf.replace("      evaluate:\n", EVALUATE, 1)
    conf = conf.replace(
        "        entry_point: preprocess.py\n", "        entry_point: preprocess.py\n        instance_count: 3\n", 1
    )
    made.push("scripts/requirements.txt", REQUIREMENTS)
    made.push("conf/conf.yaml", conf)
    assert made.call("checkout").code == 0
    return made


def test_all_that_cannot_be_done_is_said_with_its_place(workspace: Workspace) -> None:
    ended = workspace.call("validate", "--target", "local")
    assert ended.code == 1
    conf = (workspace.remote / "conf" / "conf.yaml").read_text().splitlines()
    lines = {
        key: next(number for number, line in enumerate(conf, 1) if key in line)
        for key in ("shared", "ModelPackageConfig")
    }
    assert (
        f"conf.yaml:{lines['shared']}:15: PB562 step 'churn-Train': the data of 'filesystem://fs-0123456789abcdef0/train' "
        in ended.err
    )
    assert "'local.sources' in the manifest maps such an address" in ended.err
    assert f"conf.yaml:{lines['ModelPackageConfig'] + 1}:" in ended.err
    assert (
        "PB560 step 'churn-Train': 'ModelPackageConfig': no training job registers a model by itself here" in ended.err
    )
    said = [line for line in ended.err.splitlines() if "PB511" in line]
    assert any("step 'churn-Train': requirement '-e .'" in line and "conf.yaml:" in line for line in said)


def test_a_run_starts_nothing(workspace: Workspace) -> None:
    assert workspace.call("up").code == 1
    assert not [path for path in (workspace.root / ".pipeline_builder").rglob("log.txt") if "envs" not in path.parts]


def test_what_has_no_effect_is_said_once(tmp_path: Path) -> None:
    made = make_workspace(tmp_path)
    conf = (made.remote / "conf" / "conf.yaml").read_text()
    made.push(
        "conf/conf.yaml",
        conf.replace("entry_point: preprocess.py", "entry_point: preprocess.py\n        instance_count: 3"),
    )
    assert made.call("checkout").code == 0
    ended = made.call("validate", "--json")
    assert ended.code == 0, ended.err
    notes = [one for one in ended.json["problems"] if one["id"] == "PB561"]
    assert [one["message"] for one in notes] == [
        "'InstanceCount' 3: one instance is played here; it is all of its cluster, and gets all of the data (churn-Preprocess)"
    ]
    assert ended.err.count("PB561") == 1


def test_a_definition_for_aws_is_not_held_against_this_machine(workspace: Workspace) -> None:
    values = {
        "SMP_ACCOUNTID": "111122223333",
        "SMP_REGION": "eu-west-1",
        "SMP_S3BUCKETNAME": "local",
        "SMP_ROLE": "arn:aws:iam::111122223333:role/x",
    }
    ended = workspace.call("build", "--target", "aws", **values)
    assert "PB560" not in ended.err
    assert "PB562" not in ended.err


def test_a_file_system_is_a_folder_of_the_manifest(tmp_path: Path) -> None:
    sources = "  sources: {filesystem://fs-0123456789abcdef0: shared, athena://AwsDataCatalog: queries}\n"
    made = make_workspace(tmp_path, manifest=MANIFEST + sources)
    ended = made.call("validate")
    assert "PB1" not in ended.err.replace("PB111", "")


@pytest.mark.parametrize(
    "source", ["s3://bucket/x", "filesystem://", "featurestore://group", "athena://*/x", "/srv/data"]
)
def test_what_is_no_such_address(tmp_path: Path, source: str) -> None:
    made = make_workspace(tmp_path, manifest=MANIFEST + f"  sources: {{'{source}': data}}\n", state=False)
    ended = made.call("validate")
    assert ended.code == 1
    assert "PB104" in ended.err
    assert "can't be mapped to a folder" in ended.err

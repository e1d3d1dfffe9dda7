"""Models of several containers: their problems, and a transform that goes through them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.definition.composing import compose_definition
from tests.definition.test_branches import problems
from tests.tiny import variant
from tests.workspaces import make_workspace

SCALER = """\
def model_fn(model_dir):
    return 2.0


def input_fn(body, content_type):
    text = body.decode() if isinstance(body, bytes) else body
    return [float(row) for row in text.split()]


def predict_fn(data, model):
    return [value * model for value in data]


def output_fn(prediction, accept):
    return "\\n".join(str(value) for value in prediction)
"""


def with_containers(*entries: str) -> str:
    lines = "".join(f"          - {entry}\n" for entry in entries)
    return variant(("      registry:\n", f"      registry:\n        containers:\n{lines}"))


def composed(tmp_path: Path, conf: str, **files: str) -> dict[str, Any]:
    steps = json.loads(compose_definition(tmp_path, conf, files=files).content)["Steps"]
    return {step["Name"]: step["Arguments"] for step in steps}


@pytest.mark.long
def test_a_transform_goes_through_the_containers_in_their_order(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=with_containers("{step: churn-Train, entry_point: scaler.py}", "{}"))
    workspace.push("scripts/scaler.py", SCALER)
    ended = workspace.call("up")
    assert ended.code == 0, ended.out + ended.err
    (package,) = json.loads((workspace.root / "build" / "run.json").read_bytes())["packages"]
    assert package["metrics"]["regression_metrics"]["mae"]["value"] == 6.0  # 8, 10, 12 against 4


def test_a_models_own_container_is_repacked_where_one_is_its_own(tmp_path: Path) -> None:
    archive = "{model_data_uri: s3://b/x.tar.gz, hostname: first}"
    own = with_containers(archive, "{hostname: own}").replace('ModelRepack: "False"', 'ModelRepack: "True"')
    steps = composed(tmp_path / "own", own)
    first, second = steps["churn-CreateModel"]["Containers"]
    assert (first["ContainerHostname"], first["ModelDataUrl"]) == ("first", "s3://b/x.tar.gz")
    assert "churn-Train-Repack" in json.dumps(second["ModelDataUrl"])
    assert steps["churn-Register"]["InferenceSpecification"]["Containers"] == [first, second]
    alone = with_containers(archive, "{step: churn-Train, hostname: b}").replace('"False"', '"True"')
    assert "churn-Train-Repack" not in composed(tmp_path / "alone", alone)


def test_containers_of_a_processing_step_and_each_alone(tmp_path: Path) -> None:
    conf = with_containers("{step: churn-Preprocess, output: train, file: scaler.tar.gz, hostname: a}", "{hostname: b}")
    conf = conf.replace("        containers:\n", "        mode: Direct\n        containers:\n")
    model = composed(tmp_path, conf)["churn-CreateModel"]
    assert model["InferenceExecutionConfig"] == {"Mode": "Direct"}
    assert model["Containers"][0]["ModelDataUrl"]["Std:Join"]["Values"][1] == "scaler.tar.gz"


def test_what_is_wrong_with_containers_has_its_place(tmp_path: Path) -> None:
    conf = with_containers(
        "{step: churn-Trian}", "{step: churn-Preprocess}", "{step: churn-Train, entry_point: nix.py}"
    )
    assert problems(tmp_path / "a", conf) == [
        "29:20: PB313 there is no step 'churn-Trian'",
        "30:20: PB883 the step 'churn-Preprocess' (Processing) makes no archive that a container could have",
        "31:46: PB307 the entry point 'nix.py' is not in the source directory",
    ]
    alone = with_containers("{step: churn-Trian}", "{model_data_uri: s3://local/x.tar.gz}")
    assert [one.split(" ")[1] for one in problems(tmp_path / "alone", alone)] == ["PB313"]
    moded = variant(("      registry:\n", "      registry:\n        mode: Direct\n"))
    assert [one.split(" ")[1] for one in problems(tmp_path / "mode", moded)] == ["PB204"]
    inner = with_containers(
        "{model_data_uri: s3://local/x.tar.gz, arguments: {Nix: 1}, env: {API_TOKEN: hunter2hunter2}}"
    )
    found = problems(tmp_path / "inner", inner)
    assert {one.split(" ")[1] for one in found} == {"PB401", "PB328"}
    assert all(one.startswith("29:") for one in found), found
    wrong = with_containers("{step: churn-Train, model_data_uri: s3://b/x}", "{entry_point: train.py}", "{output: x}")
    assert [line.split(" ")[:2] for line in problems(tmp_path / "b", wrong)] == [
        ["29:13:", "PB204"], ["30:13:", "PB204"], ["31:13:", "PB204"],
    ]  # fmt: skip
    hosts = with_containers("{hostname: a}", "{step: churn-Train}")
    assert problems(tmp_path / "c", hosts)[0].split(" ")[:2] == ["30:13:", "PB255"]

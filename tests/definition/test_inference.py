"""What an inference conf becomes: golden definitions, read by eye once, and what each start has to give them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_builder.definition.definition import build_definition
from pipeline_builder.definition.parameters import commit_parameters, most_commits
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.parameters import data_addresses
from tests.definition.scoring import MOUNTED, TRANSFORMED, compose_scoring, load_scoring
from tests.places import GOLDEN
from tests.security.policing import compose_all, read_manifest

REGISTERED = "          - {step_name: churn-Register, step_class: RegisterModel}\n"
CASES = {"transformed": TRANSFORMED, "mounted": MOUNTED}


@pytest.mark.parametrize("name", CASES)
def test_golden(tmp_path: Path, name: str) -> None:
    pretty = json.dumps(json.loads(compose_scoring(tmp_path, CASES[name]).content), indent=1, sort_keys=True) + "\n"
    path = GOLDEN / "inference" / f"{name}.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(pretty)
        pytest.fail(f"{path} was written; read it")
    assert pretty == path.read_text()


def test_what_each_start_gives(tmp_path: Path) -> None:
    definition = compose_scoring(tmp_path)
    use = definition.models["ModelPackage-churn"]
    assert (use.unit, use.group, use.version, use.stage, use.what) == ("churn", "churn", None, "", "package")
    assert str(use.place).startswith("churn@1f3c9ab:conf/inference.yaml:6:7")
    assert definition.kind == "inference"
    assert definition.dates == {"LogicalDate": "date", "LogicalYear": "year", "LogicalMonth": "month"}
    declared = {item["Name"]: item for item in json.loads(definition.content)["Parameters"]}
    given = [*definition.models, *definition.dates]
    assert [name for name in given if "DefaultValue" in declared[name]] == []
    assert {*given} <= {*definition.own_parameters}
    mounted = compose_scoring(tmp_path / "mounted", MOUNTED)
    assert {name: use.what for name, use in mounted.models.items()} == {
        "ModelData-churn": "artifact", "ModelPackage-churn": "package",
    }  # fmt: skip
    assert "LogicalHour" in mounted.dates


def test_data_is_listed_where_the_date_says_that_it_is(tmp_path: Path) -> None:
    definition = compose_scoring(tmp_path)
    assert definition.data == {"Data-churn-Score": ("s3://local/landing/dt=${Parameters.LogicalDate}/",)}
    found = data_addresses(definition, {"LogicalDate": "2026-11-29"})
    assert found == {"Data-churn-Score": ("s3://local/landing/dt=2026-11-29/",)}
    mounted = compose_scoring(tmp_path / "mounted", MOUNTED)
    values = {"LogicalYear": "2026", "LogicalMonth": "11", "LogicalDay": "29"}
    assert data_addresses(mounted, values)["Data-churn-Score"] == (
        "s3://local/landing/2026/11/29/rows.csv", "s3://b/names.csv",
    )  # fmt: skip


def test_a_parameter_of_the_conf_is_part_of_an_address(tmp_path: Path) -> None:
    conf = TRANSFORMED.replace("landing/dt=${date}/", "landing/$params.country/dt=${date}/")
    conf += "    parameters: [{name: country, default: de}]\n"
    definition = compose_scoring(tmp_path, conf)
    by_default = data_addresses(definition, {"LogicalDate": "2026-11-29"})
    assert by_default == {"Data-churn-Score": ("s3://local/landing/de/dt=2026-11-29/",)}
    assert data_addresses(definition, {"LogicalDate": "1", "country": "fr"})["Data-churn-Score"] == (
        "s3://local/landing/fr/dt=1/",
    )


def test_what_a_check_is_given_and_what_stands_in_arguments_is_listed_too(tmp_path: Path) -> None:
    """With other data than before, what was scored of them is another result, whoever reads them."""
    conf = TRANSFORMED.replace(
        "check: model_quality\n",
        "check: model_quality\n        supplied_baseline_constraints: s3://local/kept/constraints.json\n",
    )
    request = {
        "ProcessingInputs": [
            {"InputName": "rows", "S3Input": {"S3Uri": "s3://local/raw/dt=${date}/"}},
            {"InputName": "made", "S3Input": {"S3Uri": {"Get": "Steps.churn-Score.TransformOutput.S3OutputPath"}}},
            {"InputName": "code", "S3Input": {"S3Uri": f"s3://local/p/code/{64 * '0'}/sourcedir.tar.gz"}},
        ]
    }
    raw = {"step_name": "churn-Raw", "step_class": "Raw", "step_type": "Processing", "arguments": request}
    conf += f"          - {json.dumps(raw)}\n"
    assert build_definition(
        load_scoring(tmp_path, conf), build_settings(LOCAL_DEFAULTS), {"churn": "churn"}
    ).data == {
        "Data-churn-Score": ("s3://local/landing/dt=${Parameters.LogicalDate}/",),
        "Data-churn-Watch": ("s3://local/kept/constraints.json",),
        "Data-churn-Raw": ("s3://local/raw/dt=${Parameters.LogicalDate}/",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "join_source: Input",
            "join_source: Input\n        entry_point: score.py",
            "the model package has its own code",
        ),
        (
            "join_source: Input",
            "join_source: Input\n        image_uri: example.com/x:1",
            "the model package's own image",
        ),
        (
            "join_source: Input",
            "join_source: Input\n        image: {framework: none, version: 1}",
            "the model package's own image",
        ),
    ],
)
def test_what_does_nothing_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    (warning,) = compose_scoring(tmp_path, TRANSFORMED.replace(old, new)).warnings
    assert (warning.id, said in warning.message) == ("PB230", True)


def test_what_is_read_is_known_before_the_run(tmp_path: Path) -> None:
    listed = MOUNTED.replace("model_channel: model\n", "model_channel: model\n        s3_data_type: ManifestFile\n")
    with pytest.raises(InputProblems, match="PB329 step 'churn-Score': what it reads is listed before the run"):
        compose_scoring(tmp_path, listed)
    unknown = MOUNTED.replace("fileName: s3://b/names.csv", 'fileName: {Get: "Execution.PipelineExecutionId"}')
    with pytest.raises(
        InputProblems, match="PB329 step 'churn-Score': what it reads is listed before the run, and one"
    ):
        compose_scoring(tmp_path / "unknown", unknown)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: scorer", "name: 'scorer_${date}'", "'ModelName' is 'scorer_2026-11-29', expected text that matches"),
        ("split_type: Line", "split_type: Line\n        base_job_name: 'a ${hour}'", "'TransformJobName' is 'a 13'"),
    ],
)
def test_what_no_date_makes_right_is_said_before_any(tmp_path: Path, old: str, new: str, said: str) -> None:
    manifest = read_manifest(
        "pipelines: [{name: scoring, kind: inference, config: '*/conf/conf.yaml'}]\n", "[{url: churn}]"
    )
    with pytest.raises(InputProblems, match="PB405") as caught:
        compose_all(tmp_path, {"churn": TRANSFORMED.replace(old, new)}, manifest)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        (f"{TRANSFORMED}{REGISTERED}", ["PB960"]),
        (
            f"{TRANSFORMED}{REGISTERED}".replace(
                "      transform:\n", "      registry: {InferenceSpecification: {image_uri: a}}\n      transform:\n"
            ),
            ["PB960", "PB960"],
        ),
        (
            MOUNTED.replace("model_channel: model", "model_channel: code").replace("s3://b", "s3://local"),
            ["PB259", "PB412"],
        ),
    ],
)
def test_all_that_is_wrong_is_said_once(tmp_path: Path, conf: str, said: list[str]) -> None:
    manifest = read_manifest(
        "pipelines: [{name: scoring, kind: inference, config: '*/conf/conf.yaml'}]\n", "[{url: churn}]"
    )
    with pytest.raises(InputProblems) as caught:
        compose_all(tmp_path, {"churn": conf}, manifest, {"score.py": ""})
    assert [problem.id for problem in caught.value.problems] == said


def test_commits_leave_room_for_models_and_their_data(tmp_path: Path) -> None:
    """SageMaker takes 200 parameters, and of these the commits can be told from the manifest's."""
    one = load_scoring(tmp_path)
    assert most_commits(one, {"churn-Score": "Data-churn-Score"}) == 150
    many = replace(one, units=dict.fromkeys(map(str, range(50)), one.units["churn"]))
    data = dict.fromkeys(map(str, range(40)), "")
    assert most_commits(many, data) == 200 - 3 * 50 - 40 - 7
    assert commit_parameters(["a", "b", "c", "d"], most_commits(many, data)) == {}
    assert list(commit_parameters(["b", "a"], most_commits(many, data))) == ["a", "b"]

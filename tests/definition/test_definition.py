"""The composed definition: golden bytes, what each key becomes, and that nothing else decides it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.canonical import canonical
from pipeline_builder.definition.names import parameter_name, shorten
from pipeline_builder.errors import InputProblems
from tests.definition.cases import _INPUT, CASES
from tests.definition.composing import compose_definition
from tests.places import GOLDEN
from tests.tiny import CONF, variant

_TINY = GOLDEN / "tiny.json"
GENERATION = {"SMP_CACHE_GENERATION": {"Get": "Parameters.CacheGeneration"}}
NETWORK = {"SMP_SUBNETS": "subnet-1, subnet-2", "SMP_SECURITYGROUPS": "sg-1", "SMP_KMSKEY": "alias/k"}


def steps(tmp_path: Path, conf: str = CONF, **values: Any) -> dict[str, dict[str, Any]]:
    document = json.loads(compose_definition(tmp_path, conf, **values).content)
    return {step["Name"].removeprefix("churn-"): step for step in document["Steps"]}


def test_golden(tmp_path: Path) -> None:
    """Six steps of all six classes; after a deliberate change delete the file, run the test, and read the difference."""
    content = compose_definition(tmp_path).content
    pretty = json.dumps(json.loads(content), indent=1, sort_keys=True) + "\n"
    if not _TINY.exists():
        _TINY.parent.mkdir(exist_ok=True)
        _TINY.write_text(pretty)
        pytest.fail(f"{_TINY} was written; read it")
    assert pretty == _TINY.read_text()
    assert content == canonical(json.loads(content))


def test_commits_are_parameters(tmp_path: Path) -> None:
    definition = compose_definition(tmp_path)
    document = json.loads(definition.content)
    assert [p["Name"] for p in document["Parameters"]] == ["ManifestCommit", "Commit-churn", "CacheGeneration"]
    register = next(s for s in document["Steps"] if s["Type"] == "RegisterModel")["Arguments"]
    assert register["MetadataProperties"]["CommitId"] == {"Get": "Parameters.Commit-churn"}


def test_keys_reach_their_requests(tmp_path: Path) -> None:
    conf = variant(
        ("        hyperparams: {scale: 2}", "        hyperparams: {scale: 2, name: x, flag: true}\n        env: {A: 1}\n"
         "        tags: {team: ml}\n        base_job_name: train-job\n        instance_count: 2\n        content_type: text/csv\n"
         "        max_runtime_seconds: 60\n        output_path: s3://b/models\n        model_data_uri: s3://b/start.tar.gz"),
        ("        channels: test\n        split_type: Line", "        channels: {test: {s3BucketName: out, inputBucketPrefix: p/q}}\n"
         "        split_type: Line\n        strategy: SingleRecord\n        max_payload: 3\n        accept: application/json"),
    )  # fmt: skip
    found = steps(tmp_path, conf)
    train = found["Train"]["Arguments"]
    assert train["HyperParameters"] | {"sagemaker_submit_directory": ""} == {
        "sagemaker_program": '"train.py"', "sagemaker_submit_directory": "", "sagemaker_container_log_level": "20",
        "sagemaker_region": '"local"', "scale": "2", "name": '"x"', "flag": "true",
    }  # fmt: skip
    assert (train["Environment"], train["Tags"]) == ({"A": "1", **GENERATION}, [{"Key": "team", "Value": "ml"}])
    assert (train["TrainingJobName"], train["ResourceConfig"]["InstanceCount"]) == ("train-job", 2)
    assert train["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert train["OutputDataConfig"]["S3OutputPath"] == "s3://b/models"
    assert train["InputDataConfig"][-1]["ChannelName"] == "model"
    assert train["InputDataConfig"][0]["ContentType"] == "text/csv"
    transform = found["Transform"]["Arguments"]
    assert transform["TransformOutput"]["S3OutputPath"] == "s3://out/p/q/churn/predictions/transform"
    assert (transform["BatchStrategy"], transform["MaxPayloadInMB"]) == ("SingleRecord", 3)
    assert (transform["TransformInput"]["ContentType"], transform["TransformOutput"]["Accept"]) == (
        "text/csv", "application/json",
    )  # fmt: skip


def test_network_and_key_on_everything_that_takes_them(tmp_path: Path) -> None:
    found = {name: step["Arguments"] for name, step in steps(tmp_path, **NETWORK).items()}
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
    assert found["Preprocess"]["NetworkConfig"] == {"EnableInterContainerTrafficEncryption": True, "VpcConfig": vpc}
    assert found["Metrics"]["NetworkConfig"]["VpcConfig"] == vpc
    assert (found["Train"]["VpcConfig"], found["Train"]["EnableInterContainerTrafficEncryption"]) == (vpc, True)
    assert found["CreateModel"]["VpcConfig"] == vpc
    assert found["Train"]["ResourceConfig"]["VolumeKmsKeyId"] == "alias/k"
    assert found["Train"]["OutputDataConfig"]["KmsKeyId"] == "alias/k"
    assert found["Preprocess"]["ProcessingOutputConfig"]["KmsKeyId"] == "alias/k"
    assert found["Transform"]["TransformOutput"]["KmsKeyId"] == "alias/k"


def test_two_channels_two_files(tmp_path: Path) -> None:
    conf = variant(
        ("        hyperparams: {scale: 2}", "        channels:\n          train: {dataFiles: [{sourceName: a, fileName: s3://b/train.csv}]}\n"
         "          test: {s3BucketName: b, s3InputPrefix: /deep/, dataFiles: [{sourceName: b, fileName: test.csv}]}"),
    )  # fmt: skip
    channels = steps(tmp_path, conf)["Train"]["Arguments"]["InputDataConfig"]
    uris = {c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"] for c in channels}
    assert (uris["train"], uris["test"]) == ("s3://b/train.csv", "s3://b/deep/test.csv")


def test_caches_are_off_unless_asked_for(tmp_path: Path) -> None:
    found = steps(tmp_path, CONF.replace("            enable_cache: true\n", ""))
    assert all("CacheConfig" not in step for step in found.values())


def test_a_comment_in_one_script_changes_that_step_only(tmp_path: Path) -> None:
    before = steps(tmp_path)
    script = tmp_path / "churn" / "scripts" / "evaluate.py"
    script.write_text(script.read_text() + "# a comment\n")
    after = steps(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["Metrics"]


def test_an_entry_point_in_a_folder_is_run_as_a_module(tmp_path: Path) -> None:
    conf = variant(("entry_point: evaluate.py", "entry_point: deep/er/evaluate.py"))
    from tests.tiny import write_model

    scripts = write_model(tmp_path / "churn", conf) / "scripts"
    (scripts / "deep" / "er").mkdir(parents=True)
    (scripts / "evaluate.py").rename(scripts / "deep" / "er" / "evaluate.py")
    command = steps(tmp_path, conf)["Metrics"]["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    assert command[-3:] == ["python", "-m", "deep.er.evaluate"]


def test_requirements_are_installed_before_the_script_runs(tmp_path: Path) -> None:
    from tests.tiny import write_model

    (write_model(tmp_path / "churn") / "scripts" / "requirements.txt").write_text("six\n")
    for name in ("Preprocess", "Metrics"):
        command = steps(tmp_path)[name]["Arguments"]["AppSpecification"]["ContainerEntrypoint"][2]
        assert "&& python -m pip install -r requirements.txt && exec" in command


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        (("channels: test\n", "channels: tset\n"), "PB321 step 'churn-Transform' (Transform) takes one input, and the chained outputs are: test, train"),
        (("            chain_input_source_step: [churn-Preprocess]\n            chain_input_additional_prefix: test.csv\n", ""), "PB320 step 'churn-Transform' (Transform) takes one input, found none"),
        (("fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv", "fileName: https://x/y.csv"), "PB322 the file 'https://x/y.csv' of channel 'train' is not in S3"),
        (("hyperparams: {scale: 2}", "retry: 0"), "PB204 'max_attempts' is 0"),
        (("      registry:\n", "      gate: [{metric: a.b, min: 2, max: 1.5}]\n      registry:\n"), "PB204 the gate on 'a.b' passes nothing: 'min' is 2, 'max' 1.5"),
        (("      registry:\n", "      gate: [{metric: weighted avg.f1, min: 2}]\n      registry:\n"), "PB204 the path 'weighted avg.f1' can't be read"),
        (("      registry:\n", "      gate: [{metric: a, better: lower, max_regression: nan%}]\n      registry:\n"), "PB204 'max_regression' is 'nan%'"),
        (("      registry:\n", "      gate: [{metric: '', min: 2}]\n      registry:\n"), "PB204 'metric' is ''"),
        (("fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv", "fileName: numbers.csv"), "PB322 the file 'numbers.csv' of channel 'train' has no bucket"),
        (("      registry:\n", "      gate: [{metric: a.b, min: nan}]\n      registry:\n"), "PB204 'min' is 'nan', expected a finite number"),
        (("      registry:\n", "      gate: [{metric: a.b, max: 1e999}]\n      registry:\n"), "PB204 'max' is '1e999', expected a finite number"),
        (("      registry:\n", "      gate: [{metric: a.b, min: 1, max_regression: nan%}]\n      registry:\n"), "PB204 'max_regression' is 'nan%', expected a share such as 2%"),
        (("hyperparams: {scale: 2}", "retry: {backoff_rate: inf}"), "PB204 'backoff_rate' is 'inf', expected a finite number"),
        (("hyperparams: {scale: 2}", "retry: {max_attempts: true}"), "PB204 'max_attempts' is true, expected a number"),
        (("hyperparams: {scale: 2}", "instance_count: 1e1"), "hint: write 1.0e+1: without a point and the exponent's sign YAML reads a text"),
        (('ModelRepack: "False"', "ModelPackageGroupDescription: |\n          two\n          lines"), "conf.yaml:28:39: PB405 model 'churn': 'ModelPackageGroupDescription' is 'two\\nlines\\n'"),
        (('ModelRepack: "False"', f"ModelPackageGroupDescription: {'x' * 1025}"), "PB406 model 'churn': 'ModelPackageGroupDescription' has 1025 characters, expected 0 to 1024"),
    ],
)  # fmt: skip
def test_problems(tmp_path: Path, replacement: tuple[str, str], expected: str) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, variant(replacement))
    assert expected in str(caught.value)


_FIRST = "    pipelineName: tiny\n"
_LAST = "          - step_name: churn-Register\n            step_class: RegisterModel\n"
_GATE = ("      registry:\n", "      gate: [{metric: a.b, max: 9}]\n      registry:\n")
_PACK = ('        ModelRepack: "False"\n', "")


@pytest.mark.parametrize(
    ("made_by", "name"),
    [(_PACK, "churn-Train-Repack"), (_GATE, "churn-Register-Gate"), (_GATE, "churn-Register-Blocked")],
)
def test_no_step_is_lost_to_one_that_is_made(tmp_path: Path, made_by: tuple[str, str], name: str) -> None:
    own = (_LAST, f"{_LAST}          - {{step_name: {name}, step_class: Processing}}\n")
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, variant(made_by, own))
    assert str(caught.value).count("PB309") == 1
    assert f"PB309 two steps have the name '{name}': this one, and one that is made for the step" in str(caught.value)


def test_the_report_of_a_metrics_step_can_be_chained(tmp_path: Path) -> None:
    more = "          - {step_name: churn-Card, step_class: Processing, chain_input_source_step: churn-Metrics}\n"
    found = steps(tmp_path, variant((_LAST, _LAST + more)))["Card"]["Arguments"]["ProcessingInputs"][1]
    path = "/opt/ml/processing/input/churn-Metrics-input-model_evaluation_metrics"
    assert found["S3Input"]["LocalPath"] == path
    output, end = found["S3Input"]["S3Uri"]["Std:Join"]["Values"]
    assert ("Outputs['model_evaluation_metrics']" in output["Get"], end) == (True, "/")


def test_an_expression_where_composing_needs_the_value_is_said(tmp_path: Path) -> None:
    conf = variant(
        (_FIRST, f"{_FIRST}    parameters: [{{name: X}}]\n"), ("step_name: churn-Train\n", "step_name: $params.X\n")
    )
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf)
    message = "PB204 'step_name' is an expression, and what it says is needed before anything runs, expected a text"
    assert message in str(caught.value)


def test_a_model_name_may_be_an_expression(tmp_path: Path) -> None:
    conf = variant(
        (_FIRST, f"{_FIRST}    parameters: [{{name: X, default: m}}]\n"),
        ("      source_directory: scripts\n", "      source_directory: scripts\n      name: $params.X\n"),
    )
    assert steps(tmp_path, conf)["CreateModel"]["Arguments"]["ModelName"] == {"Get": "Parameters.X"}


def test_two_spellings_of_one_key_are_a_clash(tmp_path: Path) -> None:
    conf = variant(
        ("        hyperparams: {scale: 2}\n", "        hyperparams: {scale: 2}\n        hyperparameters: {a: 1}\n")
    )
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf)
    assert "PB204 'hyperparams' and 'hyperparameters' are the same key, expected one of them" in str(caught.value)
    assert "also: churn@1f3c9ab:conf/conf.yaml:17:9" in str(caught.value)


def test_an_image_has_no_white_space(tmp_path: Path) -> None:
    conf = variant(
        ("image_uri: example.com/tiny:1\n        entry_point: train", "image_uri: 'a b'\n        entry_point: train")
    )
    with pytest.raises(InputProblems, match="PB204 the image 'a b' has white space in it"):
        compose_definition(tmp_path, conf)


def test_keys_without_effect_are_said(tmp_path: Path) -> None:
    conf = variant(
        ("        split_type: Line", "        split_type: Line\n        image_uri: x\n        volume_size: 3")
    )
    assert [str(w).splitlines()[0] for w in compose_definition(tmp_path, conf).warnings] == [
        "churn@1f3c9ab:conf/conf.yaml:22:9: warning PB230 'image_uri' has no effect in 'transform': the image of "
        "registry.InferenceSpecification is used",
        "churn@1f3c9ab:conf/conf.yaml:23:9: warning PB230 'volume_size' has no effect in 'transform': a batch transform job "
        "has no volume size",
    ]


def test_so_are_those_of_an_image_that_nobody_is_asked_for_and_of_a_section_by_another_name(tmp_path: Path) -> None:
    conf = variant(
        ("      preprocess:\n", "      clean:\n        framework_version: 1.2-1\n"),
        ("step_type: preprocess", "step_type: clean"),
        ("        split_type: Line", "        split_type: Line\n        image: {framework: none, version: 1}"),
    )
    assert [w.message for w in compose_definition(tmp_path, conf).warnings] == [
        "'framework_version' has no effect in 'clean': the image decides the version",
        "'image' has no effect in 'transform': the image of registry.InferenceSpecification is used",
    ]


def test_names() -> None:
    assert shorten("a" * 64, 64) == "a" * 64
    short = shorten("a" * 65, 64)
    assert (len(short), short) == (64, shorten("a" * 65, 64))
    assert shorten("a" * 66, 64) != short
    assert parameter_name("Commit", "churn") == "Commit-churn"
    assert parameter_name("Commit", "a.b") != parameter_name("Commit", "a-b")


def test_the_data_of_a_cached_step_must_be_known_before_the_run(tmp_path: Path) -> None:
    conf = CASES["cached-by-data"].conf.replace(
        "fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv", "fileName: $params.Data"
    )
    conf = conf.replace("pipelineName: tiny\n", "pipelineName: tiny\n    parameters: [{name: Data, type: String}]\n")
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf)
    assert [problem.id for problem in caught.value.problems] == ["PB329"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("            enable_cache: true\n", "", "the step's cache is off"),
        (_INPUT, "              []\n", "it has no files of its own"),
    ],
)
def test_a_fingerprint_of_nothing_is_said(tmp_path: Path, old: str, new: str, why: str) -> None:
    conf = CASES["cached-by-data"].conf
    assert old in conf
    (warning,) = compose_definition(tmp_path, conf.replace(old, new, 1)).warnings
    assert (warning.id, why in warning.message) == ("PB230", True)

"""What a published sample of this configuration language gets wrong, each as a test of what a user expects instead."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from tests.definition.cases import CASES
from tests.definition.composing import archive_of, compose_definition, compose_graph
from tests.tiny import CONF, variant, write_model
from tests.yamls import write_yaml

_SERVICE_STEPS = ("Processing", "Training", "Model", "Transform", "RegisterModel")


def compose(tmp_path: Path, conf: str = CONF, **more: Any) -> dict[str, Any]:
    """Return the composed steps by name."""
    definition = compose_definition(tmp_path, conf, **more)
    return {step["Name"].removeprefix("churn-"): step for step in json.loads(definition.content)["Steps"]}


def case(tmp_path: Path, name: str, **more: Any) -> dict[str, Any]:
    found = CASES[name]
    return compose(tmp_path, found.conf, files=found.files, tags=found.tags, **{**found.values, **more})


def problem(tmp_path: Path, conf: str, **values: Any) -> str:
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf, **values)
    return str(caught.value).splitlines()[0]


def uri(channel: dict[str, Any]) -> Any:
    return channel["DataSource"]["S3DataSource"]["S3Uri"]


def test_a1_each_channel_has_its_own_data(tmp_path: Path) -> None:
    channels = case(tmp_path, "a-file-in-each-channel")["Train"]["Arguments"]["InputDataConfig"]
    assert {c["ChannelName"]: uri(c) for c in channels[:2]} == {"train": "s3://b/train.csv", "test": "s3://b/test.csv"}


def test_a2_every_file_of_a_channel_counts(tmp_path: Path) -> None:
    definition = compose_definition(tmp_path, CASES["several-files-in-a-channel"].conf)
    (content,) = definition.manifests.values()
    assert json.loads(content) == [{"prefix": "s3://b/"}, "2025/train.csv", "2026/train.csv"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("s3://b/train.csv, s3://other/train.csv", "files of several buckets"),
        ("s3://b/train.csv, s3://b/folder/", "a folder or a reference among several files"),
    ],
)
def test_a2_what_no_manifest_can_name_is_said(tmp_path: Path, files: str, expected: str) -> None:
    listed = ", ".join(f"{{sourceName: a, fileName: '{name}'}}" for name in files.split(", "))
    conf = variant(("hyperparams: {scale: 2}", f"channels: {{train: {{dataFiles: [{listed}]}}}}"))
    assert expected in problem(tmp_path, conf)


def own_variables(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step's variables but for what each cached one has."""
    found = step["Arguments"].get("Environment", {})
    return {name: value for name, value in found.items() if name != "SMP_CACHE_GENERATION"}


def test_a3_variables_reach_every_job(tmp_path: Path) -> None:
    found = case(tmp_path, "variables-of-jobs")
    variables = {name: own_variables(step) for name, step in found.items()}
    assert variables["Train"] == {"LEVEL": "3", "NAME": "local-x", "ON": "true"}
    assert (variables["Transform"], variables["Metrics"]) == ({"A": "b"}, {"A": "c"})


def test_a4_a5_the_report_has_one_exact_address_per_execution(tmp_path: Path) -> None:
    found = compose(tmp_path)
    (output,) = found["Metrics"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert {"Get": "Execution.PipelineExecutionId"} in output["S3Output"]["S3Uri"]["Std:Join"]["Values"]
    statistics = found["Register"]["Arguments"]["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"]["Std:Join"] == {
        "On": "/",
        "Values": [
            {"Get": "Steps.churn-Metrics.ProcessingOutputConfig.Outputs['model_evaluation_metrics'].S3Output.S3Uri"},
            "model_evaluation_metrics.json",
        ],
    }


def test_a6_the_group_is_as_asked_or_pipeline_and_model(tmp_path: Path) -> None:
    assert compose(tmp_path / "a")["Register"]["Arguments"]["ModelPackageGroupName"] == "tiny-churn"
    found = case(tmp_path / "b", "group-and-approval")["Register"]["Arguments"]
    assert (found["ModelPackageGroupName"], found["ModelApprovalStatus"]) == ("churn-models", "Approved")


def test_a7_caches_are_off_unless_asked_for_and_expire_in_iso_8601(tmp_path: Path) -> None:
    off = compose(tmp_path / "a", CONF.replace("enable_cache: true", "enable_cache: false"))
    assert not any("CacheConfig" in step for step in off.values())
    found = case(tmp_path / "b", "cache-expiry")
    assert found["Train"]["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P10D"}


def test_a8_network_and_key_on_every_step_that_takes_them(tmp_path: Path) -> None:
    found = case(tmp_path, "network-key-and-tags")
    text = {name: json.dumps(step["Arguments"]) for name, step in found.items()}
    assert all('"subnet-1", "subnet-2"' in text[name] for name in ("Preprocess", "Train", "CreateModel", "Metrics"))
    assert all("EnableInterContainerTrafficEncryption" in text[name] for name in ("Preprocess", "Train", "Metrics"))
    assert all("alias/k" in text[name] for name in ("Preprocess", "Train", "Transform", "Metrics", "Register"))


def test_a9_network_variables_come_both_or_not_at_all(tmp_path: Path) -> None:
    assert not any("VpcConfig" in json.dumps(step) for step in compose(tmp_path / "a").values())
    assert "'SMP_SUBNETS' is set and 'SMP_SECURITYGROUPS' is not" in problem(
        tmp_path / "b", CONF, SMP_SUBNETS="subnet-1"
    )


def test_a10_a_chained_step_gives_its_own_outputs(tmp_path: Path) -> None:
    found = case(tmp_path, "chained-from-another-model")["scorer-Train"]["Arguments"]["InputDataConfig"]
    assert [channel["ChannelName"] for channel in found] == [
        "churn-Preprocess-features", "churn-Preprocess-test", "churn-Preprocess-train", "churn-Train-train",
    ]  # fmt: skip
    assert "Outputs['features']" in uri(found[0])["Std:Join"]["Values"][0]["Get"]


def test_a11_a_transform_writes_to_the_configured_bucket(tmp_path: Path) -> None:
    path = compose(tmp_path)["Transform"]["Arguments"]["TransformOutput"]["S3OutputPath"]["Std:Join"]["Values"]
    assert path[0] == "s3://local/tiny/churn/executions"


def test_a12_repacking_repeats_and_leaves_the_source_alone(tmp_path: Path) -> None:
    conf = variant(('        ModelRepack: "False"\n', ""))
    first = compose_definition(tmp_path, conf)
    before = sorted(str(path) for path in (tmp_path / "churn").rglob("*"))
    again = compose_definition(tmp_path, conf)
    assert first.content == again.content
    assert sorted(str(path) for path in (tmp_path / "churn").rglob("*")) == before
    names = [step["Name"] for step in json.loads(first.content)["Steps"]]
    assert [name for name in names if "Repack" in name] == ["churn-Train-Repack"]


@pytest.mark.parametrize("written", ["false", '"False"', "'false'", "no"])
def test_a13_repacking_is_a_text_or_a_boolean(tmp_path: Path, written: str) -> None:
    assert "Train-Repack" not in compose(tmp_path, variant(('ModelRepack: "False"', f"ModelRepack: {written}")))


def test_a14_documented_keys_are_honoured(tmp_path: Path) -> None:
    found = case(tmp_path / "a", "processing-keys")["Preprocess"]["Arguments"]
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert found["ProcessingResources"]["ClusterConfig"] == {
        "InstanceCount": 2, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 5,
    }  # fmt: skip
    assert found["ProcessingInputs"][0]["S3Input"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert found["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3UploadMode"] == "Continuous"
    found = case(tmp_path / "b", "transform-keys")["Transform"]["Arguments"]
    assert (found["BatchStrategy"], found["MaxPayloadInMB"]) == ("SingleRecord", 6)
    assert found["DataProcessing"] == {"InputFilter": "$[1:]", "OutputFilter": "$[0,-1]", "JoinSource": "Input"}


def test_a15_a_file_name_goes_below_its_channels_bucket_and_prefix(tmp_path: Path) -> None:
    inputs = case(tmp_path, "files-by-bucket-and-prefix")["Preprocess"]["Arguments"]["ProcessingInputs"]
    assert [i["S3Input"]["S3Uri"] for i in inputs[:2]] == [
        "s3://local/churn/data/numbers.csv", "s3://local/churn/data/a/b.csv",
    ]  # fmt: skip


def test_a15_a_bucket_may_be_written_with_its_scheme(tmp_path: Path) -> None:
    file = "              - {sourceName: a, fileName: n.csv}\n            s3Bucket: s3://b/\n"
    written = (
        "              - sourceName: raw_data\n                fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv\n"
    )
    inputs = compose(tmp_path, variant((written, file)))["Preprocess"]["Arguments"]["ProcessingInputs"]
    assert inputs[0]["S3Input"]["S3Uri"] == "s3://b/n.csv"


def test_a16_seven_inputs_are_seven_and_more_than_ten_share_a_manifest(tmp_path: Path) -> None:
    inputs = case(tmp_path / "a", "seven-inputs")["Preprocess"]["Arguments"]["ProcessingInputs"]
    assert len(inputs) == 8
    found = case(tmp_path / "b", "more-inputs-than-a-job-takes")["Preprocess"]["Arguments"]
    assert [i["InputName"] for i in found["ProcessingInputs"]] == ["files-local", "code"]
    assert "local/11.csv=input/part11" in found["AppSpecification"]["ContainerArguments"]


def test_a17_the_whole_source_directory_goes_along(tmp_path: Path) -> None:
    found = CASES["entry-point-in-a-folder"]
    definition = compose_definition(tmp_path, found.conf, files=found.files)
    assert all("shared.py" in bundle.files for bundle in definition.bundles.values())


@pytest.mark.parametrize("written", ["a-Train>>b", "churn-Register>>churn-Train >> x"])
def test_a18_arrows_need_no_blanks(tmp_path: Path, written: str) -> None:
    assert "there is no step" in problem(
        tmp_path, variant(("pipelineName: tiny\n", f"pipelineName: tiny\n    dependencies: {written}\n"))
    )


def test_a18_a_lone_name_is_an_error_and_a_single_text_works(tmp_path: Path) -> None:
    lone = variant(("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: [churn-Train]\n"))
    assert "PB312 the dependency 'churn-Train' has no 'a >> b' in it" in problem(tmp_path / "a", lone)
    text = variant(("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: churn-Train>>churn-Transform\n"))
    assert compose(tmp_path / "b", text)["Transform"]["DependsOn"] == ["churn-Train"]


def test_a19_a_cycle_is_an_error(tmp_path: Path) -> None:
    conf = variant(("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: churn-Metrics >> churn-Train\n"))
    assert "in a cycle: churn-Train >> churn-CreateModel >> churn-Transform >> churn-Metrics >> churn-Train" in problem(
        tmp_path, conf
    )


@pytest.mark.parametrize(
    "channels", ["data", "{data: }", "{data: {}}", "{data: {dataFiles: }}", "{data: {dataFiles: []}}", "[data]"]
)
@pytest.mark.parametrize("section", ["preprocess", "train", "transform", "evaluate"])
def test_a20_one_rule_for_channels_everywhere(tmp_path: Path, section: str, channels: str) -> None:
    conf = CONF
    for old in ("        channels: test\n", "        channels: predictions\n"):
        conf = conf.replace(old, "")
    head, tail = conf.split(f"\n      {section}:\n")
    if section == "preprocess":
        start = tail.index("        channels:\n")
        tail = tail[:start] + tail[tail.index("\n      train:\n") + 1 :]
    graph = compose_graph(tmp_path, f"{head}\n      {section}:\n        channels: {channels}\n{tail}")
    assert list(graph.units["churn"].jobs[section].channels) == ["data"]


def test_any_other_variable_of_the_environment_is_left_alone(tmp_path: Path) -> None:
    conf = variant(
        ("hyperparams: {scale: 2}", "env: {A: HOME, B: x.USER.y, C: SMP_REGION-x, D: 'arn:SMP_REGION:SMP_ACCOUNTID'}")
    )
    found = compose(tmp_path, conf, HOME="/home/me", USER="me")["Train"]
    assert own_variables(found) == {"A": "HOME", "B": "x.USER.y", "C": "local-x", "D": "arn:local:000000000000"}


def test_a_comment_in_the_evaluation_leaves_training_alone(tmp_path: Path) -> None:
    before = compose(tmp_path)
    evaluate = tmp_path / "churn" / "scripts" / "evaluate.py"
    evaluate.write_text(evaluate.read_text() + "# better\n")
    after = compose(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["Metrics"]


def test_a_chained_transform_without_a_prefix_is_closed_once(tmp_path: Path) -> None:
    conf = variant(("            chain_input_additional_prefix: test.csv\n", ""))
    found = compose(tmp_path, conf)["Transform"]["Arguments"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    output = {"Get": "Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"}
    assert found == {"Std:Join": {"On": "", "Values": [output, "/"]}}


def test_it_works_from_any_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = compose_definition(tmp_path / "a").content
    monkeypatch.chdir(os.sep)
    assert compose_definition(tmp_path / "b").content == here


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("conf:\n", "", "PB202 the key 'models' is not known here"),
        ("        entry_point: train.py\n", "", "PB203 the key 'entry_point' is missing"),
        ("step_class: Metrics", "step_class: Metrik", "PB204"),
        ("    churn:\n      source", "    ch.urn:\n      source", "PB308"),
        ("steps:\n", "steps: []\n        stepz:\n", "PB202 the key 'stepz'"),
    ],
)
def test_errors_have_a_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = problem(tmp_path, variant((old, new)))
    assert text.startswith("churn@1f3c9ab:conf/conf.yaml:")
    assert expected in text


@pytest.mark.parametrize(
    ("kind", "key", "value", "refused"),
    [
        ("env", "DB_PASSWORD", "hunter2hunter2", True),
        ("env", "apiKey", "abcdef123456", True),
        ("env", "ANYTHING", "AKIAIOSFODNN7EXAMPLE", True),
        ("hyperparams", "hub_token", "hf_" + "a" * 34, True),
        ("hyperparams", "url", "https://me:secret@host/x", True),
        ("hyperparams", "max_tokens", "512", False),
        ("hyperparams", "pad_token", "<pad>", False),
        ("env", "SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:1:secret:x", False),
        ("env", "DB_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:x", False),
        ("env", "TOKENIZERS_PARALLELISM", "false", False),
    ],
)
def test_what_looks_like_a_secret_is_refused_without_showing_it(
    tmp_path: Path, kind: str, key: str, value: str, refused: bool
) -> None:
    conf = variant(("        hyperparams: {scale: 2}\n", f"        {kind}:\n          {key}: '{value}'\n"))
    if not refused:
        compose_definition(tmp_path, conf)
        return
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf)
    assert f"PB328 step 'churn-Train': the value of '{key}' in '{kind}' looks like a secret" in str(caught.value)
    assert value not in str(caught.value)


_TRAIN = "        hyperparams: {scale: 2}\n"
_MODEL = "            step_class: CreateModel\n"


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ((_TRAIN, "        hyperparams: {hub: {token: hunter2hunter2}}\n"), "the value of 'hub' in 'hyperparams'"),
        ((_TRAIN, f"{_TRAIN}        env: {{A: {{'Std:Join': {{'On': '', Values: [hf_{'a' * 34}]}}}}}}\n"), "'A' in 'env'"),
        ((_MODEL, f"{_MODEL}            arguments: {{PrimaryContainer: {{Environment: {{DB_PASSWORD: hunter2hunter2}}}}}}\n"),
         "'DB_PASSWORD' in 'env'"),
        (("pipelineName: tiny\n", "pipelineName: tiny\n    parameters: [{name: HubToken, default: hunter2hunter2}]\n"),
         "the default of the parameter 'HubToken'"),
    ],
)  # fmt: skip
def test_a_secret_is_found_wherever_it_would_be_read(
    tmp_path: Path, replacement: tuple[str, str], expected: str
) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, variant(replacement))
    assert "PB328" in str(caught.value)
    assert f"{expected} looks like a secret" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "hf_a" not in str(caught.value)


def test_a_secrets_name_may_come_from_a_parameter(tmp_path: Path) -> None:
    conf = variant(
        (_TRAIN, f"{_TRAIN}        env: {{DB_PASSWORD: $params.Name, API_KEY: keys-of-$params.Name}}\n"),
        ("pipelineName: tiny\n", "pipelineName: tiny\n    parameters: [{name: Name}]\n"),
    )
    compose_definition(tmp_path, conf)


def test_same_bytes_whatever_does_not_matter(tmp_path: Path) -> None:
    """Another folder, umask and time, shuffled keys, caches and pictures beside the scripts."""
    first = compose_definition(tmp_path / "a")
    old = os.umask(0o077)
    try:
        other = write_model(tmp_path / "elsewhere" / "deep" / "churn", _shuffled())
    finally:
        os.umask(old)
    (other / "scripts" / "__pycache__").mkdir()
    (other / "scripts" / "__pycache__" / "train.cpython-311.pyc").write_bytes(b"x")
    (other / "scripts" / "plot.png").write_bytes(b"x")
    for path in (other / "scripts").iterdir():
        os.utime(path, (1, 1))
    second = compose_definition(tmp_path / "elsewhere" / "deep", _shuffled())
    assert first.content == second.content
    assert list(first.bundles) == list(second.bundles)
    assert [archive_of(b) for b in first.bundles.values()] == [archive_of(b) for b in second.bundles.values()]
    assert set(_SERVICE_STEPS) == {step["Type"] for step in json.loads(first.content)["Steps"]}


def _shuffled(conf: str = CONF) -> str:
    """Return the conf with the keys of every mapping in it in another order."""

    def reverse(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reverse(item) for key, item in reversed(value.items())}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    return write_yaml(reverse(parse_yaml(Source("conf.yaml", conf), "PB201").data))


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_keys_decides_nothing(tmp_path: Path, name: str) -> None:
    found = CASES[name]
    more: Any = {"files": found.files, "tags": found.tags, **found.values}
    written, shuffled = tmp_path / "a", tmp_path / "b"
    assert (
        compose_definition(written, found.conf, **more).content
        == compose_definition(shuffled, _shuffled(found.conf), **more).content
    )


def test_a_metrics_channel_with_files_gives_no_label(tmp_path: Path) -> None:
    channels = "{answers: {dataFiles: [{sourceName: a, fileName: s3://b/a.csv}]}, predictions: }"
    found = compose(tmp_path, variant(("channels: predictions\n", f"channels: {channels}\n")))
    names = [data["InputName"] for data in found["Metrics"]["Arguments"]["ProcessingInputs"]]
    assert names[:2] == ["a", "churn-Transform-predictions"]

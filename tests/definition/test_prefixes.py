"""S3 prefixes in confs and definitions: what is read from other steps is closed, and what people write is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.definition import build_definition
from pipeline_builder.definition.prefixes import find_doubtful
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.cases import CASES, train
from tests.definition.composing import compose_definition, load_graph
from tests.serve.serving import serving
from tests.tiny import CONF, EVALUATE, PREPROCESS, variant, write_model
from tests.workspaces import make_workspace

OUTPUT = "Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['{}'].S3Output.S3Uri"
_SPLIT = "        split_type: Line\n"
_CHAIN = "            chain_input_source_step: [churn-Preprocess]\n"
_PREPARE = "        entry_point: preprocess.py\n"
_FILE = "                fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv\n"
_NAME = "    pipelineName: tiny\n"
_TRAINING = "            step_class: Training\n"


def steps(tmp_path: Path, conf: str, **more: Any) -> dict[str, Any]:
    definition = json.loads(compose_definition(tmp_path, conf, **more).content)
    return {step["Name"].removeprefix("churn-"): step["Arguments"] for step in definition["Steps"]}


def sources(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every S3 data source below a value."""
    if isinstance(value, list):
        for item in value:
            yield from sources(item)
    elif isinstance(value, dict):
        if "S3DataType" in value:
            yield value
        for item in value.values():
            yield from sources(item)


def closed(path: str) -> dict[str, Any]:
    return {"Std:Join": {"On": "", "Values": [{"Get": path}, "/"]}}


# --- what is read from other steps


@pytest.mark.parametrize("name", CASES)
def test_no_chained_folder_is_left_open(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    for arguments in steps(tmp_path, case.conf, files=case.files, tags=case.tags, **case.values).values():
        for source in sources(arguments):
            path = source["S3Uri"].get("Get", "") if isinstance(source["S3Uri"], dict) else ""
            # An artifact is a file.
            assert not path.startswith("Steps.") or path.endswith(".ModelArtifacts.S3ModelArtifacts"), path


def test_every_kind_of_reader_closes_and_nothing_else_changes(tmp_path: Path) -> None:
    conf = variant(
        ("            chain_input_additional_prefix: test.csv\n", ""),
        ("[churn-Transform, churn-Preprocess]", "[churn-Transform, churn-Preprocess, churn-Train]"),
    )
    found = steps(tmp_path, conf)
    channels = {
        item["ChannelName"]: item["DataSource"]["S3DataSource"]["S3Uri"] for item in found["Train"]["InputDataConfig"]
    }
    assert channels == {f"churn-Preprocess-{name}": closed(OUTPUT.format(name)) for name in ("test", "train")}
    assert found["Transform"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == closed(OUTPUT.format("test"))
    inputs = {item["InputName"]: item["S3Input"]["S3Uri"] for item in found["Metrics"]["ProcessingInputs"]}
    assert inputs["churn-Transform-predictions"] == closed("Steps.churn-Transform.TransformOutput.S3OutputPath")
    artifact = {"Get": "Steps.churn-Train.ModelArtifacts.S3ModelArtifacts"}
    assert inputs["churn-Train-predictions"] == artifact
    assert found["CreateModel"]["PrimaryContainer"]["ModelDataUrl"] == artifact
    for output in found["Preprocess"]["ProcessingOutputConfig"]["Outputs"]:
        assert output["S3Output"]["S3Uri"]["Std:Join"]["Values"][-1] == output["OutputName"]
    report = found["Register"]["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]["Std:Join"]
    assert (report["On"], report["Values"][-1]) == ("/", "model_evaluation_metrics.json")


@pytest.mark.parametrize(("below", "end"), [("test.csv", "test.csv"), ("/a/test.csv", "a/test.csv"), ("a/", "a/")])
def test_a_file_below_a_chained_output_stays_a_file(tmp_path: Path, below: str, end: str) -> None:
    conf = variant(("chain_input_additional_prefix: test.csv", f"chain_input_additional_prefix: {below}"))
    found = steps(tmp_path, conf)["Transform"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert found == {"Std:Join": {"On": "/", "Values": [{"Get": OUTPUT.format("test")}, end]}}


def _ending(address: str) -> str:
    """Return the conf whose preprocessing writes `test` where `arguments` say, all of it chained by a Transform step."""
    return variant(
        (
            _PREPARE,
            _PREPARE + "        arguments:\n          ProcessingOutputConfig:\n            Outputs:\n"
            f"              - {{OutputName: test, S3Output: {{S3Uri: {address}}}}}\n",
        ),
        (_NAME, _NAME + "    parameters: [{name: Out, default: s3://b/out/}, {name: In, default: s3://b/in}]\n"),
        ("            chain_input_additional_prefix: test.csv\n", ""),
    )


@pytest.mark.parametrize(
    ("address", "open_"),
    [
        ("s3://b/x/", True),
        ("s3://b/", True),
        ("s3://b/x", False),
        ("s3://b", False),
        ("$params.Out", True),
        ("$params.In", False),
        ("s3://b/$params.Out", True),
        ("$params.In/", True),
        ("$params.Out$params.In", False),
        ("{'Std:Join': {'On': /, Values: [s3://b, {Get: Execution.PipelineExecutionId}, '']}}", True),
        ("{Get: Execution.PipelineExecutionId}", False),
    ],
)
def test_an_address_that_is_closed_gets_no_second_slash(tmp_path: Path, address: str, open_: bool) -> None:
    path = OUTPUT.format("test")
    wanted = {"Get": path} if open_ else closed(path)
    found = steps(tmp_path / "whole", _ending(address))
    assert found["Transform"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == wanted
    metrics = {item["InputName"]: item["S3Input"]["S3Uri"] for item in found["Metrics"]["ProcessingInputs"]}
    assert metrics["churn-Preprocess-test"] == wanted
    assert metrics["churn-Preprocess-train"] == closed(OUTPUT.format("train"))
    conf = _ending(address).replace(_CHAIN, _CHAIN + "            chain_input_additional_prefix: t.csv\n")
    below = steps(
        tmp_path / "file", conf.replace(_CHAIN + "            chain_input_additional_prefix: t.csv\n", _CHAIN, 1)
    )
    on = "" if open_ else "/"
    joined = {"Std:Join": {"On": on, "Values": [{"Get": path}, "t.csv"]}}
    assert below["Transform"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == joined


def test_a_transform_that_writes_where_its_arguments_say(tmp_path: Path) -> None:
    conf = variant((_SPLIT, _SPLIT + "        arguments: {TransformOutput: {S3OutputPath: s3://b/x/}}\n"))
    (found, *_) = steps(tmp_path, conf)["Metrics"]["ProcessingInputs"]
    assert found["S3Input"]["S3Uri"] == {"Get": "Steps.churn-Transform.TransformOutput.S3OutputPath"}


def test_a_reference_that_a_conf_writes_by_itself_is_closed_as_well(tmp_path: Path) -> None:
    reference = f'{{Get: "{OUTPUT.format("test")}"}}'
    conf = train(f"        channels:\n          mine: {{dataFiles: [{{sourceName: a, fileName: {reference}}}]}}\n")
    channels = {
        c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"]
        for c in steps(tmp_path, conf)["Train"]["InputDataConfig"]
    }
    assert channels["mine"] == closed(OUTPUT.format("test"))


def test_what_arguments_say_is_the_last_word(tmp_path: Path) -> None:
    reference = f'{{Get: "{OUTPUT.format("test")}"}}'
    conf = train(
        "        arguments:\n          InputDataConfig:\n            - ChannelName: churn-Preprocess-test\n"
        f"              DataSource: {{S3DataSource: {{S3Uri: {reference}}}}}\n"
    )
    channels = {
        c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"]
        for c in steps(tmp_path, conf)["Train"]["InputDataConfig"]
    }
    assert channels["churn-Preprocess-test"] == {"Get": OUTPUT.format("test")}


@pytest.mark.parametrize(
    ("bucket", "name", "uri"),
    [
        ("b", "day-0/", "s3://b/p/day-0/"),
        ("b", "day-0", "s3://b/p/day-0"),
        ("b", "/", "s3://b/p/"),
        (
            "$params.B",
            "day-0/",
            {"Std:Join": {"On": "", "Values": [{"Std:Join": {"On": "/", "Values": [
                {"Std:Join": {"On": "", "Values": ["s3://", {"Get": "Parameters.B"}]}}, "p/day-0"]}}, "/"]}},
        ),
    ],
)  # fmt: skip
def test_a_file_below_a_bucket_and_prefix_can_be_closed(tmp_path: Path, bucket: str, name: str, uri: Any) -> None:
    conf = variant(
        (
            _FILE,
            f"                fileName: {name}\n            s3BucketName: {bucket}\n            s3InputPrefix: p/\n",
        ),
        (_NAME, _NAME + "    parameters: [{name: B, default: b}]\n"),
    )
    assert steps(tmp_path, conf)["Preprocess"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] == uri


# --- what people write


def neighbours(tmp_path: Path, *confs: str, **values: str) -> list[str]:
    """Return the warnings about addresses, as people read them; the repositories are `churn`, `second`, …"""
    names = ("churn", "second")[: len(confs)]
    for name, conf in zip(names, confs, strict=True):
        write_model(tmp_path / name, conf)
    graph = load_graph(tmp_path, *names, **values)
    settings = build_settings({**LOCAL_DEFAULTS, **values})
    definition = build_definition(graph, settings, {name: name for name in names})
    found = find_doubtful(graph, definition, bucket=settings.bucket)
    assert all(problem.warning for problem in found)
    return [str(problem) for problem in found]


def reads(*uris: str) -> str:
    """Return the conf whose Processing step reads these addresses."""
    files = "".join(f"              - {{sourceName: d{n}, fileName: {uri!r}}}\n" for n, uri in enumerate(uris))
    return variant(("              - sourceName: raw_data\n" + _FILE, files))


def test_an_address_that_begins_another_is_a_warning_with_both_places(tmp_path: Path) -> None:
    (found,) = neighbours(tmp_path, reads("s3://b/churn/day-old/", "s3://b/churn/day-"))
    assert found == (
        "churn@1f3c9ab:conf/conf.yaml:12:44: warning PB332 the address 's3://b/churn/day-' begins 's3://b/churn/day-old/': "
        "a job that reads it gets what is there too\n"
        "                  - {sourceName: d1, fileName: 's3://b/churn/day-'}\n"
        "                                               ^\n"
        "  also: churn@1f3c9ab:conf/conf.yaml:11:44\n"
        "                  - {sourceName: d0, fileName: 's3://b/churn/day-old/'}\n"
        "                                               ^\n"
        "  hint: SageMaker reads every object whose key begins so: close the address with '/' where it is a folder"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("uris", "pairs"),
    [
        (["s3://b/train", "s3://b/train/x.npy"], []),
        (["s3://b/train/", "s3://b/train_old/"], []),
        (["s3://b/train", "s3://b/train_old/"], [("s3://b/train", "s3://b/train_old/")]),
        (["s3://b/train", "s3://b/train"], []),
        (["s3://b/data.csv", "s3://b/data.csv.bak"], [("s3://b/data.csv", "s3://b/data.csv.bak")]),
        (["s3://b", "s3://b/x"], []),
        (["s3://b/", "s3://b/x"], []),
        (["s3://b", "s3://b-old/x"], []),
        (["s3://b/x", "s3://c/x-old"], []),
        (["s3://b/x", "s3://b/x-1", "s3://b/x/y", "s3://b/x-1a"], [("s3://b/x", "s3://b/x-1"), ("s3://b/x-1", "s3://b/x-1a")]),
        (["s3://SMP_S3BUCKETNAME/tin"], [("s3://local/tin", "s3://local/tiny/")]),
        (["s3://SMP_S3BUCKETNAME/tiny"], []),
        (["s3://b/x", "s3://b/x-$params.Day"], []),
    ],
)  # fmt: skip
def test_which_addresses_are_neighbours(tmp_path: Path, uris: list[str], pairs: list[tuple[str, str]]) -> None:
    conf = reads(*uris).replace(_NAME, _NAME + "    parameters: [{name: Day, default: a}]\n")
    found = neighbours(tmp_path, conf)
    assert [(f"'{one}' begins '{other}'" in text) for (one, other), text in zip(pairs, found, strict=True)] == [
        True
    ] * len(pairs)


@pytest.mark.parametrize(
    ("conf", "written"),
    [
        (train("        output_path: s3://b/x-models\n"), "x-models"),
        (train("        output_path: s3://b/x-models/\n"), "x-models/"),
        (train("        model_data_uri: s3://b/x.tar.gz\n"), "x.tar.gz"),
        (train("        arguments: {CheckpointConfig: {S3Uri: s3://b/x-points}}\n"), "x-points"),
        (train("        channels: {a: {dataFiles: [{sourceName: a, fileName: s3://b/x.csv}]}}\n"), "x.csv"),
        (
            variant((": test\n        split", ": {test: {s3BucketName: b, s3InputPrefix: x-out}}\n        split")),
            "x-out",
        ),
        (variant((": predictions\n", ": {predictions: {s3Bucket: b, bucket_prefix: x-report}}\n")), "x-report"),
        (
            variant((_TRAINING, f"{_TRAINING}            arguments: {{CheckpointConfig: {{S3Uri: s3://b/x-c}}}}\n")),
            "x-c",
        ),
    ],
)
def test_every_key_with_an_address_is_looked_at(tmp_path: Path, conf: str, written: str) -> None:
    conf = conf.replace(_FILE, "                fileName: s3://b/x\n")
    (found,) = neighbours(tmp_path, conf)
    start = "churn@1f3c9ab:conf/conf.yaml:12:27: warning PB332 the address 's3://b/x' begins 's3://b/x"
    line = next(number for number, text in enumerate(conf.splitlines(), 1) if written in text)
    assert (found.startswith(start), f"also: churn@1f3c9ab:conf/conf.yaml:{line}:" in found) == (True, True)


@pytest.mark.parametrize(
    "conf",
    [
        train("        output_path: s3://b/churn/num\n"),
        variant((_PREPARE, _PREPARE + "        s3_data_type: ManifestFile\n"), (_FILE, _FILE.replace("numbers.csv", "num"))),
        train(
            "        channels:\n          t:\n            dataFiles:\n              - {sourceName: a, fileName: s3://b/a}\n"
            "              - {sourceName: b, fileName: s3://b/a.bak}\n"
        ),
        train(
            "        input_mode: Pipe\n        channels: {t: {dataFiles: [{sourceName: a, fileName: s3://b/churn/num}]}}\n"
            "        arguments:\n          InputDataConfig:\n            - ChannelName: t\n              DataSource:\n"
            "                S3DataSource: {S3DataType: AugmentedManifestFile, AttributeNames: [a]}\n"
        ),
    ],
    ids=["written", "manifest", "listed", "augmented"],
)  # fmt: skip
def test_what_is_not_read_as_a_prefix_takes_nothing_more(tmp_path: Path, conf: str) -> None:
    assert neighbours(tmp_path, conf, SMP_S3BUCKETNAME="b") == []


def test_files_of_different_repositories(tmp_path: Path) -> None:
    second = reads("s3://b/x-ids/").replace("churn", "second")
    second = second[: second.index("  sagemakerPipeline:")]
    steps_ = CONF[CONF.index("      churn:\n        steps:") :].replace("churn", "second")
    (found,) = neighbours(tmp_path, reads("s3://b/x") + steps_, second)
    assert "'s3://b/x' begins 's3://b/x-ids/'" in found
    assert "also: second@1f3c9ab:conf/conf.yaml:11:" in found


def test_many_of_them_are_one_warning(tmp_path: Path) -> None:
    (found,) = neighbours(tmp_path, reads("s3://b/x", *(f"s3://b/x-{n}/" for n in range(7))))
    assert "begins 's3://b/x-0/' and 6 more:" in found
    assert found.count("also: ") == 5


# --- the whole job

_CHECK = """\
from pathlib import Path

inputs = Path("/opt/ml/processing/input")
found = sorted(str(p.relative_to(inputs)) for p in inputs.rglob("*") if p.is_file() and "code" not in p.parts)
assert found == [
    "churn-Preprocess-test/test.csv", "churn-Preprocess-test_ids/test.csv", "churn-Preprocess-train/train.csv",
    "churn-Transform-predictions/test.csv.out",
], found
"""


@pytest.mark.long
@pytest.mark.parametrize("on", ["local", "aws"])
def test_every_row_and_no_sibling_on_both_targets(tmp_path: Path, on: str) -> None:
    """Data of several days is trained on whole; `test` doesn't take `test_ids`, nor X-Transform X-Transform-B."""
    conf = variant(
        (_FILE, "                fileName: s3://SMP_S3BUCKETNAME/churn/day-\n"),
        ("          test:\n", "          test:\n          test_ids:\n"),
        ("            chain_input_additional_prefix: test.csv\n", ""),
        (
            "          - step_name: churn-Metrics\n",
            "          - step_name: churn-Transform-B\n            step_class: Transform\n"
            "            chain_input_source_step: [churn-Preprocess]\n          - step_name: churn-Metrics\n",
        ),
        (_NAME, _NAME + "    dependencies: [churn-Transform-B >> churn-Metrics]\n"),
    )
    workspace = make_workspace(tmp_path / "workspace", conf=conf)
    read = 'rows = [row for p in sorted(Path("/opt/ml/processing/input/raw_data").rglob("*.csv")) for row in p.read_text().split()]'
    prepare = PREPROCESS.replace(
        'rows = Path("/opt/ml/processing/input/raw_data/numbers.csv").read_text().split()', read
    )
    prepare += 'Path("/opt/ml/processing/output/test_ids/test.csv").write_text("7\\n8\\n9\\n")\n'
    for name, text in (("preprocess.py", prepare), ("evaluate.py", _CHECK + EVALUATE)):
        workspace.push(f"scripts/{name}", text)
    data = workspace.root / "data"
    (data / "numbers.csv").unlink()
    for day in range(3):
        (data / f"day-{day}").mkdir()
        (data / f"day-{day}" / "part-0.csv").write_text(f"{2 * day + 1}\n{2 * day + 2}\n")
    if on == "local":
        ended = workspace.run("up", "--approve")
    else:
        with serving(tmp_path, jobs=2, **{"local/churn": data}) as served:
            ended = workspace.run("up", "--approve", **served.environment)
    assert ended.code == 0, ended.err
    (package,) = json.loads((workspace.root / "build" / "run.json").read_text())["packages"]
    assert package["metrics"] == {"regression_metrics": {"mae": {"value": 1.0}}}

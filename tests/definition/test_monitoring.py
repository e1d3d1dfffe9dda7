"""Baseline and Monitor steps: what they compose to, what a registration has of them, and what is wrong with them."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems
from tests.definition.composing import compose_definition, compose_graph
from tests.definition.scoring import TRANSFORMED, compose_scoring, load_scoring
from tests.definition.step_cases import REGISTER
from tests.places import GOLDEN
from tests.tiny import variant

BASELINE = """\
      baseline:
        image_uri: example.com/tiny:1
        label: y
        channel: train
        keep_values: false
        columns: {age: {type: numerical}}
"""
STEP = "{step_name: churn-Baseline, step_class: Baseline, enable_cache: true, chain_input_source_step: [%s]}"
MONITOR = """\
      monitor:
        image_uri: example.com/tiny:1
        drift: {psi: 0.1, share: 0.5}
        labels: "s3://SMP_S3BUCKETNAME/labels/dt=${date}/"
        label: y
        on_drift: [warn, retrain]
"""
QUALITY = """\
      quality_check: {image_uri: example.com/monitor:1, header: false, fail_on_violation: false}
"""


def training(section: str = BASELINE, step: str = STEP % "churn-Preprocess, churn-Transform", more: str = "") -> str:
    steps = "".join(f"          - {line}\n" for line in filter(None, (step, more)))
    return variant(("      registry:\n", f"{section}      registry:\n"), (REGISTER, f"{REGISTER}{steps}"))


def scoring(section: str = MONITOR, chained: str = "churn-Score", step_class: str = "Monitor") -> str:
    start, end = TRANSFORMED.index("      quality_check:"), TRANSFORMED.index("  sagemakerPipeline:")
    conf = TRANSFORMED[:start] + section + TRANSFORMED[end:]
    old = "step_class: QualityCheck, chain_input_source_step: churn-Score"
    return conf.replace(old, f"step_class: {step_class}, chain_input_source_step: [{chained}]")


def steps_of(definition: Definition) -> dict[str, Any]:
    return {step["Name"]: step for step in json.loads(definition.content)["Steps"]}


def problems(conf: str, tmp_path: Path, *, infers: bool = False) -> list[str]:
    def compose() -> None:
        if infers:
            build_definition(load_scoring(tmp_path, conf), build_settings(LOCAL_DEFAULTS), {})
        else:
            compose_definition(tmp_path, conf)

    with pytest.raises(InputProblems) as caught:
        compose()
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


@pytest.mark.parametrize("written", ["3", "[1]", "{label: [1]}"])
def test_a_section_that_cannot_be_read_is_there(tmp_path: Path, written: str) -> None:
    """What is wrong with it is said, and not that its step has none."""
    said = problems(training(f"      baseline: {written}\n"), tmp_path)
    assert [re.search(r"PB\d+", one)[0] for one in said] == ["PB204"], said  # type: ignore[index]


@pytest.mark.parametrize("name", ["baseline", "monitor", "quality-check"])
def test_golden(tmp_path: Path, name: str) -> None:
    """What they compose to; the digest of their code is that of this program's own modules."""
    if name == "baseline":
        definition = compose_definition(tmp_path, training())
    elif name == "monitor":
        definition = compose_scoring(tmp_path, scoring())
    else:
        definition = compose_scoring(tmp_path, scoring(QUALITY, step_class="QualityCheck"))
    text = json.dumps(json.loads(definition.content), indent=1, sort_keys=True) + "\n"
    pretty = re.sub(r"/code/[0-9a-f]{64}/", f"/code/{'0' * 64}/", text)
    path = GOLDEN / "monitoring" / f"{name}.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(pretty)
        pytest.fail(f"{path} was written; read it")
    assert pretty == path.read_text()


def test_the_code_is_this_programs_own(tmp_path: Path) -> None:
    definition = compose_definition(tmp_path / "a", training())
    bundle = definition.bundles[definition.code["churn-Baseline"]]
    content = io.BytesIO()
    bundle.write(content)
    content.seek(0)
    with tarfile.open(fileobj=content) as archive:
        names = archive.getnames()
        settings = archive.extractfile("smp_monitoring/monitoring.json")
        assert settings
        told = json.loads(settings.read())
    assert {name.partition("/")[0] for name in names} == {"smp_monitoring"}
    assert {"smp_monitoring/__init__.py", "smp_monitoring/baseline.py", "smp_monitoring/drift.py"} < {*names}
    assert told == {"columns": {"age": {"type": "numerical"}}, "keep_values": False, "label": "y", "separator": ","}
    changed = compose_definition(tmp_path / "b", training(BASELINE.replace("label: y", "label: z")))
    assert changed.code["churn-Baseline"] != definition.code["churn-Baseline"]
    again = compose_definition(tmp_path / "c", training())
    assert again.content == definition.content


def test_a_registration_waits_for_the_baseline(tmp_path: Path) -> None:
    graph = compose_graph(tmp_path, training())
    assert "churn-Baseline" in graph.by_name["churn-Register"].depends_on


def test_without_predictions_there_is_no_baseline_of_quality(tmp_path: Path) -> None:
    definition = compose_definition(tmp_path, training(step=STEP % "churn-Preprocess"))
    assert steps_of(definition)["churn-Register"]["Arguments"]["DriftCheckBaselines"].keys() == {"ModelDataQuality"}


def test_what_a_monitor_is_told(tmp_path: Path) -> None:
    graph = load_scoring(tmp_path, scoring())
    job: Any = graph.by_name["churn-Watch"].job
    assert job.on_drift == ("warn", "retrain")
    assert job.on_violation == ("warn",)
    assert job.settings["drift"] == {"psi": 0.1, "share": 0.5, "min_rows": 20}
    assert not {"on_drift", "on_violation"} & job.settings.keys()  # what follows is no matter of the job's


@pytest.mark.parametrize("written", ["yes", "010", "1.0", "true"])
def test_a_label_is_what_is_written(tmp_path: Path, written: str) -> None:
    graph = load_scoring(tmp_path, scoring(f"{MONITOR}        positive: {written}\n"))
    job: Any = graph.by_name["churn-Watch"].job
    assert job.positive == written


def test_the_baseline_is_of_the_package_that_scores(tmp_path: Path) -> None:
    definition = compose_scoring(tmp_path, scoring())
    assert {name: use.what for name, use in definition.models.items()} == {
        "Baseline-churn": "baseline", "ModelPackage-churn": "package",
    }  # fmt: skip
    labels = [uri for addresses in definition.data.values() for uri in addresses]
    assert "s3://local/labels/dt=${Parameters.LogicalDate}/" in labels


def test_data_come_from_where_the_transform_takes_them(tmp_path: Path) -> None:
    steps = steps_of(compose_scoring(tmp_path, scoring()))
    uris = {one["InputName"]: one["S3Input"]["S3Uri"] for one in steps["churn-Watch"]["Arguments"]["ProcessingInputs"]}
    source = steps["churn-Score"]["Arguments"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert uris["data"] == source
    assert uris.keys() == {"data", "predictions", "labels", "baseline", "code"}


def test_labels_may_come_later(tmp_path: Path) -> None:
    """Their address is a parameter, with what is known of it as its default: the step runs without them till then."""
    definition = compose_scoring(tmp_path, scoring())
    document = json.loads(definition.content)
    (declared,) = [one for one in document["Parameters"] if one["Name"].startswith("Labels")]
    assert declared == {"Name": "Labels-churn-Watch", "Type": "String", "DefaultValue": "s3://local/labels/"}
    assert definition.labels == {"Labels-churn-Watch": "s3://local/labels/dt=${Parameters.LogicalDate}/"}
    assert "Labels-churn-Watch" in definition.own_parameters
    none = steps_of(definition)["churn-Watch"]["Arguments"]["Environment"]["SMP_NO_LABELS"]
    assert definition.manifests[none] == b"no labels yet\n"
    assert none.endswith("/_none")  # which the job's script takes for no file of labels


def test_with_a_group_the_service_looks_for_the_baseline_itself(tmp_path: Path) -> None:
    section = QUALITY.replace("header: false", "header: false, ModelPackageGroupName: churn")
    definition = compose_scoring(tmp_path, scoring(section, step_class="QualityCheck"))
    assert steps_of(definition)["churn-Watch"]["SuppliedBaselineStatistics"] is None
    assert definition.models.keys() == {"ModelPackage-churn"}


TWO = BASELINE.replace("channel: train", "data: s3://b/x/")
WRONG = [
    (training(BASELINE.replace("channel: train", "channel: trian")), "PB967 step 'churn-Baseline': 'channel' names 'trian'"),
    (training(BASELINE.replace("        channel: train\n", "")), "PB967 step 'churn-Baseline': which data it reads can't be told"),
    (training(step="{step_name: churn-Baseline, step_class: Baseline}"), "PB967 step 'churn-Baseline': 'channel' names 'train'"),
    (training(TWO, more="{step_name: churn-Other, step_class: Baseline}"), "PB968 the model 'churn' has several baselines"),
    (
        training(
            BASELINE + "      quality_check: {image_uri: example.com/m:1, dataset: s3://b/x.csv}\n",
            more="{step_name: churn-Check, step_class: QualityCheck}",
        ),
        "PB968 step 'churn-Baseline' makes the baseline 'ModelDataQuality'",
    ),
    (training(BASELINE + "        entry_point: train.py\n"), "PB202 the key 'entry_point' is not known here"),
    (training(BASELINE + "        data: here\n"), "PB204 'data' is 'here', expected an s3:// address"),
    (training(BASELINE + "        data: s3://b/x\n        channels: {data: {dataFiles: [{sourceName: a, fileName: s3://b/y}]}}\n"), "PB204 'data' is given twice"),
    (training(BASELINE + "        channels: {train: {dataFiles: [{sourceName: a, fileName: s3://b/y}]}}\n"), "PB204 the channel 'train' is none of data, predictions, labels"),
    (training(BASELINE + "        ignore: age\n"), "PB204 the column 'age' is in 'columns', and isn't watched"),
    (training(BASELINE + "        separator: ab\n"), "PB204 'separator' is 'ab', expected one character"),
    (training(BASELINE.replace("type: numerical", "type: number")), "PB204 'type' is 'number', expected 'numerical', 'categorical'"),
    (training(BASELINE.replace("type: numerical", "psi: 0.3")), "PB202 the key 'psi' is not known here"),
    (training(section=""), "PB311 step 'churn-Baseline' (Baseline) needs the section 'baseline'"),
]  # fmt: skip


@pytest.mark.parametrize(("conf", "said"), WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, conf: str, said: str) -> None:
    found = problems(conf, tmp_path)
    assert [line for line in found if said in line], found


WRONG_SCORES = [
    (scoring(MONITOR.replace("psi: 0.1", "psi: -1")), "PB204"),
    (scoring(MONITOR.replace("psi: 0.1", "pis: 1")), "PB202 the key 'pis' is not known here"),
    (scoring(MONITOR.replace("[warn, retrain]", "explode")), "PB204"),
    (scoring(MONITOR + "        quality: {auk: 1}\n"), "PB20"),
    (scoring(re.sub(r" *labels: .*\n", "        quality: {auc: 1}\n", MONITOR)), "PB204 'quality' has bounds, and 'labels' doesn't say"),
    (scoring(MONITOR + "        columns: {age: {min: 3, max: 2}}\n"), "PB204 nothing is in order: 'min' is 3, 'max' 2"),
    (scoring(MONITOR.replace("psi: 0.1", "min_rows: -1")), "PB204"),
    (
        scoring() + "          - {step_name: churn-Watch2, step_class: Monitor, chain_input_source_step: [churn-Score]}\n",
        "PB968 the model 'churn' has several Monitor steps: churn-Watch, churn-Watch2",
    ),
    (scoring(MONITOR.replace("psi: 0.1", "min_rows: yes")), "PB204"),
    (
        scoring(chained="churn-Score, churn-Again").replace(
            "          - {step_name: churn-Score,", "          - {step_name: churn-Again, step_class: Transform}\n          - {step_name: churn-Score,"
        ),
        "PB967 step 'churn-Watch': which predictions it reads can't be told, the chained transforms are: churn-Score",
    ),
    (scoring(MONITOR).replace("      model: {group: churn, env: {LEVEL: \"2\"}, retry: 2}\n", ""), "PB962"),
    (scoring(MONITOR + BASELINE), "PB960 the section 'baseline' of the model 'churn' makes a model"),
]  # fmt: skip


@pytest.mark.parametrize(("conf", "said"), WRONG_SCORES)
def test_what_is_wrong_with_a_monitor_is_said(tmp_path: Path, conf: str, said: str) -> None:
    found = problems(conf, tmp_path, infers=True)
    assert [line for line in found if said in line], found

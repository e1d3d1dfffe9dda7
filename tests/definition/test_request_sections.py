"""Sections of checks, EMR, AutoML and notebooks: their problems, what Clarify reads, what the local engine says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.definition import build_definition, read_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.composing import compose_definition, compose_graph
from tests.definition.step_cases import ANALYTICS, CHECKS, REGISTER
from tests.definition.test_branches import problems
from tests.tiny import variant
from tests.workspaces import make_workspace


def with_section(section: str, step: str) -> str:
    return variant(
        ("      registry:\n", f"      {section}\n      registry:\n"), (REGISTER, f"{REGISTER}          - {step}\n")
    )


# What version 2 of the SDK uploads for the same checks.
_COLUMNS = {"dataset_type": "text/csv", "headers": ["y", "a", "b"], "label": "y"}
_BIAS = {**_COLUMNS, "label_values_or_threshold": [1], "facet": [{"name_or_index": "a", "value_or_threshold": [0.5]}]}
_REPORT: dict[str, Any] = {"report": {"name": "report", "title": "Analysis Report"}}
_ASKED = {
    "instance_type": "ml.m5.xlarge", "initial_instance_count": 1, "accept_type": "text/csv", "content_type": "text/csv",
}  # fmt: skip
_SHAP: dict[str, Any] = {
    "use_logit": False,
    "save_local_shap_values": True,
    "baseline": [[1, 2]],
    "num_samples": 5,
    "agg_method": "mean_abs",
}
ANALYSES: list[dict[str, Any]] = [
    {**_BIAS, "methods": {"pre_training_bias": {"methods": "all"}, **_REPORT}},
    {
        **_BIAS,
        "methods": {"post_training_bias": {"methods": "all"}, **_REPORT},
        "predictor": _ASKED,
        "probability_threshold": 0.8,
    },
    {**_COLUMNS, "methods": {"shap": _SHAP, **_REPORT}, "predictor": _ASKED},
]


def test_a_section_that_is_read_late_is_said_with_what_is_wrong_earlier(tmp_path: Path) -> None:
    step = "{step_name: churn-Emr, step_class: EMR, step_type: emr, enable_cache: 3}"
    workspace = make_workspace(tmp_path, conf=with_section("emr: [1]", step))
    assert workspace.call("checkout").code == 0
    said = workspace.call("validate").err
    assert ("'enable_cache' is 3" in said, "'emr' is a list" in said) == (True, True), said


def test_clarify_reads_what_the_sdk_writes(tmp_path: Path) -> None:
    definition = compose_definition(tmp_path, CHECKS)
    found = [
        json.loads(content) for uri, content in definition.manifests.items() if uri.endswith("analysis_config.json")
    ]
    assert sorted(found, key=str) == sorted(ANALYSES, key=str)
    for uri in definition.manifests:
        assert uri.encode() in definition.content


def test_a_registration_waits_for_the_models_checks(tmp_path: Path) -> None:
    graph = compose_graph(tmp_path, CHECKS)
    checks = {"churn-Data", "churn-Answers", "churn-Bias", "churn-ModelBias", "churn-Shap"}
    assert checks <= set(graph.by_name["churn-Register"].depends_on)
    assert "churn-CreateModel" in graph.by_name["churn-ModelBias"].depends_on
    assert "churn-Preprocess" in graph.by_name["churn-Data"].depends_on


BAD = {
    "quality_check: {image_uri: i, check: model_quality}": ("QualityCheck", "PB204"),
    "quality_check: {image_uri: i, inference_attribute: a}": ("QualityCheck", "PB204"),
    "quality_check: {image_uri: i, baseline: a}": ("QualityCheck", "PB202"),
    "quality_check: {image_uri: i}": ("QualityCheck", "PB884"),
    "clarify_check: {image_uri: i, dataset: s3://b/x}": ("ClarifyCheck", "PB204"),
    "clarify_check: {image_uri: i, dataset: s3://b/x, check: explainability}": ("ClarifyCheck", "PB204"),
    "clarify_check: {image_uri: i, dataset: s3://b/x, check: explainability, shap: {baseline: s3://payroll/x}}": (
        "ClarifyCheck",
        "PB204",
    ),
    "clarify_check: {dataset: s3://b/x, check: explainability, shap: {a: 1}, predictor: {endpoint_name: e}}": (
        "ClarifyCheck",
        "PB204",
    ),
    "clarify_check: {dataset: s3://b/x, check: explainability, shap: {a: {Get: Execution.PipelineName}}}": (
        "ClarifyCheck",
        "PB204",
    ),
    "emr: {jar: s3://b/a.jar}": ("EMR", "PB204"),
    "emr: {cluster_id: j-1}": ("EMR", "PB203"),
    "emr_serverless: {application_id: a}": ("EMRServerless", "PB204"),
    "automl: {dataset: s3://b/x}": ("AutoML", "PB203"),
    "automl: {dataset: s3://b/x, target: y, mode: FAST}": ("AutoML", "PB204"),
    "notebook: {notebook: a.ipynb, image_uri: i}": ("NotebookJob", "PB203"),
    "emr: {cluster_id: j-1, jar: s3://b/a.jar, arguments: {Jar: x}}": ("EMR", "PB411"),
}


FAULTS = {
    "Lambda": (
        "lambda: {entry_point: nope.py}",
        "lambda: {entry_point: train.py, policies: 0, outputs: 0, inputs: $params.p, environment: {Get: Parameters.p}}",
        "lambda: {entry_point: train.py, policies: [{actions: [], resources: []}]}",
        "lambda: {entry_point: train.py, environment: {A-B: 1}}",
        "lambda: {function: a b}",
    ),
    "Callback": ("callback: {sqs_queue: x}",),
    "QualityCheck": (
        "quality_check: {image_uri: i, dataset: s3://local/x, skip_check: $params.p, fail_on_violation: $params.n, "
        "ModelPackageGroupName: a b, supplied_baseline_constraints: x, supplied_baseline_statistics: $params.n}",
    ),
    "ClarifyCheck": ("clarify_check: {dataset: x, check: explainability, shap: {a: 1}, probability_threshold: 2}",),
    "EMR": (
        "emr: {cluster_id: x, jar: x, properties: $params.p}",
        "emr: {cluster_id: j-1, jar: x, tags: {a: b}}",
    ),
    "NotebookJob": (
        "notebook: {notebook: ../x, folder: s3://local/x, parameters: $params.p, tags: $params.p, instance_count: true}",
        "notebook: {notebook: x, folder: s3://local/x}",
    ),
    "Tuning": (
        f"tune: {{objective: {{metric: a, type: minimize, regex: a (.)}}, ranges: {{s: {{min: 1, max: 1{'0' * 400}}}}}}}",
        "tune: {objective: {metric: a, type: minimize, regex: a (.)}, ranges: {s: {min: x, max: 2}}, max_jobs: 2}",
        f"tune: {{objective: {{metric: a, type: minimize, regex: a (.)}}, ranges: {{s: {{min: 0.5, max: 2}}}}, max_jobs: 1{'0' * 400}}}",
    ),
}  # fmt: skip
SAID = {
    "Lambda": [["PB307"], ["PB204"] * 4, ["PB204"] * 2, ["PB204"], ["PB204"]],
    "Callback": [["PB204"]],
    "QualityCheck": [["PB411"] * 5],
    "ClarifyCheck": [["PB204"]],
    "EMR": [["PB204"] * 2, ["PB204"]],
    "NotebookJob": [["PB204"] * 4, ["PB254"]],
    "Tuning": [["PB204"], ["PB204"], ["PB406"]],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_everything_that_is_wrong_in_a_section_is_said(tmp_path: Path, kind: str) -> None:
    parameters = (
        "    pipelineName: tiny\n    parameters: [{name: p, default: x}, {name: n, type: Integer, default: 1}]\n"
    )
    for number, section in enumerate(FAULTS[kind]):
        text = with_section(section, f"{{step_name: S, step_class: {kind}}}")
        found = problems(tmp_path / str(number), text.replace("    pipelineName: tiny\n", parameters))
        assert [one.split(" ")[1] for one in found] == SAID[kind][number], (section, found)


@pytest.mark.parametrize("section", BAD)
def test_what_is_wrong_in_a_section_has_its_place(tmp_path: Path, section: str) -> None:
    kind, problem_id = BAD[section]
    found = problems(tmp_path, with_section(section, f"{{step_name: S, step_class: {kind}}}"))[-1]
    assert found.split(" ")[1] == problem_id
    assert found.startswith("27:" if problem_id != "PB884" else "58:"), found


def test_a_step_says_which_section_it_has_or_its_whole_request(tmp_path: Path) -> None:
    step = "{step_name: S, step_class: EMR, step_type: nix}"
    (found,) = problems(tmp_path / "a", with_section("emr: {cluster_id: j-1, jar: s3://b/a.jar}", step))
    assert "PB311 step 'S' (EMR) needs the section 'nix' of the model 'churn', or its whole request" in found
    other = with_section(
        "emr: {cluster_id: j-1, jar: s3://b/a.jar}", "{step_name: S, step_class: AutoML, step_type: emr}"
    )
    assert [line.split(" ")[1] for line in problems(tmp_path / "b", other)] != []
    raw = (
        "{step_name: S, step_class: EMR, arguments: {ClusterId: j-1, StepConfig: {HadoopJarStep: {Jar: s3://b/a.jar}}}}"
    )
    assert problems(tmp_path / "c", variant((REGISTER, f"{REGISTER}          - {raw}\n"))) == []


@pytest.mark.parametrize("name", ["quality_check", "train", "registry", "gate", "__class__", "others"])
def test_a_section_of_another_class_is_none_of_the_steps(tmp_path: Path, name: str) -> None:
    section = "quality_check: {image_uri: i, dataset: s3://local/x}"
    (found,) = problems(tmp_path, with_section(section, f"{{step_name: S, step_class: EMR, step_type: {name}}}"))
    assert "PB311 step 'S'" in found
    assert "image" not in found


def test_arguments_go_over_the_request_and_beside_it(tmp_path: Path) -> None:
    section = (
        "quality_check: {image_uri: i, dataset: s3://b/x, arguments: {FailOnViolation: false, "
        "StoppingCondition: {MaxRuntimeInSeconds: 60}}}"
    )
    compose_graph(tmp_path, with_section(section, "{step_name: S, step_class: QualityCheck}"))
    graph = compose_graph(tmp_path)
    definition = build_definition(graph, build_settings(LOCAL_DEFAULTS), {})
    step = next(step for step in json.loads(definition.content)["Steps"] if step["Name"] == "S")
    assert (step["FailOnViolation"], step["Arguments"]["StoppingCondition"]) == (False, {"MaxRuntimeInSeconds": 60})


@pytest.mark.long
def test_here_they_are_checked_planned_and_take_stubs(tmp_path: Path) -> None:
    conf = CHECKS.replace("[{name: first", "[{name: day, default: d}, {name: first")
    workspace = make_workspace(tmp_path, conf=conf)
    workspace.call("checkout")
    checked = workspace.call("validate")
    assert checked.code == 0, checked.out + checked.err
    assert workspace.call("plan").code in (0, 2)
    refused = workspace.call("up")
    assert refused.code != 0
    assert "PB501 step 'churn-Data': the local engine can't run a 'QualityCheck' step" in refused.err + refused.out
    base = "s3://local/baselines"
    stub = workspace.root / "check.json"
    stub.write_text(
        json.dumps(
            {
                f"{which}{what}": f"{base}/{what}.json"
                for which in ("CalculatedBaseline", "BaselineUsedForDriftCheck")
                for what in ("Statistics", "Constraints")
            }
        )
    )
    stubs = [
        word for name in ("Data", "Answers", "Bias", "ModelBias", "Shap") for word in ("--stub", f"churn-{name}={stub}")
    ]
    ended = workspace.call("up", *stubs)
    assert ended.code == 0, ended.out + ended.err
    record = json.loads((workspace.root / "build" / "run.json").read_bytes())
    assert record["packages"][0]["metrics"]["regression_metrics"]["mae"]["value"] == 1.0


def test_analytics_are_checked_by_the_policy_too(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=ANALYTICS)
    workspace.call("checkout")
    checked = workspace.call("validate")
    lines = [line.partition("conf.yaml:")[2] for line in checked.err.splitlines() if line.startswith("churn@")]
    assert [line.partition(" step")[0] for line in lines] == [
        "27:25: PB231", "32:24: PB235", "33:24: PB235", "36:40: PB231",
    ]  # fmt: skip


CACHED = {
    "emr: {cluster_id: j-1, jar: s3://b/a.jar}": "{step_name: S, step_class: EMR, enable_cache: true}",
    "emr_serverless: {application_id: a, query: s3://b/q}": "{step_name: S, step_class: EMRServerless, enable_cache: true}",
    "automl: {dataset: s3://b/x, target: y}": "{step_name: S, step_class: AutoML, enable_cache: true}",
    "quality_check: {image_uri: i, dataset: s3://b/x}": "{step_name: S, step_class: QualityCheck, enable_cache: true}",
    "name: n": "{step_name: S, step_class: Raw, step_type: New, arguments: {Arguments: {}, CacheConfig: {Enabled: true}}}",
}


@pytest.mark.parametrize("section", CACHED)
def test_a_cached_step_that_carries_no_generation_is_said(tmp_path: Path, section: str) -> None:
    definition, found = read_definition(
        compose_graph(tmp_path, with_section(section, CACHED[section])), build_settings(LOCAL_DEFAULTS), {}
    )
    assert not found
    (warning,) = definition.warnings
    assert (warning.id, warning.warning) == ("PB890", True)
    assert warning.place is not None
    line = (tmp_path / "churn/conf/conf.yaml").read_text().splitlines()[warning.place.line - 1]
    assert "step_name: S," in line
    assert line[warning.place.column - 1 :].startswith(("true", "{Enabled"))
    assert str(warning.hint).startswith(f"take '{'enable_cache' if 'enable_cache' in line else 'CacheConfig'}' out")


def test_a_cached_job_call_or_notebook_carries_it(tmp_path: Path) -> None:
    section = "notebook: {image_uri: i, notebook: a.ipynb, folder: s3://b/n}\n      lambda: {function: f}"
    steps = "{step_name: S, step_class: NotebookJob, enable_cache: true}"
    text = with_section(section, steps + "\n          - {step_name: L, step_class: Lambda, enable_cache: true}")
    definition, found = read_definition(compose_graph(tmp_path, text), build_settings(LOCAL_DEFAULTS), {})
    assert (found, definition.warnings) == ([], ())

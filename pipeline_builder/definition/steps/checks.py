"""QualityCheck and ClarifyCheck steps: a Processing job of AWS's own image, and what its baseline is held against."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.conf.checks import CheckSection, ClarifyCheckSection, QualityCheckSection
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.definition.steps.context import (
    DATA_QUALITY,
    MODEL_QUALITY,
    Context,
    Mapped,
    chained_outputs,
    execution_uri,
    without_empty,
)
from pipeline_builder.definition.steps.group import own_group
from pipeline_builder.definition.steps.instances import job_request
from pipeline_builder.definition.uses import package_reference
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get, join
from pipeline_builder.errors import InputProblems, Problem

_BASE = "/opt/ml/processing"
_DATASET = "baseline_dataset_input"
_SCRIPTS = {
    "record_preprocessor_script": "record_preprocessor_script_input",
    "post_analytics_processor_script": "post_analytics_processor_script_input",
}
_FORMATS: Mapping[str, Mapped] = {"json": {"json": {"lines": False}}, "json_lines": {"json": {"lines": True}}}
_STATISTICS, _CONSTRAINTS = "Statistics", "Constraints"


def compose_quality_check(context: Context, step: Step, section: QualityCheckSection) -> Mapped:
    """Return the step: the model monitor's job over the data."""
    source = f"{_BASE}/input/{_DATASET}"
    places: Mapped = {
        key: f"{_BASE}/input/{name}/{str(uri).rpartition('/')[2]}"
        for key, name in _SCRIPTS.items()
        if (uri := getattr(section, key))
    }
    environment: Mapped = {
        **context.texts(section.env),
        "dataset_format": json.dumps(_FORMATS.get(section.format, _csv(section))),
        "dataset_source": source,
        "output_path": f"{_BASE}/output",
        "publish_cloudwatch_metrics": "Disabled",
        **places,
        **_of_model(section),
    }
    inputs: list[JSON] = [_input(_DATASET, dataset_of(context, step, section), source)]
    inputs += [
        _input(name, getattr(section, key), f"{_BASE}/input/{name}")
        for key, name in _SCRIPTS.items()
        if getattr(section, key)
    ]
    request = job_request(context, step, section, inputs, _output(context, step, section, "quality_check_output"))
    about = {"SuppliedBaselineStatistics": section.supplied_baseline_statistics or _of_package(step, _STATISTICS)}
    return {
        "Type": "QualityCheck",
        "Arguments": {**request, "Environment": environment},
        **_about(context, step, section),
        **about,
    }


def compose_clarify_check(context: Context, step: Step, section: ClarifyCheckSection) -> Mapped:
    """Return the step: Clarify's job over the data, with its analysis in a file beside them."""
    uri, _ = analysis_file(context.base, section)
    inputs: list[JSON] = [
        _input("analysis_config", uri, f"{_BASE}/input/config"),
        _input("dataset", dataset_of(context, step, section), f"{_BASE}/input/data"),
    ]
    request = job_request(context, step, section, inputs, _output(context, step, section, "analysis_result"))
    about: Mapped = (
        {}
        if section.check == "data_bias"
        else {"ModelName": get(f"Steps.{asked_model(step, context.graph)}.ModelName")}
    )
    environment = without_empty({"Environment": context.texts(section.env)})
    return {"Type": "ClarifyCheck", "Arguments": {**request, **environment}, **_about(context, step, section), **about}


def _csv(section: QualityCheckSection) -> Mapped:
    return {"csv": {"header": section.header, "output_columns_position": "START"}}


def _of_model(section: QualityCheckSection) -> Mapped:
    if section.check != "model_quality":
        return {}
    return without_empty(
        {
            "analysis_type": "MODEL_QUALITY",
            "problem_type": section.problem_type,
            "inference_attribute": section.inference_attribute,
            "probability_attribute": section.probability_attribute,
            "ground_truth_attribute": section.ground_truth_attribute,
            "probability_threshold_attribute": section.probability_threshold_attribute,
        }
    )


def dataset_of(context: Context, step: Step, section: Any) -> JSON:
    """Return where a section's data lie: at its own address, or what a chained step has made.

    Raises:
        InputProblems: PB884 where that isn't one output.
    """
    if section.dataset:
        address: JSON = section.dataset
        return address
    outputs = chained_outputs(context, step)
    found = [one for one in outputs if section.channel in ("", one.label)]
    if len(found) == 1:
        return found[0].uri
    labels = ", ".join(f"'{one.label}'" for one in outputs) or "none"
    message = f"step '{step.name}': the data are one output of the chained steps, which have: {labels}"
    hint = "name one with 'channel', give an address with 'dataset', or chain the step whose output it is"
    place = step.section_place("channel") if section.channel else step.place
    raise InputProblems(Problem(id="PB884", message=message, place=place, hint=hint))


def asked_model(step: Step, graph: Graph) -> str:
    """Return the CreateModel step whose model a check asks.

    Raises:
        InputProblems: PB884 where there is none.
    """
    section = step.request
    assert isinstance(section, ClarifyCheckSection)
    models = [one.name for one in graph.by_unit[step.unit.name] if one.step_class == "CreateModel"]
    if section.model or models:
        return section.model or models[-1]
    message = f"step '{step.name}': it asks a model, and the model '{step.unit.name}' has no CreateModel step"
    raise InputProblems(Problem(id="PB884", message=message, place=step.place, hint="name one with 'model'"))


def _input(name: str, uri: JSON, path: str) -> Mapped:
    source: Mapped = {
        "S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None",
    }  # fmt: skip
    return {"InputName": name, "AppManaged": False, "S3Input": source}


def _output(context: Context, step: Step, section: CheckSection, name: str) -> Mapped:
    uri = section.output_path or execution_uri(context, step)
    return {
        "OutputName": name,
        "AppManaged": False,
        "S3Output": {"S3Uri": uri, "LocalPath": f"{_BASE}/output", "S3UploadMode": "EndOfJob"},
    }


def _about(context: Context, step: Step, section: CheckSection) -> Mapped:
    """Return what stands beside the request: which check it is, and which baseline counts."""
    kind = "MODEL_EXPLAINABILITY" if getattr(section, "check", "") == "explainability" else _check(section).upper()
    return {
        "CheckType": kind,
        "ModelPackageGroupName": section.model_package_group_name or own_group(context, step) or None,
        "SkipCheck": section.skip_check,
        "FailOnViolation": section.fail_on_violation,
        "RegisterNewBaseline": section.register_new_baseline,
        "SuppliedBaselineConstraints": section.supplied_baseline_constraints or _of_package(step, _CONSTRAINTS),
    }


def _of_package(step: Step, what: str) -> JSON:
    """Return what of the baseline of the model package that scores a check is held against.

    None where it isn't: with a group the service looks for the baseline itself, of the latest approved package.
    """
    section = step.request
    if not isinstance(section, QualityCheckSection) or not step.unit.section.used:
        return None
    if section.skip_check is True or section.model_package_group_name:
        return None
    files = DATA_QUALITY if section.check == "data_quality" else MODEL_QUALITY
    return join("", package_reference("baseline", step.unit.name), files[what])


def _check(section: CheckSection) -> str:
    found: str = getattr(section, "check", "")
    return found


def analysis_file(base: str, section: ClarifyCheckSection) -> tuple[str, bytes]:
    """Return address and content of Clarify's analysis configuration; another content, another address."""
    content = json.dumps(_analysis(section), sort_keys=True, ensure_ascii=False).encode() + b"\n"
    return f"{base}/manifests/{hashlib.sha256(content).hexdigest()}/analysis_config.json", content


def _analysis(section: ClarifyCheckSection) -> Mapped:
    found: Mapped = {
        "dataset_type": section.dataset_type,
        "headers": list(section.headers),
        "label": section.label,
    }
    if section.check != "explainability":
        found |= {
            "label_values_or_threshold": list(section.label_values),
            "facet": [
                without_empty({"name_or_index": one.name, "value_or_threshold": list(one.values)})
                for one in section.facets
            ],
            "group_variable": section.group_variable,
        }
    methods: Mapped = {"report": {"name": "report", "title": "Analysis Report"}}
    if section.check == "explainability":
        shap = {"use_logit": False, "save_local_shap_values": True, **section.shap} if section.shap else None
        methods |= without_empty({"shap": shap, "pdp": section.pdp})
    else:
        chosen: JSON = list(section.methods) if section.methods and section.methods != ("all",) else "all"
        methods["pre_training_bias" if section.check == "data_bias" else "post_training_bias"] = {"methods": chosen}
    found["methods"] = methods
    if section.check != "data_bias":
        asking: Mapped = {"instance_type": section.instance_type, "initial_instance_count": 1}
        found |= {
            "predictor": {**asking, **section.predictor, **section.predicted_label},
            "probability_threshold": section.probability_threshold,
        }
    return {**without_empty(found), **section.analysis}


def check_sections(graph: Graph) -> Iterator[ClarifyCheckSection]:
    """Yield the section of each ClarifyCheck step that has one."""
    for step in graph.steps:
        if isinstance(step.request, ClarifyCheckSection):
            yield step.request


# Where a registration has a check's baselines: the group of members, and the report's own member of ModelMetrics.
_METRICS: Mapping[str, tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {
    "data_quality": ("ModelDataQuality", ((_STATISTICS, _STATISTICS), (_CONSTRAINTS, _CONSTRAINTS)), ()),
    "model_quality": ("ModelQuality", ((_STATISTICS, _STATISTICS), (_CONSTRAINTS, _CONSTRAINTS)), ()),
    "data_bias": ("Bias", (("PreTrainingReport", _CONSTRAINTS),), (("PreTrainingConstraints", _CONSTRAINTS),)),
    "model_bias": ("Bias", (("PostTrainingReport", _CONSTRAINTS),), (("PostTrainingConstraints", _CONSTRAINTS),)),
    "explainability": ("Explainability", (("Report", _CONSTRAINTS),), ((_CONSTRAINTS, _CONSTRAINTS),)),
}


def registered_baselines(context: Context, step: Step) -> tuple[Mapped, Mapped]:
    """Return ModelMetrics and DriftCheckBaselines of a registration, from the model's checks that it waits for."""
    metrics: Mapped = {}
    baselines: Mapped = {}
    for check in context.graph.by_unit[step.unit.name]:
        if not isinstance(check.request, CheckSection) or check.name not in step.depends_on:
            continue
        group, reports, drift = _METRICS[_check(check.request)]
        _add(metrics, group, ((member, f"CalculatedBaseline{what}") for member, what in reports), check)
        _add(baselines, group, ((m, f"BaselineUsedForDriftCheck{what}") for m, what in drift or reports), check)
    return metrics, baselines


def _add(found: Mapped, group: str, members: Iterator[tuple[str, str]], check: Step) -> None:
    inner = found.setdefault(group, {})
    assert isinstance(inner, dict)
    for member, attribute in members:
        inner[member] = {"ContentType": "application/json", "S3Uri": get(f"Steps.{check.name}.{attribute}")}

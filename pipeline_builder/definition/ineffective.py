"""Keys of a conf that are set and do nothing."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, JobSection, PreprocessSection, TransformSection
from pipeline_builder.definition.steps.freshness import without_data
from pipeline_builder.definition.steps.merging import merge
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import value_at
from pipeline_builder.errors import Problem

# Keys that a section takes for compatibility, by what they'd be in the other sections, and why they do nothing there.
_WITHOUT_EFFECT: Mapping[type[JobSection], Mapping[str, str]] = {
    TransformSection: {
        "image": "the image of registry.InferenceSpecification is used",
        "image_uri": "the image of registry.InferenceSpecification is used",
        "volume_size": "a batch transform job has no volume size",
        "volume_size_in_gb": "a batch transform job has no volume size",
        "max_runtime_seconds": "a batch transform job has no maximum run time",
        "max_runtime_in_seconds": "a batch transform job has no maximum run time",
    },
    EvaluateSection: {
        "strategy": "it belongs to a batch transform",
        "max_payload": "it belongs to a batch transform",
        "content_type": "it belongs to a batch transform",
    },
    PreprocessSection: {"framework_version": "the image decides the version"},
}


# In an inference conf, where a transform runs what the model package has.
_OF_PACKAGE = {
    "image": "the model package's own image is used",
    "image_uri": "the model package's own image is used",
    "entry_point": "the model package has its own code",
}


# Where code would be, by the member that has the program of a job, and what brings it there.
_CODE: Mapping[str, tuple[str, str]] = {
    "AppSpecification": (
        "/opt/ml/processing/input/code/",
        "the archive there is unpacked by the composed command only",
    ),
    "AlgorithmSpecification": ("/opt/ml/code", "it is brought there by the toolkit that the image starts by itself"),
}


def _without_code(step: Step) -> list[Problem]:
    """A program of its own that looks for the step's code finds none on SageMaker."""
    assert step.job is not None
    if not step.job.arguments and not step.asked.arguments:
        return []
    over = merge(merge({}, step.job.arguments), step.asked.arguments)
    found = []
    for member, (folder, why) in _CODE.items():
        inner = over.get(member) if isinstance(over, dict) else None
        words = [str(word) for word in entry] if isinstance(inner, dict) and (entry := _entry(inner)) else []
        if any(folder in word for word in words) and not any("sourcedir.tar.gz" in word for word in words):
            message = f"the program of step '{step.name}' looks for its code in '{folder}', and {why}"
            place = step.section_place("arguments")
            hint = "leave 'ContainerEntrypoint' out: 'entry_point' takes any script or program, 'args' its arguments"
            found.append(Problem(id="PB253", message=message, place=place, hint=hint, warning=True))
    return found


def _entry(specification: Mapping[str, JSON]) -> list[JSON]:
    names = ("ContainerEntrypoint", "ContainerArguments")
    lists = [value for name in names if isinstance(value := specification.get(name), list)]
    return [word for words in lists for word in words] if specification.get(names[0]) else []


def _without_effect(step: Step) -> Mapping[str, str]:
    found = next((keys for kind, keys in _WITHOUT_EFFECT.items() if isinstance(step.job, kind)), {})
    return {**found, **_OF_PACKAGE} if step.unit.infers and isinstance(step.job, TransformSection) else found


def find_ineffective(step: Step) -> list[Problem]:
    """A key that is set and does nothing is said."""
    if step.job is None or (isinstance(step.job, TransformSection) and step.step_class != "Transform"):
        return []
    document = step.unit.conf.document
    found = []
    section = (*step.unit.path, step.section_name)
    written = value_at(document.data, section)
    for key, why in _without_effect(step).items():
        if isinstance(written, dict) and key in written:
            message = f"'{key}' has no effect in '{step.section_name}': {why}"
            found.append(
                Problem(id="PB230", message=message, place=document.place((*section, key), key=True), warning=True)
            )
    found += _without_code(step)
    if step.own and step.own.cache.data and (why := without_data(step)):
        place = step.tune_place("cache", "data") if step.tune_name else step.section_place("cache", "data")
        message = f"'data' has no effect in 'cache' of '{step.name}': {why}"
        found.append(Problem(id="PB230", message=message, place=place, warning=True))
    return found

"""Baseline and Monitor steps: processing jobs of this program's own script, and what a registration has of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.monitoring import (
    DATA,
    LABELS,
    PREDICTIONS,
    ROLES,
    BaselineSection,
    MonitorSection,
    WatchSection,
)
from pipeline_builder.definition.steps.commands import BASE
from pipeline_builder.definition.steps.context import (
    DATA_QUALITY,
    MODEL_QUALITY,
    Chained,
    Context,
    Mapped,
    cache_config,
    chained_outputs,
    execution_uri,
    output_uri,
)
from pipeline_builder.definition.steps.data import MOST_INPUTS, file_uri
from pipeline_builder.definition.steps.labels import VARIABLE, awaited, labels_parameter, nothing
from pipeline_builder.definition.steps.processing import job_input, job_output, processing_request
from pipeline_builder.definition.steps.transform import input_uri
from pipeline_builder.definition.uses import package_reference
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import get, join
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem

BASELINE, MONITOR = "baseline", "monitor"
REPORT = "monitor.json"


def compose_baseline(context: Context, step: Step) -> Mapped:
    """Return the step: data, predictions and labels as far as they are there, and one output of four files at most."""
    job = step.job
    assert isinstance(job, BaselineSection)
    return {"Type": "Processing", "Arguments": _request(context, step, job, BASELINE, []), **cache_config(step)}


def compose_monitor(context: Context, step: Step) -> Mapped:
    """Return the step, with the baseline of the model's package, and a property file over its report."""
    job = step.job
    assert isinstance(job, MonitorSection)
    if (several := context.unit_steps(step, "Monitor")) and several[0].name != step.name:
        message = f"the model '{step.unit.name}' has several Monitor steps: {', '.join(one.name for one in several)}"
        hint = "the gate reads one report of a model: keep one, with 'channels' of all that it is to look at"
        raise InputProblems(Problem(id="PB968", message=message, place=step.place, hint=hint))
    reference = package_reference("baseline", step.unit.name)
    baseline: list[JSON] = [job_input(BASELINE, reference, f"{BASE}/input/{BASELINE}", job)]
    if awaited(step):
        job = job.model_copy(update={"env": {**job.env, VARIABLE: nothing(context.base)[0]}})
        step = replace(step, unit=replace(step.unit, jobs={**step.unit.jobs, step.section_name: job}))
    report: JSON = {"PropertyFileName": MONITOR, "OutputName": MONITOR, "FilePath": REPORT}
    request = _request(context, step, job, MONITOR, baseline)
    return {"Type": "Processing", "Arguments": request, "PropertyFiles": [report], **cache_config(step)}


def _request(context: Context, step: Step, job: WatchSection, name: str, more: list[JSON]) -> Mapped:
    inputs = [
        *(job_input(named, uri, f"{BASE}/input/{at}", job) for named, uri, at in _inputs(context, step, job)),
        *more,
    ]
    if len(inputs) + 1 > MOST_INPUTS:
        message = f"step '{step.name}' has {len(inputs)} inputs, and a processing job takes {MOST_INPUTS - 1}"
        hint = "name a folder instead of its files"
        raise InputProblems(Problem(id="PB324", message=message, place=step.section_place("channels"), hint=hint))
    output = job_output(name, execution_uri(context, step, name), f"{BASE}/output", "EndOfJob")
    return processing_request(context, step, inputs, [output], [])


def _inputs(context: Context, step: Step, job: WatchSection) -> Iterator[tuple[str, JSON, str]]:
    """Yield name, address and folder of each input; several of a role have a folder of their own below its."""
    found = _of_roles(context, step, job)
    for role in ROLES:
        uris = found[role]
        for number, uri in enumerate(uris):
            yield (role, uri, role) if len(uris) == 1 else (f"{role}-{number}", uri, f"{role}/{number}")


def _of_roles(context: Context, step: Step, job: WatchSection) -> dict[str, list[JSON]]:
    own = {
        role: [file_uri(job.channels[role], file) for file in job.channels[role].data_files]
        if role in job.channels
        else []
        for role in ROLES
    }
    if awaited(step):
        own[LABELS] = [get(f"Parameters.{labels_parameter(step)}")]
    found, rest = dict(own), [*chained_outputs(context, step)]
    for role in (LABELS, PREDICTIONS, DATA):
        asked = job.channel if role == DATA else str(getattr(job, role))
        if asked:
            others = rest if role == PREDICTIONS else [one for one in rest if not _predicts(context, one)]
            chosen = _named(step, others, asked, role)
            found[role] = [*own[role], chosen.uri]
            rest.remove(chosen)
    answers = [one for one in rest if _predicts(context, one)]
    if not found[PREDICTIONS] and answers:
        found[PREDICTIONS] = [_only(step, answers).uri]
    others = [one for one in rest if one not in answers]
    if not found[DATA]:
        found[DATA] = [_data(context, step, others, answers)]
    return found


def _only(step: Step, answers: list[Chained]) -> Chained:
    """Return what a transform has predicted.

    Raises:
        InputProblems: PB967 where several have.
    """
    if len(answers) == 1:
        return answers[0]
    labels = ", ".join(f"{one.step}/{one.label}" for one in answers)
    message = f"step '{step.name}': which predictions it reads can't be told, the chained transforms are: {labels}"
    raise InputProblems(Problem(id="PB967", message=message, place=step.place, hint="name one with 'predictions'"))


def _predicts(context: Context, output: Chained) -> bool:
    return context.graph.by_name[output.step].kind == "Transform"


def _named(step: Step, outputs: list[Chained], asked: str, role: str) -> Chained:
    """Return the chained output that a key names by its label, its step, or both.

    Raises:
        InputProblems: PB967 where that isn't one of them.
    """
    ways = [one for one in outputs if asked in (one.label, one.step, f"{one.step}/{one.label}")]
    if len(ways) == 1:
        return ways[0]
    key = "channel" if role == DATA else role
    labels = [f"{one.step}/{one.label}" for one in outputs]
    message = f"step '{step.name}': '{key}' names '{asked}', and the chained outputs are: {', '.join(labels) or 'none'}"
    hint = (
        did_you_mean(asked, [one.label for one in outputs]) or "write one of them, as step/output where it isn't alone"
    )
    raise InputProblems(Problem(id="PB967", message=message, place=step.section_place(key), hint=hint))


def _data(context: Context, step: Step, others: list[Chained], answers: list[Chained]) -> JSON:
    """Return the one output that can only be the data, or else what a chained transform has predicted.

    Raises:
        InputProblems: PB967 where it can't be told.
    """
    if len(others) == 1:
        return others[0].uri
    if not others and len(answers) == 1:
        return input_uri(context, context.graph.by_name[answers[0].step])
    labels = ", ".join(f"{one.step}/{one.label}" for one in others) or "none"
    message = f"step '{step.name}': which data it reads can't be told, the chained outputs are: {labels}"
    hint = "name one with 'channel', give an address with 'data', or chain the step whose output it is"
    raise InputProblems(Problem(id="PB967", message=message, place=step.place, hint=hint))


def baseline_members(context: Context, step: Step, checked: Mapped) -> Mapped:
    """Return what DriftCheckBaselines of a registration have of the model's baseline, besides those of its checks.

    Raises:
        InputProblems: PB968 where there are several.
    """
    made = [one for one in context.unit_steps(step, "Baseline") if one.name in step.depends_on]
    if not made:
        return {}
    if len(made) > 1:
        message = f"the model '{step.unit.name}' has several baselines: {', '.join(one.name for one in made)}"
        hint = "a package is registered with one: keep one Baseline step"
        raise InputProblems(Problem(id="PB968", message=message, place=made[1].place, hint=hint))
    (baseline,) = made
    job = baseline.job
    assert isinstance(job, BaselineSection)
    found: Mapped = {"ModelDataQuality": _sources(baseline, DATA_QUALITY)}
    if _of_roles(context, baseline, job)[PREDICTIONS]:
        found["ModelQuality"] = _sources(baseline, MODEL_QUALITY)
    if twice := sorted(found.keys() & checked.keys()):
        message = f"step '{baseline.name}' makes the baseline '{twice[0]}', and so does a check of '{step.unit.name}'"
        hint = "a package is registered with one: give the QualityCheck step 'supplied_baseline_…', or take one out"
        raise InputProblems(Problem(id="PB968", message=message, place=baseline.place, hint=hint))
    return found


def _sources(baseline: Step, files: Mapping[str, str]) -> Mapped:
    folder = output_uri(baseline.name, BASELINE)
    return {
        member: {"ContentType": "application/json", "S3Uri": join("/", folder, name)} for member, name in files.items()
    }

"""The operations on experiments: each execution that asks for one has a trial in it, with a component for each job.

They are read from executions and jobs, so there is nothing to make or to delete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline_builder.descriptions import Execution
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.engine.document.references import Scope, resolve
from pipeline_builder.engine.execution.execution import definition_of, execution_variables
from pipeline_builder.engine.jobs.records import JobRecord, jobs_of
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.serve.paging import between, ordered, page
from pipeline_builder.serve.protocol import Call, Handler
from pipeline_builder.serve.regions import HOME_ARN

_STATUS = {"Completed": "Completed", "Failed": "Failed", "Stopped": "Stopped", "Stopping": "Stopping"}
_KINDS = {
    "processing-job": "SageMakerProcessingJob",
    "training-job": "SageMakerTrainingJob",
    "transform-job": "SageMakerTransformJob",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What an execution has asked for."""

    experiment: str
    name: str
    execution: Execution


def _trials(call: Call) -> Iterator[Trial]:
    """Yield the trial of each execution, the oldest first."""
    for execution in reversed(call.engine.state.executions()):
        content = definition_of(call.engine.state, execution.arn)
        if b"PipelineExperimentConfig" not in content:
            continue
        found = _config(content, execution)
        if found.get("ExperimentName") and found.get("TrialName"):
            yield Trial(experiment=str(found["ExperimentName"]), name=str(found["TrialName"]), execution=execution)


def _config(content: bytes, execution: Execution) -> Mapping[str, Any]:
    try:
        scope = Scope(
            parameters=parameter_values(load_definition(content), execution.parameters),
            execution=execution_variables(execution.arn, execution.pipeline, execution.started.isoformat()),
        )
        found = resolve(json.loads(content).get("PipelineExperimentConfig") or {}, scope)
    except PipelineBuilderError:  # only a step could answer, or this version doesn't take the definition
        return {}
    return found if isinstance(found, Mapping) else {}


def describe_trial(call: Call) -> Mapping[str, Any]:
    """Describe a trial."""
    name = call.request["TrialName"]
    for trial in _trials(call):
        if trial.name == name:
            return {**_trial(trial), "Source": _source(trial), "ExperimentName": trial.experiment}
    raise call.not_found(f"Trial '{name}' does not exist.")


def describe_experiment(call: Call) -> Mapping[str, Any]:
    """Describe an experiment."""
    name = call.request["ExperimentName"]
    for trial in _trials(call):
        if trial.experiment == name:
            return _experiment(trial)
    raise call.not_found(f"Experiment '{name}' does not exist.")


def list_experiments(call: Call) -> Mapping[str, Any]:
    """List the experiments."""
    known = {trial.experiment: trial for trial in reversed([*_trials(call)])}  # of each the first trial's time
    items, token = _listed(call, [*known.values()], lambda one: one.experiment)
    return {"ExperimentSummaries": [_experiment(trial) for trial in items], "NextToken": token}


def list_trials(call: Call) -> Mapping[str, Any]:
    """List the trials of an experiment, of a component, or all."""
    wanted, part = call.request.get("ExperimentName"), call.request.get("TrialComponentName")
    known: dict[str, Trial] = {}  # executions that say the same name have one trial, as it was first
    for trial in _trials(call):
        inside = part is None or part in map(_component_name, _jobs(call, trial))
        if inside and wanted in (None, trial.experiment):
            known.setdefault(trial.name, trial)
    items, token = _listed(call, [*known.values()], lambda one: one.name)
    summaries = [{**_trial(trial), "TrialSource": _source(trial)} for trial in items]
    return {"TrialSummaries": summaries, "NextToken": token}


def list_trial_components(call: Call) -> Mapping[str, Any]:
    """List the components of a trial, of an experiment, of a job, or all."""
    asked = {key: call.request.get(key) for key in ("TrialName", "ExperimentName", "SourceArn")}
    jobs = [
        job
        for trial in _trials(call)
        if asked["TrialName"] in (None, trial.name) and asked["ExperimentName"] in (None, trial.experiment)
        for job in _jobs(call, trial)
        if asked["SourceArn"] in (None, job.arn)
    ]
    found = between(jobs, call.request, lambda job: job.started)
    keys = {"CreationTime": lambda job: job.started, "Name": lambda job: job.name}
    items, token = page(call, ordered(found, call.request, keys, by="CreationTime"), lambda job: job.arn)
    return {"TrialComponentSummaries": [_component(job) for job in items], "NextToken": token}


def _jobs(call: Call, trial: Trial) -> list[JobRecord]:
    rows = call.engine.state.query("SELECT name FROM steps WHERE execution = ?", trial.execution.arn)
    names = [row["name"] for row in rows]
    return [job for job in jobs_of(call.engine.state, trial.execution.arn, names).values() if job.kind in _KINDS]


def _listed(call: Call, known: list[Trial], name: Callable[[Trial], str]) -> tuple[list[Trial], str | None]:
    found = between(known, call.request, _time)
    keys = {"CreationTime": _time, "Name": name}
    return page(call, ordered(found, call.request, keys, by="CreationTime"), name)


def _time(trial: Trial) -> datetime:
    return trial.execution.started


def _trial(trial: Trial) -> dict[str, Any]:
    times = {"CreationTime": _time(trial), "LastModifiedTime": trial.execution.ended or _time(trial)}
    arn = f"{HOME_ARN}:experiment-trial/{trial.name.lower()}"
    return {"TrialName": trial.name, "TrialArn": arn, "DisplayName": trial.name, **times}


def _source(trial: Trial) -> dict[str, str]:
    return {"SourceArn": trial.execution.arn, "SourceType": "SageMakerPipelineExecution"}


def _experiment(trial: Trial) -> dict[str, Any]:
    name = trial.experiment
    arn = f"{HOME_ARN}:experiment/{name.lower()}"
    times = {"CreationTime": _time(trial), "LastModifiedTime": _time(trial)}
    return {"ExperimentName": name, "ExperimentArn": arn, "DisplayName": name, **times}


def _component_name(job: JobRecord) -> str:
    return f"{job.name}-aws-{job.kind}"


def _component(job: JobRecord) -> dict[str, Any]:
    name = _component_name(job)
    return {
        "TrialComponentName": name,
        "TrialComponentArn": f"{HOME_ARN}:experiment-trial-component/{name.lower()}",
        "DisplayName": job.step,
        "TrialComponentSource": {"SourceArn": job.arn, "SourceType": _KINDS[job.kind]},
        "Status": {"PrimaryStatus": _STATUS.get(job.status, "InProgress")},
        "StartTime": job.started,
        "EndTime": job.ended,
        "CreationTime": job.started,
        "LastModifiedTime": job.ended or job.started,
    }


OPERATIONS: Mapping[str, Handler] = {
    "DescribeExperiment": describe_experiment,
    "DescribeTrial": describe_trial,
    "ListExperiments": list_experiments,
    "ListTrialComponents": list_trial_components,
    "ListTrials": list_trials,
}

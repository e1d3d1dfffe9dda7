"""Trials of before, out of the records of jobs: those of a tuning that goes on, and those of a tuning's parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.proposals import Values, ranges_of
from pipeline_builder.engine.jobs.records import ENGINE_ENDED, JobRecord, find_job, jobs_like
from pipeline_builder.engine.jobs.summaries import summary_of, value_of
from pipeline_builder.engine.jobs.trials import trial_number
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import InputProblems, Problem

KIND = "hyper-parameter-tuning-job"


def ended_before(state: State, execution: str, step: str) -> Iterator[JobRecord]:
    """Yield the trials that had ended when the engine, or the execution, was ended in the middle of a tuning.

    A tuning that has failed by itself begins anew. A training that was stopped with all is run again, one that wasn't
    worth going on is not: the tuning has told of that.
    """
    known = [job for job in jobs_like(state, KIND, execution, step) if job.step == step]  # `_` is any letter there
    going = ("InProgress", "Stopping")  # a tuning that is no step's goes on under its name
    tunings = [job for job in known if job.status not in going]
    cut_off = [*takewhile(_is_cut_off, reversed(tunings)), *(job for job in known if job.status in going)]
    names = {job.arn for job in cut_off}
    told = {each["TrainingJobName"] for job in cut_off for each in job.result.get("TrainingJobSummaries") or ()}
    trials = jobs_like(state, "training-job", execution, f"{step}.%")
    found = {job.step: job for job in trials if job.result.get("TuningJobArn") in names}
    for job in found.values():
        ended = job.status == "Completed" or (job.status == "Failed" and job.reason != ENGINE_ENDED)
        if trial_number(step, job.step) is not None and (ended or (job.status == "Stopped" and job.name in told)):
            yield job


def _is_cut_off(tuning: JobRecord) -> bool:
    return tuning.reason == ENGINE_ENDED or tuning.status == "Stopped"


def parents_of(
    state: State, request: Request, names: Sequence[str]
) -> list[tuple[Values, float | None, Mapping[str, Any]]]:
    """Return the trials of a tuning's parents that are within its ranges: values, objective, and summary.

    Raises:
        InputProblems: PB856 for a parent that isn't there.
    """
    found: list[tuple[Values, float | None, Mapping[str, Any]]] = []
    for parent in parent_names(request):
        tuning = find_job(state, KIND, parent)
        if tuning is None:
            raise InputProblems(absent_parent(parent))
        for job in jobs_like(state, "training-job", tuning.execution, f"{tuning.step}.%"):
            summary = summary_of(job, request, names)
            values = summary["TunedHyperParameters"]
            own = trial_number(tuning.step, job.step) is not None
            if own and value_of(summary) is not None and _is_within(request, values):
                found.append((values, value_of(summary), summary))
    return found


def parent_names(request: Request) -> tuple[str, ...]:
    """Return the names of the parents that a tuning begins with; one that a step makes has none yet."""
    parents = (request.get("WarmStartConfig") or {}).get("ParentHyperParameterTuningJobs") or ()
    names = (parent.get("HyperParameterTuningJobName") for parent in parents)
    return tuple(name for name in names if isinstance(name, str))


def absent_parents(requests: Mapping[str, tuple[str, Request]], state: State) -> Iterator[Problem]:
    """Yield each parent of a tuning that isn't there; `requests` are (type, request) by step."""
    for kind, request in requests.values():
        for name in parent_names(request) if kind == "Tuning" else ():
            if find_job(state, KIND, name) is None:
                yield absent_parent(name)


def absent_parent(name: str) -> Problem:
    """Return what is wrong with a parent that isn't there."""
    hint = "it is looked for among the tuning jobs of this machine; leave 'warm_start' out, or give the step a stub"
    return Problem(id="PB856", message=f"there is no tuning job '{name}' to begin with", hint=hint)


def _is_within(request: Request, values: Values) -> bool:
    for given in ranges_of(request):
        text = values.get(given.name)
        if text is None or (given.kind == "categorical" and text not in given.values):
            return False
        try:
            number = given.low if given.kind == "categorical" else int(text) if given.kind == "integer" else float(text)
            if not given.low <= number <= given.high:
                return False
        except ValueError:
            return False
    return True

"""A tuning job: its trials as training jobs, as many at once as it may and the machine has places for, and the best.

Sources: CreateHyperParameterTuningJob, DescribeHyperParameterTuningJob and
ListTrainingJobsForHyperParameterTuningJob of the API; "No training job succeeded after 5 attempts" is what the service
says (aws/amazon-sagemaker-examples, issue 2437).
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.choosing import Chooser, Known, choosing, count_of, parallel_of
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.early import Early
from pipeline_builder.engine.jobs.logs import append_line
from pipeline_builder.engine.jobs.metrics import definitions_of, objectives_so_far
from pipeline_builder.engine.jobs.proposals import Values, ranges_of
from pipeline_builder.engine.jobs.records import JobRecord, find_job, keep_log, recorded, stopping_steps
from pipeline_builder.engine.jobs.searching import searching
from pipeline_builder.engine.jobs.stopping import AT_ONCE, Stop
from pipeline_builder.engine.jobs.summaries import MOST_TOLD, best_first, counters, is_better, summary_of, value_of
from pipeline_builder.engine.jobs.tools import (
    ACCOUNT,
    Done,
    JobStoppedError,
    Meter,
    StepFailedError,
    StepStoppedError,
    Tools,
    job_name,
)
from pipeline_builder.engine.jobs.training_job import run_training
from pipeline_builder.engine.jobs.trial_records import ended_before, parents_of
from pipeline_builder.engine.jobs.trials import CONFIG, DEFINITION, objective, trial_number, trial_request, trial_step
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.folders import sweep_folder

_MOST_FAILED = 5
"""Trainings that may fail before one succeeds; then the service gives the tuning up."""
_LOOK = 0.5
_TOLD = (
    "TrainingJobName", "TrainingJobStatus", "TunedHyperParameters", "FinalHyperParameterTuningJobObjectiveMetric",
    "TrainingStartTime", "TrainingEndTime",
)  # fmt: skip


def run_tuning(step: Step, request: Request, tools: Tools) -> Done:
    """Run the trials, and return the best of them with all that they have come to."""
    return _TuningJob(step, request, tools).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """A trial that runs."""

    number: int
    name: str
    values: Values
    stop: Stop


class _TuningJob:
    """One tuning job; what of it had ended before the engine was ended isn't run again."""

    def __init__(self, step: Step, request: Request, tools: Tools) -> None:
        self._step = step
        self._request = request
        self._tools = replace(tools, job="")  # the trials' names are made
        self._state = tools.registry.state
        self.name = job_name(tools, step, request.get("HyperParameterTuningJobName", ""))
        self.arn = f"{ACCOUNT}:hyper-parameter-tuning-job/{self.name}"
        self._ranges = [given.name for given in ranges_of(request)]
        self._total = count_of(request)
        self._parallel = min(parallel_of(request), self._total)
        self._before = parents_of(self._state, request, self._ranges)
        self._ended: dict[int, dict[str, Any]] = {}  # summaries, in the order of their ends
        self._artifacts: dict[int, str] = {}
        self._cut: set[str] = set()  # names of those that were stopped with all
        self._running: dict[Future[JobRecord], _Trial] = {}
        self._queue: SimpleQueue[Future[JobRecord]] = SimpleQueue()
        self._borrowed = 0  # places besides the step's own
        self._early = Early(request)
        self._begun = time.monotonic()
        self._said: tuple[int, int] | None = None  # how many had ended and were running when that was told
        self._enough = ""  # why no more trials begin

    def run(self) -> Done:
        """Run trials until there are enough."""
        for job in ended_before(self._state, self._tools.execution, self._step.name):
            self._take(job)
        seed = f"{self._tools.execution}/{self._step.name}"
        warm = bool(self._before)
        with searching() as search, choosing(self._request, self._tools, seed, warm=warm) as chooser:
            self._tools = replace(self._tools, search=search)
            self._all(chooser)
        return self._done()

    def _all(self, chooser: Chooser) -> None:
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="trial") as pool:
            try:
                while True:
                    self._begin(pool, chooser)
                    self._tell()
                    if not self._running:
                        break
                    self._collect()
                    self._end_some()
            except BaseException:
                for trial in self._running.values():
                    trial.stop.ask(AT_ONCE)
                raise
            finally:
                self._give_back(0)

    # --- trials begin

    def _begin(self, pool: ThreadPoolExecutor, chooser: Chooser) -> None:
        """Begin as many trials as may run; the first has the step's own place, the others ask for one."""
        while not self._is_over() and len(self._running) < self._parallel:
            number = self._next()
            if number is None or (self._running and not self._tools.slots.take()):
                return
            self._borrowed += bool(self._running)
            values = chooser.choose(number, self._known())
            if values is None:
                self._give_back(max(0, len(self._running) - 1))
                return
            prefix = f"{self.name}-{number:03}"
            step = trial_step(self._step, number)
            trial = _Trial(
                number=number,
                name=job_name(replace(self._tools, attempt=1), step, prefix),
                values=values,
                stop=Stop(below=self._tools.stop),
            )
            future = pool.submit(self._run, step, trial_request(self._request, values, prefix), trial)
            self._running[future] = trial
            future.add_done_callback(self._queue.put)

    def _next(self) -> int | None:
        taken = {*self._ended, *(trial.number for trial in self._running.values())}
        return next((number for number in range(self._total) if number not in taken), None)

    def _known(self) -> Known:
        ended = {
            number: ({name: summary["TunedHyperParameters"][name] for name in self._ranges}, value_of(summary))
            for number, summary in self._ended.items()
        }
        running = {trial.number: trial.values for trial in self._running.values()}
        return Known(ended=ended, running=running, before=[(values, value) for values, value, _ in self._before])

    def _run(self, step: Step, request: dict[str, Any], trial: _Trial) -> JobRecord:
        """Run one trial, and return its record, which has what becomes of it."""
        folder = self._tools.folder.parent / step.name
        keep_log(self._state, folder)
        sweep_folder(folder)
        folder.mkdir(parents=True)
        tools = replace(
            self._tools,
            folder=folder,
            stop=trial.stop,
            observe=_nobody,
            attempt=1,
            interrupts=(),
            meter=Meter(),
        )
        try:
            with recorded(self._state, step, request, tools) as job:
                job.journal.add(TuningJobArn=self.arn)
                with tools.calling(step, request, tools) as reach:
                    own = replace(tools, journal=job.journal, reach=reach)
                    job.result = run_training(step, request, own).result
                sweep_folder(folder / "ml")
            job.complete()
        except (StepFailedError, StepStoppedError, PipelineBuilderError, OSError):
            if self._ended_record(trial) is None:
                raise
        finally:
            self._tools.meter.add(tools.meter.used)
        ended = self._ended_record(trial)
        assert ended is not None
        return ended

    def _ended_record(self, trial: _Trial) -> JobRecord | None:
        job = find_job(self._state, "training-job", trial.name)
        return job if job and job.ended else None

    # --- trials end

    def _collect(self) -> None:
        """Wait for an end, and take note of all that there are."""
        with contextlib.suppress(Empty):
            future = self._queue.get(timeout=_LOOK)
            while True:
                del self._running[future]
                self._give_back(max(0, len(self._running) - 1))
                self._take(future.result())
                future = self._queue.get_nowait()

    def _give_back(self, kept: int) -> None:
        while self._borrowed > kept:
            self._borrowed -= 1
            self._tools.slots.give()

    def _take(self, job: JobRecord) -> None:
        """Take note of how a trial has ended."""
        at = trial_number(self._step.name, job.step)
        assert at is not None
        self._ended[at] = summary = summary_of(job, self._request, self._ranges)
        if job.status == "Stopped" and self._tools.stop.is_set():
            self._cut.add(job.name)
        self._see(at)
        self._artifacts[at] = str((job.result.get("ModelArtifacts") or {}).get("S3ModelArtifacts", ""))
        values = ", ".join(f"{name} {value}" for name, value in summary["TunedHyperParameters"].items())
        value = value_of(summary)
        goal = "no objective" if value is None else f"{objective(self._request).get('MetricName')} {value:g}"
        why = f": {job.reason}" if job.reason else ""
        line = f"trial {at} ({values}) {job.status.lower()} with {goal}{why}"
        append_line(self._tools.folder / "log.txt", inert_line(line, 2000))

    def _end_some(self) -> None:
        """Stop the trials that somebody has asked to stop, that aren't worth going on, or that come too late."""
        trials = {trial.number: trial for trial in self._running.values()}
        asked = {trial_number(self._step.name, name) for name in stopping_steps(self._state, self._tools.execution)}
        for number, trial in trials.items():
            if number in asked:
                trial.stop.ask(self._tools.grace)
        for number in self._worse(trials):
            trials[number].stop.ask(self._tools.grace)
        if self._is_over():
            for trial in trials.values():
                trial.stop.ask(self._tools.grace)

    def _worse(self, trials: Mapping[int, _Trial]) -> list[int]:
        if not self._early.is_due:
            return []
        for number in trials:
            self._see(number)
        return self._early.worse(trials, self._ended)

    def _see(self, number: int) -> None:
        """Let it be known what a trial's log says of the objective so far."""
        goal = objective(self._request).get("MetricName")
        wanted = [item for item in definitions_of(self._request[DEFINITION]) if item["Name"] == goal]
        if self._early.is_wanted and wanted:
            log = self._tools.folder.parent / trial_step(self._step, number).name / "log.txt"
            self._early.see(number, objectives_so_far(wanted[0], log, self._tools.search))

    def _is_over(self) -> bool:
        """Tell whether no more trials begin: the tuning is stopped, or has enough."""
        self._enough = self._enough or self._why_enough()
        return bool(self._enough) or self._tools.stop.is_set()

    def _why_enough(self) -> str:
        config = self._request[CONFIG]
        seconds = float((config.get("ResourceLimits") or {}).get("MaxRuntimeInSeconds") or math.inf)
        if time.monotonic() - self._begun > seconds:
            return "time"
        if not self._succeeded and len(self._ended) >= _MOST_FAILED:
            return "failures"
        wanted = config.get("TuningJobCompletionCriteria") or {}
        best, since = self._best()
        target = wanted.get("TargetObjectiveMetricValue")
        if target is not None and best is not None and not is_better(self._request, float(target), best):
            return "target"
        most = (wanted.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving")
        return "no improvement" if most and since >= int(most) else ""

    @property
    def _succeeded(self) -> bool:
        return any(value_of(summary) is not None for summary in self._ended.values())

    def _best(self) -> tuple[float | None, int]:
        """Return the best objective so far, and how many trials have ended since."""
        best, since = None, 0
        for summary in self._ended.values():
            value = value_of(summary)
            better = value is not None and (best is None or is_better(self._request, value, best))
            best, since = (value, 0) if better else (best, since + 1)
        return best, since

    # --- what is told

    def _tell(self) -> None:
        """Let whoever looks see how far it is, where that is something new."""
        if self._said == (so_far := (len(self._ended), len(self._running))):
            return
        self._said = so_far
        summaries = [self._ended[number] for number in sorted(self._ended)]
        self._tools.journal.add(**counters(summaries, len(self._running)), **self._told(summaries))
        self._tools.journal.tell()
        best = best_first(self._request, summaries)[:1]
        value = value_of(best[0]) if best else None
        goal = "" if value is None else f", best {objective(self._request).get('MetricName')} {value:g}"
        failed = sum(summary["TrainingJobStatus"] == "Failed" for summary in summaries)
        lost = f" ({failed} failed)" if failed else ""
        self._tools.observe(f"{len(summaries)} of {self._total} trials{lost}, {len(self._running)} running{goal}")

    def _told(self, summaries: list[dict[str, Any]]) -> dict[str, Any]:
        ranked = best_first(self._request, summaries)
        told = [summary for summary in ranked if summary["TrainingJobName"] not in self._cut]  # the others run again
        found: dict[str, Any] = {"TrainingJobSummaries": told[:MOST_TOLD]}
        if ranked and value_of(ranked[0]) is not None:
            found["BestTrainingJob"] = ranked[0]
            parents = [summary for _, _, summary in self._before]
            warm = (self._request.get("WarmStartConfig") or {}).get("WarmStartType")
            if warm == "IdenticalDataAndAlgorithm":
                found["OverallBestTrainingJob"] = best_first(self._request, [*ranked, *parents])[0]
        return found

    def _done(self) -> Done:
        if self._tools.stop.is_set():
            raise JobStoppedError("the tuning job was stopped") if self._tools.stop.alone else StepStoppedError
        if not self._succeeded:
            raise StepFailedError(self._why_failed())
        summaries = [self._ended[number] for number in sorted(self._ended)]
        result = {
            **self._request,
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": "Completed",
            **counters(summaries, 0),
            **self._told(summaries),
        }
        kept = [number for number, summary in self._ended.items() if value_of(summary) is not None]
        outputs = tuple(self._artifacts[number] for number in sorted(kept))
        return Done(result=result, metadata=self._metadata(result["TrainingJobSummaries"]), outputs=outputs)

    def _metadata(self, summaries: list[dict[str, Any]]) -> dict[str, str]:
        """Return what is kept with the step: the job, and for reports its trials, without the words of failures."""
        told = [{key: value for key, value in each.items() if key in _TOLD} for each in summaries]
        return {"TuningJob": self.arn, "Trials": json.dumps(told)}

    def _why_failed(self) -> str:
        """Say it in the service's words, with what the first training has failed with."""
        count = len(self._ended)
        reasons = [summary["FailureReason"] for summary in self._ended.values() if summary.get("FailureReason")]
        if len(reasons) < count:
            return (
                f"No objective metrics found after running {count} training jobs. Please ensure that the custom "
                "algorithm is emitting the objective metric as defined by the regular expression provided."
            )
        why = f" The first: {reasons[0]}" if reasons else ""
        return (
            f"No training job succeeded after {count} attempts. Please take a look at the training job failures to get "
            f"more details.{why}"
        )


def _nobody(note: str) -> None:
    """Trials say nothing of their own: the tuning tells how far it is."""
    del note

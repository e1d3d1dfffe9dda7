"""A training job from its first machine to its end: attempts, checkpoints, metrics, and what it leaves however it ends.

Sources: the API's texts (StoppingCondition, RetryStrategy, CheckpointConfig), "Managed Spot Training Lifecycle",
"Checkpoints in Amazon SageMaker AI", "How Amazon SageMaker AI Processes Training Output".
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.engine.jobs.arrivals import training_arrivals
from pipeline_builder.engine.jobs.bringing import bring
from pipeline_builder.engine.jobs.container import CODE, Request, write_json
from pipeline_builder.engine.jobs.handing import secrets_of
from pipeline_builder.engine.jobs.installer import OutageError
from pipeline_builder.engine.jobs.job import JobEnd, JobResult
from pipeline_builder.engine.jobs.kept import CHECKPOINTS, HOOK, Kept, kept_folders
from pipeline_builder.engine.jobs.metrics import Growth, collect_metrics, definitions_of
from pipeline_builder.engine.jobs.mirrors import Mirror, Mirrors
from pipeline_builder.engine.jobs.packages import code_archive, submit_directory
from pipeline_builder.engine.jobs.paths import OPT_ML, folder_inside, inside
from pipeline_builder.engine.jobs.running import (
    Program,
    is_stopped_with_all,
    launch,
    max_runtime,
    refuse_end,
)
from pipeline_builder.engine.jobs.tools import ACCOUNT, Done, JobStoppedError, StepStoppedError, Tools, job_name
from pipeline_builder.engine.jobs.training import is_module, training_command, training_environment, training_files
from pipeline_builder.machine.folders import sweep_folder

MODEL, DATA = f"{OPT_ML}/model", f"{OPT_ML}/output/data"
_LONGEST_WAIT = 30.0


def run_training(step: Step, request: Request, tools: Tools) -> Done:
    """Run the script with its channels and hyperparameters, and keep what it left as model.tar.gz and output.tar.gz."""
    job = _TrainingJob(step, request, tools)
    result = job.run()
    job.keep(result)
    members = tools.journal.members
    described = {**request, "TrainingJobName": job.name, "TrainingJobArn": job.arn, "TrainingJobStatus": "Completed"}
    return Done(result={**described, **members}, metadata={"TrainingJob": job.arn}, outputs=(job.artifact,))


class _TrainingJob:
    """One job; it may need several machines, one after the other."""

    def __init__(self, step: Step, request: Request, tools: Tools) -> None:
        self._step = step
        self._request = request
        self._tools = tools
        self._ml = tools.folder / "ml"
        self.name = job_name(tools, step, request.get("TrainingJobName", ""))
        self.arn = f"{ACCOUNT}:training-job/{self.name}"
        self._base = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"
        self._metrics = definitions_of(request)
        self._growth = Growth(tools.folder / "log.txt")
        self._mirrors = Mirrors(tools.outputs)
        self._spot = bool(request.get("EnableManagedSpotTraining"))
        stopping = request.get("StoppingCondition") or {}
        self._wait = float(stopping.get("MaxWaitTimeInSeconds") or 0) if self._spot else 0.0
        self._begun = time.monotonic()
        self._worked = 0.0  # seconds on all machines so far
        self._waited = False
        tools.journal.add(ModelArtifacts={"S3ModelArtifacts": self.artifact})

    @property
    def artifact(self) -> str:
        """The address of the model: an archive, or a folder where the request wants it uncompressed."""
        return f"{self._base}/model/" if self._uncompressed else f"{self._base}/model.tar.gz"

    @property
    def _uncompressed(self) -> bool:
        return bool(self._request["OutputDataConfig"].get("CompressionType") == "NONE")

    def run(self) -> JobResult:
        """Run the job on one machine after the other, until one of them comes to its end."""
        try:
            return self._run()
        except Exception:  # such as that its data could not be given to it
            self._mirrors.save()
            raise

    def _run(self) -> JobResult:
        retries = int((self._request.get("RetryStrategy") or {}).get("MaximumRetryAttempts") or 0)
        interrupts = iter(self._tools.interrupts if self._spot else ())
        failures = 0
        while True:
            try:
                result = self._attempt(next(interrupts, None))
            except OutageError as error:  # what the service calls an InternalServerError
                if failures >= retries or self._tools.stop.is_set():
                    raise
                self._again(failures, retries, error)
                failures += 1
                continue
            if result.end is not JobEnd.INTERRUPTED or self._tools.stop.is_set():
                return result
            self._interrupted()

    def _attempt(self, interrupt: float | None) -> JobResult:
        journal = self._tools.journal
        journal.enter("Starting", "Starting the training job", lasting=False)
        journal.enter("Downloading", "Downloading input data", lasting=bool(self._request.get("InputDataConfig")))
        program = self._prepared()
        journal.enter("Training", "Training image download completed. Training in progress.")
        begun = time.monotonic()
        with self._mirrors.running(), self._growth.watched() if self._metrics else nullcontext():
            result = launch(self._step, self._request, self._tools, program, seconds=self._left(), interrupt=interrupt)
        self._worked += time.monotonic() - begun
        if result.end is not JobEnd.EXITED and result.told:
            journal.enter("Stopping", "Stopping the training job", at=result.told, lasting=False)
        return result

    def _left(self) -> float:
        """Return the seconds that the job may go on: run times are for all machines in total [documentation]."""
        left = max_runtime(self._request) - self._worked
        patience = self._wait - (time.monotonic() - self._begun) if self._wait else left
        self._waited = patience < left
        return max(0.0, min(left, patience))

    def _prepared(self) -> Program:
        request, ml = self._request, self._ml
        # What was there before is taken away with the machine: no mirror may take that for the script's own deleting.
        self._mirrors = Mirrors(self._tools.outputs)
        for folder in (ml, self._tools.folder / "tmp", self._tools.folder / "home"):
            sweep_folder(folder)
        training_files(request, ml=ml)
        places = [str(one.path) for one in kept_folders(request, self.name)]
        data = bring(training_arrivals(request), self._tools.outputs, private=self._tools.private, outputs=places)
        code = submit_directory(request)
        if code.startswith("s3://"):
            unpack(code_archive(code, self._tools.store), ml / "code")
        self._restore()
        region = self._tools.reach.region
        environment = training_environment(request, job_name=self.name, job_arn=self.arn, region=region)
        environment |= secrets_of(request, self._tools.secrets)
        package, module = (ml / "code" / "setup.py").is_file(), is_module(request, ml / "code")
        command = training_command(request, package=package, module=module)
        return Program(command, environment, CODE, data)

    def _restore(self) -> None:
        """Bring back the checkpoints, and begin to keep what comes."""
        kept = [replace(one, path=str(Path(one.path))) for one in kept_folders(self._request, self.name)]
        for one in kept:
            folder_inside(self._ml, one.path)
        if hook := self._request.get(HOOK):
            write_json(self._ml / "input" / "config" / "debughookconfig.json", hook)
        for one in kept:
            if one.member == CHECKPOINTS:
                self._bring_back(one)
        # What a script deletes of its checkpoints is deleted there too [documentation].
        mirrors = [Mirror(one.path, one.uri, deletes=one.member == CHECKPOINTS) for one in kept]
        self._mirrors = Mirrors(self._tools.outputs, mirrors)
        self._mirrors.adopt()

    def _bring_back(self, kept: Kept) -> None:
        config = {"LocalPath": kept.path, **self._request[CHECKPOINTS]}
        write_json(self._ml / "input" / "config" / "checkpointconfig.json", config)
        uri = f"{kept.uri.rstrip('/')}/"
        if self._tools.store.objects(uri):
            self._tools.outputs.say_missing(uri, self._tools.store.download(uri, inside(self._ml, kept.path)))

    def _interrupted(self) -> None:
        """Let the machine be gone, with all that is on it but the checkpoints."""
        self._mirrors.save()
        said = "its machine was taken away, as 'local.interrupt' says; it goes on with another, and its checkpoints"
        self._tools.outputs.say(said)
        self._tools.journal.enter("Interrupted", "Training job interrupted")

    def _again(self, failures: int, retries: int, error: OutageError) -> None:
        seconds = min(2.0**failures, _LONGEST_WAIT)
        self._tools.outputs.say(
            f"try {failures + 1} of {retries + 1} failed, the next one is in {seconds:g} s: {error}"
        )
        self._tools.stop.wait(seconds)

    def keep(self, result: JobResult) -> None:
        """Keep what the job has left, and raise what its step ends with where that is no good end."""
        try:
            self._refuse(result)
        except Exception as error:
            self._measure()  # and what it says comes after the job's own last words
            self._save()
            self._tools.journal.end(*_ending(result, error, waited=self._waited))
            raise
        self._measure()
        self._upload()
        self._mirrors.save()
        self._keep_model()
        self._keep_data()
        self._tools.journal.end("Completed", "Training job completed")

    def _measure(self) -> None:
        if found := collect_metrics(self._metrics, self._growth, self._tools.outputs, self._tools.search):
            self._tools.journal.add(FinalMetricDataList=found)
            shown = "; ".join(f"{item['MetricName']} {item['Value']:g}" for item in found)
            self._tools.outputs.say(f"metrics: {shown}")

    def _refuse(self, result: JobResult) -> None:
        if self._waited and result.end is JobEnd.TIMED_OUT and not is_stopped_with_all(self._tools):
            raise JobStoppedError(f"the job came to no end in its maximum wait time of {self._wait:.0f} s")
        refuse_end(result, self._request, self._tools)

    def _upload(self) -> None:
        # What was made in an instant is uploaded in one, and nobody looks meanwhile.
        message = "Uploading generated training model"
        self._tools.journal.enter("Uploading", message, lasting=self._worked > 1)

    def _save(self) -> None:
        """Keep what a failed or stopped job leaves, as the service does."""
        self._upload()
        self._mirrors.save()
        self._tools.outputs.attempt(MODEL, self._keep_model)
        self._tools.outputs.attempt(DATA, self._keep_data)

    def _keep_model(self) -> None:
        if self._uncompressed:
            self._tools.outputs.upload(MODEL, self.artifact, last=True)
        else:
            self._tools.outputs.archive(MODEL, self.artifact)

    def _keep_data(self) -> None:
        self._tools.outputs.archive(DATA, f"{self._base}/output.tar.gz", empty=False)


def _ending(result: JobResult, error: Exception, *, waited: bool) -> tuple[str, str]:
    """Return the last secondary status of a job that came to no good end, and what is said with it."""
    if isinstance(error, JobStoppedError | StepStoppedError):
        if result.end is not JobEnd.TIMED_OUT or isinstance(error, StepStoppedError):
            return "Stopped", "Training job stopped"
        if waited:
            return "MaxWaitTimeExceeded", "Training job wait time exceeded MaxWaitTimeInSeconds provided"
        return "MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided"
    return "Failed", "Training job failed"

"""The room that a factory runs in: a job without network and credentials, beside a private server for its calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.job import Job, JobEnd
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.logs import log_tail
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.local import open_engine
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.holdings import weigh
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.machine.tree import Tree, read_beginning
from pipeline_builder.sdk.answers import MOST
from pipeline_builder.sdk.environment import PLAIN
from pipeline_builder.serve.beside import Beside
from pipeline_builder.target import Calling

ROLE = "arn:aws:iam::000000000000:role/factory"
"""Stands for the repository's own, which composing puts where this one was."""
SECONDS = 300.0
_INSIDE = Path(__file__).parent / "inside"
_GIVEN, _CONFIG = f"{OPT_ML}/input/given.json", f"{OPT_ML}/input/config.yaml"
_LIMITS = JobLimits(processes=256, memory=4 << 30, disk=1 << 30, file_size=256 << 20, log=8 << 20)
QUIET = b"SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"
_LINES = 12
_MOST_STATE = 256 << 20
"""Bytes of what a factory uploads, several times what is taken of it."""
_TICK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a factory has left: its answer, and the objects of its bucket; `ended` says why it was ended, if it was."""

    answer: bytes = b""
    objects: Mapping[str, Path] = field(default_factory=dict)
    ended: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where factories run: `folder` is for what they leave while they run, `hidden` is seen by none of them, and
    `program` calls the function.
    """

    folder: Path
    hidden: tuple[Path, ...] = ()
    seconds: float = SECONDS
    program: Path = _INSIDE / "factory.py"
    report: Callable[[str], None]

    @contextmanager
    def run(
        self, name: str, python: Path, code: Bundle, given: Mapping[str, Any], stop: threading.Event | None = None
    ) -> Iterator[Left]:
        """Run a factory's code to its end, and give what it has left; it is gone afterwards. `stop` being set ends it.

        Raises:
            OutsideFailure: PB924 where this machine can't keep it apart.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with temporary_folder(self.folder) as folder:
            self._refuse_open(folder)
            job = self._job(name, folder / "job", python, code, given)
            engine = open_engine(folder / "state", LocalSettings(jobs=1))
            engine.store.bucket(given["bucket"]).mkdir(parents=True)
            beside = Beside(self.report)
            beside.engine = engine
            with beside.reach(_calling(name, given)) as reach:
                with watched(folder / "state", stop or threading.Event()) as watch:
                    left = _run(replace(job, reach=reach), engine.store, given["bucket"], watch)
                yield left

    def _refuse_open(self, folder: Path) -> None:
        isolation = find_isolation(folder)
        if isolation.private and isolation.own_proc and isolation.network:
            return
        message = f"a factory runs nowhere but apart from this machine, and here: {isolation.missing[0]}"
        raise OutsideFailure(
            Problem(id="PB924", message=message, hint="docs/local-engine.md says what isolation needs")
        )

    def _job(self, name: str, folder: Path, python: Path, code: Bundle, given: Mapping[str, Any]) -> Job:
        for part in ("ml/input", "ml/output"):
            (folder / part).mkdir(parents=True)
        with (folder / "code.tar.gz").open("wb") as packed:
            code.write(packed)
        unpack(folder / "code.tar.gz", folder / "ml" / "code")
        (folder / "ml" / "input" / "given.json").write_text(json.dumps(given), "utf-8")
        (folder / "ml" / "input" / "config.yaml").write_bytes(QUIET)
        return Job(
            name=f"factory of {name}",
            folder=folder,
            command=("python", "-B", str(self.program), _GIVEN, f"{OPT_ML}/output/steps.json"),
            environment={
                **PLAIN,
                "AWS_DEFAULT_REGION": given["region"],
                "PYTHONHASHSEED": "0",
                "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": _CONFIG,
                "SAGEMAKER_USER_CONFIG_OVERRIDE": _CONFIG,
            },
            python=python,
            workdir=f"{OPT_ML}/code",
            timeout=self.seconds,
            network=False,
            limits=_LIMITS,
            hidden=self.hidden,
            reads=(self.program.parent,),
        )


def _calling(name: str, given: Mapping[str, Any]) -> Calling:
    """Return who the factory is to its server: it has its folder of the bucket, and nothing of SageMaker's."""
    own = {"S3Output": {"S3Uri": f"s3://{given['bucket']}/{given['prefix']}"}}
    request = {"RoleArn": ROLE, "ProcessingOutputConfig": {"Outputs": [own]}}
    return Calling(execution="", step=name, job=f"factory/{name}", request=request)


@dataclass(slots=True)
class Watch:
    """What looks after a factory: `ended` is set where it is to end, and `why` says so where it is the factory's."""

    ended: threading.Event = field(default_factory=threading.Event)
    why: str = ""


@contextmanager
def watched(state: Path, stop: threading.Event, most: int = _MOST_STATE) -> Iterator[Watch]:
    """Look after a factory while the body runs: what it uploads lies beside its job, whose limits don't count it."""
    watch, done = Watch(), threading.Event()

    def look() -> None:
        while not watch.ended.is_set() and not done.wait(_TICK):
            if weigh([state]) > most:
                watch.why = f"it has uploaded more than {most >> 20} MB"
            if watch.why or stop.is_set():
                watch.ended.set()

    looking = threading.Thread(target=look, name="factory")
    looking.start()
    try:
        yield watch
    finally:
        done.set()
        looking.join()


def _run(job: Job, store: LocalStore, bucket: str, watch: Watch) -> Left:
    result = run_job(job, stop=watch.ended, private=True, alone=True)
    said = tuple(log_tail(job.log, _LINES))
    if watch.why:
        return Left(ended=watch.why, said=said)
    if result.end is JobEnd.TIMED_OUT:
        return Left(ended=f"it has not ended after {job.timeout:g} seconds", said=said)
    if result.exit_code or result.excess:
        kind = result.excess.partition(" ('local.limits")[0]
        return Left(ended=kind or f"it has ended with exit code {result.exit_code}", said=said)
    answer = read_beginning(Tree(root=job.ml, below="output", shown="output"), "steps.json", MOST + 1)
    return Left(answer=answer, objects=dict(store.keys(bucket, "")), said=said)

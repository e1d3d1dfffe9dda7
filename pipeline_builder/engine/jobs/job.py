"""A job as the engine's step handlers describe it and the sandbox runs it: what a container would get."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipeline_builder.engine.jobs.limits import DEFAULT_LIMITS, JobLimits
from pipeline_builder.target import Reach


class JobEnd(str, enum.Enum):
    """How a job's process came to its end."""

    EXITED = "exited"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One container run. Paths in `command`, `environment` and `workdir` are those inside: `/opt/ml/...`.

    `folder` is the job's own on this machine: `folder/ml` is seen as `/opt/ml`, `folder/log.txt` gets stdout and stderr
    as they come, `folder/tmp` and `folder/home` are TMPDIR and HOME. `python` is the interpreter of the job's
    environment; its folder comes first on PATH. `timeout` is in seconds, and so is `interrupt`, which plays that the
    machine is taken away. Where jobs are isolated, nothing of `hidden` is seen, even where it lies in a folder of the
    system, and beside its own folders the job reads `reads` and writes to `writes`, by the paths that they have here,
    reads each folder of `mounted` at the path beside it, and those of `overlaid` below its own changes, which go with
    it, and finds folders of its own at `places` as well; without `network` it reaches nobody but itself, and who
    answers its calls of AWS by `reach`.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    python: Path
    workdir: str
    timeout: float
    interrupt: float | None = None
    network: bool = True
    limits: JobLimits = DEFAULT_LIMITS
    hidden: tuple[Path, ...] = ()
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    places: tuple[tuple[Path, str], ...] = ()
    mounted: tuple[tuple[Path, str], ...] = ()
    overlaid: tuple[tuple[Path, str], ...] = ()
    reach: Reach = field(default_factory=Reach)

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that is no container run: it gets `environment` and nothing else. `timeout` is in seconds."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: str
    log: Path
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a job took of the machine: seconds of its processors, and the bytes of its largest process at its peak."""

    cpu: float = 0.0
    memory: int = 0

    def with_more(self, other: Used) -> Used:
        """Return what both took, one after the other."""
        return Used(cpu=self.cpu + other.cpu, memory=max(self.memory, other.memory))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """`exit_code` is the command's, 128 + n where signal n ended it; `excess` says which limit ended it, if one did.

    `told` is when it was told to end, where it was; `broken` is why its data could not be given to it any more. `used`
    is None where its supervisor could not say it any more.
    """

    end: JobEnd
    exit_code: int
    excess: str = ""
    told: datetime | None = field(default=None, compare=False)
    broken: Exception | None = field(default=None, compare=False)
    used: Used | None = field(default=None, compare=False)

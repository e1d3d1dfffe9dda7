"""How this machine runs jobs: a value, made by commands that run none as well, so little is imported for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.engine.jobs.defaults import GRACE, no_secrets, reach_nobody, take_all
from pipeline_builder.engine.jobs.limits import DEFAULT_LIMITS, JobLimits

if TYPE_CHECKING:
    from pipeline_builder.engine.execution.stubs import Stubs
    from pipeline_builder.target import ReachGiver, RequestJudge, SecretGiver


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How this machine runs jobs.

    `jobs` run at once; `images` are (pattern of the image URI, lines of `image_lines`), the first match wins; `mounts`
    maps a bucket or bucket/prefix to a folder with its data, `sources` an address that is none of S3's. Jobs are bound
    by `limits`, see nothing of `hidden`, and meet in the `shared` folders; where this machine can't keep them apart,
    `require_isolation` refuses to open it. `secrets` gives those of jobs, `reach` how they call AWS, `judge` says which
    requests the service would refuse, `stubs` has the results of steps that are not to run. A job that is stopped has
    `grace` seconds to save what it has; `interrupts` are, by steps, the seconds after which a spot training loses its
    machine, each time it has one.
    """

    jobs: int = 2
    limits: JobLimits = DEFAULT_LIMITS
    hidden: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()
    require_isolation: bool = False
    images: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mounts: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, Path] = field(default_factory=dict)
    secrets: SecretGiver = no_secrets
    reach: ReachGiver = reach_nobody
    grace: float = GRACE
    interrupts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    stubs: Stubs = field(default_factory=dict)
    judge: RequestJudge = take_all

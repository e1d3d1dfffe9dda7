"""What has to go together where a training has several processes, and what a job's package index is for."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from pipeline_builder.conf.distributed import DistributedSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection, TrainSection
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem

# Families whose instances have GPUs, or AWS's own chips; on any other the toolkit starts one process by itself.
_WITH_CHIPS = "ml.[gp][0-9]*", "ml.trn*", "ml.inf*"
# [SDK: SM_DATAPARALLEL_SUPPORTED_INSTANCE_TYPES; developer guide: SMDDP, supported instance types]
_DATA_PARALLEL = ("ml.p3.16xlarge", "ml.p3dn.24xlarge", "ml.p4d.24xlarge", "ml.p4de.24xlarge")


def check_distributed(step: Step, job: TrainSection, *, package: bool) -> Iterator[Problem]:
    """Yield what can't work of several processes, PB900 to PB902; `package` says whether the code has a setup.py."""
    asked = job.distributed
    if asked is None:
        return
    for index, name in enumerate(asked.instance_groups):
        if name not in job.instance_groups:
            message = (
                f"step '{step.name}': its processes are to be in the instance group '{name}', which it doesn't have"
            )
            place = step.section_place("distributed", "instance_groups", index)
            yield Problem(id="PB900", message=message, place=place, hint=did_you_mean(name, job.instance_groups))
    if len(job.instance_groups) > 1 and not asked.instance_groups:
        message = (
            f"step '{step.name}': nothing says in which of its {len(job.instance_groups)} instance groups the "
            "processes are: each group would train by itself"
        )
        hint = "name them: 'distributed: {by: …, instance_groups: […]}'"
        yield Problem(id="PB901", message=message, place=step.section_place("distributed"), hint=hint)
    yield from _not_a_script(step, job, asked, package=package)


def _not_a_script(step: Step, job: TrainSection, asked: DistributedSection, *, package: bool) -> Iterator[Problem]:
    """The toolkit's way to torchrun takes a script of Python only, and none that is installed as a package."""
    if asked.by != "torchrun" or (job.entry_point.endswith(".py") and not package):
        return
    why = "its source directory has a setup.py, which makes a package of it" if package else "it is none"
    message = f"step '{step.name}': torchrun starts scripts of Python only, and '{job.entry_point}' can't be one: {why}"
    hint = "leave the setup.py out by .smpignore" if package else "name a script that ends with '.py'"
    yield Problem(id="PB902", message=message, place=step.section_place("entry_point"), hint=hint)


def find_pointless(step: Step, *, requirements: bool) -> Iterator[Problem]:
    """Yield a warning for what is asked for and does nothing; `requirements` says whether the code has a list."""
    job = step.job
    if isinstance(job, TrainSection | PreprocessSection | EvaluateSection) and job.codeartifact and not requirements:
        message = f"step '{step.name}': nothing is installed from its CodeArtifact repository: its code has no list"
        hint = "write what it needs into requirements.txt of its source directory, or leave 'codeartifact' out"
        yield Problem(id="PB905", message=message, place=step.section_place("codeartifact"), hint=hint, warning=True)
    if isinstance(job, TrainSection) and job.distributed:
        yield from _alone(step, job, job.distributed)
        yield from _without_library(step, job, job.distributed)


def _alone(step: Step, job: TrainSection, asked: DistributedSection) -> Iterator[Problem]:
    counts = [job.instance_groups[name].instance_count for name in asked.instance_groups if name in job.instance_groups]
    instances = counts if job.instance_groups else [job.instance_count]
    per_host = asked.processes_per_host or (None if any(map(_has_chips, _types(job, asked))) else 1)
    if instances == [1] and per_host == 1:
        message = f"step '{step.name}' starts a single process by '{asked.by}'"
        hint = "give it more 'processes_per_host', or instances; without GPUs there is one for each instance"
        yield Problem(id="PB903", message=message, place=step.section_place("distributed"), hint=hint, warning=True)


def _without_library(step: Step, job: TrainSection, asked: DistributedSection) -> Iterator[Problem]:
    wrong = [name for name in _types(job, asked) if isinstance(name, str) and name not in _DATA_PARALLEL]
    if asked.by == "data_parallel" and wrong:
        message = f"step '{step.name}': SageMaker's data parallel library has no way to run on '{wrong[0]}'"
        hint = f"it takes {', '.join(_DATA_PARALLEL)}; torchrun and mpi take any"
        yield Problem(id="PB904", message=message, place=step.section_place("distributed"), hint=hint, warning=True)


def _types(job: TrainSection, asked: DistributedSection) -> list[object]:
    groups = [group for name, group in job.instance_groups.items() if name in asked.instance_groups]
    return [group.instance_type for group in groups] if job.instance_groups else [job.instance_type]


def _has_chips(instance_type: object) -> bool:
    """Tell whether an instance has more to start than one process; what isn't known now may have."""
    if not isinstance(instance_type, str):
        return True
    return any(fnmatch.fnmatch(instance_type, pattern) for pattern in _WITH_CHIPS)

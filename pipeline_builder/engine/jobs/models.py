"""What the container of a model finds in its folders, and what it is told to answer with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.engine.jobs.job import OPT_ML
from pipeline_builder.engine.jobs.packages import code_archive, model_archive
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems, Problem

Container = Mapping[str, Any]
"""A ContainerDefinition, every reference in it resolved."""


def place_container(step: str, container: Container, ml: Path, store: LocalStore) -> dict[str, Any]:
    """Bring a container's model and code into its folder; return its part of the spec of `inside/transform`.

    Raises:
        InputProblems: PB513 where nothing is known of what would answer, PB522, PB523, PB525.
    """
    environment = container.get("Environment") or {}
    program = environment.get("SAGEMAKER_PROGRAM", "")
    if not program:
        message = f"step '{step}': the model has no inference code, and what its image would run is not known here"
        raise InputProblems(Problem(id="PB513", message=message, hint="name it with 'transform.entry_point'"))
    unpack(model_archive(step, container, store), ml / "model")
    code = str(environment.get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
    if code.startswith("s3://"):
        unpack(code_archive(code, store), ml / "code")
    return {"model_dir": f"{OPT_ML}/model", "code_dir": f"{OPT_ML}/code", "program": program}

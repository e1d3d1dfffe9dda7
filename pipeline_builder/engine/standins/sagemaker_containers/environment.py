"""What the toolkit knows of a job: from the variables that a training job has, else from the container's own files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .missing import refuser

BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")


class Environment(Mapping):  # type: ignore[type-arg] # Python 3.7 can't subscript it
    """The job's environment; each of its values is an attribute, and an entry of the mapping."""

    def __init__(self, *_: object, **changed: Any) -> None:
        state = os.environ.get("SM_TRAINING_ENV")
        self._values: dict[str, Any] = {**_defaults(), **(json.loads(state) if state else {}), **changed}

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name not in values:
            raise AttributeError(f"the environment of a job has no '{name}' here")
        return values[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def properties(self) -> list[str]:
        """Return the names of all values."""
        return sorted(self._values)

    def to_env_vars(self) -> dict[str, str]:
        """Return the variables that a script gets."""
        return {name: value for name, value in os.environ.items() if name.startswith("SM_")}

    def to_cmd_args(self) -> list[str]:
        """Return the arguments that a script gets."""
        return list(json.loads(os.environ.get("SM_USER_ARGS") or "[]"))

    def write_env_vars(self, env_vars: Mapping[str, str] | None = None) -> None:
        """Set the variables; they are set here already."""
        os.environ.update(env_vars or {})


TrainingEnv = ServingEnv = Environment


def read_hyperparameters() -> dict[str, Any]:
    """Return the hyperparameters, each as JSON where it is that."""
    return {name: _value(text) for name, text in _read("hyperparameters").items()}


def read_resource_config() -> dict[str, Any]:
    """Return what the container is told of the machines."""
    return _read("resourceconfig") or _json(f"{BASE}/config/resourceconfig.json")


def read_input_data_config() -> dict[str, Any]:
    """Return what the container is told of the channels."""
    return _read("inputdataconfig")


def num_cpus() -> int:
    """Return how many processors there are."""
    return os.cpu_count() or 1


def num_gpus() -> int:
    """Return how many graphics cards the job may use."""
    return int(os.environ.get("SM_NUM_GPUS") or 0)


def _defaults() -> dict[str, Any]:
    resources = read_resource_config()
    own = [f"sagemaker_{name}" for name in ("program", "submit_directory", "region", "container_log_level", "job_name")]
    host = resources.get("current_host", "algo-1")
    program = os.environ.get("SAGEMAKER_PROGRAM", "")
    return {
        "base_dir": BASE, "channel_input_dirs": {n: f"{BASE}/input/data/{n}" for n in read_input_data_config()},
        "code_dir": f"{BASE}/code", "current_host": host, "hosts": resources.get("hosts", [host]),
        "hyperparameters": {n: v for n, v in read_hyperparameters().items() if n not in own},
        "input_dir": f"{BASE}/input",
        "input_config_dir": f"{BASE}/input/config", "input_data_config": read_input_data_config(), "is_master": True,
        "job_name": os.environ.get("TRAINING_JOB_NAME"), "log_level": 20, "master_hostname": host,
        "model_dir": f"{BASE}/model", "module_dir": os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", f"{BASE}/code"),
        "module_name": re.sub(r"\.py$", "", program), "network_interface_name": "eth0",
        "num_cpus": num_cpus(), "num_gpus": num_gpus(), "output_data_dir": f"{BASE}/output/data",
        "output_dir": f"{BASE}/output", "output_intermediate_dir": f"{BASE}/output/intermediate",
        "resource_config": resources, "user_entry_point": program, "framework_module": None,
        "additional_framework_parameters": {}, "default_accept": os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"),
    }  # fmt: skip


def _value(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return text


def _read(name: str) -> dict[str, Any]:
    return _json(f"{BASE}/input/config/{name}.json")


def _json(path: str) -> dict[str, Any]:
    try:
        with open(path) as file:  # noqa: PTH123 - as plain as it can be
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


__getattr__ = refuser(__name__)

"""A training container: the files, variables and command that its job finds, as AWS's training toolkit has them."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.descriptions import JSON
from pipeline_builder.engine.document.references import as_text
from pipeline_builder.engine.jobs.arrivals import input_mode, instance_group
from pipeline_builder.engine.jobs.container import (
    CODE,
    HOST,
    NETWORK,
    Request,
    own_command,
    region_variables,
    write_json,
)
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.processes import installed, start_of, started
from pipeline_builder.engine.jobs.tracking import local_variables
from pipeline_builder.errors import InputProblems, Problem

GROUP = "homogeneousCluster"
# Hyperparameters for the container and not for the script, as AWS's training toolkit tells them apart.
_OWN_PREFIX = "sagemaker_"
_OWN_NAMES = ("default_user_module_name", "_tuning_objective_metric")
_OWN_KNOWN = tuple(
    f"sagemaker_{name}"
    for name in (
        "program", "submit_directory", "enable_cloudwatch_metrics", "region", "container_log_level", "job_name",
        "s3_output",
    )
)  # fmt: skip
_DISTRIBUTIONS = tuple(
    f"sagemaker_{name}_enabled"
    for name in (
        "mpi", "parameter_server", "distributed_dataparallel", "pytorch_ddp", "pytorch_xla_multi_worker",
        "multi_worker_mirrored_strategy", "torch_distributed",
    )
)  # fmt: skip
_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(?:/[A-Za-z0-9._+-]+)*")

_MODULES = re.compile(r"/sagemaker-(?:scikit-learn|xgboost):")


def training_files(request: Request, *, ml: Path) -> None:
    """Write `input/config/*.json` below `ml` and make the folders that a training container finds."""
    for folder in ("input/config", "input/data", "model", "output/data", "output/intermediate", "checkpoints", "code"):
        (ml / folder).mkdir(parents=True, exist_ok=True)
    config = ml / "input" / "config"
    write_json(config / "hyperparameters.json", hyperparameters_of(request))
    write_json(config / "inputdataconfig.json", _input_data_config(request))
    write_json(config / "resourceconfig.json", _resource_config(request))


def hyperparameters_of(request: Request) -> dict[str, Any]:
    """Return the hyperparameters as the service keeps them, as texts: a reference may have led to a number.

    One that leads to what isn't known yet stays.
    """
    given = (request.get("HyperParameters") or {}).items()
    return {name: value if isinstance(value, dict) else as_text(value) for name, value in given}


def training_environment(
    request: Request, *, job_name: str = "", job_arn: str = "", region: str = "", cpus: int | None = None, gpus: int = 0
) -> dict[str, str]:
    """Return every variable that AWS's training toolkit sets for the script, SageMaker's own, and the request's.

    `cpus` is by default what this machine has. The request's `Environment` comes last, as on SageMaker.
    """
    environment = local_variables("Training", request)
    split = _split(request)
    state = _training_state(request, environment, job_name, (os.cpu_count() or 1) if cpus is None else cpus, gpus)
    sm = {f"SM_{name.upper()}": _text(value) for name, value in _sm_values(state).items()}
    start = start_of(framework_parameters(request), group_of(request), gpus)
    service = {
        **(start.variables if start else {}),
        "TRAINING_JOB_NAME": job_name, "TRAINING_JOB_ARN": job_arn, **region_variables(region),
        "SAGEMAKER_JOB_NAME": _plain(split[1].get("sagemaker_job_name", "")), "CURRENT_HOST": HOST,
        "SAGEMAKER_REGION": _plain(split[1].get("sagemaker_region", region)), "PYTHONPATH": CODE,
    }  # fmt: skip
    return {**service, **sm, **environment}


def is_module(request: Request, code: Path) -> bool:
    """Tell whether the entry point is a module's name: scikit-learn's and XGBoost's images run one as it is."""
    image = str((request.get("AlgorithmSpecification") or {}).get("TrainingImage") or "")
    program = _plain(_given_program(request) or "")
    return bool(_MODULES.search(image) and _ENTRY_POINT.fullmatch(program)) and (code / f"{program}.py").is_file()


def training_command(request: Request, *, package: bool = False, module: bool = False) -> tuple[str, ...]:
    """Return the command, to be run in /opt/ml/code: the request's own, or the script with its hyperparameters.

    `package` says that there is a `setup.py` beside the script, which the toolkit then installs and runs as a module,
    `module` that it is one's name.
    Raises InputProblems (PB513) where the request names no script, or not one inside the code folder.
    """
    algorithm = request.get("AlgorithmSpecification") or {}
    if algorithm.get("ContainerEntrypoint"):
        return own_command(algorithm)
    program = _entry_point(request)
    arguments = user_arguments(_split(request)[0])
    if module:
        return ("python", "-m", program, *arguments)
    if start := start_of(framework_parameters(request), group_of(request), gpus=0):
        return started(start, program, arguments, package=package)
    if program.endswith(".sh") or (not package and not program.endswith(".py")):
        quoted = shlex.quote(program)
        return ("/bin/sh", "-c", f"chmod +x ./{quoted} && exec ./{quoted} {shlex.join(arguments)}")
    if package:
        return installed(("python", "-m", program.removesuffix(".py"), *arguments))
    return ("python", "--", program, *arguments)


def user_arguments(hyperparameters: Mapping[str, JSON]) -> tuple[str, ...]:
    """Return the script's arguments: sorted by name, `--name value`, one dash for a name of one letter."""
    arguments: list[str] = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        flag = f"--{name}" if len(name) > 1 else f"-{name}" if name else ""
        pairs = isinstance(value, dict) and ",".join(f"{k}={v}" for k, v in sorted(value.items()))
        arguments += [flag, _plain(value) if pairs is False else pairs]
    return tuple(arguments)


def _given_program(request: Request) -> Any:
    environment = request.get("Environment") or {}
    return environment.get("SAGEMAKER_PROGRAM") or _split(request)[1].get("sagemaker_program")


def _entry_point(request: Request) -> str:
    given = _given_program(request)
    if not given:
        message = "the training request names no script: it has neither 'sagemaker_program' nor 'ContainerEntrypoint'"
        hint = "built-in algorithms and images with their own program need Docker or AWS; give the step an entry point"
        raise InputProblems(Problem(id="PB513", message=message, hint=hint))
    program = _plain(given)
    if not _ENTRY_POINT.fullmatch(program) or {".", ".."} & set(program.split("/")):
        message = f"the training entry point '{program}' is not a plain relative path inside the code folder"
        raise InputProblems(Problem(id="PB513", message=message, hint="use letters, digits and . _ + - / only"))
    return program


def _split(request: Request) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Return the hyperparameters for the script and those for the container, each parsed as JSON where it is that."""
    mine: dict[str, JSON] = {}
    own: dict[str, JSON] = {}
    for name, text in hyperparameters_of(request).items():
        target = own if name.startswith(_OWN_PREFIX) or name in _OWN_NAMES else mine
        try:
            target[name] = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            target[name] = text
    return mine, own


def framework_parameters(request: Request) -> dict[str, JSON]:
    """Return the hyperparameters for the container but for those that the toolkit knows by name."""
    return {k: v for k, v in _split(request)[1].items() if k not in (*_OWN_KNOWN, *_OWN_NAMES)}


def group_of(request: Request) -> str:
    """Return the name of the instance group that is played."""
    return instance_group(request) or GROUP


def _training_state(
    request: Request, environment: Mapping[str, str], job_name: str, cpus: int, gpus: int
) -> dict[str, JSON]:
    """Return what the toolkit knows of the job, which is also the content of SM_TRAINING_ENV."""
    mine, own = _split(request)
    framework = framework_parameters(request)
    resources = _resource_config(request)
    channels = _input_data_config(request)
    program = environment.get("SAGEMAKER_PROGRAM") or own.get("sagemaker_program")
    distributed = any(framework.get(name) for name in _DISTRIBUTIONS)
    group = str(resources["current_group_name"])
    groups: JSON = framework.get("sagemaker_distribution_instance_groups", [group] if distributed else [])
    return {
        "additional_framework_parameters": framework,
        "channel_input_dirs": {name: f"{OPT_ML}/input/data/{name}" for name in channels},
        "current_host": HOST, "current_instance_group": group, "current_instance_group_hosts": resources["hosts"],
        "current_instance_type": resources["current_instance_type"],
        "distribution_hosts": resources["hosts"] if isinstance(groups, list) and group in groups else [],
        "distribution_instance_groups": groups,
        "framework_module": environment.get("SAGEMAKER_TRAINING_MODULE"), "hosts": resources["hosts"],
        "hyperparameters": mine, "input_config_dir": f"{OPT_ML}/input/config", "input_data_config": channels,
        "input_dir": f"{OPT_ML}/input", "instance_groups": [group],
        "instance_groups_dict": {group: _instance_group(request)}, "is_hetero": False, "is_master": True,
        "is_modelparallel_enabled": None, "is_smddpmprun_installed": False, "is_smddprun_installed": False,
        "job_name": job_name or None, "log_level": own.get("sagemaker_container_log_level", 20),
        "master_hostname": HOST, "model_dir": f"{OPT_ML}/model",
        "module_dir": _plain(own.get("sagemaker_submit_directory", CODE)),
        "module_name": _plain(program).removesuffix(".py"), "network_interface_name": NETWORK,
        "num_cpus": cpus, "num_gpus": gpus, "num_neurons": 0, "output_data_dir": f"{OPT_ML}/output/data",
        "output_dir": f"{OPT_ML}/output", "output_intermediate_dir": f"{OPT_ML}/output/intermediate",
        "resource_config": resources, "topology": [], "user_entry_point": program,
    }  # fmt: skip


def _sm_values(state: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the values of the SM_ variables by the rest of their names, in the toolkit's own small letters."""
    renamed = {"hyperparameters": "hps", "additional_framework_parameters": "framework_params"}
    hidden = (
        "channel_input_dirs", "distribution_hosts", "is_master", "is_modelparallel_enabled", "is_smddpmprun_installed",
        "is_smddprun_installed", "job_name", "master_hostname", "topology",
    )  # fmt: skip
    values = {renamed.get(name, name): value for name, value in state.items() if name not in hidden}
    channels, hyperparameters = state["channel_input_dirs"], state["hyperparameters"]
    assert isinstance(channels, dict)
    assert isinstance(hyperparameters, dict)
    values |= {"channels": list[JSON](sorted(channels)), "training_env": dict(state)}
    values["user_args"] = list[JSON](user_arguments(hyperparameters))
    values |= {f"channel_{name}": path for name, path in channels.items()}
    values |= {f"hp_{name}": value for name, value in hyperparameters.items()}
    return values


def _input_data_config(request: Request) -> dict[str, JSON]:
    return {channel["ChannelName"]: _channel(channel, request) for channel in request.get("InputDataConfig") or ()}


def _channel(channel: Mapping[str, Any], request: Request) -> dict[str, JSON]:
    source = (channel.get("DataSource") or {}).get("S3DataSource") or {}
    config: dict[str, JSON] = {
        "TrainingInputMode": input_mode(channel, request),
        "S3DistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
        "RecordWrapperType": channel.get("RecordWrapperType") or "None",
    }
    return config | ({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {})


def _resource_config(request: Request) -> dict[str, JSON]:
    group = _instance_group(request)
    return {
        "current_host": HOST, "current_instance_type": group["instance_type"],
        "current_group_name": group["instance_group_name"],
        "hosts": [HOST], "instance_groups": [group], "network_interface_name": NETWORK,
    }  # fmt: skip


def _instance_group(request: Request) -> dict[str, JSON]:
    resources = request.get("ResourceConfig") or {}
    # Of groups the first one's instance; of preferences the first, which is launched if there is any of it.
    choices = [*(resources.get("InstanceGroups") or ()), *(resources.get("InstancePreferences") or ()), {}]
    kind = resources.get("InstanceType") or choices[0].get("InstanceType") or "local"
    return {"instance_group_name": group_of(request), "instance_type": kind, "hosts": [HOST]}


def _text(value: JSON) -> str:
    """Return a variable's value as the toolkit writes it."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _plain(value: JSON) -> str:
    return "" if value is None else str(value)

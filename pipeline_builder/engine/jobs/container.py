"""What all containers of SageMaker have in common: host, network, the code's folder, how their files are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.references import as_text
from pipeline_builder.engine.jobs.paths import OPT_ML

Request = Mapping[str, Any]
"""A request of the SageMaker API, every reference in it resolved."""
HOST = "algo-1"
NETWORK = "eth0"
CODE = f"{OPT_ML}/code"


def region_variables(region: str) -> dict[str, str]:
    """Return the variables that name the Region."""
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}


def network_isolated(request: Request) -> bool:
    """Tell whether the job's network is to be cut off; of a transform its model says it."""
    said = (request, request.get("NetworkConfig") or {}, request.get("Model") or {})
    return any(place.get("EnableNetworkIsolation") is True for place in said)


def own_command(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the entry point and the arguments that a request gives its container itself."""
    words = (*given["ContainerEntrypoint"], *(given.get("ContainerArguments") or ()))
    return tuple(as_text(word) for word in words)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of the container's configuration, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
    temporary.replace(path)

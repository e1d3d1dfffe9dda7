"""What a batch transform job finds in its container: the spec of what it does, and its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Request = Mapping[str, Any]


def spec_of(request: Request, *, files: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the spec for a CreateTransformJob request; `files` are (input, output) paths inside the container."""
    source, result = request["TransformInput"], request["TransformOutput"]
    limit = request.get("MaxPayloadInMB")
    return {
        "files": [list(pair) for pair in files],
        "content_type": source.get("ContentType"), "accept": result.get("Accept"),
        "compression": source.get("CompressionType") or "None", "split": source.get("SplitType") or "None",
        "strategy": request.get("BatchStrategy") or "MultiRecord", "assemble": result.get("AssembleWith") or "None",
        "max_payload_mb": 6 if limit is None else limit,
    }  # fmt: skip


def environment_of(request: Request, container: Request) -> dict[str, str]:
    """Return the variables of the model's container in a transform job; its own `Environment` comes last."""
    limit = request.get("MaxPayloadInMB")
    single = request.get("BatchStrategy") == "SingleRecord"
    service = {
        "SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(6 if limit is None else limit),
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if single else "MULTI_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(request.get("MaxConcurrentTransforms") or 1),
    }  # fmt: skip
    given = {**(container.get("Environment") or {}), **(request.get("Environment") or {})}
    return {**service, **{str(name): str(value) for name, value in given.items()}}


def unsupported(request: Request) -> list[str]:
    """Return a sentence for each thing a CreateTransformJob request asks for that this runner can't do."""
    source = request.get("TransformInput") or {}
    data = request.get("DataProcessing") or {}
    split = source.get("SplitType") or "None"
    found = []
    if split not in ("None", "Line"):
        found.append(f"SplitType '{split}' is not supported here, only 'None' and 'Line'")
    if (data.get("JoinSource") or "None") != "None":
        found.append(f"DataProcessing JoinSource '{data['JoinSource']}' is not supported here, only 'None'")
    found += [
        f"DataProcessing {name} '{data[name]}' is not supported here, only '$', which takes everything"
        for name in ("InputFilter", "OutputFilter")
        if data.get(name, "$") not in ("$", "")
    ]
    if request.get("MaxPayloadInMB") == 0 and split != "None":
        found.append("MaxPayloadInMB 0 means no limit, which goes with SplitType 'None' only")
    return found

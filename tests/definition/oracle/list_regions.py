"""Writes the accounts of AWS's own images by Region, as the SDK's data has them: `python -m tests.definition.oracle.list_regions FILE`."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

from tests.definition.oracle.aws import cut_the_network

cut_the_network()

import botocore.loaders  # noqa: E402 - the network is cut before the SDK is there
from sagemaker import image_uris  # noqa: E402

# The SDK reads the list of endpoints anew for each of hundreds of images.
botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)

if __name__ == "__main__":
    found = {}
    for framework, version, python in (("sklearn", "1.2-1", "py3"), ("xgboost", "1.7-1", "py3")):
        for region in image_uris.config_for_framework(framework)["training"]["versions"][version]["registries"]:
            address = image_uris.retrieve(framework, region, version=version, py_version=python)
            found[f"{framework} training {region}"] = address.replace(":1.7-1-cpu-py3", ":1.7-1")
    for framework, version, python in (("pytorch", "2.6.0", "py312"), ("tensorflow", "2.19.0", "py312")):
        for part in ("training", "inference"):
            for region in image_uris.config_for_framework(framework)[part]["versions"][version]["registries"]:
                found[f"{framework} {part} {region}"] = image_uris.retrieve(
                    framework,
                    region,
                    version=version,
                    py_version=python if part == "training" or framework == "pytorch" else None,
                    instance_type="ml.m5.large",
                    image_scope=part,
                )
    Path(sys.argv[1]).write_text(json.dumps(found))

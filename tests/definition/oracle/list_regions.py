"""Writes the accounts of AWS's own images by Region, as the SDK's data has them: `python -m tests.definition.oracle.list_regions FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.definition.oracle.aws import cut_the_network

cut_the_network()

from sagemaker import image_uris  # noqa: E402 - the network is cut before the SDK is there

if __name__ == "__main__":
    found = {}
    for framework, version in (("sklearn", "1.2-1"), ("xgboost", "1.7-1")):
        for region in image_uris.config_for_framework(framework)["training"]["versions"][version]["registries"]:
            found[f"{framework} {region}"] = image_uris.retrieve(framework, region, version=version, py_version="py3")
    Path(sys.argv[1]).write_text(json.dumps(found))

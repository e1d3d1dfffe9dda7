"""Tells addresses of images, in the SDK's environment: a line of JSON for a line of JSON."""

from __future__ import annotations

import functools
import gc
import json
import re
import sys
from collections.abc import Mapping
from typing import Any


def main() -> None:
    """Answer one question: `{"images": [{…}, …]}` by `{"answers": [{"address"} or {"refused"}, …]}`."""
    asked = json.loads(sys.stdin.readline())["images"]
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever the SDK prints is no answer
    _load_once()
    gc.disable()  # a third of the seconds that the SDK's thousands of classes take is looking for what they leave
    found = [_answer(image) for image in asked]
    answers.write(json.dumps({"answers": found}) + "\n")
    answers.flush()


def _load_once() -> None:
    """Let botocore have one loader, which keeps what it has read: the SDK reads the endpoints for every image."""
    import botocore.loaders

    botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)


def _answer(image: Mapping[str, Any]) -> dict[str, str]:
    if not re.fullmatch(r"[\w-]+", image["framework"]):  # the SDK takes it for the name of a file
        return {"refused": f"there is no framework {image['framework']!r}"}
    from sagemaker import image_uris

    try:
        address = image_uris.retrieve(
            image["framework"],
            image["region"],
            version=image.get("version") or None,
            py_version=image.get("py_version"),
            instance_type=image.get("instance_type") or None,
            image_scope=image.get("scope") or None,
            base_framework_version=image.get("base_framework_version"),
        )
    except Exception as error:  # noqa: BLE001 - whatever the SDK has against it is the answer
        return {"refused": str(error) or type(error).__name__}
    return {"address": str(address)}


if __name__ == "__main__":
    main()

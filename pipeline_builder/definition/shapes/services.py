"""The services whose shapes the installed botocore has, read from its data."""

from __future__ import annotations

import functools
from pathlib import Path

from pipeline_builder.definition.shapes.shapes import Shapes


def load_sagemaker() -> Shapes:
    """Return the shapes of SageMaker's API; see `load_service`."""
    return load_service("sagemaker")


@functools.cache
def load_service(name: str) -> Shapes:
    """Return the shapes of a service's API, of the newest version that the installed botocore has.

    Only botocore's data is read: importing its validator takes ten times as long, as it brings the HTTP stack.

    Raises:
        ModuleNotFoundError: botocore is not installed.
    """
    import gzip
    import importlib.util
    import json

    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed", name="botocore")
    versions = Path(spec.submodule_search_locations[0], "data", name).iterdir()
    folder = max(path for path in versions if any(path.glob("service-2.json*")))
    plain = folder / "service-2.json"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    model = json.loads(content)
    return Shapes(model["shapes"], model["operations"])

"""Runs a program that builds a pipeline, in a job, up to where it would make or start it; its definition is the answer.

Nothing that it writes is trusted by whoever reads it. Time and chance stand still, as for a factory: names that the SDK
makes of them are the same each time.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import logging
import os
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import factory  # type: ignore[import-not-found] # beside this file
import smp_once  # type: ignore[import-not-found]

_FUNCTIONS = ("get_pipeline", "create_pipeline", "build_pipeline", "make_pipeline", "pipeline")
_MAKING = ("upsert", "create", "update", "start", "put_triggers")


class Enough(BaseException):
    """The program has come to where it would make its pipeline."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__()
        self.pipeline = pipeline


def main(given: str, result: str) -> None:
    """Write `{"PipelineName", "PipelineDefinition"}`, or `{"failed": {…}}`."""
    asked = json.loads(Path(given).read_text("utf-8"))
    sys.stdout = sys.stderr  # whatever is printed belongs to the log
    logging.disable(logging.WARNING)
    factory._stand_still()  # noqa: SLF001 - of the same program
    try:
        pipeline = _pipeline(asked)
        text = factory._called(pipeline.definition, Path.cwd(), kind="refused")  # noqa: SLF001
        found: dict[str, Any] = {"PipelineName": str(pipeline.name), "PipelineDefinition": text}
    except factory.Failed as error:
        found = {"failed": error.said}
    Path(result).write_text(json.dumps(found), "utf-8")


def _pipeline(asked: Mapping[str, Any]) -> Any:
    _configure(asked)
    _use_one_address()
    smp_once.validate_once()
    sys.path.remove(str(Path(__file__).parent))  # the program's modules may have any names
    gc.disable()  # a third of the seconds that the SDK's thousands of classes take is looking for what they leave
    kind = _kind(asked["version"])
    gc.freeze()
    gc.enable()
    for name in _MAKING:
        if hasattr(kind, name):
            setattr(kind, name, _stop)
    sys.path.insert(0, str(Path.cwd()))
    made = _ended(lambda: runpy.run_path(str(Path.cwd() / asked["entry_point"]), run_name="__main__"))
    return made if isinstance(made, kind) else _chosen(kind, made, asked)


def _ended(work: Callable[[], Any]) -> Any:
    """Do what is the program's; return what came of it, or the pipeline that it was about to make."""

    def watched() -> Any:
        try:
            return work()
        except Enough as enough:
            return enough.pipeline

    return factory._called(watched, Path.cwd())  # noqa: SLF001


def _stop(pipeline: Any, *_: Any, **__: Any) -> None:
    raise Enough(pipeline)


def _configure(asked: Mapping[str, Any]) -> None:
    """Let every session of the program have our bucket, and keep what it uploads below our prefix."""
    session = {"DefaultS3Bucket": asked["bucket"], "DefaultS3ObjectKeyPrefix": asked["prefix"]}
    sdk = {"Modules": {"TelemetryOptOut": True, "Session": session}}
    path = Path(os.environ["TMPDIR"], "config.yaml")
    config = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": sdk}}
    path.write_text(json.dumps(config), "utf-8")  # which is YAML, whatever a bucket is called
    os.environ["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(path)


def _use_one_address() -> None:
    """Drop AWS's addresses where clients are made with them, as the SDK does for STS: that of the environment holds."""
    import botocore.session

    create = botocore.session.Session.create_client

    def create_client(self: Any, *arguments: Any, **named: Any) -> Any:
        if "amazonaws.com" in str(named.get("endpoint_url")):
            named["endpoint_url"] = None
        return create(self, *arguments, **named)

    botocore.session.Session.create_client = create_client


def _kind(version: int) -> Any:
    name = "sagemaker.workflow.pipeline" if version == 2 else "sagemaker.mlops.workflow.pipeline"
    return importlib.import_module(name).Pipeline


def _chosen(kind: Any, made: Mapping[str, Any], asked: Mapping[str, Any]) -> Any:
    """Return the program's one pipeline: at its top, or what its function returns."""
    if not asked["function"]:
        found = {id(value): value for value in made.values() if isinstance(value, kind)}
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            names = ", ".join(sorted(f"'{value.name}'" for value in found.values()))
            raise factory.Failed("thing", f"builds several pipelines: {names}")
    name = asked["function"] or next((one for one in _FUNCTIONS if inspect.isfunction(made.get(one))), "")
    function = made.get(name)
    if not callable(function):
        raise factory.Failed("function", name or "builds no pipeline, and has no function that would")
    values = _values(asked)
    arguments = factory._arguments(function, values, asked)  # noqa: SLF001
    pipeline = _ended(lambda: function(**arguments))
    if not isinstance(pipeline, kind):
        raise factory.Failed("thing", f"has a function '{name}' that returns {type(pipeline).__name__}, no pipeline")
    return pipeline


def _values(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what functions that build pipelines ask for, by the names that they have for it."""
    role, region, bucket = asked["role"], asked["region"], asked["bucket"]
    values = {"role": role, "role_arn": role, "region": region, "default_bucket": bucket, "bucket": bucket}
    return {**values, "pipeline_name": asked["pipeline"]} if asked["pipeline"] else values


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The cases: what a file of `cases/<area>/` says, and the definition and objects that are made of it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.yamls import read_yaml

CASES = Path(__file__).with_name("cases")
KEYS = {"says", "source", "objects", "archives", "scripts", "parameters", "values", "stubs", "steps", "expect"}
"""What a case may say.

- `says`: the feature in a sentence, as SageMaker documents it; `source`: where.
- `objects`: uri -> text, `archives`: uri -> {name: text} of a tar.gz, both put before the run. A case has the bucket `b`
  for itself.
- `scripts`: step -> Python that the step runs, with the usual way of its type around it (below).
- `parameters`: as in a definition; `values`: what the run is given for them.
- `stubs`: step -> the properties that it has instead of running.
- `steps`: as in a definition, but what they must have and what isn't said is filled in by `_filled`; a member that
  is null is left out.
- `expect`: see `Expectation`.
"""
_CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
_ROLE = "arn:aws:iam::000000000000:role/local"
_CODE = "/opt/ml/processing/input/code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What has to come out.

    `status` is the execution's, `steps` maps a step to its status or to {status, says} with a part of its reason,
    `objects` maps an address (with * for a part of a name) to its text, or to a document where the text is JSON,
    `absent` are addresses that nobody has, `log` maps a step to lines that its log has, in this order.
    `refused` is the id of the problem for which nothing runs, with `says` as a part of its words.
    """

    status: str = "Succeeded"
    refused: str = ""
    says: str = ""
    steps: Mapping[str, str | Mapping[str, str]]
    objects: Mapping[str, Any]
    absent: tuple[str, ...]
    log: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One feature."""

    name: str
    says: str
    source: str
    definition: bytes
    objects: Mapping[str, bytes]
    values: Mapping[str, str]
    stubs: Mapping[str, Mapping[str, Any]]
    expect: Expectation


def case_names() -> tuple[str, ...]:
    """Every case, as area/feature."""
    return tuple(sorted(str(path.relative_to(CASES).with_suffix("")) for path in CASES.glob("*/*.yaml")))


def load_case(name: str) -> Case:
    """Read a case; its bucket `b` becomes one that no other case has."""
    bucket = name.replace("/", "-").replace("_", "-")
    text = (CASES / f"{name}.yaml").read_text(encoding="utf-8").replace("s3://b/", f"s3://{bucket}/")
    said: dict[str, Any] = read_yaml(text)
    assert not said.keys() - KEYS, f"{name}: {sorted(said.keys() - KEYS)}"
    scripts: dict[str, str] = said.get("scripts", {})
    codes = {step: f"s3://{bucket}/.code/{step}/sourcedir.tar.gz" for step in scripts}
    archives = {codes[step]: {"main.py": script} for step, script in scripts.items()} | said.get("archives", {})
    steps = [_filled(step, codes, bucket) for step in said["steps"]]
    assert scripts.keys() <= {step["Name"] for step in _every(steps)}, f"{name}: a script of no step"
    document = {"Version": "2020-12-01", "Parameters": said.get("parameters", []), "Steps": steps}
    return Case(
        name=name,
        says=said["says"],
        source=said["source"],
        definition=json.dumps(document).encode(),
        objects={uri: text.encode() for uri, text in said.get("objects", {}).items()}
        | {f"s3://{bucket}/.code/{step}/main.py": script.encode() for step, script in scripts.items()}
        | {uri: _archive(files) for uri, files in archives.items()},
        values={key: str(value) for key, value in said.get("values", {}).items()},
        stubs=said.get("stubs", {}),
        expect=_expectation(said["expect"]),
    )


def _expectation(said: Mapping[str, Any]) -> Expectation:
    nothing: dict[str, Any] = {"steps": {}, "objects": {}}
    lists = {"absent": tuple(said.get("absent", ())), "log": {k: tuple(v) for k, v in said.get("log", {}).items()}}
    return Expectation(**{**nothing, **said, **lists})


def _every(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from _every(step.get("Arguments", {}).get(branch, []))


def _filled(step: Mapping[str, Any], codes: Mapping[str, str], bucket: str) -> dict[str, Any]:
    """Return the step with what its type must have, where it says nothing of it."""
    arguments = dict(step.get("Arguments", {}))
    for branch in ("IfSteps", "ElseSteps"):
        if branch in arguments:
            arguments[branch] = [_filled(inner, codes, bucket) for inner in arguments[branch]]
    if fill := _DEFAULTS.get(step["Type"]):
        arguments = _merged(fill(step["Name"], codes.get(step["Name"], ""), bucket), arguments)
    return {**step, "Arguments": {key: value for key, value in arguments.items() if value is not None}}


def _merged(below: Any, above: Any) -> Any:
    """Return `above` over `below`; of two lists the lower one comes first, of steps' inputs and outputs."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _merged(below.get(key), above.get(key, below.get(key))) for key in {**below, **above}}
    return below + above if isinstance(below, list) and isinstance(above, list) and below is not above else above


def _processing(name: str, code: str, bucket: str) -> dict[str, Any]:
    """The script as an input, started by python3; what it writes to /opt/ml/processing/output is s3://b/<step>/."""
    where = {"S3Uri": code.replace("sourcedir.tar.gz", "main.py"), "LocalPath": _CODE, "S3DataType": "S3Prefix"}
    output = {"S3Uri": f"s3://{bucket}/{name}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    own = {"ImageUri": "image:1", **({"ContainerEntrypoint": ["python3", f"{_CODE}/main.py"]} if code else {})}
    return {
        "AppSpecification": own,
        "RoleArn": _ROLE,
        "ProcessingResources": {"ClusterConfig": {**_CLUSTER, "VolumeSizeInGB": 1}},
        "ProcessingInputs": [{"InputName": "code", "S3Input": {**where, "S3InputMode": "File"}}] if code else [],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }


def _training(name: str, code: str, bucket: str) -> dict[str, Any]:
    """The script in script mode; its model is s3://b/<step>/<job>/output/model.tar.gz."""
    return {
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "RoleArn": _ROLE,
        "ResourceConfig": {**_CLUSTER, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/{name}"},
        "HyperParameters": {"sagemaker_program": "main.py", "sagemaker_submit_directory": code} if code else {},
    }


def _model(_name: str, code: str, _bucket: str) -> dict[str, Any]:
    """The script as the handlers of the container."""
    environment = {"SAGEMAKER_PROGRAM": "main.py", "SAGEMAKER_SUBMIT_DIRECTORY": code} if code else {}
    return {"ExecutionRoleArn": _ROLE, "PrimaryContainer": {"Image": "image:1", "Environment": environment}}


def _transform(name: str, _code: str, bucket: str) -> dict[str, Any]:
    """What comes out is s3://b/<step>/<key>.out."""
    return {"TransformOutput": {"S3OutputPath": f"s3://{bucket}/{name}"}, "TransformResources": _CLUSTER}


_DEFAULTS = {"Processing": _processing, "Training": _training, "Model": _model, "Transform": _transform}


def _archive(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()

"""Probes of batch transform: the end of a range in a filter, names with `_` in one, and an answer of 4xx."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

from acceptance import own
from acceptance.ground import Ground, Otherwise, Seen
from acceptance.scenarios.probing import TRAINING, Probe, Ran, Step, play, read_object

# It gives back what it gets. A record that says `refuse` is answered with 400, and counted in the log.
_PROGRAM = """\
try:
    from sagemaker_containers.beta.framework import worker

    Response = worker.Response
except ImportError:
    from werkzeug.wrappers import Response


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return body.decode() if isinstance(body, (bytes, bytearray)) else body


def predict_fn(data, model):
    return data


def output_fn(prediction, accept):
    if "refuse" in prediction:
        print("acceptance: refused", flush=True)
        return Response(prediction, status=400)
    return prediction, accept
"""
_ARCHIVE = "probe/model.tar.gz"
_ASKED = "acceptance: refused"


def _prepare(ground: Ground) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        content = _PROGRAM.encode()
        entry = tarfile.TarInfo("code/inference.py")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    own.put(ground, ground.own, _ARCHIVE, packed.getvalue())
    own.put(ground, ground.own, "probe/plain/rows.csv", b"1\n")
    own.put(ground, ground.own, "probe/columns/rows.csv", b"1,2,3,4\n")
    own.put(ground, ground.own, "probe/named/rows.jsonl", b'{"a_b": 7, "c": 8}\n')
    own.put(ground, ground.own, "probe/refused/rows.csv", b"refuse\n")


def _steps(ground: Ground, name: str, content_type: str, **processing: str) -> list[Step]:
    container = {
        "Image": own.image(ground), "ModelDataUrl": f"s3://{ground.own}/{_ARCHIVE}",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }  # fmt: skip
    role = ground.arn("iam", f"role/{ground.name}-{own.JOBS}")
    model = {"Name": "Model", "Type": "Model", "Arguments": {"PrimaryContainer": container, "ExecutionRoleArn": role}}
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{ground.own}/probe/{name}/"}
    request: dict[str, Any] = {
        "ModelName": {"Get": "Steps.Model.ModelName"},
        "TransformInput": {
            "DataSource": {"S3DataSource": source}, "ContentType": content_type, "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{ground.own}/probe/out/{name}", "Accept": content_type, "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceCount": 1, "InstanceType": TRAINING},
        **({"DataProcessing": processing} if processing else {}),
    }  # fmt: skip
    return [model, {"Name": "Transform", "Type": "Transform", "Arguments": request}]


def _output(ran: Ran, key: str) -> str:
    return read_object(ran.ground, f"s3://{ran.ground.own}/probe/out/{key}.out").decode().strip()


def _range(ran: Ran) -> Iterator[Seen]:
    ran.check("Succeeded")
    found = _output(ran, "columns/rows.csv")
    yield Seen(point="filter-range-end", ok=found == "2,3", words=f"$[1:3] of 1,2,3,4 is {found}")


def _underscore(ran: Ran) -> Iterator[Seen]:
    if ran.status != "Succeeded":
        yield Seen(point="filter-underscore", ok=False, words=ran.reasons())
        return
    found = _output(ran, "named/rows.jsonl")
    yield Seen(point="filter-underscore", ok=found == "7", words=f"$.a_b of its record is {found}")


def _refused(ran: Ran) -> Iterator[Seen]:
    job = str(ran.job("Transform")["TransformJobName"])
    ground, group = ran.ground, "/aws/sagemaker/TransformJobs"
    streams = ground.pages("logs", "describe_log_streams", "logStreams", logGroupName=group, logStreamNamePrefix=job)
    count = 0
    for stream in streams:
        found = ground.call(
            "logs", "get_log_events", logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )
        count += sum(_ASKED in event["message"] for event in found["events"])
    if not count:
        raise Otherwise(f"the log of {job} has no record that was refused; {ran.reasons()}")
    yield Seen(point="transform-4xx", ok=count == 1, words=f"a record answered with 400 was sent {count} times")


def _plain(ran: Ran) -> Iterator[Seen]:
    """The others say something only where a transform of this image runs at all."""
    ran.check("Succeeded")
    yield from ()


PROBES = (
    Probe(
        name="plain",
        steps=lambda ground: _steps(ground, "plain", "text/csv"),
        judge=_plain,
        prepare=_prepare,
    ),
    Probe(name="columns", steps=lambda ground: _steps(ground, "columns", "text/csv", InputFilter="$[1:3]"),
          judge=_range, prepare=_prepare),
    Probe(name="named", steps=lambda ground: _steps(ground, "named", "application/jsonlines", InputFilter="$.a_b"),
          judge=_underscore, prepare=_prepare),
    Probe(name="refused", steps=lambda ground: _steps(ground, "refused", "text/csv"),
          judge=_refused, prepare=_prepare),
)  # fmt: skip


def transforms(ground: Ground) -> Iterator[Seen]:
    """Run them all."""
    yield from play(ground, PROBES, minutes=45)

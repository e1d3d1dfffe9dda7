"""Probes of processing and training jobs, and of what a pipeline makes of their ends."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from acceptance.ground import Ground, Otherwise, Seen
from acceptance.scenarios.probing import Probe, Ran, Step, play, processing, read_object, training

_NOTHING = "print('done')"
_FAIL = "raise SystemExit('meant')"
_SLEEP = "import time; time.sleep(600)"
# Texts of a container's command have at most 256 characters.
_LIST = (
    "import os; b='/opt/ml/processing'; f=[os.path.join(d,n) for d,_,ns in os.walk(b) for n in ns];"
    "open('/opt/ml/output/message','w').write(' '.join(sorted(f))[:900])"
)
_LINK = (
    "import os; b=os.environ.get('SAGEMAKER_BASE_DIR','/opt/ml')+'/model';"
    "open(b+'/real.txt','w').write('real'); os.symlink('real.txt', b+'/link.txt')"
)
_METRIC = "print('loss=0.25;')"


def _control_steps(ground: Ground) -> list[Step]:
    return [processing(ground, "Plain", _NOTHING), training(ground, "Trained", _NOTHING)]


def _control(ran: Ran) -> Iterator[Seen]:
    """The others say something only where jobs of this image run at all."""
    ran.check("Succeeded")
    yield from ()


def _max_runtime_steps(ground: Ground) -> list[Step]:
    late = processing(ground, "Late", _SLEEP, seconds=10)
    return [late, processing(ground, "After", _NOTHING, DependsOn=["Late"])]


def _max_runtime(ran: Ran) -> Iterator[Seen]:
    job = str(ran.job("Late")["ProcessingJobStatus"])
    if job != "Stopped":
        raise Otherwise(f"the job is {job} before its time is over: {ran.reasons()}")
    step, after = ran.step("Late"), ran.step("After")
    words = f"the job is {job}, its step {step}, the next step {after}, the execution {ran.status}"
    ok = (step, after, ran.status) == ("Failed", "never begun", "Failed")
    reason = str(ran.steps["Late"].get("FailureReason", ""))
    yield Seen(point="step-at-max-runtime", ok=ok, words=words, evidence={"FailureReason": reason})


def _any_steps(ground: Ground) -> list[Step]:
    return [
        processing(ground, "Fails", _FAIL),
        processing(ground, "Never", _NOTHING, DependsOn=["Fails"]),
        processing(ground, "Anyway", _NOTHING, DependsOn=[{"Step": "Never", "Trigger": "Any"}]),
    ]


def _any(ran: Ran) -> Iterator[Seen]:
    ran.job("Fails")
    words = f"the step that waits for Any is {ran.step('Anyway')}, the execution {ran.status}"
    yield Seen(point="any-never-started", ok=ran.step("Anyway") == "Succeeded", words=words)


def _pipe_steps(ground: Ground) -> list[Step]:
    source = {
        "S3Uri": f"s3://{ground.own}/probe/rows.csv", "LocalPath": "/opt/ml/processing/input/rows",
        "S3DataType": "S3Prefix", "S3InputMode": "Pipe",
    }  # fmt: skip
    inputs = [{"InputName": "rows", "S3Input": source}]
    return [processing(ground, "Pipe", _LIST, request={"ProcessingInputs": inputs})]


def _pipe(ran: Ran) -> Iterator[Seen]:
    found = str(ran.job("Pipe").get("ExitMessage", ""))
    ok = "/opt/ml/processing/input/rows_0" in found.split()
    yield Seen(point="pipe-place", ok=ok, words=f"below /opt/ml/processing: {found or 'nothing'}")


def _link_steps(ground: Ground) -> list[Step]:
    return [training(ground, "Links", _LINK)]


def _link(ran: Ran) -> Iterator[Seen]:
    ran.check("Succeeded")
    uri = str(ran.job("Links")["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(read_object(ran.ground, uri))) as archive:
        found = {member.name.removeprefix("./"): "link" if member.issym() else "file" for member in archive}
    words = f"model.tar.gz has {', '.join(f'{name} ({kind})' for name, kind in sorted(found.items()) if name != '.')}"
    yield Seen(point="training-links", ok="link" not in found.values() and "link.txt" not in found, words=words)


def _metric_steps(ground: Ground) -> list[Step]:
    # Python's own spelling of a group with a name; in Java's there is no P.
    definitions = [
        {"Name": "plain", "Regex": "loss=([0-9.]+);"},
        {"Name": "named", "Regex": "loss=(?P<value>[0-9.]+);"},
    ]
    return [training(ground, "Metrics", _METRIC, algorithm={"MetricDefinitions": definitions})]


def _metric(ran: Ran) -> Iterator[Seen]:
    ran.check("Succeeded")
    found = {one["MetricName"]: one["Value"] for one in ran.job("Metrics").get("FinalMetricDataList", ())}
    words = f"found: {', '.join(f'{name}={value:g}' for name, value in sorted(found.items())) or 'nothing'}"
    yield Seen(point="metric-expressions", ok={"plain", "named"} <= found.keys(), words=words)


PROBES = (
    Probe(name="control", steps=_control_steps, judge=_control),
    Probe(name="late", steps=_max_runtime_steps, judge=_max_runtime),
    Probe(name="any", steps=_any_steps, judge=_any),
    Probe(name="pipe", steps=_pipe_steps, judge=_pipe),
    Probe(name="links", steps=_link_steps, judge=_link),
    Probe(name="metrics", steps=_metric_steps, judge=_metric),
)


def jobs(ground: Ground) -> Iterator[Seen]:
    """Run them all."""
    yield from play(ground, PROBES, minutes=45)

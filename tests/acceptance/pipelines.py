"""A CodePipeline of our own on 127.0.0.1: no emulator has one. It behaves as its documentation says.

Two pipelines can be played: the one that only asks, which is created by its API, and the service's, which is there as
soon as its stack is. The builds of the service are real: `pipeline-builder stage …` in the unpacked archive, against
`serve`. Times are short: an approval expires after seconds, a run's limit is one of seconds, a schedule fires at once.
"""

from __future__ import annotations

import io
import json
import os
import queue
import re
import shlex
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.acceptance.emulation import BUCKET, HURRYING, NAME, OWN, Account
from tests.places import ROOT
from tests.service.formation import ACCOUNT
from tests.service.services import read_template

PERSON = f"arn:aws:sts::{ACCOUNT}:assumed-role/people/ada"
STAGES = {
    "asks": (("Source", "source"), ("Approve", "approve")),
    "service": (
        ("Source", "source"),
        ("Build", "build"),
        ("Train", "build"),
        ("Approve", "approve"),
        ("Promote", "build"),
    ),
}
Body = dict[str, Any]
SERVED = "000000000000"
EXPIRES, LIMIT = 2.0, "0.25"


@dataclass
class Execution:
    """An execution, and what is said of its actions."""

    pipeline: str
    trigger: str
    variables: dict[str, str]
    started: float
    folder: Path
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    stages: dict[str, str] = field(default_factory=dict)
    details: list[Body] = field(default_factory=list)
    stopping: list[str] = field(default_factory=list)

    def is_stopped(self) -> bool:
        return bool(self.stopping)


@dataclass
class Pipelines:
    """The state of the server. `names` False lets nobody's name stand on an answer, as nobody knows."""

    account: Account
    folder: Path
    url: str = ""
    names: bool = True
    long_texts: bool = False
    refusals: dict[str, str] = field(default_factory=dict)
    """By operation the error code of its next answer."""
    made: dict[str, Body] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    queues: dict[str, queue.Queue[tuple[Execution, int]]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    threads: list[threading.Thread] = field(default_factory=list)
    ended: bool = False

    # --- what starts executions

    def begin(
        self, pipeline: str, trigger: str, variables: Mapping[str, str], started: float | None = None
    ) -> Execution:
        found = Execution(
            pipeline, trigger, dict(variables), started or time.time(), self.folder / f"run-{len(self.executions)}"
        )
        self.executions.append(found)
        self.put(found, 0)
        return found

    def put(self, execution: Execution, stage: int) -> None:
        if execution.pipeline not in self.queues:
            self.queues[execution.pipeline] = queue.Queue()
            thread = threading.Thread(target=self.work, args=(execution.pipeline,), daemon=True)
            self.threads.append(thread)
            thread.start()
        execution.status = "InProgress"
        execution.stages[self.stages(execution)[stage][0]] = "InProgress"
        self.queues[execution.pipeline].put((execution, stage))

    def stages(self, execution: Execution) -> tuple[tuple[str, str], ...]:
        return STAGES["service" if execution.pipeline == NAME else "asks"]

    def happen(self) -> None:
        """Start what has come to be started: by a push, a rule, a schedule, or by the pipeline's making."""
        with self.changed:
            if self.is_there(NAME):
                self.once(
                    f"push {self.etag('source.zip')}",
                    NAME,
                    "CloudWatchEvent" if NAME in self.seen else "CreatePipeline",
                    {},
                )
                self.seen.add(NAME)
                self.schedule()
            etag = self.etag("event.txt")
            if etag and f"{NAME}-asks" in self.made and f"event {etag}" not in self.seen:
                events = self.account.emulator.client("events")
                for target in events.list_targets_by_rule(Rule=f"{NAME}-event")["Targets"]:
                    text = target["InputTransformer"]["InputTemplate"].replace("<key>", "event.txt")
                    given = {one["name"]: one["value"] for one in json.loads(text)["variables"]}
                    self.once(f"event {etag}", f"{NAME}-asks", "CloudWatchEvent", given)

    def once(
        self, key: str, pipeline: str, trigger: str, variables: Mapping[str, str], started: float | None = None
    ) -> None:
        if key not in self.seen:
            self.seen.add(key)
            self.begin(pipeline, trigger, variables, started)

    def schedule(self) -> None:
        template = read_template(self.account.formation.stack(NAME).template)
        for resource in template["Resources"].values():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::Scheduler::Schedule" and properties["Name"] == "once":
                minute, hour, day, month, _, year = re.findall(r"[\d?]+", properties["ScheduleExpression"])
                when = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=timezone.utc)
                given = {one["Name"]: one["Value"] for one in json.loads(properties["Target"]["Input"])["Variables"]}
                self.once("schedule", NAME, "StartPipelineExecution", given, when.timestamp())

    def etag(self, key: str) -> str:
        try:
            return str(self.account.served.s3.head_object(Bucket=OWN, Key=key)["ETag"])
        except ClientError:
            return ""

    def is_there(self, name: str) -> bool:
        if name != NAME:
            return name in self.made
        stacks = self.account.formation.stacks
        return any(one.name == NAME and one.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") for one in stacks)

    # --- playing them

    def work(self, pipeline: str) -> None:
        while not self.ended:
            try:
                execution, first = self.queues[pipeline].get(timeout=0.1)
            except queue.Empty:
                continue
            self.play(execution, first)

    def play(self, execution: Execution, first: int) -> None:
        for name, kind in self.stages(execution)[first:]:
            if execution.is_stopped() or self.ended:
                break
            execution.stages[name] = "InProgress"
            if not getattr(self, f"do_{kind}")(execution, name):
                execution.stages[name] = "Stopped" if execution.is_stopped() else "Failed"
                execution.status = "Stopped" if execution.is_stopped() else "Failed"
                return
            execution.stages[name] = "Succeeded"
        execution.status = "Stopped" if execution.is_stopped() else "Succeeded"

    def detail(self, execution: Execution, stage: str) -> Body:
        found: Body = {
            "pipelineExecutionId": execution.id, "actionExecutionId": str(uuid.uuid4()), "stageName": stage,
            "actionName": stage, "status": "InProgress", "startTime": time.time(), "lastUpdateTime": time.time(),
            "input": {"resolvedConfiguration": {}}, "output": {"outputVariables": {}, "executionResult": {}},
        }  # fmt: skip
        execution.details.append(found)
        return found

    def end(self, detail: Body, status: str, summary: str = "", **more: Any) -> bool:
        detail |= {"status": status, "lastUpdateTime": time.time(), **more}
        detail["output"]["executionResult"] = {"externalExecutionSummary": summary}
        return status == "Succeeded"

    def do_source(self, execution: Execution, stage: str) -> bool:
        detail = self.detail(execution, stage)
        if execution.pipeline == NAME:
            content = self.account.served.s3.get_object(Bucket=OWN, Key="source.zip")["Body"].read()
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(execution.folder)
        return self.end(detail, "Succeeded")

    def do_build(self, execution: Execution, stage: str) -> bool:
        if stage == "Promote" and self.exports(execution, "Train").get("VERDICT") != "pass":
            return True
        detail = self.detail(execution, stage)
        code, said = self.stage(execution, stage.lower())
        found = execution.folder / "build" / "stage.env"
        lines = (
            [shlex.split(line)[1].split("=", 1) for line in found.read_text().splitlines()] if found.exists() else []
        )
        detail["output"]["outputVariables"] = dict(lines)
        return self.end(detail, "Failed" if code else "Succeeded", said[-400:] if code else "")

    def exports(self, execution: Execution, stage: str) -> dict[str, str]:
        named = [one for one in execution.details if one["stageName"] == stage]
        return dict(named[-1]["output"]["outputVariables"]) if named else {}

    def stage(self, execution: Execution, name: str) -> tuple[int, str]:
        """Run a stage as its build does; return how it ended."""
        role = f"arn:aws:iam::{SERVED}:role/{NAME}"  # `serve` knows one account and Region only
        limited = (
            "RunTimeoutMinutes:\n    Type: Number\n    Default: 5\n" in self.account.formation.stack(NAME).template
        )
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": f"{HURRYING}:{ROOT}", "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.account.served.url, "AWS_ENDPOINT_URL_CODEPIPELINE": self.url,
            "AWS_ENDPOINT_URL_ECR": self.url, "AWS_ENDPOINT_URL_SERVICE_QUOTAS": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "b", "AWS_EC2_METADATA_DISABLED": "true",
            "SMP_TARGET": "aws", "SMP_REGION": "us-east-1", "SMP_ACCOUNTID": SERVED, "SMP_S3BUCKETNAME": BUCKET,
            "SMP_ROLE": f"{role}-execution", "SMP_JOBROLES": f"{role}-{{repository}}", "SMP_CODEPIPELINE": NAME,
            "SMP_ARTIFACTS": BUCKET, "SMP_CODEPIPELINE_EXECUTION": execution.id,
            "SMP_APPROVAL": self.exports(execution, "Train").get("APPROVAL", ""),
            **{f"SMP_{key}": value for key, value in execution.variables.items()},
            **({"SMP_TIMEOUT": LIMIT} if limited else {}),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pipeline_builder", "stage", name], cwd=execution.folder, env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        (self.folder / f"{execution.folder.name}-{name}.log").write_text(done.stderr)
        return done.returncode, done.stderr

    def do_approve(self, execution: Execution, stage: str) -> bool:
        train = self.exports(execution, "Train")
        if execution.pipeline == NAME and train.get("VERDICT") != "pass":
            return True
        detail = self.detail(execution, stage)
        text = "".join(execution.variables.get(name, name.lower()) for name in "AB")
        if len(text) > 1000 and not self.long_texts:
            return self.end(detail, "Failed", "CustomData is longer than 1000 characters")
        detail["input"]["resolvedConfiguration"] = {"CustomData": text}
        detail["token"] = str(uuid.uuid4())
        deadline = time.monotonic() + (120 if execution.pipeline == NAME else EXPIRES)
        with self.changed:
            while "answer" not in detail and not execution.is_stopped() and not self.ended:
                if time.monotonic() > deadline:
                    return self.end(detail, "Failed", "Approval expired")
                self.changed.wait(0.1)
        if "answer" not in detail:
            return self.end(detail, "Abandoned")
        answer = detail["answer"]
        given = answer["status"] == "Approved"
        by = {"updatedBy": PERSON} if self.names else {}
        summary = answer["summary"] or f"{answer['status']} by {PERSON}"
        ended = self.end(detail, "Succeeded" if given else "Failed", summary, **by)
        if execution.pipeline == NAME and not given:
            self.stage(execution, "reject")
        return ended

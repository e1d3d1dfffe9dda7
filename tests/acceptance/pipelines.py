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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
# What the look at the account before a run asks of other services.
ASIDE: dict[str, Body] = {
    "DescribeImages": {"imageDetails": []},
    "BatchGetImage": {"images": [{"imageId": {"imageDigest": f"sha256:{'a' * 64}"}}]},
    "ListServiceQuotas": {"Quotas": []},
}
EXPIRES, LIMIT = 2.0, "0.1"


class Refused(Exception):
    """An error as the service answers it."""


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
    stopped: bool = False


@dataclass
class Pipelines:
    """The state of the server. `names` False lets nobody's name stand on an answer, as nobody knows."""

    account: Account
    folder: Path
    url: str = ""
    names: bool = True
    long_texts: bool = False
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
            if execution.stopped or self.ended:
                break
            execution.stages[name] = "InProgress"
            if not getattr(self, f"do_{kind}")(execution, name):
                execution.stages[name] = "Stopped" if execution.stopped else "Failed"
                execution.status = "Stopped" if execution.stopped else "Failed"
                return
            execution.stages[name] = "Succeeded"
        execution.status = "Stopped" if execution.stopped else "Succeeded"

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
            while "answer" not in detail and not execution.stopped and not self.ended:
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

    # --- the operations

    def find(self, execution: str) -> Execution:
        return next(one for one in self.executions if one.id == execution)

    def answer(self, operation: str, given: Body) -> Body:
        if operation in ASIDE:
            return ASIDE[operation]
        self.happen()
        name = given.get("pipelineName") or given.get("name") or given.get("pipeline", {}).get("name")
        if operation != "CreatePipeline" and not self.is_there(name):
            if operation == "DeletePipeline":
                return {}
            raise Refused("PipelineNotFoundException")
        found: Body = getattr(self, f"do_{operation}")(name, given)
        return found

    def do_CreatePipeline(self, name: str, given: Body) -> Body:  # noqa: N802
        self.made[name] = given["pipeline"]
        self.begin(name, "CreatePipeline", {})
        return {"pipeline": given["pipeline"]}

    def do_GetPipeline(self, name: str, _: Body) -> Body:  # noqa: N802
        return {"pipeline": self.made.get(name, {"name": name})}

    def do_DeletePipeline(self, name: str, _: Body) -> Body:  # noqa: N802
        self.made.pop(name, None)
        return {}

    def do_StartPipelineExecution(self, name: str, given: Body) -> Body:  # noqa: N802
        token = given["clientRequestToken"]
        if token not in self.tokens:
            variables = {one["name"]: one["value"] for one in given.get("variables", ())}
            self.tokens[token] = self.begin(name, "StartPipelineExecution", variables).id
        return {"pipelineExecutionId": self.tokens[token]}

    def do_StopPipelineExecution(self, _: str, given: Body) -> Body:  # noqa: N802
        self.find(given["pipelineExecutionId"]).stopped = True
        return {"pipelineExecutionId": given["pipelineExecutionId"]}

    def do_ListPipelineExecutions(self, name: str, _: Body) -> Body:  # noqa: N802
        found = [
            {
                "pipelineExecutionId": one.id, "status": one.status, "startTime": one.started,
                "trigger": {"triggerType": one.trigger}, "sourceRevisions": [{"actionName": "Source", "revisionId": ""}],
            }
            for one in reversed(self.executions)
            if one.pipeline == name
        ]  # fmt: skip
        return {"pipelineExecutionSummaries": found}

    def do_GetPipelineExecution(self, name: str, given: Body) -> Body:  # noqa: N802
        one = self.find(given["pipelineExecutionId"])
        variables = [{"name": key, "resolvedValue": value} for key, value in one.variables.items()]
        return {
            "pipelineExecution": {
                "pipelineName": name, "pipelineExecutionId": one.id, "status": one.status, "variables": variables,
                "trigger": {"triggerType": one.trigger},
            }
        }  # fmt: skip

    def do_ListActionExecutions(self, _: str, given: Body) -> Body:  # noqa: N802
        one = self.find(given["filter"]["pipelineExecutionId"])
        hidden = ("token", "answer")
        return {"actionExecutionDetails": [{k: v for k, v in d.items() if k not in hidden} for d in one.details]}

    def do_GetPipelineState(self, name: str, _: Body) -> Body:  # noqa: N802
        states = []
        for stage, _kind in STAGES["service" if name == NAME else "asks"]:
            inside = [one for one in self.executions if one.pipeline == name and stage in one.stages]
            if not inside:
                states.append({"stageName": stage, "actionStates": [{"actionName": stage}]})
                continue
            # One execution is in a stage at a time; the one that was in it last is what is told.
            latest = max(
                inside, key=lambda one: max((d["startTime"] for d in one.details if d["stageName"] == stage), default=0)
            )
            named = [one for one in latest.details if one["stageName"] == stage]
            newest = {key: named[-1][key] for key in ("status", "token") if key in named[-1]} if named else {}
            states.append({
                "stageName": stage, "latestExecution": {"pipelineExecutionId": latest.id, "status": latest.stages[stage]},
                "actionStates": [{"actionName": stage, "latestExecution": newest}],
            })  # fmt: skip
        return {"pipelineName": name, "stageStates": states}

    def do_PutApprovalResult(self, _: str, given: Body) -> Body:  # noqa: N802
        with self.changed:
            asked = [d for one in self.executions for d in one.details if d.get("token") == given["token"]]
            if not asked or asked[0]["status"] != "InProgress":
                raise Refused("InvalidApprovalTokenException")
            asked[0]["answer"] = given["result"]
            self.changed.notify_all()
        return {"approvedAt": time.time()}

    def do_RetryStageExecution(self, _: str, given: Body) -> Body:  # noqa: N802
        one = self.find(given["pipelineExecutionId"])
        names = [stage for stage, _ in self.stages(one)]
        self.put(one, names.index(given["stageName"]))
        return {"pipelineExecutionId": one.id}


@contextmanager
def piping(account: Account, folder: Path) -> Iterator[Pipelines]:
    """Serve CodePipeline for the account, whose environment then names it."""
    folder.mkdir()
    pipelines = Pipelines(account, folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            status = 200
            try:
                body = pipelines.answer(operation, given)
            except Refused as error:
                status, body = 400, {"__type": str(error), "message": f"{error}, says the test"}
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    pipelines.url = f"http://127.0.0.1:{server.server_address[1]}"
    account.more["AWS_ENDPOINT_URL_CODEPIPELINE"] = pipelines.url
    account.served.s3.create_bucket(Bucket=BUCKET)  # what CloudFormation would make
    try:
        yield pipelines
    finally:
        pipelines.ended = True
        server.shutdown()
        server.server_close()
        for one in (thread, *pipelines.threads):
            one.join(30)

"""The API of our CodePipeline for tests, see pipelines.py."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.acceptance.emulation import BUCKET, NAME, Account
from tests.acceptance.pipelines import STAGES, Body, Execution, Pipelines

# What the look at the account before a run asks of other services.
ASIDE: dict[str, Body] = {
    "DescribeImages": {"imageDetails": []},
    "BatchGetImage": {"images": [{"imageId": {"imageDigest": f"sha256:{'a' * 64}"}}]},
    "ListServiceQuotas": {"Quotas": []},
}


class Refused(Exception):
    """An error as the service answers it."""


class PlayedPipelines(Pipelines):
    """The pipelines, asked by their operations."""

    def find(self, execution: str) -> Execution:
        return next(one for one in self.executions if one.id == execution)

    def answer(self, operation: str, given: Body) -> Body:
        if operation in ASIDE:
            return ASIDE[operation]
        if code := self.refusals.pop(operation, ""):
            raise Refused(code)
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
        self.find(given["pipelineExecutionId"]).stopping.append(given.get("reason", ""))
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
        states: list[Body] = []
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
def piping(account: Account, folder: Path) -> Iterator[PlayedPipelines]:
    """Serve CodePipeline for the account, whose environment then names it."""
    folder.mkdir()
    pipelines = PlayedPipelines(account, folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
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

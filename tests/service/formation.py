"""A CloudFormation of our own on 127.0.0.1, for what moto and the emulators don't do: change sets that take a while and
fail, replacements, events one after the other, rollbacks, stacks that are stuck, throttling.

It behaves as the service's documentation says. It makes nothing, knows no resource type and checks no property: that a
stack comes to CREATE_COMPLETE here says something about the deployment that drives it, and nothing about a template.
"""

from __future__ import annotations

import copy
import json
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home

ACCOUNT, REGION = "123456789012", "eu-central-1"
STACK = "AWS::CloudFormation::Stack"
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
Body = dict[str, Any]


class Refused(Exception):
    """An error as the service answers it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class FakeStack:
    """A stack, its history, and what is still to happen to it: each look at its events lets one more thing happen."""

    name: str
    id: str
    created: datetime
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    resources: Body = field(default_factory=dict)
    template: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    protected: bool = False
    updated: datetime | None = None
    events: list[Body] = field(default_factory=list)
    change_sets: dict[str, Body] = field(default_factory=dict)
    coming: Iterator[None] | None = None


@dataclass
class Formation:
    """The state of the server; tests read it, and say in advance what goes wrong."""

    stacks: list[FakeStack] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    fails: dict[str, str] = field(default_factory=dict)
    """Logical ids whose making or changing fails, and why; also `change set` and `rollback`."""
    recreates: dict[str, str] = field(default_factory=dict)
    """What changing a property (`Resource.Property`) does: Always or Conditionally make a new resource."""
    refusals: list[tuple[str, str, int]] = field(default_factory=list)
    """Operation, error code and status of answers to come, each given once."""
    findings: list[Body] = field(default_factory=list)
    """What DescribeEvents tells of a change set that failed."""
    before: Callable[[str, int], None] | None = None
    """Called before each operation with its name and number: somebody else does something, or it raises Refused."""
    fetch: Callable[[str], str] | None = None
    """Returns the text of a template that was given by its address."""
    connection: str = "AVAILABLE"
    at_once: int = 1
    """Resources whose turn comes between two looks."""
    page: int = 4
    """Events in an answer."""
    account: str = ACCOUNT
    wording: str = NO_CHANGES
    clock: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stack(self, name_or_id: str) -> FakeStack:
        for stack in reversed(self.stacks):
            by_name = stack.name == name_or_id and stack.status != "DELETE_COMPLETE"
            if by_name or stack.id == name_or_id:
                return stack
        raise Refused("ValidationError", f"Stack with id {name_or_id} does not exist")

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.calls)

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def answer(self, operation: str, given: dict[str, str]) -> Body:
        self.calls.append((operation, given))
        if self.before:
            self.before(operation, len(self.calls))
        for index, (name, code, status) in enumerate(self.refusals):
            if name == operation:
                del self.refusals[index]
                raise Refused(code, f"{code}, says the test", status)
        found: Body = getattr(self, f"do_{operation}")(given)
        return found

    # --- the operations

    def do_GetCallerIdentity(self, _: dict[str, str]) -> Body:  # noqa: N802 - as the operation is called
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/ada", "UserId": "x"}

    def do_ListSubscriptionsByTopic(self, given: dict[str, str]) -> Body:  # noqa: N802
        item = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "ada@example.com", "TopicArn": given["TopicArn"]}
        return {"Subscriptions": [item]}

    def do_GetConnection(self, given: dict[str, str]) -> Body:  # noqa: N802
        arn = given["ConnectionArn"]
        return {"Connection": {"ConnectionName": "github", "ConnectionArn": arn, "ConnectionStatus": self.connection}}

    def do_DescribeStacks(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack = self.stack(given["StackName"])
        return {"Stacks": [_shown(stack)]}

    def do_CreateChangeSet(self, given: dict[str, str]) -> Body:  # noqa: N802
        kind = given["ChangeSetType"]
        try:
            stack = self.stack(given["StackName"])
        except Refused:
            if kind == "UPDATE":
                raise
            stack = FakeStack(given["StackName"], _arn("stack", given["StackName"]), self.now())
            self.stacks.append(stack)
            self.tell(stack, stack.name, STACK, "REVIEW_IN_PROGRESS")
        if kind == "CREATE" and stack.status != "REVIEW_IN_PROGRESS":
            raise Refused("AlreadyExistsException", f"Stack [{stack.name}] already exists")
        if kind == "UPDATE" and (stack.status.endswith("IN_PROGRESS") or "FAILED" in stack.status):
            raise Refused("ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        name = given["ChangeSetName"]
        if name in stack.change_sets:
            if stack.change_sets[name]["token"] != given.get("ClientToken"):
                raise Refused("AlreadyExistsException", f"ChangeSet {name} already exists")
            return {"Id": stack.change_sets[name]["id"], "StackId": stack.id}
        made: Body = {
            "id": _arn("changeSet", name), "name": name, "token": given.get("ClientToken"), "kind": kind,
            "template": self.text(given), "status": "CREATE_PENDING", "reason": "",
            "execution": "UNAVAILABLE", "parameters": _pairs(given, "Parameters", "ParameterKey", "ParameterValue"),
            "tags": _pairs(given, "Tags", "Key", "Value"), "changes": [],
        }  # fmt: skip
        stack.change_sets[name] = made
        return {"Id": made["id"], "StackId": stack.id}

    def text(self, given: dict[str, str]) -> str:
        if "TemplateBody" in given:
            if len(given["TemplateBody"].encode()) > 51_200:
                raise Refused("ValidationError", "'templateBody' failed to satisfy constraint")
            return given["TemplateBody"]
        return (
            self.fetch(given["TemplateURL"])
            if self.fetch
            else f"Resources: {{A: {{Type: {given['TemplateURL'][:5]}}}}}"
        )

    def change_set(self, given: dict[str, str]) -> tuple[FakeStack, Body]:
        wanted = given["ChangeSetName"]
        for stack in self.stacks:
            for made in stack.change_sets.values():
                if wanted == made["id"] or (
                    wanted == made["name"] and given.get("StackName") in (stack.name, stack.id)
                ):
                    return stack, made
        if "StackName" in given:
            self.stack(given["StackName"])
        raise Refused("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist", 404)

    def do_DescribeChangeSet(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack, made = self.change_set(given)
        before = made["status"]
        if before == "CREATE_PENDING":
            made["status"] = "CREATE_IN_PROGRESS"
        elif before == "CREATE_IN_PROGRESS":
            self.finish(stack, made)
        start = int(given.get("NextToken", 0))
        more = {"NextToken": str(start + 2)} if start + 2 < len(made["changes"]) else {}
        return {
            "ChangeSetName": made["name"], "ChangeSetId": made["id"], "StackId": stack.id, "StackName": stack.name,
            "Status": before, "ExecutionStatus": made["execution"] if before == made["status"] else "UNAVAILABLE",
            "StatusReason": made["reason"], "Changes": made["changes"][start : start + 2], **more,
        }  # fmt: skip

    def finish(self, stack: FakeStack, made: Body) -> None:
        """Make the change set ready, or let it fail."""
        changes = self.diff(stack, made)
        same = (stack.parameters, stack.tags) == (made["parameters"], made["tags"])
        nothing = made["kind"] == "UPDATE" and same and not changes
        why = self.fails.get("change set") or (self.wording if nothing else "")
        made |= {"status": "FAILED", "reason": why} if why else {"status": "CREATE_COMPLETE", "execution": "AVAILABLE"}
        made["changes"] = [] if why else changes

    def diff(self, stack: FakeStack, made: Body) -> list[Body]:
        old, new = stack.resources, _resolved(stack, made)["Resources"]
        changes = []
        for name in sorted({*old, *new}):
            kind = (new.get(name) or old[name])["Type"]
            change: Body = {"LogicalResourceId": name, "ResourceType": kind}
            if name not in old:
                change |= {"Action": "Add"}
            elif name not in new:
                policy = "Retain" if old[name].get("DeletionPolicy") == "Retain" else "Delete"
                change |= {"Action": "Remove", "PhysicalResourceId": old[name]["physical"], "PolicyAction": policy}
            elif details := list(self.details(name, old[name], new[name])):
                worst = {"Always": "True", "Conditionally": "Conditional"}
                found = [worst.get(item["Target"]["RequiresRecreation"], "False") for item in details]
                replacement = next((word for word in ("True", "Conditional") if word in found), "False")
                change |= {"Action": "Modify", "PhysicalResourceId": old[name]["physical"]}
                change |= {"Replacement": replacement, "Scope": ["Properties"], "Details": details}
            else:
                continue
            changes.append({"Type": "Resource", "ResourceChange": change})
        return changes

    def details(self, name: str, old: Body, new: Body) -> Iterator[Body]:
        before, after = old.get("Properties", {}), new.get("Properties", {})
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                target = {"Attribute": "Properties", "Name": key, "Path": f"/Properties/{key}"}
                target["RequiresRecreation"] = self.recreates.get(f"{name}.{key}", "Never")
                target |= {"BeforeValue": str(before.get(key, "")), "AfterValue": str(after.get(key, ""))}
                yield {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}

    def do_DeleteChangeSet(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack, made = self.change_set(given)
        if made["execution"] == "EXECUTE_IN_PROGRESS":
            raise Refused("InvalidChangeSetStatus", "it is being executed")
        del stack.change_sets[made["name"]]
        return {}

    def do_ListChangeSets(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack = self.stack(given["StackName"])
        return {"Summaries": [{"ChangeSetName": name} for name in stack.change_sets]}

    def do_DescribeEvents(self, _: dict[str, str]) -> Body:  # noqa: N802
        return {"OperationEvents": self.findings}

    def do_ExecuteChangeSet(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack, made = self.change_set(given)
        if made["execution"] != "AVAILABLE":
            if made.get("executed") == given["ClientRequestToken"]:
                return {}
            raise Refused("InvalidChangeSetStatus", f"ChangeSet [{made['id']}] cannot be executed")
        made |= {"execution": "EXECUTE_IN_PROGRESS", "executed": given["ClientRequestToken"]}
        stack.change_sets = {made["name"]: made}
        verb = made["kind"]
        self.turn(stack, f"{verb}_IN_PROGRESS", "User Initiated", token=given["ClientRequestToken"])
        stack.updated = self.now() if verb == "UPDATE" else None
        stack.coming = self.deploying(stack, made, verb, given["ClientRequestToken"])
        return {}

    def deploying(self, stack: FakeStack, made: Body, verb: str, token: str) -> Iterator[None]:
        """Everything that happens in an execution, one event after the other."""
        old, wanted = stack.resources, _resolved(stack, made)
        new = wanted["Resources"]
        todo = [name for name in new if name not in old or list(self.details(name, old[name], new[name]))]
        for name in todo:
            self.tell(stack, name, new[name]["Type"], f"{verb}_IN_PROGRESS", token=token)
        yield
        failing = [name for name in todo if name in self.fails]
        for index, name in enumerate(todo):
            own = new[name].get("Properties", {}).get("BucketName")
            new[name]["physical"] = own or f"{stack.name}-{name}-{uuid.uuid4().hex[:6]}".lower()
            if name in failing:
                self.tell(stack, name, new[name]["Type"], f"{verb}_FAILED", self.fails[name], token=token)
            elif failing:
                word = "creation" if verb == "CREATE" else "update"
                self.tell(stack, name, new[name]["Type"], f"{verb}_FAILED", f"Resource {word} cancelled", token=token)
            else:
                self.tell(stack, name, new[name]["Type"], f"{verb}_COMPLETE", token=token)
            if index % self.at_once == 0:
                yield
        if failing:
            yield from self.rolling_back(stack, verb, failing, token)
            made["execution"] = "EXECUTE_FAILED"
            return
        stack.resources = {name: old.get(name, {}) | body for name, body in new.items()}
        stack.template, stack.parameters, stack.tags = made["template"], made["parameters"], made["tags"]
        stack.outputs = {name: str(body["Value"]) for name, body in wanted.get("Outputs", {}).items()}
        if verb == "UPDATE":
            self.turn(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", token=token)
            yield
        made["execution"] = "EXECUTE_COMPLETE"
        self.turn(stack, f"{verb}_COMPLETE", token=token)

    def rolling_back(self, stack: FakeStack, verb: str, failing: list[str], token: str) -> Iterator[None]:
        begin, prefix = ("ROLLBACK_IN_PROGRESS", "") if verb == "CREATE" else ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_")
        word = "create" if verb == "CREATE" else "update"
        self.turn(stack, begin, f"The following resource(s) failed to {word}: [{', '.join(failing)}]. ", token=token)
        stack.tags = stack.tags or {"pipeline-builder:service": stack.name.removesuffix("-storage")}
        yield
        if why := self.fails.get("rollback"):
            self.turn(stack, f"{prefix}ROLLBACK_FAILED", why, token=token)
        else:
            self.turn(stack, f"{prefix}ROLLBACK_COMPLETE", token=token)

    def do_DescribeStackEvents(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack = self.stack(given["StackName"])
        if "NextToken" not in given and stack.coming is not None and next(stack.coming, "end") == "end":
            stack.coming = None
        start = int(given.get("NextToken", 0))
        listed = stack.events[::-1]
        end = start + self.page
        return {"StackEvents": listed[start:end], **({"NextToken": str(end)} if end < len(listed) else {})}

    def do_DeleteStack(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack = self.stack(given["StackName"])
        if stack.protected:
            raise Refused(
                "ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if stack.status != "DELETE_COMPLETE":
            self.turn(stack, "DELETE_IN_PROGRESS", "User Initiated")
            stack.coming = self.deleting(stack)
        return {}

    def deleting(self, stack: FakeStack) -> Iterator[None]:
        for name, body in list(stack.resources.items()):
            if body.get("DeletionPolicy") == "Retain":
                self.tell(stack, name, body["Type"], "DELETE_SKIPPED")
                continue
            if why := self.fails.get(name):
                self.tell(stack, name, body["Type"], "DELETE_FAILED", why)
                self.turn(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: [{name}]. ")
                return
            self.tell(stack, name, body["Type"], "DELETE_COMPLETE")
            del stack.resources[name]
            yield
        self.turn(stack, "DELETE_COMPLETE")

    def do_UpdateTerminationProtection(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack = self.stack(given["StackName"])
        if stack.status.startswith("DELETE_") and stack.status != "DELETE_FAILED":
            message = f"Termination protection can not be changed on stack [{stack.name}], which is in {stack.status}"
            raise Refused("ValidationError", message)
        stack.protected = given["EnableTerminationProtection"] == "true"
        return {"StackId": stack.id}

    def do_ListStackResources(self, given: dict[str, str]) -> Body:  # noqa: N802
        stack = self.stack(given["StackName"])
        items = [
            {"LogicalResourceId": name, "PhysicalResourceId": body["physical"], "ResourceType": body["Type"],
             "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": stack.created}
            for name, body in stack.resources.items()
        ]  # fmt: skip
        return {"StackResourceSummaries": items}

    def do_GetTemplate(self, given: dict[str, str]) -> Body:  # noqa: N802
        return {"TemplateBody": self.stack(given["StackName"]).template}

    # --- history

    def turn(self, stack: FakeStack, status: str, reason: str = "", token: str = "") -> None:
        stack.status, stack.reason = status, reason
        self.tell(stack, stack.name, STACK, status, reason, token=token)

    def tell(self, stack: FakeStack, name: str, kind: str, status: str, reason: str = "", *, token: str = "") -> None:
        physical = stack.id if kind == STACK else stack.resources.get(name, {}).get("physical", "")
        event: Body = {
            "StackId": stack.id, "EventId": f"{name}-{uuid.uuid4()}", "StackName": stack.name, "LogicalResourceId": name,
            "PhysicalResourceId": physical, "ResourceType": kind, "Timestamp": self.now(), "ResourceStatus": status,
        }  # fmt: skip
        stack.events.append(
            event
            | ({"ResourceStatusReason": reason} if reason else {})
            | ({"ClientRequestToken": token} if token else {})
        )


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:{kind}/{name}/{uuid.uuid4()}"


def _shown(stack: FakeStack) -> Body:
    shown: Body = {
        "StackName": stack.name, "StackId": stack.id, "StackStatus": stack.status, "CreationTime": stack.created,
        "StackStatusReason": stack.reason, "EnableTerminationProtection": stack.protected,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
    }  # fmt: skip
    return shown | ({"LastUpdatedTime": stack.updated} if stack.updated else {})


def _resolved(stack: FakeStack, made: Body) -> Body:
    """Return the template with the parameters in it; names are what the checks of rendered templates make up too."""
    template = load_template(made["template"], "the template")
    try:
        home = Home(account=ACCOUNT, region=REGION, stack=stack.name)
        found = resolve_template(template, made["parameters"], home).data
    except InputProblems as error:
        raise Refused("ValidationError", str(error)) from error
    return copy.deepcopy(dict(found))


def _pairs(given: dict[str, str], name: str, key: str, value: str) -> dict[str, str]:
    found = {}
    index = 1
    while f"{name}.member.{index}.{key}" in given:
        found[given[f"{name}.member.{index}.{key}"]] = given[f"{name}.member.{index}.{value}"]
        index += 1
    return found


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape(value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, datetime) else str(value))


def _handler(formation: Formation) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            target = self.headers.get("X-Amz-Target", "")
            given = json.loads(body) if target else dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
            operation, status = target.rpartition(".")[2] or given.pop("Action"), 200
            with formation.lock:
                try:
                    found = formation.answer(operation, given)
                    name = f"{operation}Response"
                    text = f"<{name}><{operation}Result>{_xml(found)}</{operation}Result></{name}>"
                    text = json.dumps(found) if target else text
                except Refused as error:
                    status = error.status
                    shown = _xml({"Code": error.code, "Message": str(error), "Type": "Sender"})
                    text = f"<ErrorResponse><Error>{shown}</Error></ErrorResponse>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    return Handler


@contextmanager
def forming() -> Iterator[tuple[str, Formation]]:
    """Give the server's address and its state."""
    formation = Formation()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(formation))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", formation
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

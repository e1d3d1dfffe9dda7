"""The calls that stages were recorded to make, as `acceptance/calls.json` has them: by role, without this run's ids."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.service.cloudformation.access.iam import ACCOUNT, NAMES, REGION
from tests.service.cloudformation.access.recorded import Call, needs

# The acceptance's service has no secrets, no key, no data of others, no step that judges, and polls nothing.
_NOT_ITS = re.compile(r"kms:|secretsmanager:|codepipeline:Start|.*(their-data|churn-Metrics|watch/)")
_IDS = (
    (re.compile(r"[0-9a-f]{64}"), "0" * 64),
    (re.compile(r"(/executions?/)[0-9a-z]{12}"), r"\1" + "x" * 12),
    (re.compile(r"pipelines-[0-9a-z]{12}-churn-Train-[0-9a-f]+"), "pipelines-x-tiny-Train-x"),
    (re.compile(r"(?<=log-stream:).+"), "pipelines-x"),
    (re.compile(r"(?<=/runs/)e\d"), "x"),
    (re.compile(r"(?<=/evidence/runs/)[0-9a-z]{12}"), "x" * 12),
    (re.compile(r"(?<=/evidence/site/).+"), "x"),
    (re.compile(r"(?<=model-package/tiny-churn/)\d+"), "1"),
)
_NAMED = (
    ("team/models/", ""),  # an acceptance has no prefix of its own
    (f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/tiny", "arn:{partition}:ecr:{region}:{registry}:repository/{image}"),
    ("arn:aws:", "arn:{partition}:"), (ACCOUNT, "{account}"), (REGION, "{region}"), ("my-data", "{bucket}"),
    (f":::{NAMES.bucket}", ":::{bucket}"), ("pipeline/tiny", "pipeline/{pipeline}"), ("tiny/code/", "{pipeline}/code/"),
    ("{bucket}/tiny/", "{bucket}/{pipeline}/"), ("tiny-churn", "{group}"), ("role/pipeline-builder", "role/{service}"),
    (":pipeline-builder", ":{service}"), ("churn", "tiny"),
)  # fmt: skip


def calls_json(recorded: Mapping[str, Sequence[Call]]) -> str:
    """Return the file's text."""
    found = {role: _listed(calls) for role, calls in sorted(recorded.items()) if role not in ("", "look", "console")}
    lines = [
        f' "{role}": [\n' + ",\n".join(f"  {json.dumps(one)}" for one in calls) + "\n ]"
        for role, calls in found.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _listed(calls: Sequence[Call]) -> list[list[Any]]:
    asked = {
        (
            needed.action,
            _generic(needed.resource),
            tuple(sorted((k, _generic(str(v))) for k, v in needed.context.items())),
        )
        for call in calls
        for needed in needs(call)
        if not _NOT_ITS.match(f"{needed.action} {needed.resource}")
    }
    return [[action, resource, dict(context)] for action, resource, context in sorted(asked)]


def _generic(text: str) -> str:
    for pattern, word in _IDS:
        text = pattern.sub(word, text)
    for name, word in _NAMED:
        text = text.replace(name, word)
    return text

"""What the service makes for Lambda and Callback steps, from the conf to the template: names, roles, who may call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from tests.cli.test_calling import ASK, CONF
from tests.places import ROOT
from tests.service.services import KEY
from tests.service.test_render import AWS, MANIFEST
from tests.workspaces import make_workspace


def test_what_the_definition_calls_is_what_the_template_makes(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=CONF, manifest=MANIFEST)
    (tmp_path / "buildspec.yml").write_bytes((ROOT / "buildspec.yml").read_bytes())
    workspace.push("scripts/ask.py", ASK)
    assert workspace.call("checkout").code == 0
    first = workspace.call("render", "--out", "out", **AWS)
    assert (first.code, first.err) == (0, "")
    text = (tmp_path / "out" / "service.yaml").read_text()
    assert workspace.call("render", "--out", "again", **AWS).code == 0  # of what was composed before
    assert (tmp_path / "again" / "service.yaml").read_text() == text

    more = {
        "SMP_S3BUCKETNAME": "model-service-123456789012-eu-central-1",
        "SMP_ROLE": "arn:aws:iam::123456789012:role/r",
    }
    assert workspace.call("build", "--target", "local", **AWS, **more).code == 0
    definition = json.loads((tmp_path / "build" / "pipeline_definition.json").read_text())
    steps = {step["Name"]: step for step in definition["Steps"]}
    function, queue = steps["churn-Ask"]["FunctionArn"], steps["churn-Wait"]["SqsQueueUrl"]

    home = Home(account="123456789012", region="eu-central-1", stack="model-service")
    parameters = {"ArtifactBucket": more["SMP_S3BUCKETNAME"], "KeyArn": KEY}
    template = resolve_template(load_template(text, "service.yaml"), parameters, home)
    functions = [one.properties["FunctionName"] for one in template.of_type("AWS::Lambda::Function")]
    assert function.rsplit(":", 1)[1] in functions
    assert queue.rsplit("/", 1)[1] in [one.properties["QueueName"] for one in template.of_type("AWS::SQS::Queue")]
    (execution,) = [
        one for one in template.of_type("AWS::IAM::Role") if one.properties["RoleName"] == "model-service-execution"
    ]
    properties: Any = execution.properties
    allowed = {
        action: statement["Resource"]
        for policy in properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    assert allowed["lambda:InvokeFunction"] == [function]
    name = queue.rsplit("/", 1)[1]
    assert allowed["sqs:SendMessage"] == [f"arn:aws:sqs:eu-central-1:123456789012:{name}"]

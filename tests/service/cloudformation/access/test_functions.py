"""The role of a handler's function: its log, the pipeline's code, what its conf was let have, and nothing more."""

from __future__ import annotations

import json

import pytest

from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.cloudformation.rendering.rendering import parameter_values, render_templates
from tests.service.cloudformation.access.iam import documents
from tests.service.cloudformation.access.test_policies import findings
from tests.service.services import ACCOUNT, MADE, REGION, read_service


def test_a_function_may_write_its_log_read_code_and_what_it_was_given() -> None:
    model, _ = read_service(made=MADE)
    (role,) = [role for role in model.roles if role.name.startswith("fn-")]
    text = json.dumps([[one.actions, one.resources] for one in role.statements])
    assert {action for one in role.statements for action in one.actions if not action.startswith("kms:")} == {
        "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:ListBucket", "dynamodb:PutItem",
    }  # fmt: skip
    assert "tiny/code/*" in text
    assert f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/seen" in text


@pytest.mark.long
def test_the_linter_of_policies_has_nothing_to_say() -> None:
    model, _ = read_service(made=MADE)
    (role,) = [role for role in model.roles if role.name.startswith("fn-")]
    assert [findings(policy) for policy in documents(role)] == [[]]


def test_names_in_the_template_are_those_of_the_definition() -> None:
    model, _ = read_service(made=MADE)
    files = render_templates(model)
    home = Home(account=ACCOUNT, region=REGION, stack="model-service")
    parameters = {"ArtifactBucket": "b", "KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k", **parameter_values(model)}
    template = resolve_template(load_template(files["service.yaml"], "service.yaml"), parameters, home)
    functions = [one.properties["FunctionName"] for one in template.of_type("AWS::Lambda::Function")]
    queues = [one.properties["QueueName"] for one in template.of_type("AWS::SQS::Queue")]
    assert MADE.functions[0].name in functions
    assert MADE.queues[0].name in queues
    roles = [one.properties["RoleName"] for one in template.of_type("AWS::IAM::Role")]
    assert MADE.functions[0].name in roles

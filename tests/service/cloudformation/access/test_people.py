"""What an approver and an operator may do, and what not; and what builds may read that their variables name."""

from __future__ import annotations

import pytest

from pipeline_builder.manifest.surroundings import CodeArtifactSection, VariableSection
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.packing import MANAGED, statement_size
from pipeline_builder.service.cloudformation.access.people import people
from pipeline_builder.service.cloudformation.access.roles import build_access
from tests.service.cloudformation.access.facts import definition_with, facts_with
from tests.service.cloudformation.access.iam import ACCOUNT, REGION, allows, documents
from tests.service.cloudformation.access.test_policies import findings
from tests.service.services import KEY, read_service, read_template, render

PIPELINE = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:models"
REPORT = "arn:aws:s3:::artifacts/runs/0123/report.html"
SERVICE = {"name": "models"}


def may(who: str, action: str, resource: str = "*", facts: Facts | None = None, **context: str) -> bool:
    found = people(facts or facts_with(service=SERVICE))[who]
    return allows(documents(found), action, resource, **context)


@pytest.mark.parametrize("who", ["approver", "operator"])
def test_both_look_at_runs_and_reports(who: str) -> None:
    for verb in ("GetPipeline", "GetPipelineState", "GetPipelineExecution", "ListActionExecutions"):
        assert may(who, f"codepipeline:{verb}", PIPELINE)
        assert not may(who, f"codepipeline:{verb}", f"{PIPELINE}-of-others")
    assert may(who, "s3:GetObject", REPORT)
    assert may(who, "s3:ListBucket", "arn:aws:s3:::artifacts", s3_prefix="runs/0123/")
    assert not may(who, "s3:ListBucket", "arn:aws:s3:::artifacts", s3_prefix="train/")
    assert not may(who, "s3:GetObject", "arn:aws:s3:::artifacts/train/evidence/x")
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
    assert may(who, "kms:Decrypt", key, kms_ViaService=f"s3.{REGION}.amazonaws.com")
    assert not may(who, "kms:Decrypt", key)
    for action in ("s3:PutObject", "sagemaker:UpdateModelPackage", "codepipeline:UpdatePipeline", "iam:PassRole"):
        assert not may(who, action, REPORT if action.startswith("s3") else "*")


@pytest.mark.parametrize("who", ["approver", "operator"])
def test_reports_below_a_prefix_are_opened_there_and_nowhere_else(who: str) -> None:
    facts = facts_with(service=SERVICE, definition=definition_with(prefix="team/models/"))
    assert may(who, "s3:GetObject", "arn:aws:s3:::artifacts/team/models/runs/0123/report.html", facts)
    assert not may(who, "s3:GetObject", REPORT, facts)
    assert may(who, "s3:ListBucket", "arn:aws:s3:::artifacts", facts, s3_prefix="team/models/runs/0123/")
    assert not may(who, "s3:ListBucket", "arn:aws:s3:::artifacts", facts, s3_prefix="runs/0123/")


def test_only_the_approver_decides_and_only_this_question() -> None:
    assert may("approver", "codepipeline:PutApprovalResult", f"{PIPELINE}/Approve/Approve")
    assert not may("approver", "codepipeline:PutApprovalResult", f"{PIPELINE}/Train/Wait")
    assert not may("operator", "codepipeline:PutApprovalResult", f"{PIPELINE}/Approve/Approve")


def test_only_the_operator_starts_stops_and_retries() -> None:
    calls = {
        "codepipeline:StartPipelineExecution": PIPELINE,
        "codepipeline:StopPipelineExecution": PIPELINE,
        "codepipeline:RetryStageExecution": f"{PIPELINE}/Train",
        "codepipeline:DisableStageTransition": f"{PIPELINE}/Build",
        "codebuild:BatchGetBuilds": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/models-worker",
        "logs:GetLogEvents": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/codebuild/models-train:log-stream:x",
        "sqs:ReceiveMessage": f"arn:aws:sqs:{REGION}:{ACCOUNT}:models-missed",
    }
    for action, resource in calls.items():
        assert may("operator", action, resource), action
        assert not may("approver", action, resource), action


def test_who_looks_at_the_console_reads_what_its_pages_do_and_writes_nothing() -> None:
    facts = facts_with(service=SERVICE)
    base, bucket = facts.definition.base, "arn:aws:s3:::artifacts"
    group = next(iter(facts.definition.groups))
    jobs = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    package = f"{jobs}:model-package/{group}/3"
    pipeline = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{facts.definition.pipeline}"
    for action, resource in (
        ("sagemaker:ListPipelineExecutions", pipeline),
        ("sagemaker:DescribePipelineExecution", f"{pipeline}/execution/e1"),
        ("sagemaker:ListPipelineExecutionSteps", f"{pipeline}/execution/e1"),
        ("sagemaker:DescribePipelineDefinitionForExecution", f"{pipeline}/execution/e1"),
        ("sagemaker:DescribeModelPackage", package),
        ("sagemaker:DescribeTrainingJob", f"{jobs}:training-job/pipelines-e1-Train-x"),
        ("sagemaker:DescribeProcessingJob", f"{jobs}:processing-job/pipelines-e1-Evaluate-x"),
        ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:x"),
        ("s3:GetObject", f"{bucket}/{base}/evidence/x.json"),
        ("s3:GetObject", f"{bucket}/{base}/code/x/sourcedir.tar.gz"),
        ("s3:ListBucket", bucket),
    ):
        assert may("console", action, resource, facts), action
        assert not may("approver", action, resource, facts), action
    for action, resource in (
        ("sagemaker:UpdateModelPackage", package),
        ("sagemaker:DescribeTrainingJob", f"{jobs}:training-job/of-others"),
        ("sagemaker:StopTrainingJob", f"{jobs}:training-job/pipelines-e1-Train-x"),
        ("sagemaker:StartPipelineExecution", pipeline),
        ("s3:PutObject", f"{bucket}/{base}/evidence/x.json"),
        ("s3:GetObject", "arn:aws:s3:::others/x"),
        ("codepipeline:PutApprovalResult", f"{PIPELINE}/Approve/Approve"),
    ):
        assert not may("console", action, resource, facts), action


@pytest.mark.parametrize("encryption", ["own", "aws", KEY])
def test_another_linter_has_nothing_to_say_of_them(encryption: str) -> None:
    service = {**SERVICE, "encryption": encryption}
    for role in people(facts_with(service=service)).values():
        for policy in documents(role):
            assert findings(policy) == []


def test_they_are_managed_policies_where_that_is_asked_for() -> None:
    assert not {"ApproverPolicy", "OperatorPolicy"} & set(read_template(render()["service.yaml"])["Resources"])
    made = read_template(render(policies=["approver"])["service.yaml"])["Resources"]
    assert made["ApproverPolicy"]["Properties"]["ManagedPolicyName"] == "model-service-approver"
    assert "OperatorPolicy" not in made


SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
ENVIRONMENT = {
    "PIP_INDEX_URL": VariableSection(type="SECRETS_MANAGER", value="ml/index:url"),
    "OTHER": VariableSection(type="SECRETS_MANAGER", value=f"{SECRET}ml/other-AbCdEf:key:AWSCURRENT"),
    "LIMIT": VariableSection(type="PARAMETER_STORE", value="/ml/limit"),
    "HTTPS_PROXY": VariableSection(value="http://proxy:3128"),
}


def test_every_project_reads_what_its_variables_name_and_no_more() -> None:
    facts = facts_with(service={**SERVICE, "environment": ENVIRONMENT}, has_webhooks=True, has_polls=True)
    for role in build_access(facts):
        builds = role.trust == "codebuild.amazonaws.com"
        found = documents(role)
        read = "secretsmanager:GetSecretValue"
        assert allows(found, read, f"{SECRET}ml/index-a1b2c3") is builds, role.name
        assert allows(found, read, f"{SECRET}ml/other-AbCdEf") is builds
        assert not allows(found, read, f"{SECRET}ml/indexes-a1b2c3")
        parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/ml/"
        assert allows(found, "ssm:GetParameters", f"{parameter}limit") is builds
        assert not allows(found, "ssm:GetParameters", f"{parameter}limits")


def test_a_stage_reads_its_index_in_codeartifact() -> None:
    index = CodeArtifactSection(domain="ml", repository="pypi", owner="444455556666")
    facts = facts_with(service={**SERVICE, "codeartifact": index}, has_webhooks=True)
    base = f"arn:aws:codeartifact:{REGION}:444455556666"
    for role in build_access(facts):
        stage = role.name in ("build", "train", "promote", "worker")
        found = documents(role)
        assert allows(found, "codeartifact:GetAuthorizationToken", f"{base}:domain/ml") is stage, role.name
        assert allows(found, "codeartifact:ReadFromRepository", f"{base}:repository/ml/pypi") is stage
        assert not allows(found, "codeartifact:ReadFromRepository", f"{base}:repository/ml/other")
        bearer = {"sts_AWSServiceName": "codeartifact.amazonaws.com"}
        assert allows(found, "sts:GetServiceBearerToken", **bearer) is stage
        assert not allows(found, "sts:GetServiceBearerToken", sts_AWSServiceName="s3.amazonaws.com")
        for policy in found:
            assert findings(policy) == []


def test_an_operator_of_many_pipelines_is_one_policy() -> None:
    pipelines = tuple({"name": f"of-the-team-{number:02}", "config": f"*/{number}.yaml"} for number in range(6))
    model, _ = read_service(pipelines=pipelines)
    operator = next(one for one in model.people if one.name == "operator")
    assert sum(statement_size(one) for one in operator.statements) < MANAGED

"""Names of resources: two of a kind can't have the same, and CloudFormation sees it only when it makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Node, Service

NAMES = "PB980"
# Where each kind has its name; what has none here is named by CloudFormation.
_NAMED: Mapping[str, str] = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CodeBuild::Project": "Name",
    "AWS::CodeBuild::ReportGroup": "Name",
    "AWS::CodePipeline::Pipeline": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def check_names(service: Service) -> Iterator[Problem]:
    """Check that no two resources of a type have the same name; IAM's are compared without letters' case."""
    seen: dict[tuple[str, str], Node] = {}
    for kind, key in _NAMED.items():
        for resource in service.of_type(kind):
            name = resource.at("Properties", key)
            if not name.text:
                continue
            at = (kind, name.text.lower() if kind.startswith("AWS::IAM::") else name.text)
            if (other := seen.setdefault(at, resource)).id != resource.id:
                message = f"two resources have the name '{name.text}': '{other.id}' and '{resource.id}'"
                hint = "give the pipeline or the repository that it is made of another 'name' in the manifest"
                yield name.problem(NAMES, message, hint)

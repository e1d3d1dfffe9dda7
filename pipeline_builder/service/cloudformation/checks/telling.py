"""Whether people hear of what fails: nothing undelivered is lost, each build is watched, topics can be published to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Node, Service

LOST, UNHEARD, MUTE = "PB756", "PB757", "PB758"
_EVENTS, _ALARMS = "events.amazonaws.com", "cloudwatch.amazonaws.com"
_CHANNELS = ("AWS::Chatbot::SlackChannelConfiguration", "AWS::Chatbot::MicrosoftTeamsChannelConfiguration")
_ARN_TESTS = ("ArnLike", "ArnEquals", "StringLike", "StringEquals")


def check_telling(service: Service) -> Iterator[Problem]:
    """Check every rule's targets, every project, and every alarm."""
    for rule in service.of_type("AWS::Events::Rule"):
        arn = next((value for value, node in service.values if node.id == rule.id and ":rule/" in value), "")
        for target in rule.at("Properties", "Targets").items():
            yield from _kept(service, target, arn)
            yield from _spoken(service, target)
            if target.at("Arn").text in service.made("AWS::SNS::Topic"):
                yield from _published(service, target.at("Arn"), _EVENTS)
    for alarm in service.of_type("AWS::CloudWatch::Alarm"):
        actions = alarm.at("Properties", "AlarmActions")
        if not actions.items():
            yield alarm.problem(MUTE, f"the alarm '{alarm.id}' tells nobody ('AlarmActions')", key=True)
        for action in actions.items():
            yield from _published(service, action, _ALARMS)
    yield from _unheard(service)


def _kept(service: Service, target: Node, rule: str) -> Iterator[Problem]:
    """EventBridge drops what it can't deliver, at once where a permission is missing."""
    queue = target.at("DeadLetterConfig", "Arn")
    if queue.text not in service.made("AWS::SQS::Queue"):
        message = f"what the rule can't deliver to its target '{target.at('Id').text}' is lost"
        yield queue.problem(LOST, message, "write 'DeadLetterConfig: {Arn: …}' with a queue of the templates")
        return
    made = service.made("AWS::SQS::Queue")[queue.text]
    for statement in _statements(service, "AWS::SQS::QueuePolicy", "Queues", made):
        tests = [statement.at("Condition", test, "aws:SourceArn").items() for test in _ARN_TESTS]
        patterns = [item.text for test in tests for item in test]
        if _allows(statement, _EVENTS, "sqs:SendMessage") and any(fnmatchcase(rule, one) for one in patterns):
            return
    yield queue.problem(LOST, f"the policy of the queue '{made.id}' doesn't let this rule write to it")


def _spoken(service: Service, target: Node) -> Iterator[Problem]:
    """AWS Chatbot drops what isn't its JSON, and a mail of JSON is none for people."""
    chat = {
        topic.text
        for channel in service.of_type(*_CHANNELS)
        for topic in channel.at("Properties", "SnsTopicArns").items()
    }
    topic, template = target.at("Arn"), target.at("InputTransformer", "InputTemplate")
    if topic.text in chat and not is_chat_message(template.text):
        message = f"channels of a chat are not shown {describe(template.text)[:60]}, expected the JSON of AWS Chatbot"
        yield template.problem(MUTE, message)
    elif topic.text not in chat and is_chat_message(template.text):
        yield topic.problem(MUTE, "the JSON of AWS Chatbot goes to a topic that no channel listens to")


def is_chat_message(text: str) -> bool:
    """Tell whether a text is a custom notification; https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html."""
    try:
        found: JSON = json.loads(text)
    except ValueError:
        return False
    if not isinstance(found, dict) or (found.get("version"), found.get("source")) != ("1.0", "custom"):
        return False
    content = found.get("content")
    return isinstance(content, dict) and isinstance(content.get("description"), str)


def _published(service: Service, topic: Node, who: str) -> Iterator[Problem]:
    made = service.made("AWS::SNS::Topic").get(topic.text)
    if made is None:
        yield topic.problem(MUTE, f"{topic.shown} is no topic of the templates")
        return
    policies = _statements(service, "AWS::SNS::TopicPolicy", "Topics", made)
    if not any(_allows(statement, who, "sns:Publish") for statement in policies):
        yield topic.problem(MUTE, f"the policy of the topic '{made.id}' doesn't let {who} publish")
    key = service.made("AWS::KMS::Key").get(made.at("Properties", "KmsMasterKeyId").text)
    statements = key.at("Properties", "KeyPolicy", "Statement").items() if key else ()
    if key and not any(_allows(one, who, "kms:Decrypt", "kms:GenerateDataKey") for one in statements):
        yield topic.problem(
            MUTE, f"the policy of the key '{key.id}', which encrypts the topic, doesn't let {who} use it"
        )


def _statements(service: Service, kind: str, key: str, resource: Node) -> Iterator[Node]:
    """Yield the statements of the policies of a queue or topic."""
    names = {value for value, node in service.values if node.id == resource.id}
    for policy in service.of_type(kind):
        if any(item.text in names for item in policy.at("Properties", key).items()):
            yield from policy.at("Properties", "PolicyDocument", "Statement").items()


def _allows(statement: Node, who: str, *actions: str) -> bool:
    services = [item.text for item in statement.at("Principal", "Service").items()]
    allowed = [item.text for item in statement.at("Action").items()]
    return statement.at("Effect").text == "Allow" and who in services and all(action in allowed for action in actions)


def _unheard(service: Service) -> Iterator[Problem]:
    patterns = [
        rule.at("Properties", "EventPattern", "detail")
        for rule in service.of_type("AWS::Events::Rule")
        if "aws.codebuild" in [item.text for item in rule.at("Properties", "EventPattern", "source").items()]
    ]
    for name, project in service.projects.items():
        if not any(_hears(pattern, name) for pattern in patterns):
            message = f"nobody is told when a build of the project '{name}' fails"
            yield Problem(id=UNHEARD, message=message, place=project.at("Name").place(), warning=True)


def _hears(pattern: Node, name: str) -> bool:
    if "FAILED" not in [item.text for item in pattern.at("build-status").items()]:
        return False
    items = pattern.at("project-name").items()
    prefixes = [item.at("prefix").text for item in items]
    return name in [item.text for item in items] or any(prefix and name.startswith(prefix) for prefix in prefixes)

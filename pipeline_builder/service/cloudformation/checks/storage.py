"""Data and who it belongs to: what is kept when a stack goes, how it is protected, and tags."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Node, Service
from pipeline_builder.stacks.stacks import OWNER_TAG

TAGS = "PB635"
DATA = "PB636"
LOGS = "PB793"
# Types of the service that take tags, after CloudFormation's resource schemas.
TAGGABLE = (
    "AWS::CloudWatch::Alarm", "AWS::CodeBuild::Project", "AWS::CodeBuild::ReportGroup", "AWS::CodeCommit::Repository",
    "AWS::CodeConnections::Connection", "AWS::CodePipeline::Pipeline", "AWS::CodeStarConnections::Connection",
    "AWS::DynamoDB::Table", "AWS::EC2::SecurityGroup", "AWS::ECR::Repository", "AWS::Events::EventBus",
    "AWS::Events::Rule", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Lambda::Function", "AWS::Logs::LogGroup",
    "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SSM::Parameter",
    "AWS::SageMaker::ModelPackageGroup", "AWS::SageMaker::Pipeline", "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine",
)  # fmt: skip
# A key is one too: what it has encrypted is lost with it.
STORES = ("AWS::DynamoDB::Table", "AWS::ECR::Repository", "AWS::KMS::Key", "AWS::S3::Bucket")
_EXPIRES = ("ExpirationInDays", "ExpirationDate")
_CACHES = "/builds/"
_ARTIFACTS = 20
"""Characters of its name that CodePipeline keeps artifacts below."""
_LOGS_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
_LOGGED = "kms:EncryptionContext:aws:logs:arn"
_BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def check_tags(service: Service) -> Iterator[Problem]:
    """Check that everything says whose it is."""
    for resource in service.of_type(*TAGGABLE):
        tags = resource.at("Properties", "Tags")
        names = [key for key, _ in tags.entries()] or [tag.at("Key").text for tag in tags.items()]
        if OWNER_TAG not in names:
            message = f"'{resource.id}' ({resource.at('Type').text}) has no tag '{OWNER_TAG}'"
            yield tags.problem(TAGS, message, key=True)


def check_data(service: Service) -> Iterator[Problem]:
    """Check stores of data, buckets, keys, queues."""
    for resource in service.of_type(*STORES):
        for key in ("DeletionPolicy", "UpdateReplacePolicy"):
            policy = resource.at(key)
            if policy.text != "Retain":
                message = f"'{key}' of '{resource.id}' is {policy.shown}: its data would go with the stack"
                yield policy.problem(DATA, message, f"write '{key}: Retain'")
    for bucket in service.of_type("AWS::S3::Bucket"):
        yield from _bucket(service, bucket)
    for made in service.of_type("AWS::KMS::Key"):
        if made.at("Properties", "EnableKeyRotation").text != "true":
            yield made.problem(DATA, f"the key '{made.id}' is never rotated ('EnableKeyRotation')", key=True)
    for queue in service.of_type("AWS::SQS::Queue"):
        properties = queue.at("Properties")
        if properties.at("SqsManagedSseEnabled").text != "true" and not properties.at("KmsMasterKeyId").text:
            yield queue.problem(DATA, f"the queue '{queue.id}' is not encrypted", key=True)


def check_logs(service: Service) -> Iterator[Problem]:
    """Check that CloudWatch Logs may use the key of each log group: without, none is made.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    keys = service.made("AWS::KMS::Key")
    for arn, group in service.made("AWS::Logs::LogGroup").items():
        named = group.at("Properties", "KmsKeyId")
        key = keys.get(named.text)
        if key is None or not arn.startswith("arn:"):
            continue
        statements = key.at("Properties", "KeyPolicy", "Statement").items()
        if not any(_lets_logs(statement, arn.removesuffix(":*")) for statement in statements):
            message = f"the policy of the key '{key.id}' doesn't let CloudWatch Logs encrypt the log group '{group.id}'"
            yield named.problem(LOGS, message, f"let it, where '{_LOGGED}' is {arn.removesuffix(':*')}")


def _lets_logs(statement: Node, group: str) -> bool:
    services = [item.text for item in statement.at("Principal", "Service").items()]
    allowed = {item.text for item in statement.at("Action").items()}
    groups = [item.text for _, test in statement.at("Condition").entries() for item in test.at(_LOGGED).items()]
    return (
        statement.at("Effect").text == "Allow"
        and any(name.startswith("logs.") for name in services)
        and allowed.issuperset(_LOGS_USE)
        and (not groups or any(fnmatchcase(group, pattern) for pattern in groups))
    )


def _bucket(service: Service, bucket: Node) -> Iterator[Problem]:
    properties = bucket.at("Properties")
    open_to = [key for key in _BLOCKED if properties.at("PublicAccessBlockConfiguration", key).text != "true"]
    if open_to:
        message = f"the bucket '{bucket.id}' could be made public: {', '.join(open_to)} not 'true'"
        yield properties.at("PublicAccessBlockConfiguration").problem(DATA, message, key=True)
    rules = properties.at("BucketEncryption", "ServerSideEncryptionConfiguration").items()
    if not any(rule.at("ServerSideEncryptionByDefault", "SSEAlgorithm").text for rule in rules):
        yield bucket.problem(DATA, f"the bucket '{bucket.id}' is not encrypted ('BucketEncryption')", key=True)
    if properties.at("VersioningConfiguration", "Status").text != "Enabled":
        message = f"the bucket '{bucket.id}' keeps no versions ('VersioningConfiguration')"
        yield properties.at("VersioningConfiguration").problem(DATA, message, key=True)
    yield from _lifecycle(service, bucket)
    buckets = service.made("AWS::S3::Bucket")
    statements = [
        statement
        for policy in service.of_type("AWS::S3::BucketPolicy")
        if buckets.get(policy.at("Properties", "Bucket").text) == bucket
        for statement in policy.at("Properties", "PolicyDocument", "Statement").items()
    ]
    if not any(_asks_for_tls(statement) for statement in statements):
        message = f"the bucket '{bucket.id}' answers without TLS: no policy denies it ('aws:SecureTransport')"
        yield bucket.problem(DATA, message, key=True)


def _lifecycle(service: Service, bucket: Node) -> Iterator[Problem]:
    """Check that time takes nothing but artifacts and caches: models, evidence, code and records stay.

    What was approved stays too when somebody has put something else in its place, or deleted it.
    """
    thrown = {f"{pipeline.node.at('Name').text[:_ARTIFACTS]}/" for pipeline in service.pipelines}
    for rule in bucket.at("Properties", "LifecycleConfiguration", "Rules").items():
        prefix = rule.at("Prefix").text
        if rule.at("Status").text == "Disabled" or prefix in thrown or f"/{prefix}".endswith(_CACHES):
            continue
        where = f"below '{prefix}'" if prefix else "in all of it"
        if any(rule.at(key).text for key in _EXPIRES):
            message = (
                f"the bucket '{bucket.id}' deletes what is {where} after a time: models and evidence could be there"
            )
            yield rule.problem(DATA, message, "let only artifacts and the builds' caches expire")
        if _takes_the_last_before(rule):
            message = (
                f"the bucket '{bucket.id}' deletes every older version {where} after a time: with it a model that was "
                "approved, where somebody has put another file in its place"
            )
            yield rule.problem(DATA, message, "write 'NewerNoncurrentVersions' beside 'NoncurrentDays'")


def _takes_the_last_before(rule: Node) -> bool:
    """Tell whether a rule leaves nothing of what was overwritten or deleted."""
    expiration = rule.at("NoncurrentVersionExpiration")
    days = expiration.at("NoncurrentDays").text or rule.at("NoncurrentVersionExpirationInDays").text
    kept = expiration.at("NewerNoncurrentVersions").number
    return bool(days) and not kept


def _asks_for_tls(statement: Node) -> bool:
    secure = statement.at("Condition", "Bool", "aws:SecureTransport")
    resources = statement.at("Resource").items()
    return (
        statement.at("Effect").text == "Deny"
        and secure.text == "false"
        and statement.at("Action").text in ("s3:*", "*")
        and any(resource.text.endswith("/*") for resource in resources)
        and any(not resource.text.endswith("/*") for resource in resources)
    )

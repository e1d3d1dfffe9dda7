"""What a change of a stack widens, by its templates: every kind of statement, and no word where nothing changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.grants import matches
from pipeline_builder.service.widening import Widening, compare_templates
from tests.service.services import ACCOUNT, KEY, REGION, render

HOME = Home(account=ACCOUNT, region=REGION, stack="models")
TRUST = {
    "Statement": {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
}
READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/churn/*"]}
ONLY_S3 = {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
USE = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}
PASS = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/churn",
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}}  # fmt: skip
DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip


def role(*statements: Any, trust: Any = TRUST, **more: Any) -> dict[str, Any]:
    policies = [{"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}]
    properties = {"RoleName": "models-churn", "AssumeRolePolicyDocument": trust, "Policies": policies, **more}
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}


def on(kind: str, key: str, *statements: Any) -> dict[str, Any]:
    return {"It": {"Type": kind, "Properties": {key: {"Statement": list(statements)}}}}


def changed(statement: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {**statement, **more}


def compare(old: Any, new: Any) -> Widening:
    def text(resources: Any) -> str:
        return json.dumps({"Resources": resources or role(READ)})

    return compare_templates((text(old), {}), (text(new), {}), HOME)


CASES: Mapping[str, tuple[Any, Any, str]] = {
    "another prefix": (
        role(READ), role(changed(READ, Resource=["arn:aws:s3:::b/churn/*", "arn:aws:s3:::b/price/*"])),
        "models-churn may now also read s3://b/price/* (s3:GetObject)",
    ),
    "a wider prefix": (role(READ), role(changed(READ, Resource="arn:aws:s3:::b/*")), "models-churn may now also read s3://b/*"),
    "another action": (role(READ), role(changed(READ, Action=["s3:GetObject", "s3:PutObject"])), "may now also write s3://b/churn/*"),
    "all actions": (role(READ), role(changed(READ, Action="*")), "may now also use s3://b/churn/* (*)"),
    "all but one action": (role(READ), role(READ, {"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}),
                           "may now also use * (all but s3:GetObject)"),
    "all but one resource": (role(READ), role(READ, {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "x"}),
                             "may now also read all but x (s3:GetObject)"),
    "a condition less": (role(changed(USE, Condition=ONLY_S3)), role(USE),
                         "(kms:Decrypt), no longer only where kms:ViaService StringEquals s3.eu-central-1.amazonaws.com"),
    "a condition that holds for more": (
        role(changed(USE, Condition=ONLY_S3)),
        role(changed(USE, Condition={"StringEquals": {"kms:ViaService": ["s3.eu-central-1.amazonaws.com", "ebs.x"]}})),
        "may now also decrypt with",
    ),
    "a condition for another operator": (
        role(changed(USE, Condition=ONLY_S3)), role(changed(USE, Condition={"StringLike": ONLY_S3["StringEquals"]})),
        "may now also decrypt with",
    ),
    "a role is passed on": (role(PASS), role(PASS, changed(PASS, Resource="arn:aws:iam::1:role/admin")),
                            "models-churn may now also pass on the role arn:aws:iam::1:role/admin (iam:PassRole)"),
    "a role is passed on to anything": (role(PASS), role({k: v for k, v in PASS.items() if k != "Condition"}),
                                        "no longer only where iam:PassedToService"),
    "somebody else takes the role on": (
        role(READ), role(READ, trust={"Statement": [TRUST["Statement"], {**TRUST["Statement"], "Principal": {"AWS": "arn:aws:iam::2:root"}}]}),
        "'arn:aws:iam::2:root' may now also take on the role models-churn",
    ),
    "it is taken on without its condition": (
        role(READ, trust={"Statement": {**TRUST["Statement"], "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}}),
        role(READ), "may now also take on the role models-churn, no longer only where aws:SourceAccount",
    ),
    "a policy of AWS's": (role(READ), role(READ, ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
                          "may now also do all of the policy arn:aws:iam::aws:policy/AdministratorAccess"),
    "no boundary any more": (role(READ, PermissionsBoundary="arn:aws:iam::1:policy/b"), role(READ),
                             "models-churn is no longer bounded by arn:aws:iam::1:policy/b"),
    "a denial less": (role(READ, {**USE, "Effect": "Deny"}), role(READ), "models-churn is no longer denied to decrypt with"),
    "a policy of its own": (
        role(READ),
        role(READ, ManagedPolicyArns=[{"Ref": "More"}])
        | {"More": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Statement": [USE]}}}},
        "models-churn may now also decrypt with",
    ),
    "a policy that names the role": (
        role(READ),
        role(READ) | {"More": {"Type": "AWS::IAM::Policy", "Properties": {
            "PolicyName": "p", "Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [USE]}}}},
        "models-churn may now also decrypt with",
    ),
    "another role": (role(READ), role(READ) | {"Two": role(READ, RoleName="models-price")["Role"]},
                     "the role models-price is new, for sagemaker.amazonaws.com; it may read s3://b/churn/*"),
    "a bucket": (on("AWS::S3::BucketPolicy", "PolicyDocument", DENY), on("AWS::S3::BucketPolicy", "PolicyDocument"),
                 "everybody is no longer denied to use s3://b/* (s3:*), where aws:SecureTransport Bool false"),
    "a key": (
        on("AWS::KMS::Key", "KeyPolicy", {"Effect": "Allow", "Principal": {"AWS": "a"}, "Action": "kms:Decrypt", "Resource": "*"}),
        on("AWS::KMS::Key", "KeyPolicy", {"Effect": "Allow", "Principal": {"AWS": ["a", "b"]}, "Action": "kms:Decrypt", "Resource": "*"}),
        "b may now also decrypt with the KMS It (kms:Decrypt)",
    ),
    "a topic for everybody": (
        on("AWS::SNS::TopicPolicy", "PolicyDocument", {"Effect": "Allow", "Principal": {"Service": "a"}, "Action": "sns:Publish", "Resource": "t"}),
        on("AWS::SNS::TopicPolicy", "PolicyDocument", {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "t"}),
        "everybody may now also publish to t",
    ),
    "all but one": (
        on("AWS::SQS::QueuePolicy", "PolicyDocument"),
        on("AWS::SQS::QueuePolicy", "PolicyDocument", {"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "sqs:SendMessage", "Resource": "q"}),
        'all but {"AWS": "x"} may now also send to q',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_widens_is_said(case: str) -> None:
    old, new, words = CASES[case]
    found = compare(old, new)
    assert [line for line in found.widens if words in line], found
    back = compare(new, old)
    assert back.narrows, back
    if "condition" not in case and "passed on to anything" not in case:
        assert back.widens == (), back


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (READ, changed(READ, Resource=["arn:aws:s3:::b/churn/a/*"])),
        (READ, changed(READ, Condition=ONLY_S3)),
        (changed(READ, Action="s3:Get*"), READ),
        (changed(READ, Action="S3:getobject"), READ),
        (changed(READ, Resource="*"), READ),
        (changed(USE, Condition={"StringLike": {"kms:ViaService": "*"}}), changed(USE, Condition={"StringLike": {"kms:ViaService": "s3.*"}})),
        (changed(PASS, Resource="arn:aws:iam::1:role/?hurn"), PASS),
    ],
)  # fmt: skip
def test_what_is_part_of_what_was_allowed_widens_nothing(old: Any, new: Any) -> None:
    assert compare(role(old), role(new)).widens == ()


def test_the_same_in_another_order_or_another_statement_is_the_same() -> None:
    both = changed(READ, Action=["s3:PutObject", "s3:GetObject"], Sid="Both")
    assert compare(role(READ, changed(READ, Action="s3:PutObject")), role(both)) == Widening()


@pytest.mark.parametrize(
    ("wide", "narrow", "is_part"),
    [("a*", "a*b", True), ("a*b", "a*", False), ("a?", "a*", False), ("a${*}", "a*", False), ("a*", "a${*}", True), ("a.c", "abc", False)],
)  # fmt: skip
def test_patterns_within_patterns(wide: str, narrow: str, is_part: bool) -> None:
    assert matches(wide, narrow) is is_part


@pytest.mark.parametrize(
    "text", ["", "[]", "Resources: {A: {Type: B, Properties: {C: !Transform x}}}", "Resources: {A: {Type: B, Properties: {C: !Ref Gone}}}"]
)  # fmt: skip
def test_a_deployed_template_that_cant_be_read_is_said(text: str) -> None:
    found = compare_templates((text, {}), (json.dumps({"Resources": role(READ)}), {}), HOME)
    assert len(found.widens) == 1
    assert found.widens[0].startswith("what it widens can't be told, as the deployed template can't be read here: ")


@pytest.mark.long
def test_a_rendered_service_against_itself_and_against_one_role_for_all() -> None:
    values = {"ArtifactBucket": "models", "KeyArn": KEY}
    one = render(execution_role="make")["service.yaml"]
    assert compare_templates((one, values), (one, values), HOME) == Widening()
    other = render(execution_role="make", permissions_boundary=f"arn:aws:iam::{ACCOUNT}:policy/b")["service.yaml"]
    found = compare_templates((other, values), (one, values), HOME)
    assert f"model-service-build is no longer bounded by arn:aws:iam::{ACCOUNT}:policy/b" in found.widens
    assert all("no longer bounded" in line for line in found.widens)

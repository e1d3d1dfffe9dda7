"""What each role may do and what not: out of definitions, settings and names that people wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.fetched import Fetched
from pipeline_builder.service.cloudformation.access.listing import render_policies, substitute
from pipeline_builder.service.cloudformation.access.roles import build_access, definition_facts
from pipeline_builder.service.cloudformation.access.statements import literal
from pipeline_builder.service.cloudformation.access.touched import Image
from pipeline_builder.service.cloudformation.access.tracking import tracking_and_indexes
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from tests.definition.composing import compose_definition
from tests.definition.step_cases import CHECKS
from tests.places import GOLDEN
from tests.service.cloudformation.access.facts import CONNECTION, NETWORK, OLDER, definition_with, facts_with
from tests.service.cloudformation.access.iam import ACCOUNT, NAMES, REGION, allows, documents, matches

SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
S3 = "arn:aws:s3:::"
OWNERS = {
    f"churn-{name}": "churn" for name in ("Preprocess", "Train", "CreateModel", "Transform", "Metrics", "Register")
}
EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/pipeline-builder-execution"


def step(kind: str, name: str = "a", **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def definition(*steps: dict[str, Any], parameters: tuple[dict[str, Any], ...] = ()) -> bytes:
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps}).encode()


def read(*steps: dict[str, Any], **more: Any) -> Any:
    parameters = more.pop("parameters", ())
    return definition_facts("tiny", definition(*steps, parameters=parameters), bucket="own", **more)


def join(*values: Any, on: str = "/") -> Any:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def fetching(*uris: Any) -> dict[str, Any]:
    return step("Processing", ProcessingInputs=[{"S3Input": {"S3Uri": uri}} for uri in uris])


def policies(name: str, **more: Any) -> list[dict[str, Any]]:
    (found,) = (one for one in build_access(facts_with(**more)) if one.name == name)
    return documents(found)


# --- what a definition touches


def test_a_composed_definition() -> None:
    content = (GOLDEN / "network-key-and-tags.json").read_bytes()
    found = definition_facts("tiny", content, bucket="local", repositories=OWNERS)
    assert found.groups == ("tiny-churn",)
    own = tuple(Location("", (f"tiny/{folder}/", "")) for folder in ("churn/executions", "code", "executions"))
    assert found.reads == (Location("", ("churn/numbers.csv", "")), *own)
    assert found.writes == own[:1]
    assert found.metrics == (own[0], own[2])
    assert (found.subnets, found.security_groups, found.keys) == (("subnet-1", "subnet-2"), ("sg-1",), ("alias/k",))
    assert set(found.jobs) == {"processing-job", "training-job", "transform-job", "model"}
    assert found.roles == ("arn:aws:iam::000000000000:role/local",)
    assert found.warnings == ()


def test_another_commit_needs_no_other_policy() -> None:
    """Names under the pipeline's own prefix change with each commit and each run: the folders stand for them."""
    found = [read(fetching(f"s3://own/tiny/code/{digit * 64}/sourcedir.tar.gz")) for digit in "ab"]
    assert found[0] == found[1]


def test_addresses_wherever_they_stand() -> None:
    found = read(
        step("Training", HyperParameters={"uri": '"s3://b/json"'}, Environment={"URI": "s3://b/environment"}),
        step(
            "Training",
            "c",
            CheckpointConfig={"S3Uri": "s3://b/points"},
            OutputDataConfig={"S3OutputPath": "s3://b/out"},
        ),
        step("Condition", "d", IfSteps=[step("Model", "e", PrimaryContainer={"ModelDataUrl": "s3://b/inside.tar.gz"})]),
    )
    assert [place.pieces[0] for place in found.reads] == ["environment", "inside.tar.gz", "json"]
    assert found.writes == (Location("b", ("out/", "")), Location("b", ("points/", "")))


def test_expressions_are_what_they_stand_for() -> None:
    out = {
        "S3Output": {"S3Uri": join("s3://b/out", {"Get": "Execution.PipelineExecutionId"}, "x")},
        "OutputName": "train",
    }
    found = read(
        step("Processing", ProcessingOutputConfig={"Outputs": [out]}),
        fetching(
            join("s3://", {"Get": "Parameters.Bucket"}, "/data", on=""),
            join({"Get": "Steps.a.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}, "part.csv"),
        )
        | {"Name": "second"},
        parameters=({"Name": "Bucket", "Type": "String", "DefaultValue": "theirs"},),
    )
    assert found.reads == (Location("b", ("out/", "/x/part.csv", "")), Location("theirs", ("data", "")))
    assert found.writes == (Location("b", ("out/", "/x/", "")),)


def test_an_address_that_only_a_run_knows_is_said() -> None:
    found = read(
        fetching(join("s3://", {"Get": "Parameters.Bucket"}, "/data", on="")), parameters=({"Name": "Bucket"},)
    )
    assert (found.reads, [problem.id for problem in found.warnings]) == ((), ["PB642"])
    assert "step 'a': where 's3://*/data' leads is known only when it runs" in found.warnings[0].message


def test_kinds_of_steps_that_are_not_known_are_said() -> None:
    (warning,) = read(step("EMR")).warnings
    assert (warning.id, warning.warning) == ("PB642", True)
    assert "step 'a' of the type EMR" in warning.message


def test_packages_whose_artifacts_are_not_known_are_said() -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/3"
    registered = {"ModelPackageName": {"Get": "Steps.Register.ModelPackageArn"}}
    (warning,) = read(step("Model", Containers=[{"ModelPackageName": arn}, registered])).warnings
    assert (warning.id, warning.warning) == ("PB642", True)
    assert f"step 'a': what the model package '{arn}' is made of is not known" in warning.message


def test_files_of_a_list_and_data_that_is_listed() -> None:
    listed = json.dumps([{"prefix": "s3://b/data/"}, "a.csv", "x/b.csv"]).encode()
    found = read(
        fetching("s3://own/tiny/manifests/1/m.json"),
        manifests={"s3://own/tiny/manifests/1/m.json": listed},
        data=["s3://b/data/a.csv"],
    )
    assert found.reads == (
        Location("", ("tiny/manifests/", "")), Location("b", ("data/a.csv",)), Location("b", ("data/x/b.csv",)),
    )  # fmt: skip
    assert found.listed == (Location("b", ("data/a.csv",)),)


def test_images_of_ecr_only() -> None:
    image = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/tensorflow-training:2.14"
    found = read(
        step("Training", AlgorithmSpecification={"TrainingImage": image}), step("Model", "b", Image="docker.io/x:1")
    )
    assert found.images == (Image("eu-central-1", "763104351884", "tensorflow-training"),)


@pytest.mark.parametrize("key", ["{{resolve:secretsmanager:x}}", "a\x00b", "data/\u65e5\u672c", "a\nb"])
def test_what_no_policy_can_hold_is_refused(key: str) -> None:
    with pytest.raises(InputProblems) as caught:
        read(fetching(f"s3://b/{key}" if "\n" not in key else "s3://b/x", "s3://b/\x7f"))
    assert {problem.id for problem in caught.value.problems} == {"PB641"}


# --- names from outside


@pytest.mark.long
@given(st.text(st.sampled_from("ab*?${}!:/")), st.text(st.sampled_from("ab*?${}!:/")))
def test_a_name_from_outside_matches_itself_only(name: str, other: str) -> None:
    """As Fn::Sub leaves it, and as our reader of templates does."""
    text = substitute(literal(name), NAMES.values)
    assert matches(text, name)
    assert matches(text, other) is (name == other)
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::Sub": literal(name)}}}
    template = load_template(json.dumps({"Resources": {"Topic": topic}}), "t")
    resolved: Any = resolve_template(template, {}, Home(account=ACCOUNT, region=REGION)).data
    assert resolved["Resources"]["Topic"]["Properties"]["DisplayName"] == text


def test_a_wildcard_in_an_address_opens_nothing() -> None:
    found = policies("execution", definition=read(fetching("s3://theirs/*", "s3://theirs/${aws:username}/?")))
    assert allows(found, "s3:GetObject", f"{S3}theirs/*.csv")
    assert allows(found, "s3:GetObject", f"{S3}theirs/${{aws:username}}/?")
    assert not allows(found, "s3:GetObject", f"{S3}theirs/a.csv")
    assert not allows(found, "s3:GetObject", f"{S3}theirs/ada/x")


# --- what roles may do


def test_the_execution_role_reaches_its_data_and_no_other() -> None:
    found = policies(
        "execution", definition=definition_with(reads=(Location("b", ("data/", "")), Location("", ("tiny/code/", ""))))
    )
    assert allows(found, "s3:GetObject", f"{S3}b/data/a.csv")
    assert not allows(found, "s3:GetObject", f"{S3}b/other/a.csv")
    assert not allows(found, "s3:PutObject", f"{S3}b/data/a.csv")
    assert allows(found, "s3:PutObject", f"{S3}artifacts/tiny/executions/1/a")
    assert not allows(found, "s3:PutObject", f"{S3}artifacts/tiny/code/a")
    assert not allows(found, "s3:GetObject", f"{S3}artifacts/runs/1/run.json")
    assert allows(found, "sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/pipelines-abc-churn-Train-x")
    assert not allows(found, "sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/other")
    assert allows(found, "cloudwatch:PutMetricData", cloudwatch_namespace="/aws/sagemaker/TrainingJobs")
    assert not allows(found, "cloudwatch:PutMetricData", cloudwatch_namespace="Ours")
    assert not allows(found, "ec2:CreateNetworkInterface", f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/1")


def test_names_that_steps_give_their_jobs() -> None:
    named = {"training-job": ("Nightly",), "processing-job": ("",)}
    found = policies("execution", definition=definition_with(jobs=named))
    for name in ("Nightly-1", "nightly-1", "pipelines-1"):
        assert allows(found, "sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{name}")
    assert not allows(found, "sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/x")
    assert allows(found, "sagemaker:CreateProcessingJob", f"{SAGEMAKER}:processing-job/whatever-a-parameter-says")


def test_roles_are_passed_to_sagemaker_only_and_only_this_one() -> None:
    for role in ("build", "execution"):
        found = policies(role)
        assert allows(found, "iam:PassRole", EXECUTION, iam_PassedToService="sagemaker.amazonaws.com")
        assert not allows(found, "iam:PassRole", EXECUTION, iam_PassedToService="lambda.amazonaws.com")
        assert not allows(found, "iam:PassRole", f"{EXECUTION}-2", iam_PassedToService="sagemaker.amazonaws.com")
    given = policies("build", service={"execution_role": "given"}, role="arn:aws:iam::1:role/theirs")
    assert allows(given, "iam:PassRole", "arn:aws:iam::1:role/theirs", iam_PassedToService="sagemaker.amazonaws.com")
    assert not allows(given, "iam:PassRole", EXECUTION, iam_PassedToService="sagemaker.amazonaws.com")
    assert not any(
        allows(policies(role), "iam:PassRole", EXECUTION, iam_PassedToService="sagemaker.amazonaws.com")
        for role in ("train", "promote", "worker", "pipeline", "events")
    )


def test_only_promotion_and_rejection_change_packages() -> None:
    package = f"{SAGEMAKER}:model-package/tiny-churn/1"
    allowed = {
        role: allows(policies(role), "sagemaker:UpdateModelPackage", package)
        for role in ("build", "train", "promote", "worker")
    }
    assert allowed == {"build": False, "train": False, "promote": True, "worker": True}
    assert not allows(policies("promote"), "sagemaker:UpdateModelPackage", f"{SAGEMAKER}:model-package/other/1")


def test_secrets_by_name_and_by_arn() -> None:
    base = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
    found = policies("build", fetched=Fetched(secrets=("git/token", f"{base}whole-AbCdEf", f"{base}part")))
    for name in ("git/token-123456", "whole-AbCdEf", "part-abcdef"):
        assert allows(found, "secretsmanager:GetSecretValue", f"{base}{name}"), name
    for name in ("git/token", "git/token-1234567", "git/token2-123456", "whole-XXXXXX", "part-x"):
        assert not allows(found, "secretsmanager:GetSecretValue", f"{base}{name}"), name
    assert not allows(
        policies("train", fetched=Fetched(secrets=("git/token",))),
        "secretsmanager:GetSecretValue",
        f"{base}git/token-123456",
    )


def test_a_connection_is_used_for_its_repositories_only_and_only_read() -> None:
    used = Fetched(connections={CONNECTION: ("acme/churn", "acme/fraud"), OLDER: ("old/one",)})
    for stage, more in (("build", {"fetched": used}), ("worker", {"polled": used, "has_polls": True})):
        found = policies(stage, **more)

        def use(connection: str, repository: str, permissions: str = "read_only", of: Any = found) -> bool:
            service = connection.split(":")[2]
            context = {f"{service}_FullRepositoryId": repository, f"{service}_ProviderPermissionsRequired": permissions}
            return allows(of, f"{service}:UseConnection", connection, **context)

        assert use(CONNECTION, "acme/churn")
        assert use(CONNECTION, "acme/fraud")
        assert use(OLDER, "old/one")
        assert not use(CONNECTION, "acme/other")
        assert not use(CONNECTION, "old/one")
        assert not use(OLDER, "acme/churn")
        assert not use(CONNECTION, "acme/churn", "read_write")
        assert not allows(found, "codeconnections:UseConnection", CONNECTION)
    assert "UseConnection" not in json.dumps(policies("train", fetched=used, polled=used))
    assert "UseConnection" not in json.dumps(policies("worker", fetched=used, has_polls=True))


def test_codecommit_is_read_by_name_and_region() -> None:
    found = policies("build", fetched=Fetched(codecommit=(("", "churn"), ("us-east-1", "fraud"))))
    assert allows(found, "codecommit:GitPull", f"arn:aws:codecommit:{REGION}:{ACCOUNT}:churn")
    assert allows(found, "codecommit:GitPull", f"arn:aws:codecommit:us-east-1:{ACCOUNT}:fraud")
    assert not allows(found, "codecommit:GitPull", f"arn:aws:codecommit:us-east-1:{ACCOUNT}:churn")
    assert not allows(found, "codecommit:GitPush", f"arn:aws:codecommit:{REGION}:{ACCOUNT}:churn")


def test_a_key_that_is_known_by_its_alias() -> None:
    found, key = policies("execution", key="alias/data"), f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    assert allows(found, "kms:GenerateDataKey", key, kms_ResourceAliases=("alias/other", "alias/data"))
    assert not allows(found, "kms:GenerateDataKey", key, kms_ResourceAliases=("alias/other",))
    grant = {"kms_ResourceAliases": ("alias/data",)}
    assert allows(found, "kms:CreateGrant", key, kms_GrantIsForAWSResource="true", **grant)
    assert not allows(found, "kms:CreateGrant", key, kms_GrantIsForAWSResource="false", **grant)
    theirs = policies("execution", key="arn:aws:kms:us-east-1:444455556666:alias/ml")
    aliases = {"kms_ResourceAliases": ("alias/ml",)}
    assert allows(theirs, "kms:Decrypt", "arn:aws:kms:us-east-1:444455556666:key/1", **aliases)
    assert not allows(theirs, "kms:Decrypt", key, **aliases)


def test_the_services_key_is_used_through_services_only() -> None:
    key = NAMES.key
    found = policies("train")
    assert allows(found, "kms:Decrypt", key, kms_ViaService=f"s3.{REGION}.amazonaws.com")
    assert not allows(found, "kms:Decrypt", key, kms_ViaService=f"ebs.{REGION}.amazonaws.com")
    assert not allows(found, "kms:Decrypt", key)
    assert "kms:" not in json.dumps(policies("train", service={"encryption": "aws"}))


def test_a_connection_is_used_under_its_own_prefix() -> None:
    sources = {"source": {"repository": "team/models", "connection": OLDER}}
    found = policies("pipeline", service=sources, connections=(CONNECTION,))
    assert allows(found, "codeconnections:UseConnection", CONNECTION)
    assert allows(found, "codestar-connections:UseConnection", OLDER)
    assert not allows(found, "codeconnections:UseConnection", OLDER)
    for clones in (True, False):
        build = policies("build", service=sources, clones=clones)
        assert allows(build, "codestar-connections:UseConnection", OLDER) is clones
    assert allows(policies("worker", service=sources), "codestar-connections:GetConnectionToken", OLDER)


def test_builds_in_a_network() -> None:
    found = policies("build", service={"network": NETWORK})
    ec2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
    subnet, interface = f"{ec2}:subnet/subnet-00000001", f"{ec2}:network-interface/eni-1"
    use = {"ec2_Subnet": subnet, "ec2_AuthorizedService": "codebuild.amazonaws.com"}
    assert allows(found, "ec2:CreateNetworkInterface", subnet)
    shared = subnet.replace(ACCOUNT, "999999999999")  # of the account that shares it
    assert allows(found, "ec2:CreateNetworkInterface", shared)
    assert allows(found, "ec2:CreateNetworkInterfacePermission", interface, **{**use, "ec2_Subnet": shared})
    assert not allows(found, "ec2:CreateNetworkInterface", f"{ec2}:subnet/subnet-2")
    assert allows(found, "ec2:CreateNetworkInterfacePermission", interface, **use)
    assert not allows(found, "ec2:CreateNetworkInterfacePermission", interface, **{**use, "ec2_Subnet": f"{subnet}2"})
    assert "ec2:" not in json.dumps(policies("build"))


def test_starters_start_this_pipeline_only() -> None:
    pipeline = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:pipeline-builder"
    more = {"has_webhooks": True, "has_events": True, "has_schedules": True, "has_polls": True}
    for role in ("webhook", "events", "scheduler", "worker"):
        found = policies(role, **more)
        assert allows(found, "codepipeline:StartPipelineExecution", pipeline), role
        assert not allows(found, "codepipeline:StartPipelineExecution", f"{pipeline}-2"), role
    builds = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/pipeline-builder"
    started = {
        stage: allows(policies("pipeline", **more), "codebuild:StartBuild", f"{builds}-{stage}")
        for stage in ("build", "worker")
    }
    assert started == {"build": True, "worker": False}
    assert not allows(policies("worker"), "codepipeline:StartPipelineExecution", pipeline)


@pytest.mark.parametrize("kind", ["codecommit", "s3"])
def test_sources_without_a_connection(kind: str) -> None:
    service = {"source": {"kind": kind, "repository": "models/manifest.zip" if kind == "s3" else "models"}}
    wanted = {
        "codecommit": ("codecommit:UploadArchive", f"arn:aws:codecommit:{REGION}:{ACCOUNT}:models"),
        "s3": ("s3:GetObjectVersion", f"{S3}models/manifest.zip"),
    }[kind]
    assert allows(policies("pipeline", service=service), *wanted)
    pull = ("codecommit:GitPull", wanted[1]) if kind == "codecommit" else ("s3:GetObject", wanted[1])
    assert allows(policies("worker", service=service), *pull)
    assert not allows(policies("train", service=service), *pull)


def test_policies_as_json_with_their_reasons() -> None:
    shown = json.loads(render_policies(build_access(facts_with()), NAMES, prefix="pipeline-builder"))
    build = shown["pipeline-builder-build"]
    assert build["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT}
    }
    assert build["Why"]["LookAtQuotas"] == "the action takes no resource"
    assert "${" not in json.dumps(shown)
    china = render_policies(
        build_access(facts_with()), NAMES.__class__(account=ACCOUNT, region="cn-north-1", bucket="b"), prefix="x"
    )
    assert '"arn:aws-cn:s3:::b"' in china
    assert "s3.cn-north-1.amazonaws.com.cn" in china


# --- steps of types that have no section


def test_what_tuning_and_checks_take() -> None:
    read_steps = read(
        step("Tuning", HyperParameterTuningJobName="tune"), step("QualityCheck", "q"), step("EndpointConfig", "c")
    )
    found = policies("execution", definition=read_steps)
    ours = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
    tuning = f"{ours}hyper-parameter-tuning-job/"
    assert allows(found, "sagemaker:CreateHyperParameterTuningJob", f"{tuning}tune-1")
    assert not allows(found, "sagemaker:CreateHyperParameterTuningJob", f"{tuning}theirs")
    assert allows(found, "sagemaker:CreateProcessingJob", f"{ours}processing-job/pipelines-1-q")
    assert allows(found, "sagemaker:CreateEndpointConfig", f"{ours}endpoint-config/pipelines-1-c")
    assert not read_steps.warnings


def test_the_best_model_of_a_tuning_is_read_where_its_trainings_write() -> None:
    folder = {"Std:Join": {"On": "/", "Values": ["s3://models-1/out", {"Get": "Execution.PipelineExecutionId"}]}}
    tunes = step("Tuning", "t", TrainingJobDefinition={"OutputDataConfig": {"S3OutputPath": folder}})
    best = [
        {"Get": "Steps.t.TrainingJobDefinition.OutputDataConfig.S3OutputPath"},
        {"Get": "Steps.t.BestTrainingJob.TrainingJobName"},
        "output/model.tar.gz",
    ]
    model = step("Model", "m", PrimaryContainer={"ModelDataUrl": {"Std:Join": {"On": "/", "Values": best}}})
    found = policies("execution", definition=read(tunes, model))
    assert allows(found, "s3:GetObject", "arn:aws:s3:::models-1/out/e1/tune-1-003/output/model.tar.gz")
    assert not allows(found, "s3:GetObject", "arn:aws:s3:::models-1/other/e1/tune-1-003/output/model.tar.gz")


def test_what_functions_and_queues_take() -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ask"
    asks = {**step("Lambda"), "FunctionArn": function}
    waits = {**step("Callback", "b"), "SqsQueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/answers"}
    found = policies("execution", definition=read(asks, waits))
    assert allows(found, "lambda:InvokeFunction", function)
    assert not allows(found, "lambda:InvokeFunction", f"{function}-other")
    assert allows(found, "sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:answers")
    assert not allows(found, "sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:others")


@pytest.mark.parametrize("named", [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:*", "*", {"Get": "Parameters.F"}, ""])
def test_a_function_that_no_policy_can_name(named: object) -> None:
    found = read({**step("Lambda"), "FunctionArn": named})
    assert found.functions == ()
    assert [problem.id for problem in found.warnings] == ["PB642"]


def test_servers_and_indexes_get_what_using_them_takes_and_no_more() -> None:
    """Of an environment and of a request's own member; whose address is another server's needs nothing of IAM."""
    server = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/runs"
    app = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/app-1"
    index = "arn:aws:codeartifact:eu-west-1:444455556666:repository/ml/pypi"
    found = read(
        step("Training", MlflowConfig={"MlflowResourceArn": server}, Environment={"CA_REPOSITORY_ARN": index}),
        step("Processing", "b", Environment={"MLFLOW_TRACKING_URI": app, "SMP_MLFLOW_ARTIFACTS": "s3://runs/all"}),
        step("Processing", "c", Environment={"MLFLOW_TRACKING_URI": "https://mlflow.example.com"}),
    )
    assert (found.servers, found.indexes) == ((app, server), (index,))
    assert found.writes == (Location("runs", ("all/", "")),)
    granted = {statement.sid: statement for statement in tracking_and_indexes(found)}
    assert granted["Tracking"].resources == (server,)
    assert not any("Delete" in action or action.endswith("*") for one in granted.values() for action in one.actions)
    assert (granted["TrackingApps"].actions, granted["TrackingApps"].resources) == (
        ("sagemaker:CallMlflowAppApi",), (app,),
    )  # fmt: skip
    assert granted["IndexToken"].resources == ("arn:aws:codeartifact:eu-west-1:444455556666:domain/ml",)
    assert granted["Index"].resources == (index,)
    assert tracking_and_indexes(read(step("Training"))) == ()


def test_the_file_of_a_checks_analysis_is_no_list(tmp_path: Path) -> None:
    made = compose_definition(tmp_path, CHECKS)
    assert any(uri.endswith("analysis_config.json") for uri in made.manifests)
    found = definition_facts(
        "tiny", made.content, bucket="local", manifests=made.manifests, repositories=made.repositories
    )
    assert found.reads

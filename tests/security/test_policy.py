"""Attacks on the manifest's policy: what a conf asks for that its repository may not have, wherever in a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.definition.policy.policy import check_policy
from pipeline_builder.errors import Problem
from tests.definition.machine_cases import REPOSITORY, SERVER
from tests.security.policing import (
    EVALUATE,
    REGISTRY,
    ROLE,
    TRAIN,
    TRANSFORM,
    arguments,
    compose_all,
    parameter,
    read_manifest,
    refusals,
    refusals_of_two,
    renamed,
    train,
    with_price,
)
from tests.tiny import CONF, variant, write_model

_SHA = "0" * 64
_PREPROCESS = "        entry_point: preprocess.py\n"
_CREATE = "            step_class: CreateModel\n"
_REGISTER = "            step_class: RegisterModel\n"


def ids(problems: tuple[Problem, ...]) -> set[str]:
    return {problem.id for problem in problems}


# Where a job would write what others run or believe: code by its hash, definitions, lists of files, records.
NEVER = [
    f"s3://local/tiny/code/{_SHA}",
    "s3://local/tiny/code",
    "s3://local/tiny/",
    "s3://local/tiny",
    "s3://local/tiny/definitions/",
    "s3://local/tiny/manifests/x",
    "s3://local/tiny/evidence/x",
    "s3://local/tiny/price/executions/x",
    "s3://local/tiny/price",
    "s3://local/tiny/executions/0123456789ab/churn-Preprocess/train",
    "s3://local/another/code/x",
    "s3://local/another/definitions",
    "s3://local/another/manifests",
    "s3://local/another/executions/x",
    "s3://local/runs",
    "s3://local/runs/0f7c/",
    "s3://local/evidence/x",
    "s3://local/watch/",
    "s3://local/builds/x",
    "s3://local/pipeline-builder/",
    "s3://local/",
    "s3://local",
    "s3://local//runs/x",
    "s3://SMP_S3BUCKETNAME/tiny//code/x",
    "s3://local/Tiny/Code/x",
    "s3://local/RUNS/x",
    "s3://local/another/price/executions/x",
]
ELSEWHERE = ["s3://elsewhere/x", "s3://localx/y", "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/local/x"]
CLIMBING = ["s3://local/mine/../runs/x", "s3://local/./runs", "s3://local/mine/..", "s3://elsewhere/../local/x"]
# Every member of a request under which something is written.
WRITES = [
    (TRAIN, "{{OutputDataConfig: {{S3OutputPath: '{0}'}}}}"),
    (TRAIN, "{{CheckpointConfig: {{S3Uri: '{0}'}}}}"),
    (TRAIN, "{{DebugHookConfig: {{S3OutputPath: '{0}'}}}}"),
    (TRAIN, "{{TensorBoardOutputConfig: {{S3OutputPath: '{0}'}}}}"),
    (TRAIN, "{{ProfilerConfig: {{S3OutputPath: '{0}'}}}}"),
    (
        TRAIN,
        "{{DebugRuleConfigurations: [{{RuleConfigurationName: r, RuleEvaluatorImage: 'a/b:1', S3OutputPath: '{0}'}}]}}",
    ),
    (
        TRAIN,
        "{{ProfilerRuleConfigurations: [{{RuleConfigurationName: r, RuleEvaluatorImage: 'a/b:1', S3OutputPath: '{0}'}}]}}",
    ),
    (_PREPROCESS, "{{ProcessingOutputConfig: {{Outputs: [{{OutputName: train, S3Output: {{S3Uri: '{0}'}}}}]}}}}"),
    (
        _PREPROCESS,
        "{{ProcessingInputs: [{{InputName: q, DatasetDefinition: {{AthenaDatasetDefinition: {{Catalog: c, Database: d, "
        "QueryString: q, OutputFormat: PARQUET, OutputS3Uri: '{0}'}}}}}}]}}",
    ),
    (TRANSFORM, "{{TransformOutput: {{S3OutputPath: '{0}'}}}}"),
    (TRANSFORM, "{{DataCaptureConfig: {{DestinationS3Uri: '{0}'}}}}"),
]


@pytest.mark.parametrize("address", NEVER)
def test_nobody_writes_to_what_others_run_or_believe(tmp_path: Path, address: str) -> None:
    """Not even where the policy lists it."""
    policy = f"policy: {{write: ['{address.replace('SMP_S3BUCKETNAME', 'local')}']}}\n"
    (problem,) = refusals(tmp_path, train(f"output_path: {address}"), policy)
    assert problem.id == "PB233"
    assert str(problem.place) == "churn@1f3c9ab:conf/conf.yaml:18:22"


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_writes_elsewhere(tmp_path: Path, address: str) -> None:
    (problem,) = refusals(tmp_path, train(f"output_path: {address}"))
    assert problem.id == "PB232"
    assert problem.hint is not None
    assert f"policy: {{repos: {{churn: {{write: ['{address}']}}}}}}" in problem.hint


@pytest.mark.parametrize("address", CLIMBING)
def test_addresses_that_climb_are_none(tmp_path: Path, address: str) -> None:
    assert "PB232" in ids(
        refusals(tmp_path, train(f"output_path: {address}"), "policy: {write: ['s3://elsewhere/']}\n")
    )


@pytest.mark.parametrize(("section", "text"), WRITES)
@pytest.mark.parametrize(("address", "id_"), [("s3://local/tiny/code/x", "PB233"), ("s3://elsewhere/x", "PB232")])
def test_every_member_that_is_written_to_counts(
    tmp_path: Path, section: str, text: str, address: str, id_: str
) -> None:
    assert id_ in ids(refusals(tmp_path, arguments(text.format(address), section)))


# What a job reads that its repository may not, by the place where it is named.
READS = [
    train("model_data_uri: s3://payroll/m.tar.gz"),
    train("channels: {extra: {dataFiles: [{sourceName: a, fileName: s3://payroll/x.csv}]}}"),
    train("channels: {extra: {s3BucketName: payroll, dataFiles: [{sourceName: a, fileName: x.csv}]}}"),
    train(  # a list of files, of which the request has only the address
        "channels: {extra: {dataFiles: [{sourceName: a, fileName: s3://payroll/x.csv}, "
        "{sourceName: b, fileName: s3://payroll/y.csv}]}}"
    ),
    train("hyperparams: {sagemaker_submit_directory: s3://payroll/code.tar.gz}").replace(TRAIN, "", 1),
    arguments(
        "{InputDataConfig: [{ChannelName: x, DataSource: {S3DataSource: {S3DataType: S3Prefix, S3Uri: s3://payroll/}}}]}"
    ),
    arguments(
        "{InputDataConfig: [{ChannelName: x, DataSource: {FileSystemDataSource: {FileSystemId: fs-0123456789a, "
        "FileSystemType: EFS, FileSystemAccessMode: ro, DirectoryPath: /home}}}]}"
    ),
    arguments("{AlgorithmSpecification: {AlgorithmName: 'arn:aws:sagemaker:eu-west-1:123456789012:algorithm/x'}}"),
    arguments(
        "{DebugRuleConfigurations: [{RuleConfigurationName: r, RuleEvaluatorImage: 'a/b:1', "
        "RuleParameters: {source_s3_uri: s3://payroll/rule.py}}]}"
    ),
    arguments(
        "{ProcessingInputs: [{InputName: q, DatasetDefinition: {AthenaDatasetDefinition: {Catalog: c, Database: d, "
        "QueryString: q, OutputFormat: PARQUET, OutputS3Uri: s3://local/mine}}}]}",
        _PREPROCESS,
    ),
    arguments("{ProcessingInputs: [{InputName: raw_data, S3Input: {S3Uri: s3://payroll/}}]}", _PREPROCESS),
    arguments("{TransformInput: {DataSource: {S3DataSource: {S3Uri: s3://payroll/}}}}", TRANSFORM),
    arguments("{ModelMetrics: {Bias: {Report: {ContentType: a/b, S3Uri: s3://payroll/r.json}}}}", REGISTRY),
    arguments("{SamplePayloadUrl: s3://payroll/x}", REGISTRY),
    variant((_CREATE, _CREATE + "            arguments: {PrimaryContainer: {ModelDataUrl: s3://payroll/m.tar.gz}}\n")),
    variant(
        (
            _CREATE,
            _CREATE + "            arguments: {PrimaryContainer: {ModelDataUrl: "
            "'https://payroll.s3.eu-west-1.amazonaws.com/m.tar.gz'}}\n",
        )
    ),
    variant(
        (
            _CREATE,
            _CREATE + "            arguments: {PrimaryContainer: {ModelPackageName: "
            "'arn:aws:sagemaker:eu-west-1:999999999999:model-package/x/1'}}\n",
        )
    ),
]


@pytest.mark.parametrize("conf", READS)
def test_nobody_reads_elsewhere(tmp_path: Path, conf: str) -> None:
    assert "PB231" in ids(refusals(tmp_path, conf))


@pytest.mark.parametrize(
    ("listed", "asked", "allowed"),
    [
        ("s3://data/churn/", "s3://data/churn/x.csv", True),
        ("s3://data/churn", "s3://data/churn/x.csv", True),
        ("s3://data/churn", "s3://data/churn", True),
        ("s3://data/*/x.csv", "s3://data/churn/x.csv", True),
        ("s3://data-*/", "s3://data-1/churn/x.csv", True),
        ("s3://data", "s3://data/churn/x.csv", True),
        ("s3://SMP_S3BUCKETNAME-raw/", "s3://local-raw/x.csv", True),
        ("s3://data/churn/", "s3://data/churn", False),  # which takes churn-secret/ too
        ("s3://data/churn", "s3://data/churn-secret/x.csv", False),
        ("s3://data/churn/", "s3://data/x.csv", False),
        ("s3://data", "s3://data2/x.csv", False),
        ("s3://data.x/", "s3://data-x/y", False),  # a '.' is no pattern
    ],
)
def test_what_an_address_of_the_policy_covers(tmp_path: Path, listed: str, asked: str, allowed: bool) -> None:
    found = refusals(tmp_path, train(f"model_data_uri: {asked}"), f"policy: {{read: ['{listed}']}}\n")
    assert ids(found) == (set() if allowed else {"PB231"})


ROLES = [
    arguments(f"{{RoleArn: '{ROLE}'}}"),
    arguments(f"{{RoleArn: '{ROLE}'}}", _PREPROCESS),
    arguments(
        "{ProcessingInputs: [{InputName: q, DatasetDefinition: {RedshiftDatasetDefinition: {ClusterId: c, Database: d, "
        f"DbUser: u, QueryString: q, ClusterRoleArn: '{ROLE}', OutputFormat: CSV, OutputS3Uri: s3://local/mine}}}}}}]}}",
        _PREPROCESS,
    ),
    arguments(
        f"{{ValidationSpecification: {{ValidationRole: '{ROLE}', ValidationProfiles: [{{ProfileName: p, "
        "TransformJobDefinition: {TransformInput: {DataSource: {S3DataSource: {S3DataType: S3Prefix, S3Uri: s3://local/x}}}, "
        "TransformOutput: {S3OutputPath: s3://local/out}, TransformResources: {InstanceType: ml.m5.large, InstanceCount: 1}}"
        "}]}}",
        REGISTRY,
    ),
    variant((_CREATE, _CREATE + f"            arguments: {{ExecutionRoleArn: '{ROLE}'}}\n")),
    parameter(f", default: '{ROLE}'", "arguments: {RoleArn: $params.p}"),
    arguments("{RoleArn: {'Std:Join': {On: '', Values: ['arn:aws:iam::123456789012:role/', 'admin']}}}"),
]


@pytest.mark.parametrize("conf", ROLES)
def test_no_other_role(tmp_path: Path, conf: str) -> None:
    assert "PB235" in ids(refusals(tmp_path, conf))


def test_a_role_that_the_policy_lists(tmp_path: Path) -> None:
    policy = "policy: {roles: ['arn:aws:iam::123456789012:role/adm*']}\n"
    assert refusals(tmp_path, arguments(f"{{RoleArn: '{ROLE}'}}"), policy) == ()
    # The one that jobs have anyway.
    assert refusals(tmp_path / "own", arguments("{RoleArn: SMP_ROLE}")) == ()


# What is known only when the pipeline runs, because a job writes it.
WRITTEN_BY_JOBS = [
    ("PB241", "ResourceConfig: {KeepAlivePeriodInSeconds: {0}}"),
    ("PB232", "OutputDataConfig: {S3OutputPath: {0}}"),
    ("PB235", "RoleArn: {0}"),
    ("PB241", "StoppingCondition: {MaxRuntimeInSeconds: {0}}"),
    ("PB240", "ResourceConfig: {InstanceCount: {0}}"),
]


@pytest.mark.parametrize(("id_", "text"), WRITTEN_BY_JOBS)
@pytest.mark.parametrize("value", ["Steps.churn-Preprocess.ExitMessage", "Steps.churn-Preprocess.ProcessingJobArn"])
def test_what_a_job_writes_decides_of_nothing(tmp_path: Path, id_: str, text: str, value: str) -> None:
    conf = arguments(f"{{{text.replace('{0}', f'{{Get: {value}}}')}}}")
    found = [problem for problem in refusals(tmp_path, conf) if problem.id == id_]
    assert [problem.hint and problem.hint.split(":")[0] for problem in found] == [
        "write the value itself, or a pipeline parameter"
    ]


def test_an_approval_from_a_report_is_refused(tmp_path: Path) -> None:
    report = (
        "{'Std:JsonGet': {PropertyFile: {Get: Steps.churn-Metrics.PropertyFiles.model_evaluation_metrics}, Path: s}}"
    )
    conf = variant((_REGISTER, f"{_REGISTER}            arguments: {{ModelApprovalStatus: {report}}}\n"))
    assert ids(refusals(tmp_path, conf)) == {"PB238"}


def test_an_output_that_is_another_steps_is_judged_as_that(tmp_path: Path) -> None:
    """A reference is no way around: what it leads to counts, an own output as an own, an input as what it is."""
    into = '{{OutputDataConfig: {{S3OutputPath: {{Get: "{0}"}}}}}}'
    own = "Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"
    assert refusals(tmp_path, arguments(into.format(own))) == ()
    read = "Steps.churn-Preprocess.ProcessingInputs['code'].S3Input.S3Uri"
    assert ids(refusals(tmp_path / "code", arguments(into.format(read)))) == {"PB233"}


# --- everything else that a request asks for

ASKED = [
    ("PB238", "", arguments("{ModelApprovalStatus: Approved}", REGISTRY)),
    ("PB238", "", variant((REGISTRY, REGISTRY + "        ModelApprovalStatus: Approved\n"))),
    ("PB238", "", variant(("          image_uri: example.com/tiny:1\n  sage", "          image_uri: example.com/tiny:1\n          approval_status: Approved\n  sage"))),
    ("PB238", "", variant((_REGISTER, _REGISTER + "            arguments: {ModelApprovalStatus: Approved}\n"))),
    ("PB239", "images: [trusted/*]", CONF),
    ("PB239", "images: [example.com/tiny:1]", arguments("{AlgorithmSpecification: {TrainingImage: 'evil.com/x:1'}}")),
    ("PB239", "images: [example.com/tiny:1]", arguments("{AppSpecification: {ImageUri: 'evil.com/x:1'}}", _PREPROCESS)),
    ("PB239", "images: [example.com/tiny:1]", arguments(
        "{DebugRuleConfigurations: [{RuleConfigurationName: r, RuleEvaluatorImage: 'evil.com/x:1'}]}")),
    ("PB239", "images: [example.com/tiny:1]", arguments(
        "{AdditionalInferenceSpecifications: [{Name: n, Containers: [{Image: 'evil.com/x:1'}]}]}", REGISTRY)),
    ("PB239", "images: ['example.com/*']", train("image_uri: example.com.evil.com/x").replace(
        "        image_uri: example.com/tiny:1\n        entry_point: train.py\n", "        entry_point: train.py\n")),
    ("PB240", "instances: {types: ['ml.m5.*']}", train("instance_type: ml.p4d.24xlarge")),
    ("PB240", "instances: {types: ['ml.m5.*']}", arguments("{ResourceConfig: {InstanceType: ml.p4d.24xlarge}}")),
    ("PB240", "instances: {types: ['ml.m5.*']}", arguments(
        "{ResourceConfig: {InstanceType: null, InstanceCount: null, InstanceGroups: "
        "[{InstanceType: ml.p4d.24xlarge, InstanceCount: 1, InstanceGroupName: g}]}}")),
    ("PB240", "", train("instance_count: 21")),
    ("PB240", "", arguments("{ResourceConfig: {InstanceCount: 21}}")),
    ("PB240", "", arguments(
        "{ResourceConfig: {InstanceType: null, InstanceCount: null, InstanceGroups: ["
        "{InstanceType: ml.m5.large, InstanceCount: 11, InstanceGroupName: g}, "
        "{InstanceType: ml.m5.large, InstanceCount: 11, InstanceGroupName: h}]}}")),
    ("PB240", "", arguments("{ProcessingResources: {ClusterConfig: {InstanceCount: 21}}}", _PREPROCESS)),
    ("PB240", "", parameter(", type: Integer, default: 21", "instance_count: $params.p")),
    ("PB241", "", train("max_runtime_in_seconds: 432001")),
    ("PB241", "max_runtime: 1h", arguments("{StoppingCondition: {MaxRuntimeInSeconds: 3601}}")),
    ("PB241", "max_runtime: 1h", arguments(
        "{StoppingCondition: {MaxRuntimeInSeconds: 60, MaxWaitTimeInSeconds: 86400}, EnableManagedSpotTraining: true}")),
    ("PB241", "max_runtime: 1h", arguments("{StoppingCondition: null}", _PREPROCESS)),
    ("PB240", "instances: {types: ['ml.m5.*']}", train("instance_groups: {g: {instance_type: ml.p4d.24xlarge}}")),
    ("PB240", "", train("instance_groups: {g: {instance_type: ml.m5.large, instance_count: 11}, "
                        "h: {instance_type: ml.m5.large, instance_count: 11}}", "distributed: {by: mpi, instance_groups: g}")),
    ("PB241", "max_runtime: 1h", train("spot: true", "max_wait_seconds: 7200")),
    ("PB241", "max_runtime: 1h", train("keep_alive_seconds: 3601")),
    ("PB241", "max_runtime: 1h", arguments("{ResourceConfig: {KeepAlivePeriodInSeconds: 3601}}")),
    ("PB231", "read: ['s3://local/*']", train("env: {DATA: s3://payroll/2026}")),
    ("PB231", "read: ['s3://local/*']", train("env: {DATA: 'from s3://payroll/2026, all of it'}")),
    ("PB231", "read: ['s3://local/*']", train("hyperparams: {data: s3://payroll/2026}").replace(TRAIN, "", 1)),
    ("PB231", "read: ['s3://local/*']", parameter(", default: 's3://payroll/2026'", "env: {DATA: $params.p}")),
    ("PB231", "read: ['s3://local/*']", variant((_PREPROCESS, f"{_PREPROCESS}        env: {{DATA: s3://payroll/2026}}\n"))),
    ("PB231", "read: ['s3://local/*']", train("env: {DATA: {'Std:Join': {On: '', Values: ['s3:', //payroll/2026]}}}")),
    ("PB231", "read: ['s3://local/*']", train(
        "env: {DATA: {'Std:Join': {On: /, Values: ['s3://payroll', {Get: Steps.churn-Preprocess.ProcessingJobName}]}}}")),
    ("PB231", "read: ['s3://local/*']", train("tags: {data: s3://payroll/2026}")),
    ("PB231", "read: ['s3://local/*']", variant((_PREPROCESS, f"{_PREPROCESS}        args: {{data: s3://payroll/2026}}\n"))),
    ("PB231", "read: ['s3://local/*']", arguments("{AppSpecification: {ContainerArguments: [s3://payroll/2026]}}", _PREPROCESS)),
    ("PB232", "write: ['s3://local/*']", train("checkpoints: s3://theirs/points")),
    ("PB231", "read: ['s3://local/*']", train(f"mlflow: {SERVER}")),
    ("PB231", "read: ['s3://local/*']", train(f"env: {{MLFLOW_TRACKING_URI: '{SERVER}'}}")),
    ("PB231", "read: ['s3://local/*']", variant((_PREPROCESS, f"{_PREPROCESS}        mlflow: {SERVER}\n"))),
    ("PB232", f"write: ['s3://local/*'], read: ['{SERVER}']", train(f"mlflow: {{server: '{SERVER}', artifacts: s3://theirs/runs}}")),
    ("PB245", "indexes: [default]", train(f"codeartifact: {REPOSITORY}")),
    ("PB245", "indexes: [default]", train(f"env: {{CA_REPOSITORY_ARN: '{REPOSITORY}'}}")),
    ("PB245", "indexes: [default]", variant((_PREPROCESS, f"{_PREPROCESS}        codeartifact: {REPOSITORY}\n"))),
    ("PB242", "network: isolated", CONF),
    ("PB242", "network: isolated", arguments("{EnableNetworkIsolation: false}")),
    ("PB242", "network: isolated", variant((_CREATE, _CREATE + "            arguments: {EnableNetworkIsolation: false}\n"))),
    ("PB243", "encryption: required", CONF),
    ("PB243", "encryption: required", arguments("{OutputDataConfig: {KmsKeyId: null}, ResourceConfig: {VolumeKmsKeyId: null}}")),
    ("PB244", "tags: [cost-center]", CONF),
    ("PB244", "tags: [cost-center]", arguments("{Tags: [{Key: Cost-Center, Value: x}]}")),
]  # fmt: skip


@pytest.mark.parametrize(("id_", "rule", "conf"), ASKED)
def test_what_a_request_may_not_ask_for(tmp_path: Path, id_: str, rule: str, conf: str) -> None:
    found = [p for p in refusals(tmp_path, conf, f"policy: {{{rule}}}\n" if rule else "") if p.id == id_]
    assert found
    assert all(problem.place and problem.place.file == "churn@1f3c9ab:conf/conf.yaml" for problem in found)
    if rule:
        assert all([str(place).startswith("model_repos.yaml:3:") for place in p.related] == [True] for p in found)


def test_a_conf_that_does_what_a_strict_policy_wants(tmp_path: Path) -> None:
    policy = (
        "policy: {images: ['example.com/*'], instances: {types: ['ml.m5.*'], count: 1}, max_runtime: 1h, "
        "network: isolated, encryption: required, tags: [team], indexes: [], statuses: PendingManualApproval}\n"
    )
    isolated = "        arguments: {NetworkConfig: {EnableNetworkIsolation: true}}\n        tags: {team: a}\n"
    conf = variant(
        (TRAIN, f"{TRAIN}        arguments: {{EnableNetworkIsolation: true}}\n        tags: {{team: a}}\n"),
        (_PREPROCESS, _PREPROCESS + isolated),
        (EVALUATE, EVALUATE + isolated),
        (TRANSFORM, f"{TRANSFORM}        tags: {{team: a}}\n"),
        ('ModelRepack: "False"', 'ModelRepack: "True"'),
    )
    assert refusals(tmp_path, conf, policy, values={"SMP_KMSKEY": "arn:aws:kms:eu-west-1:123456789012:key/k"}) == ()


def test_machines_servers_and_indexes_that_a_policy_allows(tmp_path: Path) -> None:
    policy = f"policy: {{read: ['{SERVER}'], indexes: ['{REPOSITORY}'], max_runtime: 1h, instances: {{count: 2}}}}\n"
    groups = "instance_groups: {g: {instance_type: ml.m5.large}, h: {instance_type: ml.m5.xlarge}}"
    conf = train(groups, f"mlflow: {SERVER}", f"codeartifact: {REPOSITORY}", "spot: true", "max_wait_seconds: 3600")
    scripts = {"requirements.txt": "six\n"}
    found = refusals(tmp_path, conf, policy, files=scripts)
    assert [(problem.id, problem.message) for problem in found if problem.id != "PB245"] == []
    # The other jobs of the model install from pip's own index, which this policy hasn't.
    assert {problem.message for problem in found} == {
        "the policy of 'churn' doesn't let its jobs install from pip's default index"
    }


# --- variables

VARIABLES = [
    "'${GIT_TOKEN}'",
    "'${GIT_TOKEN:-x}'",
    "'a${GIT_TOKEN}b'",
    "'${HOME}'",
    "'${HOME:-x}'",
    "'${AWS_SECRET_ACCESS_KEY}'",
    "'${NOWHERE_SET:-x}'",
    "'${SMP_REGION}${HOME}'",
]


@pytest.mark.parametrize("text", VARIABLES)
def test_no_variable_that_isnt_listed(tmp_path: Path, text: str) -> None:
    secret = "hunter2hunter2"
    values = dict.fromkeys(("GIT_TOKEN", "HOME", "AWS_SECRET_ACCESS_KEY"), secret)
    found = refusals(tmp_path, train(f"env: {{A: {text}}}"), values=values)
    assert ids(found) == {"PB236"}
    assert secret not in "".join(map(str, found))


@pytest.mark.parametrize("listed", ["GIT_TOKEN", "GIT_*", "*"])
def test_a_token_is_never_given_even_where_it_is_listed(tmp_path: Path, listed: str) -> None:
    policy = f"policy: {{variables: ['{listed}']}}\n"
    found = refusals(tmp_path, train("env: {A: '${GIT_TOKEN}'}"), policy, values={"GIT_TOKEN": "hunter2hunter2"})
    assert ids(found) == {"PB236"}


def test_a_token_in_a_variable_of_ours_is_withheld_too(tmp_path: Path) -> None:
    manifest = read_manifest("", "[{url: churn}, {url: away, enabled: false, credentials: 'env:SMP_GIT'}]")
    conf = train("env: {A: SMP_GIT, B: '${SMP_GIT}'}")
    with pytest.raises(Exception, match="holds a token of a repository") as caught:
        compose_all(tmp_path, {"churn": conf}, manifest, values={"SMP_GIT": "hunter2hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "name", "allowed"), [("TEAM", "TEAM", True), ("TEAM_*", "TEAM_A", True), ("TEAM", "TEAMS", False)]
)
def test_a_variable_that_is_listed(tmp_path: Path, listed: str, name: str, allowed: bool) -> None:
    found = refusals(
        tmp_path, train(f"env: {{A: '${{{name}}}'}}"), f"policy: {{variables: ['{listed}']}}\n", values={name: "x"}
    )
    assert (found == ()) is allowed


# --- package indexes

INDEXES = [
    "--index-url https://evil.example/simple\nx\n",
    "--index-url=https://evil.example/simple\nx\n",
    "-i https://evil.example/simple\nx\n",
    "-ihttps://evil.example/simple\nx\n",
    "--extra-index-url https://evil.example/simple\nx\n",
    "--extra-index https://evil.example/simple\nx\n",  # pip takes what is unambiguous
    "--find-links https://evil.example/wheels\nx\n",
    "-f https://evil.example/wheels\nx\n",
    "--pre --extra-index-url https://evil.example/simple\nx\n",
    "x \\\n--hash sha256:0\n--extra-index-url \\\nhttps://evil.example/simple\n",
    "x @ https://evil.example/x-1-py3-none-any.whl\n",
    "https://evil.example/x.tar.gz\n",
    "git+https://evil.example/x.git\n",
    "-e git+ssh://git@evil.example/x.git#egg=x\n",
    "-r https://evil.example/more.txt\n",
    "-r more.txt\n",
    "-c https://evil.example/more.txt\nx\n",
    "--index-url ${INDEX}\nx\n",
    "x\n--extra-index-url HTTPS://evil.example/simple\n",
    "--index-url https://packages.example.com.evil.example/simple\nx\n",
    "--index-url https://packages.example.com@evil.example/simple\nx\n",
    "# a comment never goes on \\\n--extra-index-url https://evil.example/simple\nx\n",
    "x\\\n # y \\\n--extra-index-url https://evil.example/simple\n",
    "x\x0c--extra-index-url https://evil.example/simple\n",
    "# coding: utf-7\nx\n--extra-index-url https+ADo-//evil.example/simple\n",
]


@pytest.mark.parametrize("text", INDEXES)
def test_no_index_that_isnt_listed(tmp_path: Path, text: str) -> None:
    files = {"requirements.txt": text, "more.txt": "--extra-index-url https://evil.example/simple\n"}
    policy = "policy: {indexes: [default, 'https://packages.example.com']}\n"
    found = refusals(tmp_path, CONF, policy, files=files)
    assert ids(found) == {"PB245"}
    assert all(problem.place and problem.place.file.startswith("churn@1f3c9ab:scripts/") for problem in found)


@pytest.mark.parametrize(
    "name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_DEFAULT_INDEX", "PIP_CONFIG_FILE"]
)
def test_no_index_by_a_variable(tmp_path: Path, name: str) -> None:
    assert ids(refusals(tmp_path, train(f"env: {{{name}: 'https://evil.example/simple'}}"))) == {"PB245"}


@pytest.mark.parametrize(
    ("text", "listed", "allowed"),
    [
        ("x\n", "default", True),
        ("x\n", "'https://packages.example.com/'", False),
        ("--index-url https://packages.example.com/simple\nx\n", "'https://packages.example.com/'", True),
        ("--extra-index-url https://packages.example.com/simple\nx\n", "'https://packages.example.com/'", False),
        ("# --index-url https://evil.example\nx  # https://evil.example\n", "default", True),
        ("./wheels/x.whl\n", "default", True),
    ],
)
def test_what_indexes_are_listed(tmp_path: Path, text: str, listed: str, allowed: bool) -> None:
    found = refusals(tmp_path, CONF, f"policy: {{indexes: [{listed}]}}\n", files={"requirements.txt": text})
    assert ids(found) == (set() if allowed else {"PB245"})


@pytest.mark.parametrize("taken", ["", "        arguments: {Environment: {CA_REPOSITORY_ARN: null}}\n"])
def test_an_index_that_a_request_has_no_more_is_none(tmp_path: Path, taken: str) -> None:
    """The section's repository of CodeArtifact stands for pip's default index only where the job is told of it."""
    conf = CONF.partition("          - step_name: churn-CreateModel")[0]  # a model's code is installed otherwise
    for name, more in (("preprocess", ""), ("train", taken)):
        line = f"        entry_point: {name}.py\n"
        conf = conf.replace(line, f"{line}        codeartifact: {REPOSITORY}\n{more}")
    files = {"requirements.txt": "x\n"}
    found = refusals(tmp_path, conf, f"policy: {{indexes: ['{REPOSITORY}']}}\n", files=files)
    assert ids(found) == ({"PB245"} if taken else set())


@pytest.mark.parametrize("coding", ["utf-16", "utf-32", "latin-1"])
def test_no_list_in_another_encoding(tmp_path: Path, coding: str) -> None:
    """Which pip would read, and nobody else would see through."""
    write_model(tmp_path / "aws-train" / "churn", CONF)
    text = "# é\n--extra-index-url https://evil.example/simple\nx\n"
    (tmp_path / "aws-train/churn/scripts/requirements.txt").write_bytes(text.encode(coding))
    found = refusals(tmp_path, CONF)
    assert ids(found) == {"PB245"}
    (said,) = (one for one in found if "UTF-8" in one.message)
    assert said.message == "the policy of 'churn' can't be held against a list that isn't UTF-8 text"
    assert "save it as UTF-8, in PowerShell by 'pip freeze" in str(said.hint)


# --- between repositories

GROUP = "        ModelPackageGroupName: {}\n"


@pytest.mark.parametrize("name", ["tiny-churn", "arn:aws:sagemaker:local:000000000000:model-package-group/tiny-churn"])
def test_no_other_repositorys_group(tmp_path: Path, name: str) -> None:
    (problem,) = refusals_of_two(tmp_path, CONF, variant((REGISTRY, REGISTRY + GROUP.format(f"'{name}'"))))
    assert problem.id == "PB237"
    assert str(problem.place).startswith("price@1f3c9ab:conf/conf.yaml:")


def test_no_group_that_is_another_accounts(tmp_path: Path) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:999999999999:model-package-group/theirs"
    assert ids(refusals(tmp_path, variant((REGISTRY, REGISTRY + GROUP.format(f"'{arn}'"))))) == {"PB237"}


@pytest.mark.parametrize(
    "text",
    [
        "{ModelPackageGroupName: null, ModelPackageName: mine, ModelApprovalStatus: null}",
        "{MetadataProperties: {Repository: 'https://git.example.com/team/price.git'}}",
        "{MetadataProperties: null}",
    ],
)
def test_no_package_that_is_nobodys_or_says_it_is_anothers(tmp_path: Path, text: str) -> None:
    assert ids(refusals(tmp_path, arguments(text, REGISTRY))) == {"PB237"}


@pytest.mark.parametrize("name", ["runs", "Evidence", "pipeline-builder"])
def test_no_pipeline_that_is_called_like_the_services_records(tmp_path: Path, name: str) -> None:
    assert "PB233" in ids(refusals(tmp_path, variant(("pipelineName: tiny", f"pipelineName: {name}"))))


def test_one_group_of_two_repositories(tmp_path: Path) -> None:
    shared = variant((REGISTRY, REGISTRY + GROUP.format("shared")))
    (problem,) = refusals_of_two(tmp_path, shared, shared)
    assert problem.id == "PB237"
    assert "'price' would register into the model package group 'shared', which is 'churn'" in problem.message or (
        "belongs to 'churn'" in problem.message
    )
    assert refusals_of_two(tmp_path, shared, shared, "policy: {repos: {price: {groups: [shared]}}}\n") == ()


@pytest.mark.parametrize(
    ("churn", "price"),
    [("out", "out"), ("out", "out/price"), ("out/churn/x", "out/churn"), ("out/", "out"), ("out", "out//x")],
)
def test_no_prefix_in_another_repositorys(tmp_path: Path, churn: str, price: str) -> None:
    found = refusals_of_two(
        tmp_path, train(f"output_path: s3://local/{churn}"), train(f"output_path: s3://local/{price}")
    )
    assert ids(found) == {"PB234"}
    assert all(len(problem.related) == 1 for problem in found)


def test_prefixes_side_by_side(tmp_path: Path) -> None:
    found = refusals_of_two(tmp_path, train("output_path: s3://local/out"), train("output_path: s3://local/out-price"))
    assert found == ()


def test_not_into_another_repositorys_folder_by_an_address_that_only_a_run_knows(tmp_path: Path) -> None:
    """As the service puts it together, it is the output of the other repository's step."""
    joined = (
        "{'Std:Join': {On: '/', Values: ['s3://local/tiny', churn, executions, "
        "{Get: Execution.PipelineExecutionId}, churn-Preprocess, train]}}"
    )
    found = refusals_of_two(tmp_path, CONF, arguments(f"{{OutputDataConfig: {{S3OutputPath: {joined}}}}}"))
    assert ids(found) == {"PB233"}


# --- values that a run is given

GIVEN = [
    ("output_path: $params.p", ", default: 's3://local/mine'", "s3://local/tiny/code/x", "PB233"),
    ("output_path: $params.p", "", "s3://elsewhere/x", "PB232"),
    ("output_path: 's3://local/$params.p'", ", default: mine", "tiny/code", "PB233"),
    ("output_path: 's3://local/mine/$params.p'", ", default: a", "../../runs", "PB232"),
    ("model_data_uri: $params.p", "", "s3://payroll/m.tar.gz", "PB231"),
    ("instance_count: $params.p", ", type: Integer, default: 1", "21", "PB240"),
    ("max_runtime_in_seconds: $params.p", ", type: Integer, default: 60", "432001", "PB241"),
    ("arguments: {RoleArn: $params.p}", ", default: SMP_ROLE", ROLE, "PB235"),
]


@pytest.mark.parametrize(("use", "default", "value", "id_"), GIVEN)
def test_values_that_a_run_is_given(tmp_path: Path, use: str, default: str, value: str, id_: str) -> None:
    composed = compose_all(tmp_path, {"churn": parameter(default, use)}, read_manifest(repos="[{url: churn}]"))
    assert check_policy(composed.policed) == ()
    assert id_ in ids(check_policy(composed.policed, {"p": value}))


def test_an_approval_that_a_run_is_given(tmp_path: Path) -> None:
    conf = variant(
        (REGISTRY, REGISTRY + "        ModelApprovalStatus: $params.p\n"),
        ("    pipelineName: tiny\n", "    pipelineName: tiny\n    parameters: [{name: p}]\n"),
    )
    composed = compose_all(tmp_path, {"churn": conf}, read_manifest(repos="[{url: churn}]"))
    assert ids(check_policy(composed.policed, {"p": "Approved"})) == {"PB238"}
    assert check_policy(composed.policed, {"p": "Rejected"}) == ()


def test_two_repositories_that_ask_for_nothing_more(tmp_path: Path) -> None:
    composed = compose_all(tmp_path, {"churn": with_price(CONF), "price": renamed(CONF)}, read_manifest())
    assert check_policy(composed.policed) == ()

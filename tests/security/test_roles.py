"""A repository's jobs on AWS against everything that isn't theirs: by the roles that are rendered for a real definition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.conf.graph import Graph
from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.definition.compose import compose
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.definition.roles import job_role, role_name
from pipeline_builder.documents.values import Settings, build_settings
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.service.cloudformation.access.roles import Role, build_access, service_facts
from tests.definition.composing import compose_definition, load_graph
from tests.service.cloudformation.access.iam import ACCOUNT, REGION, allows, documents
from tests.service.services import parse_manifest
from tests.tiny import CONF, write_model

SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
ROLES = f"arn:aws:iam::{ACCOUNT}:role/models-"
BUCKET = "arn:aws:s3:::artifacts"
PASSED = {"iam_PassedToService": "sagemaker.amazonaws.com"}
HEAD, STEPS = CONF.split("    models:\n      churn:\n        steps:\n")
LIST = f"      churn:\n        steps:\n{STEPS}"
SHARED = ("code/ab", "definitions/ab", "evidence/ab.json", "manifests/ab", "executions/1/x/y")


def other(text: str) -> str:
    return text.replace("churn", "price")


def graph_of(folder: Path, *, chained: str = "churn-Preprocess", price: str = "", names: tuple[str, str]) -> Graph:
    """Two repositories with a model each; the second lists all steps, and trains on an output of the first as well."""
    churn, second = names
    head = HEAD.split("  sagemakerPipeline:")[0]
    steps = other(LIST).replace(
        "chain_input_source_step: [price-Preprocess]", f"chain_input_source_step: [price-Preprocess, {chained}]", 1
    )
    write_model(folder / churn, head)
    pipeline = "  sagemakerPipeline:\n    pipelineName: tiny\n    models:\n"
    write_model(folder / second, (other(head) + pipeline + LIST + steps).replace("{scale: 2}", price or "{scale: 2}"))
    return load_graph(folder, churn, second, **VALUES)


VALUES = {
    "SMP_ACCOUNTID": ACCOUNT,
    "SMP_REGION": REGION,
    "SMP_S3BUCKETNAME": f"models-{ACCOUNT}-{REGION}",
    "SMP_ROLE": f"{ROLES}execution",
    "SMP_JOBROLES": f"{ROLES}{{repository}}",
}


def manifest_of(*names: str, **more: Any) -> Manifest:
    repos = [{"url": f"https://github.com/acme/{name}.git", "name": name} for name in names]
    service = {"name": "models", "execution_role": "per-repository"}
    return parse_manifest({"repos": repos, "service": service, **more})


def settings_of(**more: str) -> Settings:
    return build_settings({**VALUES, **more})


def compose_two(folder: Path, *, names: tuple[str, str] = ("churn", "price"), **more: Any) -> Definition:
    return build_definition(graph_of(folder, names=names, **more), settings_of(), {name: name for name in names})


def roles_of(definition: Definition, *names: str, **more: Any) -> dict[str, Role]:
    facts = service_facts(manifest_of(*names, **more), definition, settings_of())
    return {role.name: role for role in build_access(facts)}


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    return compose_two(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def policies(definition: Definition) -> Mapping[str, list[dict[str, Any]]]:
    return {name: documents(role) for name, role in roles_of(definition, "churn", "price").items()}


# --- jobs


@pytest.mark.parametrize("repo", ["churn", "price"])
def test_a_job_can_do_nothing_of_sagemakers_api_and_pass_no_role(repo: str, policies: Any) -> None:
    actions = {action for policy in policies[repo] for one in policy["Statement"] for action in one["Action"]}
    assert {action.split(":")[0] for action in actions} == {"s3", "logs", "cloudwatch", "kms"}
    assert not {action for action in actions if re.match(r"s3:(Delete|PutBucket|PutObjectAcl)", action)}


@pytest.mark.parametrize("key", [f"tiny/{place}" for place in (*SHARED, "price/executions/1/price-Train/model.tar.gz")])
def test_a_job_writes_nothing_of_the_pipelines_or_anothers(key: str, policies: Any) -> None:
    assert not allows(policies["churn"], "s3:PutObject", f"{BUCKET}/{key}")


@pytest.mark.parametrize(
    "key",
    ["models/Source/x.zip", "runs/1/report.html", "evidence/1", "watch/heads", "builds/cache/train/x", "templates/x"],
)
def test_a_job_writes_nothing_of_the_services(key: str, policies: Any) -> None:
    for repo in ("churn", "price"):
        assert not allows(policies[repo], "s3:PutObject", f"{BUCKET}/{key}")
        assert not allows(policies[repo], "s3:GetObject", f"{BUCKET}/{key}")


def test_a_job_reads_and_writes_its_own(policies: Any) -> None:
    own = f"{BUCKET}/tiny/churn/executions/1/churn-Train/model.tar.gz"
    for action in ("s3:GetObject", "s3:PutObject"):
        assert allows(policies["churn"], action, own)
        assert not allows(policies["churn"], action, own.replace("/churn/", "/churn2/"))
        assert not allows(policies["churn"], action, own.replace("/tiny/", "/tiny2/"))
    assert allows(policies["churn"], "s3:GetObject", f"{BUCKET}/tiny/code/ab/sourcedir.tar.gz")


def test_chaining_lets_a_job_read_that_one_output(policies: Any) -> None:
    base = f"{BUCKET}/tiny/churn/executions/1"
    for key in ("churn-Preprocess/train/a.csv", "churn-Preprocess/test/a.csv"):
        assert allows(policies["price"], "s3:GetObject", f"{base}/{key}")
        assert not allows(policies["price"], "s3:PutObject", f"{base}/{key}")
    for key in ("churn-Train/x/output/model.tar.gz", "churn-Metrics/a.json", "churn-Preprocess2/train/a.csv", "x"):
        assert not allows(policies["price"], "s3:GetObject", f"{base}/{key}")
    assert not allows(policies["churn"], "s3:GetObject", f"{BUCKET}/tiny/price/executions/1/price-Preprocess/train/a")


def test_chaining_a_training_lets_a_job_read_its_model_and_nothing_else_that_it_has_put_out(tmp_path: Path) -> None:
    found = documents(roles_of(compose_two(tmp_path, chained="churn-Train"), "churn", "price")["price"])
    job = f"{BUCKET}/tiny/churn/executions/1/churn-Train/pipelines-1-churn-Train-x"
    assert allows(found, "s3:GetObject", f"{job}/output/model.tar.gz")
    for key in ("output/output.tar.gz", "debug-output/x", "profiler-output/x", "rule-output/x"):
        assert not allows(found, "s3:GetObject", f"{job}/{key}")
    assert not allows(found, "s3:GetObject", f"{BUCKET}/tiny/churn/executions/1/churn-Preprocess/train/a.csv")


def test_what_the_cache_has_from_before_can_be_read_and_never_be_written(policies: Any) -> None:
    old = f"{BUCKET}/tiny/executions/1"
    assert allows(policies["churn"], "s3:GetObject", f"{old}/churn-Preprocess/train/a.csv")
    assert allows(policies["price"], "s3:GetObject", f"{old}/churn-Preprocess/train/a.csv")
    assert not allows(policies["churn"], "s3:GetObject", f"{old}/price-Preprocess/train/a.csv")
    for repo in ("churn", "price", "execution"):
        assert not allows(policies[repo], "s3:PutObject", f"{old}/churn-Preprocess/train/a.csv")


# --- the pipeline's own role


def test_the_pipelines_own_role_passes_on_those_of_jobs_and_never_itself(policies: Any) -> None:
    own = policies["execution"]
    for repo in ("churn", "price"):
        assert allows(own, "iam:PassRole", f"{ROLES}{repo}", **PASSED)
        assert not allows(own, "iam:PassRole", f"{ROLES}{repo}", iam_PassedToService="lambda.amazonaws.com")
    for name in ("execution", "build", "churn2"):
        assert not allows(own, "iam:PassRole", f"{ROLES}{name}", **PASSED)
    assert allows(own, "sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/pipelines-1-churn-Train-x")
    assert not allows(own, "s3:PutObject", f"{BUCKET}/tiny/churn/executions/1/x")
    assert not allows(own, "s3:GetObject", f"{BUCKET}/churn/numbers.csv")
    makers = {name for name in policies if "sagemaker:CreateTrainingJob" in json.dumps(policies[name])}
    assert makers == {"execution"}


def test_only_the_build_passes_the_pipelines_own_role(policies: Any) -> None:
    assert allows(policies["build"], "iam:PassRole", f"{ROLES}execution", **PASSED)
    assert not allows(policies["build"], "iam:PassRole", f"{ROLES}churn", **PASSED)


def test_no_package_begins_as_approved_but_where_the_policy_says_so(definition: Definition) -> None:
    policy = {"policy": {"repos": {"price": {"statuses": ["Approved", "PendingManualApproval"]}}}}
    found = documents(roles_of(definition, "churn", "price", **policy)["execution"])

    def may(group: str, status: str) -> bool:
        context = {"sagemaker_ModelApprovalStatus": status}
        return allows(found, "sagemaker:CreateModelPackage", f"{SAGEMAKER}:model-package/{group}/1", **context)

    assert [may("tiny-churn", status) for status in ("PendingManualApproval", "Rejected", "Approved")] == [
        True,
        True,
        False,
    ]
    assert [may("tiny-price", status) for status in ("PendingManualApproval", "Rejected", "Approved")] == [
        True,
        False,
        True,
    ]
    assert not allows(found, "sagemaker:CreateModelPackage", f"{SAGEMAKER}:model-package/tiny-churn/1")
    assert not may("others", "PendingManualApproval")


# --- every step's needs, read off its request and not off our own facts


def _uris(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("s3://"):
        yield value
    elif isinstance(value, dict) and "Std:Join" in value:
        yield "/".join(part if isinstance(part, str) else "e1" for part in value["Std:Join"]["Values"])
    elif isinstance(value, dict):
        for item in value.values():
            yield from _uris(item)
    elif isinstance(value, list):
        for item in value:
            yield from _uris(item)


_WRITTEN = {"Training": "OutputDataConfig", "Processing": "ProcessingOutputConfig", "Transform": "TransformOutput"}
_MADE = {"Training": "training-job", "Processing": "processing-job", "Transform": "transform-job", "Model": "model"}


@pytest.mark.parametrize("name", [f"{m}-{s}" for m in ("churn", "price") for s in
                                  ("Preprocess", "Train", "CreateModel", "Transform", "Metrics", "Register")])  # fmt: skip
def test_every_step_gets_what_it_asks_for(name: str, definition: Definition, policies: Any) -> None:
    step: Any = flat_steps(json.loads(definition.content)["Steps"])[name]
    request, kind, repo = step["Arguments"], step["Type"], name.split("-", maxsplit=1)[0]
    named = {request[key] for key in ("RoleArn", "ExecutionRoleArn") if key in request}
    assert named == ({f"{ROLES}{repo}"} if kind in ("Training", "Processing", "Model") else set())
    for role in named:
        assert allows(policies["execution"], "iam:PassRole", role, **PASSED)
    if kind in _MADE:
        action = f"sagemaker:Create{step['Type']}{'' if kind == 'Model' else 'Job'}"
        assert allows(policies["execution"], action, f"{SAGEMAKER}:{_MADE[kind]}/pipelines-e1-{name}-x")
    mine = [uri for uri in _uris(request) if uri.startswith(f"s3://{VALUES['SMP_S3BUCKETNAME']}/")]
    written = set(_uris(request.get(_WRITTEN.get(kind, ""))))
    for uri in mine:
        key = uri.replace(f"s3://{VALUES['SMP_S3BUCKETNAME']}", BUCKET)
        job = policies["execution" if kind == "RegisterModel" else repo]
        assert allows(job, "s3:PutObject" if uri in written else "s3:GetObject", key if "." in key else f"{key}/x"), uri
    assert written or kind in ("Model", "RegisterModel")


# --- names


@pytest.mark.parametrize("repo", ["build", "events", "execution", "pipeline", "promote", "scheduler", "train", "webhook", "worker"])  # fmt: skip
def test_a_repository_named_as_a_part_of_the_service_has_another_role(repo: str) -> None:
    assert role_name("models", repo) != f"models-{repo}"
    assert re.fullmatch(f"models-{repo}-[0-9a-f]{{8}}", role_name("models", repo))


def test_names_that_are_the_same_when_cut_stay_apart() -> None:
    service = "s" * 29
    names = {role_name(service, "r" * 60 + end) for end in ("a", "b", "aa", "")}
    assert len(names) == 4
    assert all(len(name) <= 64 for name in names)


@pytest.mark.parametrize("repo", ["churn", "build", "a.b_c-d", "x" * 64])
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_definition_and_stack_name_the_same_role(repo: str, partition: str) -> None:
    base = f"arn:{partition}:iam::{ACCOUNT}:role/"
    assert job_role(f"{base}models-{{repository}}", repo) == f"{base}{role_name('models', repo)}"
    assert job_role(f"{base}path/all", repo) == f"{base}path/all"


def test_the_stack_has_a_role_for_each_repository_with_steps_and_no_other(tmp_path: Path) -> None:
    names = ("build", "r" * 64)
    definition = compose_two(tmp_path, names=names)
    roles = roles_of(definition, *names, "gone")
    made = {name for name, role in roles.items() if role.trust == "sagemaker.amazonaws.com"}
    named = set(re.findall(rf'"{ROLES}([^"]+)"', definition.content.decode()))
    assert made == {"execution", *named}
    assert len(named) == 2
    assert len({role.id or name.capitalize() for name, role in roles.items()}) == len(roles)


def test_repositories_never_share_a_role(tmp_path: Path) -> None:
    taken = role_name("models", "build").removeprefix("models-")
    definition = compose_two(tmp_path, names=("build", taken))
    with pytest.raises(InputProblems) as caught:
        roles_of(definition, "build", taken)
    assert [problem.id for problem in caught.value.problems] == ["PB645"]


# --- asking for more


@pytest.mark.parametrize(
    "place",
    [
        "s3://SMP_S3BUCKETNAME/tiny/code/x",
        "s3://SMP_S3BUCKETNAME/tiny/churn/executions",
        "s3://SMP_S3BUCKETNAME/tiny/churn/",
        "s3://SMP_S3BUCKETNAME/tiny/evidence",
        "s3://SMP_S3BUCKETNAME/runs",
        "s3://SMP_S3BUCKETNAME/models/x",
        "s3://SMP_S3BUCKETNAME",
    ],
)
def test_an_output_where_it_isnt_theirs_gets_no_role(place: str, tmp_path: Path) -> None:
    definition = compose_two(tmp_path, price=f"{{scale: 2}}\n        output_path: {place}")
    with pytest.raises(InputProblems) as caught:
        roles_of(definition, "churn", "price")
    assert {problem.id for problem in caught.value.problems} == {"PB645"}


def test_an_output_through_anothers_step_gets_no_role(tmp_path: Path) -> None:
    over = "arguments: {OutputDataConfig: {S3OutputPath: {Get: Steps.churn-Train.OutputDataConfig.S3OutputPath}}}"
    definition = compose_two(tmp_path, price=f"{{scale: 2}}\n        {over}")
    role = documents(roles_of(definition, "churn", "price")["price"])
    assert not allows(role, "s3:PutObject", f"{BUCKET}/tiny/churn/executions/1/churn-Train/model.tar.gz")


def test_the_pipelines_own_role_is_no_jobs(tmp_path: Path) -> None:
    definition = compose_two(tmp_path, price="{scale: 2}\n        arguments: {RoleArn: SMP_ROLE}")
    with pytest.raises(InputProblems) as caught:
        roles_of(definition, "churn", "price")
    assert "would run as the pipeline's own role" in str(caught.value)


@pytest.mark.parametrize("repo", ["code", "definitions", "evidence", "executions", "manifests"])
def test_no_repository_has_the_name_of_a_folder_of_the_pipeline(repo: str, tmp_path: Path) -> None:
    manifest = manifest_of(repo)
    write_model(tmp_path / manifest.training_dir / repo, CONF)
    with pytest.raises(InputProblems) as caught:
        compose(manifest, Lock(manifest_commit="", repos=()), root=tmp_path, values=VALUES)
    assert [(problem.id, str(problem.place)) for problem in caught.value.problems] == [
        ("PB644", "model_repos.yaml:5:11")
    ]


# --- where outputs go


def test_a_stack_of_before_goes_on_with_the_one_folder_that_its_role_has(tmp_path: Path) -> None:
    before = compose_definition(tmp_path, SMP_CODEPIPELINE="models").content
    now = compose_definition(tmp_path, SMP_CODEPIPELINE="models", SMP_JOBROLES=f"{ROLES}execution").content
    assert b"/tiny/executions" in before
    assert before.replace(b"/tiny/executions", b"/tiny/churn/executions").replace(
        b"role/local", b"role/models-execution"
    ) == (now.replace(ACCOUNT.encode(), b"0" * 12))
    assert now.replace(f"{ROLES}execution".encode(), b"x") == compose_definition(tmp_path).content.replace(
        b"arn:aws:iam::000000000000:role/local", b"x"
    )


@pytest.mark.parametrize("roles", ["churn", "arn:aws:iam::1:role/x", f"{ROLES[:-7]}", f"{ROLES}{{repo}}", f"{ROLES}*"])
def test_job_roles_that_are_none(roles: str) -> None:
    with pytest.raises(InputProblems) as caught:
        settings_of(SMP_JOBROLES=roles)
    assert [problem.id for problem in caught.value.problems] == ["PB646"]

"""What builds find around them: variables, where they are kept, a package index; and who is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.manifest import Manifest, build_manifest
from tests.places import ROOT
from tests.service.services import REPOS, read_service, read_template, render

HEAD = "version: 1\nrepos: [{url: https://github.com/a/b.git}]\nservice:\n"


def manifest(service: str) -> Manifest:
    return build_manifest(parse_yaml(Source("m.yaml", HEAD + service), "PB100"))


def problems(service: str) -> list[str]:
    with pytest.raises(InputProblems) as caught:
        manifest(service)
    return [str(problem) for problem in caught.value.problems]


def test_a_variable_is_a_text_or_the_name_of_where_it_is_kept() -> None:
    found = manifest("""\
  environment:
    HTTPS_PROXY: http://proxy.intern:3128
    RETRIES: 3
    UV_INDEX: secretsmanager:ml/index#url
    WHOLE: secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:ml/x-AbCdEf#key
    LIMIT: parameter:/ml/limit
    AS_CODEBUILD: {type: SECRETS_MANAGER, value: "ml/index:url:AWSCURRENT"}
""").service.environment
    kept = {name: (one.type, one.value, one.secret or one.parameter) for name, one in found.items()}
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ml/x-AbCdEf"
    assert kept == {
        "HTTPS_PROXY": ("PLAINTEXT", "http://proxy.intern:3128", ""),
        "RETRIES": ("PLAINTEXT", "3", ""),
        "UV_INDEX": ("SECRETS_MANAGER", "ml/index:url", "ml/index"),
        "WHOLE": ("SECRETS_MANAGER", f"{arn}:key", arn),
        "LIMIT": ("PARAMETER_STORE", "/ml/limit", "ml/limit"),
        "AS_CODEBUILD": ("SECRETS_MANAGER", "ml/index:url:AWSCURRENT", "ml/index"),
    }


def test_all_that_is_wrong_is_said_at_once_and_no_secret_is_shown() -> None:
    found = problems("""\
  codeartifact: {domain: ml, repository: pypi}
  environment:
    HTTP_PROXY: http://me:hunter2hunter2@proxy:3128
    INDEX_TOKEN: hunter2hunter2
    CODEBUILD_X: y
    SMP_REGION: y
    1a: y
    PIP_INDEX_URL: https://example.com/simple
""")
    assert "hunter2" not in "".join(found)
    assert [text.splitlines()[0] for text in found] == [
        "m.yaml:6:5: PB751 the value of 'HTTP_PROXY' looks like a secret, and whoever may look at the stack could read it",
        "m.yaml:7:5: PB751 the value of 'INDEX_TOKEN' looks like a secret, and whoever may look at the stack could read it",
        "m.yaml:8:5: PB750 the variable 'CODEBUILD_X' of 'environment' is set by the service itself, or by CodeBuild",
        "m.yaml:9:5: PB750 the variable 'SMP_REGION' of 'environment' is set by the service itself, or by CodeBuild",
        "m.yaml:10:5: PB750 the variable '1a' of 'environment' can't be a name, expected letters, digits and '_', no digit "
        "first",
        "m.yaml:11:5: PB750 'PIP_INDEX_URL' and 'codeartifact' both say which package index builds use",
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("true", "expected a text: put it in quotes"),
        ("''", "at least 1 character"),
        ("secretsmanager:a b", "is no secret"),
        ("parameter:/aws/service/x", "is no parameter of one's own"),
        ('"{{resolve:ssm:x}}"', "would be resolved by CloudFormation"),
        ("{type: SECRET, value: x}", "SECRETS_MANAGER"),
    ],
)
def test_values_that_cannot_be(value: str, said: str) -> None:
    assert said in problems(f"  environment: {{A: {value}}}\n")[0]


def test_more_than_codebuild_takes() -> None:
    found = problems(f"  environment: {{A: {'x' * 3000}, B: {'x' * 3000}}}\n")
    assert found[0].splitlines()[0] == (
        "m.yaml:4:3: PB752 the variables of 'environment' have together 6002 characters, CodeBuild takes 5500"
    )


@pytest.mark.long
def test_no_name_that_the_service_sets_can_be_taken() -> None:
    everything: dict[str, Any] = {"codeartifact": {"domain": "ml", "repository": "pypi"}, "run_timeout_minutes": 60}
    paths = {"url": "https://github.com/a/w.git", "trigger": {"kind": "webhook", "include": "a", "exclude": "b"}}
    text = render(*REPOS, paths, **everything, place={"kms_key": "k", "subnets": "s", "security_groups": "g"})
    resources = read_template(text["service.yaml"])["Resources"].values()
    names = {
        variable["Name"]
        for one in resources
        if one["Type"] == "AWS::CodeBuild::Project"
        for variable in one["Properties"]["Environment"]["EnvironmentVariables"]
    }
    names |= set(yaml.safe_load((ROOT / "buildspec.yml").read_text())["env"]["exported-variables"])
    names |= set(re.findall(r'"name": "(\w+)"', text["service.yaml"]))
    assert {"STAGE", "PIPELINE", "EXCLUDE", "SMP_CODEARTIFACT", "VERDICT", "SMP_APPROVAL"} <= names
    for name in names:
        assert "is set by the service itself" in problems(f"  environment: {{{name}: x}}\n")[0], name


# --- who is told


def test_a_channel_needs_all_of_its_names() -> None:
    assert "names no channel" in problems("  notifications: {events: failure}\n")[0]
    assert [text.split(" ", 2)[1] for text in problems("  notifications: {slack: {workspace: T1}}\n")] == ["PB103"]
    assert "'slack' is" not in problems("  notifications: {slack: {workspace: t1, channel: '#ml'}}\n")[0]
    teams = "{tenant: x, team: y, channel: '19:abc@thread.tacv2'}"
    assert len(problems(f"  notifications: {{teams: {teams}}}\n")) == 3
    assert "twice" in problems("  approval: {notify: [failure, failure]}\n")[0]
    assert "PB104" in problems("  approval: {notify: [approval]}\n")[0]


def warnings(**service: Any) -> list[str]:
    place = service.pop("place", None)
    _, found = read_service(place=place, **service)
    return [f"{problem.id} {problem.message}" for problem in found if problem.id.startswith("PB75")]


def test_that_nobody_is_told_is_said() -> None:
    slack = {"slack": {"workspace": "T1", "channel": "C1"}}
    assert warnings() == []
    assert warnings(approval={"notify": ["success"]}) == [
        "PB755 nobody is told that something failed: neither 'notify' of 'approval' nor 'notifications' has 'failure'"
    ]
    assert warnings(approval={"notify": []}, notifications=slack) == []
    assert [text[:5] for text in warnings(approval={"notify": []}, notifications={**slack, "events": "success"})] == [
        "PB755"
    ]


def test_a_run_that_the_build_cannot_wait_for_is_said() -> None:
    assert warnings(run_timeout_minutes=480) == []
    assert warnings(run_timeout_minutes=86_160, wait="step-functions") == []
    (refused,) = (one for one in read_service(run_timeout_minutes=2131)[1] if one.id == "PB753")
    assert not refused.warning  # CodeBuild itself takes no such build
    (found,) = (one for one in read_service(run_timeout_minutes=481)[1] if one.id == "PB753")
    assert found.warning
    assert found.place
    assert found.place.text.strip() == '"run_timeout_minutes": 481'
    assert found.message == (
        "'run_timeout_minutes' is 481, and the build that waits for the run is ended by CodePipeline after 480"
    )


POLLED = {"url": "https://git.intern/a/b.git", "groups": ["nightly"]}


@pytest.mark.parametrize(
    ("environment", "given"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "s3.amazonaws.com", "UV_INDEX": "https://x"}, True),
        ({"HTTPS_PROXY": "secretsmanager:ml/proxy"}, False),
        ({"HTTPS_PROXY": "http://proxy:3128", "GIT_SSL_CAINFO": "/etc/own.pem"}, False),
        ({"all_proxy": "parameter:/ml/proxy"}, False),
        ({"UV_INDEX": "secretsmanager:ml/index"}, True),
    ],
)
def test_what_looks_at_polled_repositories_takes_the_builds_way_out(environment: dict[str, str], given: bool) -> None:
    """Or builds look, where the function can't know that way."""
    model, _ = read_service((POLLED,), environment=environment)
    assert model.triggers.looks == given
    if given:
        look = read_template(render(POLLED, environment=environment)["service.yaml"])["Resources"]["Look"]
        proxies = {name: value for name, value in environment.items() if name.lower().endswith("_proxy")}
        assert look["Properties"].get("Environment", {"Variables": {}})["Variables"] == proxies


def test_a_number_that_yaml_would_write_otherwise_is_refused() -> None:
    found = problems("  environment: {A: 1.10, B: 010, C: 0x10, D: 1_000, E: 5, F: 1.5, G: -3}\n")
    assert [re.sub(r" \n.*", "", text).splitlines()[0][:62] for text in found] == [
        "m.yaml:4:20: PB104 the number behind 'A' would become '1.1', e",
        "m.yaml:4:29: PB104 the number behind 'B' would become '8', exp",
        "m.yaml:4:37: PB104 the number behind 'C' would become '16', ex",
        "m.yaml:4:46: PB104 the number behind 'D' would become '1000', ",
    ]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("  environment: {A: }\n", "this is empty, expected a text"),
        ("  notifications: {events: [], slack: {workspace: T1, channel: C1}}\n", "a channel that is told nothing"),
        ("  permissions_boundary: arn:aws:iam::123456789012:role/x\n", "expected the ARN of a policy"),
        ("  source: {repository: a/b, branch: 'rel*'}\n", "expected a branch"),
        ("  log_days: '90'\n", "write 90 without quotes"),
    ],
)
def test_what_is_refused(service: str, said: str) -> None:
    (problem,) = problems(service)
    assert said in problem


def test_a_bound_of_awss_own_and_a_single_address_are_taken() -> None:
    bound = "arn:aws:iam::aws:policy/PowerUserAccess"
    service = manifest(f"  permissions_boundary: {bound}\n  approval: {{emails: ada@example.com}}\n").service
    assert (service.permissions_boundary, service.approval.emails) == (bound, ("ada@example.com",))


def test_an_image_for_another_machine_is_refused_at_its_place() -> None:
    _, found = read_service(REPOS, (), None, image="aws/codebuild/amazonlinux-aarch64-standard:3.0")
    (one,) = [problem for problem in found if problem.id == "PB766"]
    assert one.place
    assert one.place.text.strip().startswith('"image"')


def test_what_looks_like_a_placeholder_stays_the_text() -> None:
    value = "${AWS::AccountId} and ${!x}"
    text = render(*REPOS, environment={"A": value})["service.yaml"]
    assert '!Join ["", ["$", "{AWS::AccountId} and ${!x}"]]' in text
    variables = read_template(text)["Resources"]["BuildProject"]["Properties"]["Environment"]["EnvironmentVariables"]
    assert {"Name": "A", "Value": value} in variables

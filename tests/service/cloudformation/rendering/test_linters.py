"""What others say of the templates: cfn-lint by CloudFormation's schemas, checkov by rules about what is safe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.regions.hosts import codecommit_url
from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.rendering.rendering import parameter_values, render_templates
from pipeline_builder.service.unwritten import CHOICES
from tests.definition.oracle.environment import sdk_python
from tests.places import ROOT, SOAKS
from tests.service.services import ACCOUNT, KEY, MADE, REGION, REPOS, SCHEDULES, read_service, read_template, render

INSIDE = {"url": "models/inside", "trigger": "connection"}
NETWORK = {
    "vpc": "vpc-0123456789abcdef0",
    "subnets": ["subnet-0123456789abcdef0", "subnet-1123456789abcdef0"],
    "security_groups": ["sg-0123456789abcdef0"],
}
SLACK = {"workspace": "T0123ABCD", "channel": "C0123ABCD"}
TEAMS = {
    "tenant": "01234567-89ab-cdef-0123-456789abcdef",
    "team": "01234567-89ab-cdef-0123-456789abcdef",
    "channel": "19%3a0123abcd%40thread.tacv2",
}
QUIET = {"url": "https://git.example.com/acme/quiet.git", "trigger": "none"}


def connected(number: int) -> tuple[Mapping[str, Any], ...]:
    return tuple({"url": f"https://github.com/acme/m{i}.git", "trigger": "connection"} for i in range(number))


def mixed(number: int) -> tuple[Mapping[str, Any], ...]:
    paths = {"include": ["src/**"], "exclude": ["docs/**", "*.md"]}
    kinds: tuple[Mapping[str, Any], ...] = (
        {"kind": "connection", **paths}, {"kind": "webhook", **paths}, {"kind": "poll"},
    )  # fmt: skip
    return tuple({"url": f"https://github.com/acme/m-{i}.git", "trigger": kinds[i % len(kinds)]} for i in range(number))


WEEKLY = SCHEDULES[1:]
APP = {"kind": "github-app", "app_id": 1, "key": "secretsmanager:git/app"}
OLDER = f"arn:aws:codestar-connections:{REGION}:{ACCOUNT}:connection/01234567-89ab-cdef-0123-456789abcdef"
DEPLOY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
OPENED: tuple[Mapping[str, Any], ...] = (
    {"url": "https://github.com/acme/a.git", "credentials": "connection"},
    {"url": "https://gitlab.com/acme/group/b.git", "credentials": f"connection:{OLDER}"},
    {"url": "https://github.com/acme/c.git", "credentials": APP},
    {"url": "git@github.com:acme/d.git", "credentials": "secretsmanager:git/d", "known_hosts": DEPLOY},
    {"url": "codecommit://e", "trigger": "codecommit"},
    {"url": "codecommit::us-east-1://f"},
    *(
        {"url": f"https://github.com/{'a' * 39}/{'m' * 90}-{i}.git", "name": f"m-{i}", "credentials": "connection"}
        for i in range(70)
    ),
)
# What a new service gets where its manifest says nothing, and what one of before keeps.
NEW = {one.key: one.new for one in CHOICES}
BEFORE = {one.key: one.old for one in CHOICES}
CASES: Mapping[str, Mapping[str, Any]] = {
    "every kind": {"repos": (*REPOS, INSIDE), "approval": {"emails": ["a@example.com", "b@example.com"]}},
    "nothing starts it": {"repos": (QUIET,), "schedules": ()},
    "polls only": {"repos": (REPOS[3],), "schedules": (), "poll_minutes": 1},
    "schedules only": {"repos": (QUIET,), "schedules": WEEKLY, "policy": {"factories": True}},
    "one connection": {"repos": connected(1), "schedules": WEEKLY},
    "as many connections as go": {"repos": connected(49), "schedules": WEEKLY},
    "as many connections beside CodeCommit": {
        "source": {"kind": "codecommit", "repository": "models"},
        "repos": connected(49),
        "schedules": WEEKLY,
    },
    "sixty repositories": {"repos": mixed(60), "schedules": WEEKLY},
    "sixty repositories, keys of AWS": {"repos": mixed(60), "schedules": WEEKLY, "encryption": "aws"},
    "keys of AWS": {"encryption": "aws"},
    "a key": {"encryption": KEY},
    "a network": {"network": NETWORK},
    "functions and queues": {"made": MADE},
    "functions and queues in a network, keys of AWS": {
        "made": MADE,
        "encryption": "aws",
        "place": {"subnets": ",".join(NETWORK["subnets"]), "security_groups": NETWORK["security_groups"][0]},
    },
    "a network, keys of AWS": {"network": NETWORK, "encryption": "aws"},
    "sixty repositories, a network": {"repos": mixed(60), "schedules": WEEKLY, "network": NETWORK},
    "source in CodeCommit": {"source": {"kind": "codecommit", "repository": "models"}, "repos": (*REPOS, INSIDE)},
    "source in S3": {"source": {"kind": "s3", "repository": "acme-sources/models/source.zip"}},
    "source at GitLab": {"source": {"kind": "connection", "repository": "a/b/c", "host": "gitlab.example.com"}},
    "given role, bounded": {
        "execution_role": "given",
        "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
        "place": {"bucket": "other-bucket", "kms_key": KEY, "subnets": "subnet-1", "security_groups": "sg-1"},
    },
    "everybody is told": {
        "repos": mixed(6),
        "schedules": WEEKLY,
        "approval": {"emails": ["a@example.com"], "notify": ["failure", "success"]},
        "notifications": {"slack": SLACK, "teams": TEAMS, "events": ["approval", "failure", "success"]},
        "policies": ["approver", "operator"],
        "environment": {"HTTPS_PROXY": "http://proxy.example.com:3128", "UV_INDEX": "secretsmanager:ml/index#url"},
        "codeartifact": {"domain": "ml", "repository": "pypi", "owner": "111122223333", "region": "eu-west-1"},
    },
    "only a channel is told": {
        "approval": {"notify": ["success"]},
        "notifications": {"slack": SLACK},
        "encryption": "aws",
    },
    "a role for all repositories": {"repos": (*REPOS, INSIDE), "execution_role": "make"},
    "below a prefix": {"execution_role": "per-repository", "place": {"prefix": "team/models/"}},
    "polled by builds": {"repos": ({"url": "ssh://git@git.example.com/a/b.git"},), "schedules": ()},
    "every kind of credentials": {"repos": OPENED, "schedules": ()},
    "nothing but what a service has": {"repos": (QUIET,), "schedules": ()},
    "a long run of every kind": {"repos": (*REPOS, INSIDE), "network": NETWORK, "run_timeout_minutes": 14 * 24 * 60},
    "as before": BEFORE,
    "as before, every kind": {**BEFORE, "repos": (*REPOS, INSIDE), "network": NETWORK},
    "as before, keys of AWS": {**BEFORE, "encryption": "aws"},
    "longest names": {
        "name": "a" * 29,
        "repos": tuple({**repo, "name": f"r{index}".ljust(64, "x")} for index, repo in enumerate(REPOS)),
        "tags": {"cost center": "a:b/c=d+e@f"},
    },
}
SCORES: tuple[Mapping[str, Any], ...] = (
    {"name": "daily", "pipeline": "scoring", "cron": "0 2 * * ? *", "timezone": "Europe/Berlin"},
    {"name": "monthly", "pipeline": "other", "cron": "0 2 1 * ? *"},
)
OWN = f"s3://model-service-{ACCOUNT}-{REGION}/landing/"
PIPELINES: tuple[Mapping[str, Any], ...] = (
    {"name": "training", "trigger": {"data": "s3://exports/labels/"}},
    {
        "name": "scoring",
        "kind": "inference",
        "trigger": {
            "data": ["s3://exports/daily/", "s3://exports/hourly/", OWN],
            "batch_minutes": 10,
            "approval": True,
        },
    },
    {"name": "other", "kind": "inference"},
    {"name": "second", "trigger": {"data": "s3://exports"}},
)
"""Of each kind two, one of them with all that can start it."""
CASES = {
    **CASES,
    "several pipelines": {"pipelines": PIPELINES, "schedules": (*SCHEDULES, *SCORES), "wait": "step-functions"},
    "several pipelines, keys of AWS, builds that wait": {
        "pipelines": PIPELINES, "schedules": SCORES, "encryption": "aws", "wait": "build", "execution_role": "make",
        "repos": (*REPOS, INSIDE), "network": NETWORK,
    },
    "several pipelines, everybody is told": {
        "pipelines": PIPELINES, "schedules": SCORES, "encryption": KEY,
        "approval": {"emails": ["a@example.com"], "notify": ["failure", "success"]},
        "notifications": {"slack": SLACK, "events": ["approval", "failure", "success"]},
        "policies": ["approver", "operator"],
        "source": {"kind": "codecommit", "repository": "models"},
        "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
        "place": {"prefix": "team/models/"},
    },
    "several pipelines, source in S3, a given role": {
        "pipelines": PIPELINES[:2], "schedules": (), "execution_role": "given",
        "source": {"kind": "s3", "repository": "acme-sources/models/source.zip"},
        "place": {"bucket": "other-bucket", "kms_key": KEY},
    },
    "one that scores, longest names": {
        "name": "a" * 29, "pipelines": ({"name": "training"}, {"name": "s" * 24, "kind": "inference"}),
        "schedules": (), "repos": tuple({**repo, "name": f"r{index}".ljust(64, "x")} for index, repo in enumerate(REPOS)),
    },
    "as before, several pipelines": {**BEFORE, "pipelines": PIPELINES[:3], "schedules": SCORES},
}  # fmt: skip
MATRIX = {case: {**NEW, **service} for case, service in CASES.items()}
# What two others have between them: cfn-lint takes five seconds for each template.
COVERED = (
    "several pipelines", "several pipelines, keys of AWS, builds that wait", "several pipelines, source in S3, a given role",
    "one that scores, longest names", "as before, several pipelines",
)  # fmt: skip
# Sixty repositories have what four have, sixty times: cfn-lint takes five seconds for them.
QUICK = ("a role for all repositories", "nothing but what a service has")


def files_of(case: str) -> Mapping[str, str]:
    model, problems = read_service(**MATRIX[case])
    assert [str(problem) for problem in problems if not problem.warning] == []
    return render_templates(model)


def lint(text: str, region: str = REGION) -> list[str]:
    from tests.service.cloudformation.rendering import linting  # a second, for which the other tests have no use

    return linting.lint(text, region)


@pytest.mark.long
@pytest.mark.parametrize(
    "case",
    [case if case in QUICK else pytest.param(case, marks=pytest.mark.long) for case in MATRIX if case not in COVERED],
)
def test_cfn_lint_finds_nothing(case: str) -> None:
    files = files_of(case)
    assert lint(files["storage.yaml"]) == []
    assert lint(files["service.yaml"]) == []


@pytest.mark.long
def test_cfn_lint_would_find_something() -> None:
    text = files_of("nothing but what a service has")["service.yaml"]
    faults = [
        ("PipelineType: V2", "PipelineTypo: V2", "E3002"),
        ("!GetAtt TrainRole.Arn", "!GetAtt TrainerRole.Arn", "E1010"),
        ("ExecutionMode: QUEUED", "ExecutionMode: WAITING", "'WAITING' is not one of"),
        ("!Ref ApprovalTimeoutMinutes", "5", "W2001"),
        ("StateMachineType: STANDARD", "StateMachineType: SLOW", "'SLOW' is not one of"),
    ]
    for old, new, _ in faults:
        assert old in text
        text = text.replace(old, new)
    found = lint(text)  # a second for each template
    assert [rule for _, _, rule in faults if not any(rule in said for said in found)] == []


@pytest.mark.long
@pytest.mark.parametrize("word", ["Default", "Defaults"])
def test_cfn_lint_reads_the_state_machine(word: str) -> None:
    """As plain text: into what Fn::Sub fills in it doesn't look."""
    text = files_of("nothing but what a service has")["service.yaml"].replace(
        '"Default": "FindFirst"', f'"{word}": "FindFirst"'
    )
    text = text.replace("arn:${AWS::Partition}:states:::", "arn:aws:states:::")
    text = text.replace("DefinitionString: !Sub |", "DefinitionString: |")
    assert any("E3601" in found for found in lint(text)) == (word != "Default")


def test_another_reader_reads_the_same() -> None:
    from cfnlint.decode import decode_str

    for text in (files := render(*REPOS, INSIDE))["storage.yaml"], files["service.yaml"]:
        template, faults = decode_str(text)
        assert not faults
        assert json.loads(json.dumps(template)) == read_template(text)


@pytest.mark.long
@pytest.mark.parametrize("case", MATRIX)
def test_our_own_checks_find_nothing(case: str) -> None:
    model, _ = read_service(**MATRIX[case])
    files = render_templates(model)
    templates = {name: load_template(files[name], name) for name in ("storage.yaml", "service.yaml")}
    buildspec = parse_buildspec((ROOT / "buildspec.yml").read_text(), "buildspec.yml")
    values = {key: value for key, value in parameter_values(model).items() if value}
    assert [str(problem) for problem in check_service(templates, buildspec, values)] == []


LISTED = ("cn-north-1", "us-gov-west-1", "eusc-de-east-1")
"""A Region of each partition that cfn-lint has; from the last on it has the resource types of us-east-1."""
ELSEWHERE = (*LISTED, "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1")


def files_in(region: str, **service: Any) -> Mapping[str, str]:
    """Return the files of a service in a partition: its source and events are those that every partition has."""
    source = {"kind": "codecommit", "repository": "models"}
    repos = (
        {"url": codecommit_url("fraud", region), "trigger": "codecommit", "groups": ["nightly"]},
        {"url": "https://git.example.com/acme/price.git", "trigger": "poll"},
    )
    partition = partition_of(region).name
    place = {"region": region, "bucket": f"b-{region}", "role": f"arn:{partition}:iam::{ACCOUNT}:role/sagemaker"}
    given = {**NEW, "source": source, "connection": None, "repos": repos, "place": place, **service}
    model, problems = read_service(**given)
    assert [str(problem) for problem in problems if not problem.warning] == []
    return render_templates(model)


@pytest.mark.long
@pytest.mark.parametrize("region", LISTED)
def test_every_partition_takes_it(region: str) -> None:
    files = files_in(region)
    assert lint(files["storage.yaml"], region) == []
    assert lint(files["service.yaml"], region) == []


@pytest.mark.parametrize("region", [REGION, *ELSEWHERE])
def test_names_are_those_of_the_partition(region: str) -> None:
    files = files_in(region)
    text = (files["storage.yaml"] + files["service.yaml"]).replace(
        LOCAL_DEFAULTS["SMP_ROLE"], ""
    )  # the definition has it
    partition = partition_of(region)
    assert text.count("https://<region>.") == text.count("PipelineUrl:") == bool(partition.console)
    assert f"git-codecommit.{region}.{partition.suffix}/v1/repos/models" in text
    shown = re.sub(r"docs\.aws\.amazon\.com|\b[a-z]+\.amazonaws\.com(?=\"?$)", "", text, flags=re.MULTILINE)
    if partition.name != "aws":
        assert "console.aws.amazon.com" not in shown
        assert "arn:aws:" not in shown
    if partition.suffix != "amazonaws.com":
        assert re.findall(r".*amazonaws\.com(?!\.cn).*", shown) == []


def test_a_template_of_sixty_repositories_is_within_what_s3_takes() -> None:
    template = read_template(text := files_of("sixty repositories")["service.yaml"])
    assert len(text.encode()) <= 1_048_576
    assert len(template["Resources"]) <= 500


@pytest.mark.long
def test_checkov_finds_nothing_but_what_is_explained(tmp_path: Path) -> None:
    seen: set[str] = set()
    for case in MATRIX:
        folder = tmp_path / re.sub(r"\W+", "-", case)
        folder.mkdir()
        for name in ("storage.yaml", "service.yaml"):
            if text := unseen(files_of(case)[name], seen):
                (folder / name).write_text(text)
    # It would find something: the same without the suppressions.
    text = files_of("keys of AWS")["service.yaml"]
    (tmp_path / BARE).mkdir()
    (tmp_path / BARE / "service.yaml").write_text(text.replace("checkov:", "other:"))
    found = check(tmp_path)
    bare = [item for item in found["failed"] if item["file"] == f"/{BARE}/service.yaml"]
    assert {item["id"] for item in bare} == {
        "CKV_AWS_26", "CKV_AWS_27", "CKV_AWS_115", "CKV_AWS_117", "CKV_AWS_158",
    }  # fmt: skip
    failed = [item for item in found["failed"] if item not in bare]
    assert {f"{item['id']} {item['resource']} {item['file']}" for item in failed} == set()
    assert found["unread"] == []
    assert len(found["passed"]) > 1000
    # Each suppression that the templates explain is one that is needed, and the other way round.
    macros = (ROOT / "templates" / "macros.yaml.j2").read_text()
    explained = dict(re.findall(r'^  "(CKV_AWS_\d+)": "(.+)",$', macros, re.MULTILINE))
    skipped = {item["id"]: item["comment"] for item in found["skipped"]}
    assert skipped == explained


PLAIN = """
import sys
from pathlib import Path
from cfnlint.config import ConfigMixIn, ManualArgs
from cfnlint.decode import decode_str
from cfnlint.runner import Runner

for path in sys.argv[2:]:
    template, _ = decode_str(Path(path).read_text())
    runner = Runner(ConfigMixIn(**ManualArgs(regions=[sys.argv[1]])))
    print(*map(str, runner.validate_template(template)), "", sep="\\n")
"""


@pytest.mark.long
@pytest.mark.skipif(not SOAKS, reason="the linters as their makers have them, two minutes: scripts/soak tests")
def test_what_is_made_quick_finds_what_the_linters_find(tmp_path: Path) -> None:
    sound = files_of("several pipelines")["service.yaml"]
    faulty = (
        sound, sound.replace("Type: AWS::SNS::Topic", "Type: AWS::SNS::Topics"), sound.replace("!Ref ", "!Ref No"),
        sound.replace("Version: 2012-10-17", "Version: 2012-10-18"), re.sub(r"\d{2,}", "7", sound), sound,
        sound.replace("Role", "Rule"), sound.replace("checkov:", "other:").replace("Enabled: true", "Enabled: maybe"),
    )  # fmt: skip
    for number, text in enumerate(faulty):
        (tmp_path / f"{number}.yaml").write_text(text)
    files = sorted(tmp_path.iterdir())
    plain = subprocess.run([sys.executable, "-c", PLAIN, REGION, *files], capture_output=True, text=True, check=True)
    quick = [line for text in faulty for line in [*lint(text), ""]]
    assert sorted(plain.stdout.splitlines()) == sorted(quick)
    assert len(quick) > 50
    words = ["-m", "checkov.main", "-d", str(tmp_path), "--framework", "cloudformation", "-o", "json"]
    done = subprocess.run([sdk_python("checkov"), *words], env=unreachable(tmp_path), capture_output=True, check=False)
    found = json.loads(done.stdout)["results"]
    mine = check(tmp_path)
    assert sorted(mine["unread"]) == sorted(found["parsing_errors"])
    for kind in ("passed", "failed", "skipped"):
        theirs = [f"{item['check_id']} {item['resource']} {item['file_path']}" for item in found[f"{kind}_checks"]]
        assert sorted(f"{item['id']} {item['resource']} {item['file']}" for item in mine[kind]) == sorted(theirs)


def unseen(template: str, seen: set[str]) -> str:
    """Return the template with those resources only that are in no template before, and empty where there is none.

    checkov looks at each by itself, but for rules of its graph about services that we don't have: two thirds of its
    time would go into what it has judged, word for word.
    """
    head, found, rest = re.split(r"(?<=\nResources:)\n((?:  .*\n|\n)+)", template, maxsplit=1)
    resources = [text for text in re.split(r"^(?=  \w+:)", found, flags=re.MULTILINE) if text not in seen]
    seen.update(resources)
    return f"{head}\n{''.join(resources)}{rest}" if any(re.match(r"  \w", text) for text in resources) else ""


BARE = "without the suppressions"
CHECKING = Path(__file__).with_name("checking.py")


def check(folder: Path) -> dict[str, Any]:
    """Return what checkov finds, without the network."""
    done = subprocess.run(
        [sdk_python("checkov"), CHECKING, folder],
        env=unreachable(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def unreachable(home: Path) -> dict[str, str]:
    """Return variables with which checkov asks nobody."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    return {"PATH": os.environ["PATH"], "HOME": str(home), **proxies}

"""The policy in the commands: nothing that it refuses gets past validate, a run's parameters, or into a role."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.security.policing import TRAIN, parameter
from tests.tiny import CONF, variant
from tests.workspaces import MANIFEST, Workspace, make_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checked-out model whose output is a parameter of the pipeline."""
    made = make_workspace(
        tmp_path_factory.mktemp("w"),
        conf=parameter(", default: 's3://local/mine'", "output_path: $params.p"),
        state=False,
    )
    assert made.call("checkout").code == 0
    return made


@pytest.mark.long
def test_what_a_run_is_given_is_refused_before_it_starts(workspace: Workspace) -> None:
    assert workspace.call("apply").code == 0
    for value, id_ in (("s3://local/tiny/code/x", "PB233"), ("s3://elsewhere/x", "PB232")):
        for command in (["run"], ["run", "--rerun"], ["up", "--approve"]):
            ended = workspace.call(*command, "--parameter", f"p={value}")
            assert ended.code == 1
            assert f"churn@{workspace.call('checkout').out.split()[1][:7]}:conf/conf.yaml:18:22: {id_}" in ended.err
    assert "no execution" in workspace.call("status").err or workspace.call("status").code != 0


def test_the_rules_are_shown(workspace: Workspace) -> None:
    (workspace.root / "strict.yaml").write_text(
        f"{MANIFEST}policy: {{max_runtime: 12h, repos: {{churn: {{tags: [a]}}}}}}\n"
    )
    ended = workspace.call("policy", "--manifest", "strict.yaml")
    assert ended.code == 0
    assert "max_runtime  12h  # strict.yaml:6\n" in ended.out
    assert "read         []\n" in ended.out  # a default
    assert "tags         [a]  # strict.yaml:6\n" in ended.out
    assert "all of SMP_S3BUCKETNAME may be read" in ended.out
    assert workspace.call("policy", "--json", "--manifest", "strict.yaml").json["churn"]["max_runtime"] == "12h"


def test_several_refusals_end_with_the_command_that_writes_the_section(tmp_path: Path) -> None:
    more = "        output_path: s3://elsewhere/x\n        max_runtime_in_seconds: 900000\n"
    made = make_workspace(tmp_path, conf=variant((TRAIN, TRAIN + more)), state=False)
    assert made.call("checkout").code == 0
    ended = made.call("validate")
    assert ended.err.endswith("'pipeline-builder policy --suggest' writes the section that would allow 2 of them\n")
    assert "a run time of 250h (900000 s) is more than the 5d of the policy" in ended.err


def test_a_suggestion_can_be_pasted(tmp_path: Path) -> None:
    made = make_workspace(
        tmp_path, conf=variant((TRAIN, f"{TRAIN}        output_path: s3://elsewhere/x\n")), state=False
    )
    assert made.call("checkout").code == 0
    assert made.call("validate").code == 1
    ended = made.call("policy", "--suggest")
    assert ended.code == 0
    (made.root / "model_repos.yaml").write_text(MANIFEST + ended.out)
    assert made.call("validate").code == 0
    assert made.call("policy", "--suggest").out == ended.out.replace(
        next(x for x in ended.out.splitlines(True) if "#" in x), ""
    )


def test_the_page_about_it_says_what_is_said(tmp_path: Path) -> None:
    """The policy, the refusals and the suggestion of docs/how-to/policy.md are those of the commands."""
    page = (ROOT / "docs" / "how-to" / "policy.md").read_text()
    policy, suggested = re.findall(r"```yaml {.shown}\n(.*?)```", page, re.DOTALL)
    (refusals, *_) = re.findall(r"```text {.shown}\n(.*?)```", page, re.DOTALL)
    more = "        model_data_uri: s3://foundation/m.tar.gz\n        max_runtime_in_seconds: 86400\n"
    manifest = MANIFEST.replace("local:\n", f"{policy}local:\n")
    made = make_workspace(tmp_path, conf=variant((TRAIN, TRAIN + more)), manifest=manifest, state=False)
    commit = made.call("checkout").out.split()[1][:7]
    assert made.call("validate").err == refusals.replace("4b4a146", commit)
    assert made.call("policy", "--suggest").out == suggested.replace("4b4a146", commit)


@pytest.mark.long
def test_no_conf_widens_a_role(tmp_path: Path) -> None:
    """Roles are made of the definition, so what isn't allowed is refused before there is one."""
    manifest = f"{MANIFEST}service: {{source: {{kind: codecommit, repository: models}}}}\n"
    made = make_workspace(tmp_path, conf=CONF, manifest=manifest, state=False)
    shutil.copy(ROOT / "buildspec.yml", tmp_path)
    values = {
        "SMP_ACCOUNTID": "123456789012",
        "SMP_REGION": "eu-west-1",
        "SMP_S3BUCKETNAME": "models-123456789012",
        "SMP_ROLE": "arn:aws:iam::123456789012:role/sagemaker",
    }
    assert made.call("checkout").code == 0
    before = made.call("render", "iam", **values)
    assert before.code == 0, before.err
    for id_, more in (
        ("PB231", "model_data_uri: s3://payroll/m.tar.gz"),
        ("PB232", "output_path: s3://elsewhere/x"),
        ("PB235", "arguments: {RoleArn: 'arn:aws:iam::123456789012:role/admin'}"),
        ("PB246", "secrets: {A: 'secretsmanager:team/admin'}"),
    ):
        made.push("conf/conf.yaml", variant((TRAIN, f"{TRAIN}        {more}\n")))
        assert made.call("checkout").code == 0
        ended = made.call("render", "iam", **values)
        assert (ended.code, ended.out) == (1, "")
        assert id_ in ended.err

"""Secrets of jobs: handed to the process, and to nobody and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.definition.inside import smp_secrets
from pipeline_builder.engine.jobs.defaults import no_secrets
from pipeline_builder.engine.jobs.handing import secrets_of
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.secrets import give_secrets
from pipeline_builder.service.cloudformation.access.calls import secrets_of_jobs
from pipeline_builder.service.cloudformation.access.touched import definition_facts
from tests.definition.composing import archive_of
from tests.security.policing import (
    EVALUATE,
    TRAIN,
    TRANSFORM,
    arguments,
    compose_all,
    read_manifest,
    refusals,
    train,
)
from tests.tiny import CONF, SCRIPTS, variant
from tests.workspaces import MANIFEST, make_workspace

_ID = "secretsmanager:team/hf#key"
_ASKED = f"        secrets: {{HF_TOKEN: '{_ID}'}}\n"
_POLICY = f"policy: {{secrets: {{HF_TOKEN: '{_ID}'}}}}\n"
_PREPROCESS = "        entry_point: preprocess.py\n"
_VALUE = "hunter2hunter2"


def ids(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.id for problem in problems]


def test_a_secret_that_isnt_listed(tmp_path: Path) -> None:
    (problem,) = refusals(tmp_path, variant((TRAIN, TRAIN + _ASKED)))
    assert problem.id == "PB246"
    assert str(problem.place) == "churn@1f3c9ab:conf/conf.yaml:18:29"
    assert problem.hint == (
        "who owns the manifest may allow it, in the manifest: "
        "policy: {repos: {churn: {secrets: {HF_TOKEN: 'secretsmanager:team/hf#key'}}}}"
    )


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        (variant((TRAIN, TRAIN + _ASKED.replace("team/hf", "team/admin"))), ["PB246"]),
        (variant((TRAIN, TRAIN + _ASKED.replace("HF_TOKEN", "OTHER"))), ["PB246"]),
        (variant((TRANSFORM, TRANSFORM + _ASKED)), ["PB246"]),
        (train("env: {SMP_SECRET_X: 'secretsmanager:team/admin'}"), ["PB246"]),
        (train("env: {SMP_SECRET_HF_TOKEN: 'secretsmanager:team/hf#key'}"), ["PB246"]),
        (arguments("{Environment: {SMP_SECRET_X: 'secretsmanager:team/admin'}}", EVALUATE), ["PB246"]),
        (variant((TRAIN, f"{TRAIN}{_ASKED}        arguments: {{EnableNetworkIsolation: true}}\n")), ["PB246"]),
        (variant((TRAIN, TRAIN + _ASKED.replace("secretsmanager:team/hf#key", _VALUE))), ["PB204"]),
        (variant((TRAIN, TRAIN + _ASKED.replace("HF_TOKEN", "SM_HPS"))), ["PB204"]),
    ],
)
def test_what_no_job_is_given(tmp_path: Path, conf: str, expected: list[str]) -> None:
    found = refusals(tmp_path, conf, _POLICY)
    assert ids(found) == expected
    assert _VALUE not in "".join(problem.message for problem in found)


def test_a_file_of_the_launchers_name(tmp_path: Path) -> None:
    found = refusals(tmp_path, variant((TRAIN, TRAIN + _ASKED)), _POLICY, files={"smp_secrets.py": "print('mine')"})
    assert ids(found) == ["PB246"]


def test_the_definition_has_its_name_only(tmp_path: Path) -> None:
    conf = variant((TRAIN, TRAIN + _ASKED), (_PREPROCESS, _PREPROCESS + _ASKED))
    values = {"HF_TOKEN": _VALUE}
    composed = compose_all(tmp_path, {"churn": conf}, read_manifest(_POLICY, "[{url: churn}]"), values=values)
    text = composed.definition.content.decode()
    assert _VALUE not in text
    steps = {step["Name"]: step["Arguments"] for step in json.loads(text)["Steps"]}
    assert steps["churn-Train"]["Environment"]["SMP_SECRET_HF_TOKEN"] == _ID
    assert steps["churn-Train"]["HyperParameters"]["sagemaker_program"] == '"smp_secrets.py"'
    assert steps["churn-Preprocess"]["AppSpecification"]["ContainerEntrypoint"][2].endswith(
        "exec python -m smp_secrets"
    )
    assert "SMP_SECRET_HF_TOKEN" not in steps["churn-Metrics"].get("Environment", {})
    code = composed.definition.bundles[composed.definition.code["churn-Train"]]
    assert len(archive_of(code)) > 0
    assert code.added["smp_secrets.py"] == Path(smp_secrets.__file__).read_bytes()


@pytest.mark.long
def test_a_job_gets_it_and_nothing_else_has_it(tmp_path: Path) -> None:
    """On this machine the engine reads it: not in the definition, the state, the record or another job."""
    shown = "import os\nprint('token:', len(os.environ.get('HF_TOKEN', '')), 'SMP_TOKEN' in os.environ)\n"
    conf = variant((TRAIN, TRAIN + _ASKED), (_PREPROCESS, _PREPROCESS + _ASKED))
    workspace = make_workspace(tmp_path, conf=conf, manifest=MANIFEST + _POLICY)
    for name in ("preprocess.py", "train.py", "evaluate.py"):
        workspace.push(f"scripts/{name}", shown + SCRIPTS[name])
    ended = workspace.call("up", "--approve", HF_TOKEN=_VALUE)
    assert ended.code == 0, ended.err
    for step, length in (("churn-Preprocess", 14), ("churn-Train", 14), ("churn-Metrics", 0)):
        assert f"token: {length} False" in workspace.call("logs", step).out
    written = [
        path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink() and "envs" not in path.parts
    ]
    assert [str(path) for path in written if _VALUE.encode() in path.read_bytes()] == []


@pytest.mark.long
def test_the_launcher_keeps_what_is_set_and_becomes_the_program(tmp_path: Path) -> None:
    (tmp_path / "smp_secrets.py").write_bytes(Path(smp_secrets.__file__).read_bytes())
    (tmp_path / "program.py").write_text("import os, sys\nprint(os.environ['A'], sys.argv[1:])\n")
    environment = {"SMP_SECRET_A": "secretsmanager:a", "A": "given", "SMP_PROGRAM": "program.py"}
    command = [sys.executable, "smp_secrets.py", "--scale", "2"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "given ['--scale', '2']\n")
    environment["SMP_PROGRAM"] = "-m program"
    ended = subprocess.run(command[:2], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout == "given []\n"
    for name in ("fit", "fit.sh"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$A" "$@"\n')
        environment["SMP_PROGRAM"] = f"./{name}"
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.stdout == "given --scale 2\n"


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [("secretsmanager:team/hf", "s3cret", "s3cret"), ("secretsmanager:team/hf#key", '{"key": "inner"}', "inner")],
)
def test_the_launcher_asks_secrets_manager(
    monkeypatch: pytest.MonkeyPatch, secret: str, text: str, expected: str
) -> None:
    import boto3
    from moto import mock_aws

    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        boto3.client("secretsmanager", region_name="eu-west-1").create_secret(Name="team/hf", SecretString=text)
        assert smp_secrets.read_secret(secret) == expected
        with pytest.raises(SystemExit, match="the secret 'team/none' can't be read: ResourceNotFoundException"):
            smp_secrets.read_secret("secretsmanager:team/none")


def test_without_secrets_nothing_changes(tmp_path: Path) -> None:
    composed = compose_all(tmp_path, {"churn": CONF}, read_manifest(_POLICY, "[{url: churn}]"))
    assert b"smp_secrets" not in composed.definition.content


def test_a_role_may_read_what_its_jobs_are_given_and_no_other_secret(tmp_path: Path) -> None:
    conf = variant((TRAIN, TRAIN + _ASKED))
    composed = compose_all(tmp_path, {"churn": conf}, read_manifest(_POLICY, "[{url: churn}]"))
    definition = composed.definition
    facts = definition_facts("tiny", definition.content, bucket="local", repositories=definition.repositories)
    (statement,) = secrets_of_jobs(facts.by_repository["churn"])
    assert statement.actions == ("secretsmanager:GetSecretValue",)
    assert [resource.rpartition(":")[2] for resource in statement.resources] == ["team/hf-??????"]


def test_nobody_else_gets_one_from_the_engine() -> None:
    """Neither a job that was started over the API of `serve`, nor a definition that names what the policy doesn't list."""
    request = {"Environment": {"SMP_SECRET_HF_TOKEN": _ID, "SMP_SECRET_SET": _ID, "SET": "x"}}
    with pytest.raises(InputProblems, match="PB543"):
        secrets_of(request, no_secrets)
    manifest = read_manifest(_POLICY, "[{url: churn}]")
    give = give_secrets(manifest, {}, lambda secret: f'{{"key": "text of {secret}"}}')
    assert secrets_of(request, give) == {"HF_TOKEN": "text of team/hf"}
    with pytest.raises(InputProblems, match="PB246"):
        give("HF_TOKEN", "secretsmanager:team/admin")
    with pytest.raises(InputProblems, match="PB246"):
        give("OTHER", _ID)

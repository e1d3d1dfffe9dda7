"""A package index in CodeArtifact, asked with a program that plays AWS's command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.machine.codeartifact import NoIndexError, index_of
from tests.places import ROOT

AWS = """#!/bin/sh
printf '%s\\n' "$*" >> {log}
case "$2" in
  get-repository-endpoint) echo https://ml-123456789012.d.codeartifact.eu-central-1.amazonaws.com/pypi/pypi/;;
  get-authorization-token) {token};;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def play(programs: Path, token: str) -> Path:
    aws = programs / "aws"
    aws.write_text(AWS.format(log=programs / "log", token=token))
    aws.chmod(0o755)
    return programs / "log"


def test_pip_and_uv_find_it_with_a_token(programs: Path) -> None:
    log = play(programs, "echo t0ken")
    found = index_of({"SMP_CODEARTIFACT": "ml/123456789012/pypi/eu-central-1"})
    url = "https://aws:t0ken@ml-123456789012.d.codeartifact.eu-central-1.amazonaws.com/pypi/pypi/simple/"
    assert found == {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url}
    where = "--domain ml --domain-owner 123456789012 --region eu-central-1"
    assert log.read_text().splitlines() == [
        f"codeartifact get-repository-endpoint {where} --repository pypi --format pypi --query repositoryEndpoint --output "
        "text",
        f"codeartifact get-authorization-token {where} --query authorizationToken --output text",
    ]
    index_of({"SMP_CODEARTIFACT": "ml/123456789012/pypi/eu-central-1"})
    assert len(log.read_text().splitlines()) == 2  # once for a process
    assert index_of({}) == {}


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("echo AccessDenied: no >&2; exit 254", "'aws codeartifact get-authorization-token' failed: AccessDenied: no"),
        ("echo None", "failed: exit code 0"),
    ],
)
def test_a_no_is_said(programs: Path, token: str, said: str) -> None:
    play(programs, token)
    with pytest.raises(NoIndexError, match=said):
        index_of({"SMP_CODEARTIFACT": f"ml/123456789012/{len(token)}/eu-central-1"})


def test_an_image_without_the_command_line(programs: Path) -> None:
    with pytest.raises(NoIndexError, match="'aws', which asks CodeArtifact, was not found"):
        index_of({"SMP_CODEARTIFACT": "ml/123456789012/none/eu-central-1"})
    with pytest.raises(NoIndexError, match="expected domain/account/repository/region"):
        index_of({"SMP_CODEARTIFACT": "ml"})


def test_the_set_up_says_it_and_ends(programs: Path) -> None:
    code = "import runpy; runpy.run_path('scripts/bootstrap.py')['use_codeartifact']()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "SMP_CODEARTIFACT": "ml/123456789012/pypi/eu-central-1", "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "the program 'aws', which asks CodeArtifact, was not found: the image needs it; the set-up can be repeated"
    ]

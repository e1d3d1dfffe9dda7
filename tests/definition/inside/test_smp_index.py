"""The installer of processing jobs, as its container runs it: what pip gets, and that the token is nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.definition.inside import smp_index

ARN = "arn:aws:codeartifact:eu-central-1:123456789012:repository/ml/team/pypi"
PIP = (
    "import json, os, sys\nprint(json.dumps([sys.argv[1:], os.environ.get('PIP_INDEX_URL')]))\n"
    "print(open('/proc/self/cmdline').read().replace('\\0', ' '))\n"
)
BOTO = """\
class Refused(Exception):
    response = {"Error": {"Code": "AccessDeniedException", "Message": "token t0ken"}}
class Client:
    def __init__(self, region): self.region = region
    def get_authorization_token(self, **given):
        if given["domain"] == "no": raise Refused("t0ken")
        return {"authorizationToken": "t0ken"}
    def get_repository_endpoint(self, domain, domainOwner, repository, format):
        name = f"{domain}-{domainOwner}.d.codeartifact.{self.region}.amazonaws.com/{format}/{repository}/"
        return {"repositoryEndpoint": f"{'http' if domain == 'plain' else 'https'}://{name}"}
def client(service, region_name): return Client(region_name)
"""


def run(folder: Path, arn: str, *, boto3: bool = True) -> subprocess.CompletedProcess[str]:
    """Run it where the image's own pip and boto3 are."""
    (folder / "pip").mkdir(parents=True)
    (folder / "pip" / "__main__.py").write_text(PIP)
    (folder / "boto3.py").write_text(BOTO if boto3 else "raise ImportError('none')\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "CA_REPOSITORY_ARN": arn}
    return subprocess.run(
        [sys.executable, smp_index.__file__], env=environment, capture_output=True, text=True, check=False
    )


def test_pip_installs_from_the_repository(tmp_path: Path) -> None:
    done = run(tmp_path / "a", ARN)
    words, line = done.stdout.splitlines()
    host = "ml-123456789012.d.codeartifact.eu-central-1.amazonaws.com"
    assert json.loads(words) == [
        ["install", "-r", "requirements.txt"],
        f"https://aws:t0ken@{host}/pypi/team/pypi/simple/",
    ]
    assert "t0ken" not in line + done.stderr
    assert json.loads(run(tmp_path / "b", "").stdout.splitlines()[0])[1] is None


@pytest.mark.parametrize(
    ("arn", "boto3", "said"),
    [
        (ARN.replace("/ml/", "/no/"), True, "can't be asked: AccessDeniedException"),
        (ARN.replace("/ml/", "/plain/"), True, "CodeArtifact has given no https address, or no token"),
        (ARN, False, "the image has no boto3, which asking CodeArtifact takes"),
    ],
)
def test_what_goes_wrong_is_said_without_the_token(tmp_path: Path, arn: str, boto3: bool, said: str) -> None:
    done = run(tmp_path / "a", arn, boto3=boto3)
    assert done.returncode == 1
    assert said in done.stderr
    assert "t0ken" not in done.stdout + done.stderr

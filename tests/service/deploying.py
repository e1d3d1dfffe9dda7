"""A workspace whose manifest has a service, and the servers that its commands take for AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tests.places import ROOT
from tests.serve.serving import serving
from tests.service.formation import ACCOUNT, REGION, Formation, forming
from tests.workspaces import Workspace, make_workspace

BUCKET = f"demo-{ACCOUNT}-{REGION}"
MANIFEST = """\
version: 1
repos:
  - url: remotes/churn
    groups: [nightly]
    trigger: none
schedules:
  - {name: nightly, cron: "0 2 * * ? *", timezone: Europe/Berlin, groups: [nightly]}
service:
  name: demo
  connection: arn:aws:codeconnections:eu-central-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef
  source: {repository: acme/models}
  approval: {emails: [ada@example.com]}
local:
  s3: {local/churn: data}
"""


@dataclass(frozen=True)
class Cloud:
    """CloudFormation and the like of our own, S3 of `serve`, and how a command gets there."""

    formation: Formation
    url: str
    s3_url: str

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "SMP_ACCOUNTID": ACCOUNT,
            "SMP_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "PYTHONPATH": f"{ROOT / 'tests' / 'aws' / 'hurrying'}:{ROOT}",
            **more,
        }

    def statuses(self) -> dict[str, str]:
        found = self.formation.stacks
        return {stack.name: stack.status for stack in found if stack.status != "DELETE_COMPLETE"}


def make_service_workspace(root: Path) -> Workspace:
    """Make a workspace with the tiny model and a service, checked out."""
    workspace = make_workspace(root, manifest=MANIFEST)
    (root / "buildspec.yml").write_text((ROOT / "buildspec.yml").read_text())
    ended = workspace.call("checkout")
    assert ended.code == 0, ended.err
    return workspace


@contextmanager
def clouding(folder: Path) -> Iterator[Cloud]:
    """Give the servers; the bucket that CloudFormation would make is there."""
    with serving(folder, any_key=True) as served, forming() as (url, formation):
        served.s3.create_bucket(Bucket=BUCKET)

        def fetch(address: str) -> str:
            bucket, _, key = urlparse(address).path.lstrip("/").partition("/")
            found: Any = served.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return str(found, "utf-8")

        formation.fetch = fetch
        yield Cloud(formation, url, served.url)

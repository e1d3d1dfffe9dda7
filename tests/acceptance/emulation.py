"""An account on this machine, as far as one can be had: S3, SageMaker and logs by `serve`, CloudFormation by formation.py,
IAM, EventBridge, CodeBuild and the tagging API by ministack; CodePipeline where a test brings one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tests.places import ROOT
from tests.serve.serving import Served, serving
from tests.service.emulator import Emulator, emulating
from tests.service.formation import ACCOUNT, REGION, Formation, forming

SUFFIX = "abc123"
NAME = f"acc-{SUFFIX}"
OWN, BUCKET = f"{NAME}-own-{ACCOUNT}-{REGION}", f"{NAME}-{ACCOUNT}-{REGION}"
HURRYING = ROOT / "tests" / "acceptance" / "hurrying"


@dataclass(frozen=True)
class Account:
    """The emulated account, and how an acceptance gets there."""

    served: Served
    formation: Formation
    formation_url: str
    emulator: Emulator
    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        path = {"PATH": __import__("os").environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        served = ("S3", "SAGEMAKER", "CLOUDWATCH_LOGS")
        return {
            **path,
            "AWS_ENDPOINT_URL": self.emulator.url,
            **{f"AWS_ENDPOINT_URL_{name}": self.served.url for name in served},
            "AWS_ENDPOINT_URL_CLOUDFORMATION": self.formation_url,
            "AWS_ENDPOINT_URL_SNS": self.formation_url,
            "AWS_ENDPOINT_URL_STS": self.formation_url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": f"{HURRYING}:{ROOT}",
            **self.more,
            **more,
        }

    @property
    def states(self) -> Path:
        return self.folder / "states"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "acceptance", "--folder", str(self.states), *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment(**environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, *arguments: str, **environment: str) -> Ran:
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=400)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"it hangs:\n{err[-3000:]}") from None
        return Ran(process.returncode, out, err)

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.states / f"report-{SUFFIX}.json").read_text())
        return found

    def left(self) -> dict[str, Any]:
        """Return what is in the account: nothing, where everything was taken away."""
        iam, events = self.emulator.client("iam"), self.emulator.client("events")
        sagemaker = self.served.sagemaker
        found = {
            "buckets": [one["Name"] for one in self.served.s3.list_buckets()["Buckets"]],
            "roles": [one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("acc-")],
            "rules": [one["Name"] for one in events.list_rules()["Rules"]],
            "pipelines": [one["PipelineName"] for one in sagemaker.list_pipelines()["PipelineSummaries"]],
            "groups": [
                one["ModelPackageGroupName"]
                for one in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
            ],
            "models": [one["ModelName"] for one in sagemaker.list_models()["Models"]],
            "stacks": [one.name for one in self.formation.stacks if one.status != "DELETE_COMPLETE"],
            "states": sorted(path.name for path in self.states.glob("*") if not path.name.startswith("report-")),
        }
        return {kind: names for kind, names in found.items() if names}


@dataclass(frozen=True)
class Ran:
    """How an acceptance ended."""

    code: int
    out: str
    err: str


@contextmanager
def accounting(folder: Path) -> Iterator[Account]:
    """Give the account; the bucket that CloudFormation would make is there once its stack is."""
    emulated = folder / "emulated"
    emulated.mkdir(parents=True)
    with (
        serving(folder / "served", any_key=True) as served,
        forming() as (url, formation),
        emulating(emulated) as emulator,
    ):
        formation.at_once, formation.page = 30, 60

        def fetch(address: str) -> str:
            bucket, _, key = urlparse(address).path.lstrip("/").partition("/")
            found: Any = served.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return str(found, "utf-8")

        formation.fetch = fetch
        yield Account(served, formation, url, emulator, folder)

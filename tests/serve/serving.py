"""A server on a free port of 127.0.0.1, for as long as a test uses it, and boto3's clients for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline_builder.definition.check.refusal import refusal_of
from pipeline_builder.engine.execution.engine import Engine
from pipeline_builder.engine.local import open_engine
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.serve.access.access import Access
from pipeline_builder.serve.access.keys import Key, owners_key
from pipeline_builder.serve.access.steps import StepKeys
from pipeline_builder.serve.server import Server, make_server_on
from tests.engine.environments import share_environment

ROLE = "arn:aws:iam::000000000000:role/local"
Found = dict[str, Any]
T = TypeVar("T")
ENDS = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
"""For a server that takes any key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that answers; `said` are its lines for people, `reports` what it calls bugs."""

    url: str
    engine: Engine
    key: Key
    said: list[str]
    reports: list[str]
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a command has this server for AWS."""
        return {
            "SMP_TARGET": "aws",
            "SMP_REGION": "us-east-1",
            "SMP_ACCOUNTID": "000000000000",
            "SMP_ROLE": ROLE,
            "SMP_S3BUCKETNAME": "local",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key.id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret,
        }

    @property
    def keys(self) -> dict[str, str]:
        """What makes a session of boto3 the owner's."""
        keys = {"aws_access_key_id": self.key.id, "aws_secret_access_key": self.key.secret}
        return {**keys, "region_name": "us-east-1"}

    def client(self, service: str, **config: Any) -> Any:
        """Make boto3's client of a service; it asks once only, so that an error is seen."""
        settings = Config(retries={"total_max_attempts": 1}, **config)
        return boto3.session.Session(**self.keys).client(service, endpoint_url=self.url, config=settings)

    @property
    def sagemaker(self) -> Any:
        if "sagemaker" not in self.clients:
            self.clients["sagemaker"] = self.client("sagemaker")
        return self.clients["sagemaker"]

    @property
    def s3(self) -> Any:
        if "s3" not in self.clients:
            self.clients["s3"] = self.client("s3")
        return self.clients["s3"]

    def create(self, name: str, definition: bytes, **more: Any) -> str:
        """Create a pipeline and return its ARN."""
        created = self.sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=definition.decode(), RoleArn=ROLE, **more
        )
        return str(created["PipelineArn"])

    def start(self, name: str, **more: Any) -> str:
        """Start an execution and return its ARN."""
        return str(self.sagemaker.start_pipeline_execution(PipelineName=name, **more)["PipelineExecutionArn"])

    def end(self, arn: str) -> Found:
        """Wait until the execution has ended and return its description."""

        def ended() -> Found:
            found: Found = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return found if found["PipelineExecutionStatus"] in ENDS else {}

        return until(ended)

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        """List the steps of an execution, by name."""
        listed = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return {step["StepName"]: step for step in listed}


def until(look: Callable[[], T | None], seconds: float = 60) -> T:
    """Look again and again until there is something to see, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing came in {seconds} s")


@contextmanager
def serving(
    folder: Path, *, jobs: int = 4, any_key: Any = False, settings: Any = None, **mounts: Path
) -> Iterator[Served]:
    """Serve the state below the folder; at the end the server is gone, and it has reported no bug."""
    own = {"jobs": jobs, "mounts": mounts, "shared": (folder,), "judge": refusal_of, **(settings or {})}
    with serving_with(folder, LocalSettings(**own), any_key=any_key) as served:
        yield served


@contextmanager
def serving_with(folder: Path, settings: LocalSettings, *, any_key: bool = False) -> Iterator[Served]:
    """Serve the state below the folder by these settings; with `any_key` no signature is verified."""
    share_environment(folder / "state")
    steps = StepKeys()
    engine = open_engine(folder / "state", replace(settings, reach=steps.reach))
    said: list[str] = []
    reports: list[str] = []
    key = owners_key(folder / "state")
    access = Access(None if any_key else key, steps)
    server: Server = make_server_on(0, engine, access=access, steps=steps, say=said.append, report=reports.append)
    thread = threading.Thread(target=server.serve, name="serve")
    thread.start()
    try:
        yield (served := Served(url=server.url, engine=engine, key=key, said=said, reports=reports))
    finally:
        server.close()
        thread.join(60)
        for client in served.clients.values():
            client.close()
    assert not thread.is_alive()
    assert reports == [], "\n".join(reports)


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    """Expect that a call is answered with an error of this code, and this in its message."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert text in error["Message"], error

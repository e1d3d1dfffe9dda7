"""The first look at polled repositories: its own file, started as Lambda does, against real git over TLS and moto."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.inside import look as packaged
from pipeline_builder.aws.triggers import FAILING, Asked, open_poller
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.heads import Head
from pipeline_builder.checkout.runner import Remote
from tests.aws.mocked import REGION, mocked
from tests.checkout.hosts import no_web_server
from tests.checkout.repositories import commit, git, make_certificate, make_repository, serve
from tests.gitops.test_poll import VALUES, Commands, executions, make_service
from tests.service.services import REPOS, read_template, render
from tests.workspaces import make_workspace

BUCKET, TOKEN = "ml-artifacts", "t0ken"
EVENT = {"bucket": BUCKET, "prefix": "watch/", "project": "models-worker"}
PLAIN = {"name": "churn", "revision": "main", "credentials": ""}


@dataclass
class Place:
    """A host with a repository, and the service's bucket and worker."""

    aws: Aws
    folder: Path
    url: str
    log: list[str]
    look: ModuleType

    def asked(self, **more: str) -> Asked:
        return Asked(**{**PLAIN, "url": f"{self.url}/churn", **more})

    def note(self, *asked: Asked, commit: str = "", failing: tuple[str, ...] = ()) -> None:
        """Note as the worker does after a look of its own, where all stand at the commit."""
        poller = open_poller(VALUES, self.aws)
        heads = {one.name: Head(url=one.url, revision=one.revision, commit=commit or self.head()) for one in asked}
        poller.poll(list(heads), {name: head for name, head in heads.items() if name not in failing})
        poller.note_asked(asked)
        poller.note_failing(failing)

    def head(self, revision: str = "HEAD") -> str:
        return git(self.folder / "churn", "rev-parse", revision)

    def reasons(self) -> list[str]:
        """Look once, and return why the worker was started: each start is a build of its project."""
        builds = self.aws.client("codebuild")
        before = len(builds.list_builds_for_project(projectName=EVENT["project"])["ids"])
        found = self.look.handler(EVENT, None)
        after = len(builds.list_builds_for_project(projectName=EVENT["project"])["ids"])
        assert (after - before, bool(found["started"])) == (bool(found["reasons"]), bool(found["reasons"]))
        return [str(reason) for reason in found["reasons"]]


@functools.cache
def rendered() -> str:
    """Return the function's code out of the rendered template, and see that the schedule tells it where it is."""
    resources = read_template(render(REPOS[3], schedules=())["service.yaml"])["Resources"]
    function, target = resources["Look"]["Properties"], resources["Poll"]["Properties"]["Target"]
    told = target["Input"]["Fn::Sub"].replace("${ArtifactBucket}", BUCKET).replace("${WorkerProject}", EVENT["project"])
    assert (json.loads(told), target["Arn"]) == (EVENT, {"Fn::GetAtt": ["Look", "Arn"]})
    assert function["Handler"] == "index.handler"
    return str(function["Code"]["ZipFile"])


def load() -> ModuleType:
    """Load it as Lambda does, which has nothing of this package."""
    alone = ModuleType("index")
    exec(compile(rendered(), "index.py", "exec"), alone.__dict__)
    return alone


@contextmanager
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mocked(monkeypatch) as aws:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        make_service()
        boto3.client("codebuild", REGION).create_project(
            name=EVENT["project"],
            source={"type": "CODECOMMIT", "location": "https://example.com/x"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole="arn:aws:iam::123456789012:role/x",
        )
        yield aws


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    certificate = make_certificate(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    folder = tmp_path / "remotes"
    make_repository(folder / "churn")
    with service(monkeypatch) as aws, serve(folder, certificate=certificate) as (url, log):
        yield Place(aws, folder, url, log, load())


@pytest.mark.long
def test_where_nothing_moved_nothing_is_started(place: Place) -> None:
    place.note(place.asked())
    assert place.reasons() == []
    assert place.log == ["GET git-upload-pack"]


@pytest.mark.long
@pytest.mark.parametrize("revision", ["main", "refs/heads/main", "HEAD", "v1", "light", "refs/tags/v1"])
def test_it_sees_what_git_sees(place: Place, revision: str) -> None:
    """Of each way to name a revision git's own answer is what is noted; a push is seen, and nothing else is."""
    where = place.folder / "churn"
    git(where, "tag", "--annotate", "--message", "x", "v1")
    git(where, "tag", "light")
    asked = place.asked(revision=revision)
    seen = Git(environment={}).resolve(Remote(url=str(where), local=True), revision)
    place.note(asked, commit=seen)
    assert place.reasons() == []
    commit(where, "second")
    git(where, "tag", "--force", "--annotate", "--message", "x", "v1")
    git(where, "tag", "--force", "light")
    assert place.reasons() == [f"churn: {revision} has moved"]


@pytest.mark.long
def test_of_a_pattern_of_tags_it_sees_the_newest(place: Place) -> None:
    where, pattern = place.folder / "churn", "refs/tags/v*"
    git(where, "tag", "--annotate", "--message", "x", "v1.9")
    asked = place.asked(revision=pattern)
    place.note(asked, commit=place.head("v1.9^{commit}"))
    commit(where, "second")
    for other in ("v1.8", "v2.0-rc1", "vnext", "v/3"):
        git(where, "tag", other)
    assert place.reasons() == []
    git(where, "tag", "v1.10")
    assert place.reasons() == [f"churn: {pattern} has moved"]
    place.note(asked, commit=place.head())
    assert place.reasons() == []
    place.note(place.asked(revision="refs/tags/x*"), commit=place.head())
    assert place.reasons() == ["churn: can't be asked from here: there is no branch or tag 'x*'"]


@pytest.mark.long
def test_a_commit_is_not_asked_for(place: Place) -> None:
    place.note(place.asked(revision=place.head()))
    assert place.reasons() == []
    assert place.log == []


@pytest.mark.long
def test_what_was_never_noted_or_is_damaged_is_the_worker_s(place: Place) -> None:
    started = ["nothing is noted yet", "the worker has not looked for a day"]
    assert place.reasons() == started
    place.note(place.asked())
    place.aws.call("s3", "put_object", Bucket=BUCKET, Key="watch/repositories.json", Body=b"[{")
    assert place.reasons() == started[:1]


@pytest.mark.long
@pytest.mark.parametrize("more", [{"revision": "other"}, {"name": "added"}])
def test_a_changed_manifest_is_the_worker_s(place: Place, more: dict[str, str]) -> None:
    git(place.folder / "churn", "branch", "other")
    place.note(place.asked())
    open_poller(VALUES, place.aws).note_asked([place.asked(**more)])
    assert place.reasons() == [f"{more.get('name', 'churn')}: is new, or has another address or revision"]


@pytest.mark.long
def test_a_private_repository_is_asked_with_its_token(place: Place, tmp_path: Path) -> None:
    secrets = boto3.client("secretsmanager", REGION)
    secrets.create_secret(Name="git/token", SecretString=json.dumps({"key": TOKEN}))
    with serve(place.folder, token=TOKEN, certificate=tmp_path / "certificate.pem") as (url, _):
        asked = Asked(**{**PLAIN, "url": f"{url}/churn", "credentials": "secretsmanager:git/token#key"})
        place.note(asked)
        assert place.reasons() == []
        secrets.put_secret_value(SecretId="git/token", SecretString=json.dumps({"key": "another"}))
        assert place.reasons() == ["churn: can't be asked from here: HTTPError 401"]
        secrets.put_secret_value(SecretId="git/token", SecretString="no JSON")
        assert place.reasons() == ["churn: can't be asked from here: its secret: JSONDecodeError"]
        secrets.put_secret_value(SecretId="git/token", SecretString='{"key": null}')
        assert place.reasons() == ["churn: can't be asked from here: its secret is no text"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"revision": "none"}, "there is no branch or tag 'none'"),
        ({"url": "ssh://git@example.com/x.git"}, "it is no https address with a token of Secrets Manager"),
        ({"url": "https://localhost:1/x"}, "URLError"),
        ({"credentials": "secretsmanager:none"}, "its secret: ResourceNotFoundException"),
        ({"credentials": "connection:x"}, "it is no https address with a token of Secrets Manager"),
    ],
)
def test_what_it_cannot_ask_the_worker_asks_once_an_hour(place: Place, more: dict[str, str], why: str) -> None:
    place.note(asked := place.asked(**more))
    assert place.reasons() == [f"churn: can't be asked from here: {why}"]
    place.note(asked, failing=("churn",))  # as the worker does, which could not either
    assert place.reasons() == []


@pytest.mark.long
def test_after_an_hour_the_worker_tries_again_and_after_a_day_anyway(place: Place) -> None:
    place.note(place.asked(revision="none"), failing=("churn",))
    age(place, hours=0.9)
    assert place.reasons() == []
    age(place, hours=1.1)
    assert place.reasons() == ["churn: can't be asked from here: there is no branch or tag 'none'"]
    place.note(place.asked())
    age(place, hours=25)
    assert place.reasons() == ["the worker has not looked for a day"]


@pytest.mark.long
def test_one_that_fails_does_not_keep_the_others(place: Place) -> None:
    make_repository(place.folder / "price")
    there, away = place.asked(), place.asked(name="price", revision="none")
    place.note(there, away, failing=("price",))
    assert place.reasons() == []
    commit(place.folder / "churn", "second")
    assert place.reasons() == ["churn: main has moved"]


@pytest.mark.long
def test_a_branch_and_a_tag_of_one_name_are_nobody_s(place: Place) -> None:
    where = place.folder / "churn"
    git(where, "tag", "main")
    place.note(place.asked())
    assert place.reasons() == []
    commit(where, "second")
    assert place.reasons() == ["churn: can't be asked from here: 'main' is a branch and a tag"]


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"0000", b"001e# service=git-upload-pack\n", b"001e# service=git-upload-pack\n0000003f1234",
        b"001e# service=git-upload-pack\n0000000zdef", b"0002", b"001f# service=git-receive-pack\n00000000",
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_no_answer(answer: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which becomes the reason
        packaged.parse_refs(answer)


def test_what_is_no_web_server_is_no_answer() -> None:
    with no_web_server() as port, pytest.raises(packaged.Unasked, match="BadStatusLine"):
        packaged.fetch_refs(f"http://127.0.0.1:{port}/x", TOKEN)


@pytest.mark.long
def test_a_token_goes_to_no_other_address(place: Place, tmp_path: Path) -> None:
    sent: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(str(self.headers.get("Authorization")))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/other")  # type: ignore[index]
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(packaged.Unasked, match="HTTPError 302"):
        packaged.fetch_refs(f"http://127.0.0.1:{server.server_port}/x", TOKEN)
    server.shutdown()
    server.server_close()
    assert len(sent) == 1


@pytest.mark.long
def test_the_worker_settles_what_was_seen(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loop: what the function sees is a build of the worker, after which nothing is left to see; one that fails, or
    a start that does, is seen again.
    """
    manifest = f"version: 1\nrepos:\n  - {{url: '{place.url}/churn', trigger: poll}}\n"
    root = make_workspace(tmp_path / "workspace", manifest=manifest, state=False).root
    monkeypatch.chdir(root)
    role = "arn:aws:iam::123456789012:role/r"
    given = {**VALUES, "SMP_TARGET": "aws", "SMP_ACCOUNTID": "123456789012", "SMP_ROLE": role}
    for name, value in {**given, "GIT_SSL_CAINFO": str(tmp_path / "certificate.pem")}.items():
        monkeypatch.setenv(name, value)
    commands = Commands(root, capsys)

    def work() -> int:
        return commands.run("stage", "watch").code

    assert (len(place.reasons()), work(), place.reasons()) == (2, 0, [])
    pushed = commit(place.folder / "churn", "second")
    assert place.reasons() == place.reasons() == ["churn: main has moved"]
    monkeypatch.setenv("SMP_CODEPIPELINE", "other")
    assert (work(), place.reasons()) == (4, ["churn: main has moved"])  # the start failed
    monkeypatch.setenv("SMP_CODEPIPELINE", "models")
    assert (work(), place.reasons(), executions(place.aws)[0]["COMMIT"]) == (0, [], pushed)
    (place.folder / "churn").rename(place.folder / "gone")
    assert place.reasons() == ["churn: can't be asked from here: HTTPError 404"]
    assert (work(), place.reasons()) == (4, [])  # said by the worker; again in an hour
    (place.folder / "gone").rename(place.folder / "churn")
    assert place.reasons() == []


def age(place: Place, *, hours: float) -> None:
    """Let what the worker noted last be older: S3's own times are what counts."""
    from moto.s3.models import s3_backends

    key: Any = s3_backends["123456789012"]["aws"].buckets[BUCKET].keys[FAILING]
    key.last_modified = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(hours=hours)

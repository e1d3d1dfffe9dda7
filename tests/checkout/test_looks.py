"""What revisions name, asked in every way there is: by a look of ours, by git, by a fetch, and by the service's look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline_builder.aws.inside import look
from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.looks import Looks
from pipeline_builder.checkout.protocol import parse_lines
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.manifest.manifest import build_manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_certificate, make_repository, serve

STARTED = ("main", "nested", "doubt", "b", "refs/pull/7/head")
"""Revisions for which git is started too, which takes most of the time."""
ASK_GIT = {"GIT_HTTP_USER_AGENT": "git/2.40"}
"""A variable that says how web servers are reached: then only git looks."""


@dataclass
class World:
    remote: Path
    url: str
    environment: dict[str, str]
    log: list[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("revisions")
    remote = make_repository(root / "remotes" / "a")
    certificate = make_certificate(root / "certificate.pem")
    with serve(root / "remotes", certificate=certificate) as (url, log):
        yield World(remote, f"{url}/a", {**ENVIRONMENT, "GIT_SSL_CAINFO": str(certificate)}, log)


def by_look(world: World, revision: str) -> str:
    """Look ourselves: nothing is started."""
    tool = Git(environment=world.environment | {"PATH": "/nonexistent"})
    object.__setattr__(tool, "looks", Looks(world.environment, tuple))
    return tool.resolve(Remote(url=world.url, local=False), revision)


def by_git(world: World, revision: str) -> str:
    return Git(environment=world.environment | ASK_GIT).resolve(Remote(url=world.url, local=False), revision)


def by_folder(world: World, revision: str) -> str:
    return Git(environment=world.environment).resolve(Remote(url=str(world.remote), local=True), revision)


def by_service(world: World, revision: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SSL_CERT_FILE", world.environment["GIT_SSL_CAINFO"])
    try:
        return look.commit_of(look.fetch_refs(world.url, ""), revision)
    except look.Unasked as error:
        raise GitError("ambiguous" if "a branch and a tag" in str(error) else "missing", str(error)) from None


def by_checkout(world: World, root: Path, revision: str) -> str:
    """Check out where nothing is there yet, so that it is fetched by name."""
    text = f"version: 1\nrepos:\n  - {{name: a, url: 'file://{world.remote}', revision: '{revision}'}}\n"
    manifest = build_manifest(parse_yaml(Source("m.yaml", text), "PB100"))
    try:
        done = checkout(manifest, root=root, cache=root / "cache", locked=None, environment=world.environment)
    except PipelineBuilderError as error:
        raise GitError({"PB156": "ambiguous"}.get(error.problems[0].id, "missing"), str(error)) from None
    return done.lock.repos[0].commit


def make_history(remote: Path) -> dict[str, str]:
    """Make refs of each kind; return what each revision is to name, and of what names none why."""
    first = git(remote, "rev-parse", "HEAD")
    git(remote, "tag", "--annotate", "--message", "x", "v1.9")
    git(remote, "tag", "--annotate", "--message", "of a tag", "nested", "v1.9")
    git(remote, "tag", "moved")
    git(remote, "branch", "both")
    git(remote, "tag", "both")  # at the same commit: no doubt
    git(remote, "branch", "doubt")
    git(remote, "branch", "tag")
    git(remote, "branch", "a/b")
    git(remote, "update-ref", "refs/pull/7/head", first)
    git(remote, "update-ref", "refs/odd", first)
    git(remote, "branch", "odd")
    second = commit(remote, "second")
    git(remote, "tag", "doubt")
    git(remote, "tag", "--force", "--annotate", "--message", "x", "moved")
    git(remote, "tag", "v1.10")
    git(remote, "branch", "v1.9x")
    third = commit(remote, "third")
    return {
        "main": third, "HEAD": third, "refs/heads/main": third, "v1.9": first, "refs/tags/v1.9": first,
        "nested": first, "moved": second, "both": first, "tag": first, "a/b": first, "refs/pull/7/head": first,
        "odd": first, "v1.9x": second, "v1.10": second, "refs/tags/doubt": second, "refs/heads/doubt": first,
        "doubt": "ambiguous", "heads/main": "missing", "tags/v1.9": "missing", "b": "missing", "pull/7/head": "missing",
        third[:7]: "missing", "refs/heads/v1.9": "missing", "refs/tags/main": "missing", "nothing": "missing",
    }  # fmt: skip


def answer_of(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except GitError as error:
        return error.kind


@pytest.mark.long
def test_every_way_to_ask_names_the_same(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (revision, expected) in enumerate(make_history(world.remote).items()):
        asked: dict[str, Callable[[], str]] = {
            "look": partial(by_look, world, revision),
            "folder": partial(by_folder, world, revision),
            "service": partial(by_service, world, revision, monkeypatch),
            "checkout": partial(by_checkout, world, tmp_path / str(number), revision),
        }
        if revision in STARTED:
            asked["git"] = partial(by_git, world, revision)
        assert {way: answer_of(ask) for way, ask in asked.items()} == dict.fromkeys(asked, expected), revision
    for way in (by_look, by_git, by_folder):
        assert way(world, "refs/tags/v*") == git(world.remote, "rev-parse", "v1.10")
    assert by_service(world, "refs/tags/v*", monkeypatch) == git(world.remote, "rev-parse", "v1.10")


def test_a_look_keeps_its_connection(world: World) -> None:
    looks = Looks(world.environment, tuple)
    remote = Remote(url=world.url, local=False)
    with looks.kept():
        assert all(looks.refs(remote, ("HEAD",)) for _ in range(3))


@pytest.mark.parametrize(
    "unusual",
    [
        {"https_proxy": "http://127.0.0.1:1"},
        {"ALL_PROXY": "socks5://127.0.0.1:1"},
        {"GIT_SSL_NO_VERIFY": "1"},
        {"GIT_PROXY_SSL_CERT": "/nonexistent"},
    ],
)
def test_what_is_unusual_is_gits(world: World, unusual: dict[str, str]) -> None:
    assert Looks(world.environment | unusual, tuple).refs(Remote(url=world.url, local=False), ("HEAD",)) is None


def test_settings_of_the_users_git_and_its_logins_are_gits(world: World, tmp_path: Path) -> None:
    remote = Remote(url=world.url, local=False)
    settings = tmp_path / "settings"
    for text, expected in (
        ("[user]\n\tname = x\n", True),
        (f'[url "https://elsewhere/"]\n\tinsteadOf = {world.url}\n', False),
        ("[http]\n\tproxy = http://127.0.0.1:1\n", False),
        (f'[includeIf "gitdir:{tmp_path}/"]\n\tpath = proxy\n', False),  # of the folder that git fetches in
        ("[http\n", False),  # nobody knows what is meant
    ):
        settings.write_text(text)
        tool = Git(environment=world.environment | {"GIT_CONFIG_GLOBAL": str(settings)})
        assert (tool.looks.refs(remote, ("HEAD",)) is not None) == expected, text
    (tmp_path / ".netrc").touch()
    assert Looks(world.environment | {"HOME": str(tmp_path)}, tuple).refs(remote, ("HEAD",)) is None


def test_a_certificate_that_nobody_has_signed_is_gits_to_refuse(world: World) -> None:
    stranger = {name: value for name, value in world.environment.items() if name != "GIT_SSL_CAINFO"}
    assert Looks(stranger, tuple).refs(Remote(url=world.url, local=False), ("HEAD",)) is None
    with pytest.raises(GitError) as caught:
        Git(environment=stranger).resolve(Remote(url=world.url, local=False), "main")
    assert caught.value.kind == "unreachable"


@pytest.mark.long
def test_an_interruption_ends_a_look() -> None:
    silent = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            silent.set()
            self.rfile.read(1)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    looks = Looks(dict(ENVIRONMENT), tuple)
    remote = Remote(url=f"http://127.0.0.1:{server.server_port}/a", local=False)
    found: list[object] = []
    asking = threading.Thread(target=lambda: found.append(looks.refs(remote, ("HEAD",))))
    asking.start()
    assert silent.wait(10)
    begun = time.monotonic()
    looks.sever()
    asking.join(4)
    assert (found, time.monotonic() - begun < 4) == ([None], True)
    server.shutdown()
    server.server_close()


@pytest.mark.long
def test_what_is_no_protocol() -> None:
    assert parse_lines(b"0007abc0000") == [b"abc"]
    for content in (b"00", b"0000zzzz", b"0007abc", b"ffff0000", b"0008abcd"):
        with pytest.raises(ValueError):  # noqa: PT011 - of int, or ours
            parse_lines(content)

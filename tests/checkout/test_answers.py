"""What servers answer git: which of it is said how, what is tried again, and what of the user's git has a say."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline_builder.checkout.answers import TRACED, seconds_of, split_answer
from pipeline_builder.checkout.authors import read_history
from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.retries import PAUSES
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.manifest.lock import LockedRepo
from tests.checkout.hosts import Hosts, basic
from tests.checkout.opening import SHORT, check_out, failure, keys, manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository, serve

URL = "https://github.com/acme/churn.git"


@contextmanager
def server(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[float]]]:
    """Serve one answer after the other, the last one for good; gives the url, and when it was asked."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(time.monotonic())
            answers[min(len(asked), len(answers)) - 1](self)

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: found.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{found.server_port}/acme/churn", asked
    finally:
        found.shutdown()
        found.server_close()
        thread.join()


def answer(status: int, text: str = "", **fields: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def give(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        head = {"Content-Type": "text/plain", **{name.replace("_", "-"): value for name, value in fields.items()}}
        for name, value in {**head, "Content-Length": str(len(text))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    return give


def break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


NEW = "https://new.example.com/acme/ltv"


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (answer(301, Location=f"{NEW}/info/refs?service=git-upload-pack"), "moved", f"HTTP 301: it is at '{NEW}' now"),
        (
            answer(302, Location="https://login.example.com/in?to=x"),
            "page",
            "HTTP 302 leads to 'https://login.example.com/in', where a repository was expected",
        ),
        (
            answer(200, "<p>log in</p>", Content_Type="text/html; charset=utf-8"),
            "page",
            "HTTP 200 is a web page, where a repository was expected",
        ),
        (
            answer(200, "<p>\nlog in</p>\n", Content_Type="text/html"),
            "page",
            "HTTP 200 is a web page, where a repository was expected",
        ),
        (answer(403, "IP not\nallowed"), "authentication", "HTTP 403: IP not allowed"),
        (answer(404, "Repository not found"), "not found", "HTTP 404: Repository not found"),
        (answer(400, "no"), "unreachable", "HTTP 400: no"),
    ],
)
def test_what_is_no_is_said_and_not_asked_again(
    given: Callable[[BaseHTTPRequestHandler], None], kind: str, text: str
) -> None:
    with server(given) as (url, asked), pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT, pauses=SHORT).resolve(Remote(url=url, local=False), "main")
    assert (caught.value.kind, str(caught.value)) == (kind, text)
    assert len(asked) == 1 or (kind == "page" and len(asked) == 2)  # git takes some pages for lists of branches


@pytest.mark.parametrize("first", [answer(503, "busy"), answer(500), break_off], ids=["503", "500", "broken off"])
def test_what_may_pass_is_asked_again(tmp_path: Path, first: Callable[[BaseHTTPRequestHandler], None]) -> None:
    with server(first, answer(404)) as (url, asked), pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT, pauses=SHORT).resolve(Remote(url=url, local=False), "main")
    assert (caught.value.kind, len(asked)) == ("not found", 2)
    with server(first) as (url, asked), pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT, pauses=SHORT).resolve(Remote(url=url, local=False), "main")
    assert (caught.value.kind, len(asked)) == (
        "unreachable",
        4 if first is break_off else 3,
    )  # a look of ours, and git three times


@pytest.mark.long
def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    with server(answer(429, "slow", Retry_After="1"), answer(404)) as (url, asked), pytest.raises(GitError):
        Git(environment=ENVIRONMENT, pauses=SHORT).resolve(Remote(url=url, local=False), "main")
    assert 1.0 <= asked[1] - asked[0] < 30
    with server(answer(403, "rate limit", Retry_After="0"), answer(404)) as (url, asked), pytest.raises(GitError):
        Git(environment=ENVIRONMENT, pauses=SHORT).resolve(Remote(url=url, local=False), "main")
    assert len(asked) == 2
    with server(answer(429, "slow", Retry_After="3600")) as (url, asked), pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT, pauses=SHORT).resolve(Remote(url=url, local=False), "main")
    assert (str(caught.value), len(asked)) == ("HTTP 429: slow", 1)
    assert caught.value.hint == "the server asks to come again after 3600 s; do the same then"
    assert seconds_of("Thu, 01 Jan 1970 00:00:00 GMT") == 0.0
    assert seconds_of("soon") is None


def test_who_stops_waits_no_longer() -> None:
    found = Git(environment=ENVIRONMENT, pauses=(60.0,))
    threading.Timer(0.3, found.stopped.set).start()
    with server(answer(503)) as (url, _), pytest.raises(GitError) as caught:
        found.resolve(Remote(url=url, local=False), "main")
    assert caught.value.kind == "stopped"


@pytest.mark.long
def test_one_that_fails_for_good_does_not_keep_what_passes(tmp_path: Path) -> None:
    """A repository whose server is busy at first is there in the end, beside one that isn't found."""
    busy = [answer(503)]
    make_repository(tmp_path / "served" / "churn")
    with serve(tmp_path / "served") as (good, _), server(*busy, answer(307, Location="/")) as (bad, asked):
        what = manifest("url: ../a", "name: a", "revision: main")
        repos = tuple(what.repos[0].model_copy(update={"name": name, "url": url}) for name, url in
                      (("good", f"{good}/churn"), ("bad", bad)))  # fmt: skip
        both = what.model_copy(update={"repos": repos})
        with pytest.raises(PipelineBuilderError) as caught:
            checkout(both, root=tmp_path, cache=tmp_path / "cache", locked=None, environment=ENVIRONMENT)
    assert [problem.id for problem in caught.value.problems] == ["PB136"]
    assert (tmp_path / "aws-train" / "good").is_dir()
    assert PAUSES[0] / 2 <= asked[1] - asked[0]


def test_headers_are_never_among_gits_words() -> None:
    said = b"17:18:04.121846 http.c:684              => Send header: Authorization: Basic abc\nfatal: no\n"
    assert split_answer(said) == (b"fatal: no\n", None)
    assert TRACED["GIT_TRACE_REDACT"] == "1"


# --- revisions


@pytest.mark.long
def test_revisions_that_are_not_there_say_what_is(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "served" / "churn")
    git(repository, "tag", "v1")
    git(repository, "branch", "dev")
    git(tmp_path, "init", "--quiet", "--bare", "served/empty")
    found = Git(environment=ENVIRONMENT)
    short = git(repository, "rev-parse", "HEAD")[:7]
    with serve(tmp_path / "served") as (url, _):
        for name, revision, kind, text in (
            ("churn", "refs/heads/v1", "missing", "'v1' is a tag, not a branch: write refs/tags/v1"),
            ("churn", "refs/tags/dev", "missing", "'dev' is a branch, not a tag: write refs/heads/dev"),
            ("churn", short, "missing", "it may be a short commit id: write all of it, 40 digits"),
            ("empty", "main", "missing", "the repository is empty: it has no commit yet"),
        ):
            with pytest.raises(GitError) as caught:
                found.resolve(Remote(url=f"{url}/{name}", local=False), revision)
            assert (caught.value.kind, str(caught.value.hint or "").startswith(text)) == (kind, True)


def test_a_locked_commit_that_is_gone_is_named(tmp_path: Path) -> None:
    make_repository(tmp_path / "churn")
    what = manifest("url: churn", "revision: main")
    lock = checkout(what, root=tmp_path, cache=tmp_path / "c", locked=None, environment=ENVIRONMENT).lock
    gone: tuple[LockedRepo, ...] = tuple(replace(repo, commit="1" * 40) for repo in lock.repos)
    locked = replace(lock, repos=gone)
    with pytest.raises(PipelineBuilderError) as caught:
        checkout(what, root=tmp_path, cache=tmp_path / "c", locked=locked, environment=ENVIRONMENT)
    (problem,) = caught.value.problems
    assert problem.id == "PB152"
    assert "the commit 111111111111 that is locked is not there any more" in problem.message
    assert "without --locked" in str(problem.hint)


@pytest.mark.long
def test_a_server_that_gives_out_no_commit_by_its_id_has_it_in_its_history(tmp_path: Path) -> None:
    remote = make_repository(tmp_path / "served" / "churn")
    first = git(remote, "rev-parse", "HEAD")
    commit(remote, "second")
    tool = Git(environment=ENVIRONMENT)
    with serve(tmp_path / "served", old=True) as (url, _):
        asked = Remote(url=f"{url}/churn", local=False)
        tool.fetch(tmp_path / "bare", asked, first)
        assert tool.has(tmp_path / "bare", first)
        written = read_history(tool, tmp_path / "bare", asked, first, ())
        assert [one.commit for one in written] == git(remote, "rev-list", first).splitlines()
        with pytest.raises(GitError) as caught:
            tool.fetch(tmp_path / "bare", asked, "1" * 40)
    assert (caught.value.kind, "unadvertised" in str(caught.value)) == ("missing", True)


@pytest.mark.long
@pytest.mark.parametrize("late", [True, False])
def test_a_commit_that_the_server_names_and_does_not_give_is_asked_for_again(
    tmp_path: Path, world: Hosts, repository: Path, late: bool
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    denied = f"ERR upload-pack: not our ref {head}".encode()
    packet, asked = b"%04x%s" % (len(denied) + 4, denied), [0]

    def deny(url: str, method: str, body: bytes, headers: object) -> tuple[int, dict[str, str], bytes] | None:
        if b"command=fetch" not in body:
            return None
        asked[0] += 1
        # The first is by the branch's name, of which the answer may be in doubt.
        return (
            None if late and asked[0] > 2 else (200, {"Content-Type": "application/x-git-upload-pack-result"}, packet)
        )

    world.repositories["github.com"] = {"acme/churn": repository}
    world.raw = deny
    what = manifest(f"url: {URL}", "revision: main")

    def take() -> str:
        done = checkout(
            what, root=tmp_path, cache=tmp_path / "c", locked=None, environment=world.environment, pauses=SHORT
        )
        return done.lock.repos[0].commit

    if late:
        assert take() == head
        return
    with pytest.raises(PipelineBuilderError) as caught:
        take()
    (problem,) = caught.value.problems
    assert problem.id == "PB151"
    assert f"'main' is at {head[:12]}, which the server doesn't give out" in problem.message


@pytest.mark.long
def test_an_old_fault_in_the_history_is_no_fault_of_its_authors(tmp_path: Path) -> None:
    remote = make_repository(tmp_path / "churn")
    text = git(remote, "cat-file", "commit", "HEAD").replace("<", "", 1)
    bad = git(remote, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", text=f"{text}\n")
    git(remote, "reset", "--quiet", "--hard", bad)
    git(remote, "config", "uploadpack.allowFilter", "true")
    head = commit(remote, "good")
    tool, here = Git(environment=ENVIRONMENT), Remote(url=str(remote), local=True)
    for _ in range(2):
        assert [one.commit for one in read_history(tool, tmp_path / "bare", here, head, ())][:2] == [head, bad]
    assert tool.leads_to(here, bad, tmp_path / "scratch")


@pytest.mark.long
def test_a_repository_of_sha256(tmp_path: Path) -> None:
    folder = tmp_path / "served" / "long"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    (folder / "a").write_text("a")
    found = Git(environment=ENVIRONMENT)
    id_ = commit(folder, "first")
    with serve(tmp_path / "served") as (url, _):
        remote = Remote(url=f"{url}/long", local=False)
        assert found.resolve(remote, "main") == id_
        found.fetch(tmp_path / "bare", remote, id_)


# --- whose configuration has a say


def with_config(world: Hosts, tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "config").write_text(text)
    return {**world.environment, "GIT_CONFIG_GLOBAL": str(tmp_path / "config"), "TOKEN": "t0ken"}


@pytest.fixture
def private(world: Hosts, repository: Path) -> Hosts:
    world.repositories |= {"github.com": {"acme/churn": repository}, "other.example.com": {"acme/churn": repository}}
    world.guards["github.com"] = lambda header: header == basic("x-access-token:t0ken")
    return world


@pytest.mark.long
def test_a_redirect_that_the_users_git_allows_gets_nothing(tmp_path: Path, private: Hosts) -> None:
    """A setting for an address wins over the one for all: git went there, and took the login along."""
    private.redirects["github.com"] = "other.example.com"
    environment = with_config(private, tmp_path, '[http "https://github.com/"]\n followRedirects = true\n')
    for lines in (("credentials: env:TOKEN",), ()):
        problem = failure(tmp_path, manifest(f"url: {URL}", *lines), keys(tmp_path, environment))
        assert (problem.id, "https://other.example.com/acme/churn.git" in problem.message) == ("PB137", True)
    assert {at for at, _, _ in private.seen} == {"github.com"}


@pytest.mark.long
def test_of_the_users_git_only_the_network_has_a_say(tmp_path: Path, private: Hosts, head: str) -> None:
    traces = tmp_path / "traces"
    certificate = private.environment.pop("GIT_SSL_CAINFO")
    text = (
        f'[url "https://other.example.com/acme/churn.git"]\n insteadOf = {URL}\n'
        f"[trace2]\n eventTarget = {traces}\n configParams = *\n"
        f"[http]\n sslCAInfo = {certificate}\n extraHeader = X-Gateway: ours\n"
        '[http "https://*.example.com/"]\n extraHeader = X-Gateway: theirs\n'
    )
    what = manifest(f"url: {URL}", "credentials: env:TOKEN")
    traced = {f"GIT_TRACE{what}": str(traces) for what in ("", "_CURL", "_PACKET", "2", "2_EVENT", "_SETUP")}
    environment = {**with_config(private, tmp_path, text), **traced, "GIT_CURL_VERBOSE": "1"}
    assert check_out(tmp_path, what, keys(tmp_path, environment)) == head
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0  # a picture of a crash would have the login in it
    assert ({at for at, _, _ in private.seen}, set(private.gateway)) == ({"github.com"}, {"ours"})
    assert basic("x-access-token:t0ken").removeprefix("Basic ") not in (traces.read_text() if traces.exists() else "")


@pytest.mark.long
def test_without_credentials_all_is_as_in_a_terminal(tmp_path: Path, private: Hosts, head: str) -> None:
    """A helper finds the variables that it reads, and settings may come from variables, as CI systems have them."""
    helper = '[credential]\n helper = "!f() { echo username=x-access-token; echo password=$MY_TOKEN; }; f"\n'
    environment = {**with_config(private, tmp_path, helper), "MY_TOKEN": "t0ken"}
    assert check_out(tmp_path, manifest(f"url: {URL}"), keys(tmp_path, environment)) == head
    header = f"Authorization: {basic('x-access-token:t0ken')}"
    given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}
    environment = {**with_config(private, tmp_path, ""), **given}
    assert check_out(tmp_path / "2", manifest(f"url: {URL}"), keys(tmp_path / "2", environment)) == head


@pytest.mark.long
def test_the_manifests_repository_stays_out(
    tmp_path: Path, private: Hosts, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As actions/checkout leaves it, with settings that would lead elsewhere; or with a `.git` that leads nowhere."""
    make_repository(tmp_path)
    with (tmp_path / ".git" / "config").open("a") as file:
        file.write(
            f'[url "https://other.example.com/"]\n insteadOf = https://github.com/\n[core]\n sshCommand = false\n'
            f'[http "https://github.com/"]\n extraHeader = AUTHORIZATION: {basic("ci:ci")}\n proxy = http://127.0.0.1:1\n'
            "[credential]\n helper = !touch pwned\n"
        )
    monkeypatch.chdir(tmp_path)
    private.guards["github.com"] = lambda header: header in ("", basic("x-access-token:t0ken"))
    environment = {**private.environment, "TOKEN": "t0ken", "GIT_DIR": str(tmp_path / ".git")}
    for name, lines in (("1", ("credentials: env:TOKEN",)), ("2", ())):
        what = manifest(f"url: {URL}", *lines)
        assert check_out(tmp_path / name, what, keys(tmp_path / name, environment)) == head
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / ".git").write_text("gitdir: /nowhere\n")
    monkeypatch.chdir(tmp_path / "3")
    what = manifest(f"url: {URL}")
    checkout(what, root=tmp_path / "3", cache=tmp_path / "3c", locked=None, environment=environment)
    assert {at for at, _, _ in private.seen} == {"github.com"}
    assert not (tmp_path / "pwned").exists()

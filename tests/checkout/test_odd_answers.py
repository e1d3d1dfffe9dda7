"""Answers of web servers that mislead, tell what is secret, or come too slowly."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline_builder.checkout.access import by_login
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.looks import Looks
from pipeline_builder.checkout.patience import limit_answers
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError, error_of
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_certificate, make_repository, serve

NO_LOOK = {"GIT_HTTP_USER_AGENT": "git/2.40"}
BLANKS = ("\u00a0", "\u2028", "\u0085", "\u3000")


@pytest.mark.long
def test_a_name_that_goes_on_after_a_blank_is_another_one(tmp_path: Path) -> None:
    remote = make_repository(tmp_path / "remotes" / "a")
    good = git(remote, "rev-parse", "HEAD")
    git(remote, "tag", "v1.0")
    git(remote, "branch", "release")
    bad = commit(remote, "somebody else's")
    for blank in BLANKS:
        git(remote, "branch", f"release{blank}x")
        git(remote, "tag", f"v1.0{blank}{bad}")
    certificate = make_certificate(tmp_path / "certificate.pem")
    with serve(tmp_path / "remotes", certificate=certificate) as (url, _):
        environment = {**ENVIRONMENT, "GIT_SSL_CAINFO": str(certificate)}
        web = Remote(url=f"{url}/a", local=False)
        for more, where in (({}, web), (NO_LOOK, web), ({}, Remote(url=str(remote), local=True))):
            tool = Git(environment=environment | more)
            assert {tool.resolve(where, name) for name in ("release", "v1.0")} == {good}
        every = Looks(environment, tuple).refs(web, ("refs/",))
        assert every
        assert f"refs/heads/release{BLANKS[0]}x" in every


@pytest.mark.long
def test_a_login_that_the_server_says_again_is_shown_to_nobody() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = f"no such token: {self.headers['Authorization']} or s3cr3t-t0ken".encode()
            self.send_response(403)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/a"
    try:
        for more in ({}, NO_LOOK):
            remote = Remote(url=url, local=False, access=by_login(url, lambda: "s3cr3t-t0ken"))
            with pytest.raises(GitError) as caught:
                Git(environment=ENVIRONMENT | more).resolve(remote, "main")
            assert (caught.value.kind, str(caught.value)) == (
                "authentication",
                "HTTP 403: no such token: Basic *** or ***",
            )
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def dripping(certificate: Path) -> Iterator[tuple[int, list[int]]]:
    """Serve, over TLS, a header that comes byte by byte for some seconds; gives how many of them were taken."""
    taken: list[int] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(listening.accept()[0], server_side=True) as connection,
            ):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                for number in range(80):
                    connection.sendall(b"x")
                    taken.append(number)
                    time.sleep(0.05)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield listening.getsockname()[1], taken
        thread.join()


@pytest.mark.long
def test_a_server_that_says_a_byte_now_and_then_is_given_up(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "certificate.pem")
    environment = {**ENVIRONMENT, "GIT_SSL_CAINFO": str(certificate)}
    with dripping(certificate) as (port, taken):
        remote = Remote(url=f"https://localhost:{port}/a", local=False)
        assert Looks(environment, tuple, longest=0.2).refs(remote, ("HEAD",)) is None
    assert len(taken) < 80
    with dripping(certificate) as (port, taken):
        context = limit_answers(ssl.create_default_context(cafile=certificate), slow_for=0.2)
        connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
        connection.request("GET", "/")
        with pytest.raises(TimeoutError, match="1000 bytes a second"):
            connection.getresponse()
        connection.close()
    assert len(taken) < 80


@pytest.mark.long
def test_a_pack_that_is_cut_off_may_pass(tmp_path: Path) -> None:
    make_repository(tmp_path / "remotes" / "a")
    with serve(tmp_path / "remotes", cut=100) as (url, log), pytest.raises(GitError) as caught:
        Git(environment=ENVIRONMENT, pauses=(0.01,)).fetch_named(
            tmp_path / "a.git", Remote(url=f"{url}/a", local=False), "main"
        )
    assert (caught.value.kind, caught.value.passing, log.count("POST git-upload-pack")) == ("unreachable", True, 4)


@pytest.mark.long
def test_a_server_of_files_is_told_from_one_with_git(tmp_path: Path) -> None:
    remote = make_repository(tmp_path / "remotes" / "a")
    git(remote, "update-server-info")
    handler = partial(SimpleHTTPRequestHandler, directory=str(remote))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    where = Remote(url=f"http://127.0.0.1:{server.server_port}/.git", local=False)
    tool = Git(environment=ENVIRONMENT)
    try:
        found = tool.resolve(where, "main")
        with pytest.raises(GitError) as caught:
            tool.fetch(tmp_path / "a.git", where, found)
    finally:
        server.shutdown()
        server.server_close()
    assert "git http-backend" in (caught.value.hint or "")


def test_a_file_of_this_machine_that_is_closed_is_no_refused_login() -> None:
    for said in (
        "error: Unable to create '/w/a.git/shallow.lock': Permission denied",
        "fatal: Unable to create temporary file '/w/a.git/objects/pack/tmp_pack_XXXXXX': Permission denied",
        "fatal: /w/a.index: index file open failed: Permission denied",
        "error: insufficient permission for adding an object to repository database /w/a.git/objects",
    ):
        error = error_of(said.encode(), 128)
        assert (error.kind, error.hint) == ("closed", "let this user read and write there, or remove it")
        assert not error.of_damage
    assert error_of(b"fatal: Permission denied", 128).kind == "authentication"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Problem with the SSL CA cert (path? access rights?)", "the file of authorities that GIT_SSL_CAINFO or"),
        ("Could not resolve proxy: nowhere", "look at the proxy that 'https_proxy' or git's 'http.proxy' names"),
    ],
)
def test_what_keeps_this_machine_from_any_server_is_named(said: str, hint: str) -> None:
    error = error_of(f"fatal: unable to access 'https://host/a/': {said}".encode(), 128)
    assert (error.kind, str(error.hint).startswith(hint)) == ("unreachable", True)


def test_a_refused_login_is_no_trouble_of_the_server() -> None:
    refused = b"remote: Invalid login. Please try again.\nfatal: Authentication failed for 'https://host/a/'\n"
    busy = b"fatal: remote error: too many requests, try again later\n"
    told = [error_of(said, 128) for said in (refused, busy)]
    assert [(error.kind, error.passing) for error in told] == [("authentication", False), ("unreachable", True)]
    assert [str(error.hint).startswith("the server has trouble") for error in told] == [False, True]


_RULE = "remote: \nremote: ====================\nremote: \n"


@pytest.mark.parametrize(
    ("said", "by_ssh", "kind", "text", "passing"),
    [
        (
            "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\n{end}",
            True, "unreachable",
            "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa", False,
        ),
        (
            "ERROR: The 'acme' organization has enabled or enforced SAML SSO.\nVisit https://github.com/orgs/acme/sso\n{end}",
            True, "authentication", "The 'acme' organization has enabled or enforced SAML SSO", False,
        ),
        (
            f"{_RULE}remote: Your account has been blocked.\n{_RULE}{{end}}",
            True, "unreachable", "Your account has been blocked.", False,
        ),
        ("remote: TF401019: The repository x does not exist\n{end}", True, "not found", "TF401019: The repository x does not exist", False),
        ("FATAL: R any models/churn ci DENIED by fallthru\n{end}", True, "authentication", "FATAL: R any models/churn ci DENIED by fallthru", False),
        ("sh: 1: git-upload-pack: not found\n{end}", True, "unreachable", "sh: 1: git-upload-pack: not found", False),
        ("GitLab: The git server is not available at this time.\n{end}", True, "unreachable", "GitLab: The git server is not available at this time", True),
        ("{end}", True, "unreachable", "Could not read from remote repository.", False),
        ("fatal: protocol error: bad line length character: Welc\n", True, "unreachable", "protocol error: bad line length character: Welc", False),
        (
            "fatal: remote error: GitLab is currently unable to handle this request due to load (ID 1)\n",
            False, "unreachable", "remote error: GitLab is currently unable to handle this request due to load (ID 1)", True,
        ),
        ("fatal: remote error: this project is archived\n", False, "unreachable", "remote error: this project is archived", False),
        (f"fatal: remote error: want {'1' * 40} not valid\n", False, "missing", f"remote error: want {'1' * 40} not valid", False),
        ("fatal: unable to create temporary file: No space left on device\n", False, "other", "unable to create temporary file: No space left on device", False),
    ],
)  # fmt: skip
def test_what_a_host_has_said_before_git_is_told(said: str, by_ssh: bool, kind: str, text: str, passing: bool) -> None:
    end = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
    error = error_of(said.replace("{end}", end).encode(), 128, by_ssh=by_ssh)
    assert (error.kind, str(error), error.passing) == (kind, text, passing)
    assert not (error.of_damage and "remote error" in said)  # nothing that is kept goes for what a server says

"""Who is let in, and from where: real requests to a console that listens."""

from __future__ import annotations

import http.client
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from pipeline_builder.console import live, peers, server
from pipeline_builder.console.access import FORM, HEADERS, Access
from pipeline_builder.console.server import Console
from pipeline_builder.console.static import static_files
from tests.console.consoles import Client, looks_of, served
from tests.workspaces import Workspace


@pytest.fixture(scope="module")
def console(ran: Workspace) -> Iterator[Console]:
    with served(looks_of(ran)) as console:
        yield console


def ask(console: Console, path: str = "/", method: str = "GET", body: str = "", **headers: str) -> HTTPResponse:
    """Send a request; `headers` with `_` for `-`, and the Host that a browser sends where none is given."""
    connection = http.client.HTTPConnection("127.0.0.1", console.http.port, timeout=20)
    given = {"Host": f"127.0.0.1:{console.http.port}", **{name.replace("_", "-"): one for name, one in headers.items()}}
    connection.request(method, path, body or None, given)
    return connection.getresponse()


def raw(console: Console, content: bytes) -> bytes:
    """Send bytes, and return all that is answered."""
    with socket.create_connection(("127.0.0.1", console.http.port), timeout=20) as sending:
        sending.sendall(content)
        sending.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sending.recv(65536), b""))


def log_in(console: Console) -> str:
    """Return the cookie that a browser has after the printed address."""
    answer = ask(console, f"/?token={console.access.token}")
    return answer.headers["Set-Cookie"].partition(";")[0]


def posted(console: Console, cookie: str, **headers: str) -> HTTPResponse:
    """Send the form of a page that everybody has who is logged in."""
    session = cookie.partition("=")[2]
    own = f"http://127.0.0.1:{console.http.port}"
    given = {"Cookie": cookie, "Origin": own, "Sec_Fetch_Site": "same-origin", "Content_Type": FORM, **headers}
    form = given.pop("form", console.access.form_token(session))
    kept = {name: one for name, one in given.items() if one}
    return ask(console, "/logout", "POST", f"form={form}", **kept)


# --- the token, and the cookie for it


def test_nothing_is_seen_without_the_token(console: Console) -> None:
    for path in ("/", "/now.json", "/events", "/nothing", "/?token=wrong", f"/?token={console.access.token[:-1]}"):
        answer = ask(console, path)
        assert (answer.status, "Set-Cookie" in answer.headers) == (401, False), path
        assert "tiny" not in answer.read().decode()
    answer = ask(console, "/now.json")
    assert answer.headers["Content-Type"] == "application/json"


def test_the_printed_address_gives_a_cookie_and_leads_on_without_the_token(console: Console) -> None:
    answer = ask(console, f"/?q=a%26b&token={console.access.token}&q=c")
    assert (answer.status, answer.headers["Location"]) == (303, "/?q=a%26b&q=c")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"pipeline-builder-{console.http.port}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    seen = ask(console, "/", Cookie=cookie.partition(";")[0])
    assert seen.status == 200
    assert console.access.token not in seen.read().decode()


def test_machines_bring_the_token_in_a_header(console: Console) -> None:
    bearer = f"Bearer {console.access.token}"
    assert ask(console, "/now.json", Authorization=bearer).status == 200
    assert ask(console, "/now.json", "HEAD", Authorization=bearer).status == 200
    assert ask(console, "/now.json", Authorization="Bearer x").status == 401
    assert ask(console, "/logout", "POST", "form=x", Authorization=bearer, Content_Type=FORM).status == 403  # no origin


def test_the_token_can_be_given_to_a_form(console: Console) -> None:
    own = f"http://127.0.0.1:{console.http.port}"
    given = {"Origin": own, "Content_Type": FORM}
    wrong = ask(console, "/login", "POST", "token=wrong&to=/", **given)
    assert (wrong.status, "isn&#39;t the token" in wrong.read().decode()) == (401, True)
    right = ask(console, "/login", "POST", f"token=%20{console.access.token}%20&to=/%3Fa%3Db", **given)
    assert (right.status, right.headers["Location"]) == (303, "/?a=b")
    for elsewhere in (
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "javascript:alert(1)",
        "/%0d%0aX:y",
    ):
        answer = ask(console, "/login", "POST", f"token={console.access.token}&to={elsewhere}", **given)
        assert answer.headers["Location"] == "/"


def test_a_console_that_was_started_anew_knows_no_browser_of_before(console: Console, ran: Workspace) -> None:
    cookie = log_in(console)
    with served(looks_of(ran)) as other:
        assert cookie.partition("=")[0] != log_in(other).partition("=")[0]  # two consoles on one machine
        renamed = f"pipeline-builder-{other.http.port}={cookie.partition('=')[2]}"
        answer = ask(other, "/", Cookie=renamed)
        assert (answer.status, "started anew" in answer.read().decode()) == (401, True)
        both = f"{cookie}; {log_in(other)}"
        assert (ask(other, "/", Cookie=both).status, ask(console, "/", Cookie=both).status) == (200, 200)


def test_whoever_logs_out_is_out(console: Console) -> None:
    cookie = log_in(console)
    assert posted(console, cookie).status == 303
    assert ask(console, "/", Cookie=cookie).status == 401


def test_many_browsers_push_out_the_first() -> None:
    access = Access(port=1)
    first, *_, last = [access.log_in() for _ in range(101)]
    assert (access.knows(first), access.knows(last), access.knows("")) == (False, True, False)


# --- where requests come from


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:80:80",
        "localhost@evil",
        "user@localhost",
        "localhost.",
        "127.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "",
        "[::]",
    ],
)
def test_names_that_lead_here_by_rebinding_are_refused(console: Console, host: str) -> None:
    answer = ask(console, "/", Host=host, Cookie=log_in(console))
    assert (answer.status, "isn't the console's" in answer.read().decode().replace("&#39;", "'")) == (403, True)
    assert ask(console, "/static/console.css", Host=host).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1234", "LOCALHOST", "[::1]:8266"])
def test_the_far_end_of_a_tunnel_may_be_another_port(console: Console, host: str) -> None:
    assert ask(console, "/", Host=host, Cookie=log_in(console)).status == 200


def test_a_request_without_a_host_is_refused(console: Console) -> None:
    assert raw(console, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 403 ")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another program's page on this machine
        ({"Origin": "", "Sec_Fetch_Site": ""}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "", "Sec_Fetch_Site": "none"}, 403),
        ({"form": ""}, 403),
        ({"form": "0" * 64}, 403),
        ({"form": "%ed%a0%80"}, 403),
        ({"Cookie": ""}, 401),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Type": "application/json"}, 415),
    ],
)
def test_a_form_that_is_no_page_of_the_console_changes_nothing(
    console: Console, wrong: dict[str, str], status: int
) -> None:
    cookie = log_in(console)
    assert posted(console, cookie, **wrong).status == status
    assert ask(console, "/", Cookie=cookie).status == 200  # still logged in


def test_a_form_token_is_one_browsers(console: Console) -> None:
    mine, other = log_in(console), log_in(console)
    token = console.access.form_token(other.partition("=")[2])
    assert posted(console, mine, form=token).status == 403
    assert posted(console, mine, Origin="").status == 303  # what Sec-Fetch-Site says is enough


@pytest.mark.long
def test_other_sites_get_nothing_into_their_pages(console: Console) -> None:
    cookie = log_in(console)
    for site in ("cross-site", "same-site"):
        for mode in ("no-cors", "cors", "websocket"):
            for path in ("/now.json", "/", "/static/console.js"):
                assert ask(console, path, Cookie=cookie, Sec_Fetch_Site=site, Sec_Fetch_Mode=mode).status == 403
        assert ask(console, "/", Cookie=cookie, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/now.json", "/nothing", "/static/console.js", "/favicon.ico", "/login", "/static/none", "/events/x"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(console: Console, path: str) -> None:
    for cookie in ("", log_in(console)):
        headers = ask(console, path, Cookie=cookie).headers
        assert {name: headers.get(name) for name in HEADERS} == HEADERS
        assert not [name for name in headers if name.lower().startswith("access-control")]


def test_whoever_looks_for_an_icon_beside_a_text_finds_it(console: Console) -> None:
    answer = ask(console, "/favicon.ico")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.read() == static_files()["icon.svg"].read_bytes()


# --- methods, paths, bytes


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused(console: Console, method: str) -> None:
    answer = ask(console, "/", method, Cookie=log_in(console))
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_page_without_a_form_takes_none(console: Console) -> None:
    cookie = log_in(console)
    form = console.access.form_token(cookie.partition("=")[2])
    own = f"http://127.0.0.1:{console.http.port}"
    answer = ask(console, "/", "POST", f"form={form}", Cookie=cookie, Origin=own, Content_Type=FORM)
    assert answer.status == 405


def test_a_head_has_no_body_and_leaves_nothing_open(console: Console) -> None:
    cookie = log_in(console)
    for path in ("/", "/now.json", "/events"):
        answer = ask(console, path, "HEAD", Cookie=cookie)
        assert (answer.status, answer.read()) == (200, b"")
    assert console.live._clients == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/%2e%2e/%2e%2e/pyproject.toml", "/static/..%2fconsole%2fbase.html.j2", "/static/../login", "/static/%00",
        "/static/console.css%00.js", "/%2e%2e/%2e%2e/etc/passwd", "/%ff%fe", "/%u0041", "/%", "//evil.example/%2e%2e",
        "/static//console.css", "/now.json/", "/\u00e4".encode().decode("latin-1"), "/" + "a" * 9000,
    ],
)  # fmt: skip
def test_paths_that_are_none(console: Console, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {log_in(console)}\r\n\r\n".encode("latin-1")
    answer = raw(console, request)
    assert answer.split(b" ", 2)[1] in (b"404", b"403"), answer[:200]
    assert b"Location" not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /\r\n\r\n", b"400"),  # HTTP/0.9
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"505"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 500 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"403"),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"403"),
        (
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\ntoken", b"400"),
        (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e9\r\n\r\n", b"400"),
    ],
)
def test_bytes_that_are_no_request(console: Console, request_: bytes, status: bytes) -> None:
    answer = raw(console, request_)
    assert answer.split(b" ", 2)[1:2] == [status]
    assert b"Traceback" not in answer
    assert b"tiny" not in answer


def test_what_comes_after_a_request_is_no_second_one(console: Console) -> None:
    second = b"GET /now.json HTTP/1.1\r\nHost: localhost\r\nCookie: " + log_in(console).encode() + b"\r\n\r\n"
    first = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
    assert raw(console, first + second).count(b"HTTP/1.0 ") == 1


def test_a_large_form_is_refused_without_being_read(console: Console) -> None:
    own = f"http://127.0.0.1:{console.http.port}"
    with socket.create_connection(("127.0.0.1", console.http.port), timeout=20) as sending:
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{console.http.port}\r\nOrigin: {own}\r\n"
        sending.sendall(f"{head}Content-Type: {FORM}\r\nContent-Length: 10000000000\r\n\r\ntoken=".encode())
        assert sending.recv(100).startswith(b"HTTP/1.0 413 ")


@pytest.mark.long
def test_who_says_nothing_is_hung_up_on(ran: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    with served(looks_of(ran)) as console, socket.create_connection(("127.0.0.1", console.http.port)) as waiting:
        waiting.settimeout(10)
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert waiting.recv(100) == b""
        assert ask(console, "/login").status == 200


@pytest.mark.long
def test_very_many_connections_leave_room_for_answers_afterwards(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_AT_ONCE", 5)
    with served(looks_of(ran)) as console:
        held = [socket.create_connection(("127.0.0.1", console.http.port)) for _ in range(5)]
        try:
            time.sleep(0.1)
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                ask(console, "/login")
        finally:
            for one in held:
                one.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                assert ask(console, "/login").status == 200
                break
            except (http.client.RemoteDisconnected, ConnectionResetError):
                time.sleep(0.05)
        else:
            pytest.fail("the console doesn't answer any more")


def test_listeners_are_counted(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_CLIENTS", 2)
    monkeypatch.setattr(live, "QUIET", 0.1)
    cookie = log_in(console)
    streams = [ask(console, "/events", Cookie=cookie) for _ in range(2)]
    assert [stream.status for stream in streams] == [200, 200]
    assert ask(console, "/events", Cookie=cookie).status == 503
    streams[0].close()
    deadline = time.monotonic() + 10
    while (status := ask(console, "/events", Cookie=cookie).status) != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status == 200  # who has gone makes room
    streams[1].close()


# --- whose program it is


def test_the_system_says_whose_program_has_connected(console: Console) -> None:
    own = ("127.0.0.1", console.http.port)
    with socket.create_connection(own) as ours:
        assert peers.user_of(ours.getsockname(), own) == os.getuid()
        assert peers.is_ours(ours.getsockname(), own)
    with socket.socket(socket.AF_INET6) as mapped:  # the same machine, by its other name
        mapped.connect((f"::ffff:{own[0]}", own[1]))
        assert peers.user_of(("127.0.0.1", mapped.getsockname()[1]), own) == os.getuid()


@pytest.mark.parametrize("linger", [b"", struct.pack("ii", 1, 0)], ids=["closed", "reset"])
def test_what_nobody_has_any_more_is_nobodys(linger: bytes) -> None:
    """Who is quick would be taken for root, as whom the system lists such a connection, or for who can't be told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        quick = socket.create_connection(listening.getsockname())
        quick.sendall(b"POST /decide")
        if linger:
            quick.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        quick.close()
        accepted, peer = listening.accept()
        with accepted:
            assert peers.user_of(peer, listening.getsockname()) == peers.GONE
            assert not peers.is_ours(peer, listening.getsockname())


@pytest.mark.parametrize(
    ("line", "user"),
    [
        (
            "   0: 0100007F:9C40 0100007F:204A 01 00000000:00000000 00:00000000 00000000  1234        0 1 1 0 20 4 0 10 -1",
            1234,
        ),
        ("   0: 0100007F:204A 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1234        0 1", peers.GONE),
        (
            "   0: 0100007F:9C41 0100007F:204A 01 00000000:00000000 00:00000000 00000000  1234        0 1 1 0 20 4 0 10 -1",
            peers.GONE,
        ),
        ("   0: 0100007F:9C40 0100007F:204A 01 00000000:00000000 00:00000000 00000000  x 0", peers.GONE),
        ("   0: 0100007F:9C40", None),
    ],
)
def test_another_users_program_is_told_apart(tmp_path: Path, line: str, user: int | None) -> None:
    table = tmp_path / "tcp"
    table.write_text(f"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n{line}\n")
    assert peers.user_of(("127.0.0.1", 40000), ("127.0.0.1", 8266), (table, tmp_path / "none")) == user
    assert peers.user_of(("127.0.0.1", 40000), ("127.0.0.1", 8266), (tmp_path / "none",)) is None


def test_another_users_program_is_hung_up_on(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "user_of", lambda *_: os.getuid() + 1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        ask(console, "/login")


# --- what is wrong


def test_a_bug_says_nothing_of_itself_on_the_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline_builder.console.app._query", lambda: 1 / 0)
    answer = client.get("/")
    assert (answer.status_code, "ZeroDivisionError" in answer.text) == (500, False)
    assert "ZeroDivisionError" in client.bugs.pop()


def test_threads_of_the_server_end_with_it(ran: Workspace) -> None:
    before = threading.active_count()
    with served(looks_of(ran)) as console:
        stream = ask(console, "/events", Cookie=log_in(console))
        assert stream.status == 200
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
    stream.close()

"""Git hosts for tests: any https host name behind a proxy on 127.0.0.1, with real git behind real TLS; and real ssh."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import functools
import json
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.checkout.repositories import ENVIRONMENT

Guard = Callable[[str], bool]
"""Tells whether an Authorization header opens a host's repositories."""


@dataclass
class Hosts:
    """The hosts of a test: `repositories` by host, the path without `.git`, and the folder; `guards` by host.

    `api` answers requests that aren't git's, and `raw` those of LFS as they are: url, method, body and headers. `seen` has the host, the path and every Authorization header of each.
    """

    environment: dict[str, str]
    repositories: dict[str, Mapping[str, Path]] = field(default_factory=dict)
    guards: dict[str, Guard] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    api: Callable[[str, str, str, Any, Mapping[str, str]], tuple[int, Any]] | None = None
    raw: Callable[[str, str, bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes] | None] | None = None
    gateway: list[str] = field(default_factory=list)
    seen: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    def logins(self, host: str) -> set[str]:
        """Return the logins that a host was shown, as NAME:PASSWORD."""
        found = (header for at, _, headers in self.seen if at == host for header in headers)
        return {base64.b64decode(header.removeprefix("Basic ")).decode() for header in found if "Basic" in header}


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


@contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """Give hosts, whose `environment` leads git and Python to them: a proxy and the certificate of their authority."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, context = certificates(folder, ["*.amazonaws.com", "*.eu-west-1.amazonaws.com", "*.amazonaws.com.cn"])
    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)) as server:
        found = Hosts(environment=dict(ENVIRONMENT))
        server.RequestHandlerClass = functools.partial(_Handler, found)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with _proxy(server.server_port) as proxy:
            found.environment |= {"https_proxy": f"http://127.0.0.1:{proxy}", "GIT_SSL_CAINFO": str(authority)}
            found.environment["SSL_CERT_FILE"] = str(authority)
            yield found


@contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, hosts: Hosts, *arguments: Any) -> None:
        self.hosts = hosts
        super().__init__(*arguments)

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        host = self.headers["Host"].partition(":")[0]
        path, _, query = self.path.partition("?")
        headers = tuple(self.headers.get_all("Authorization") or ())
        self.hosts.seen.append((host, path, headers))
        self.hosts.gateway += self.headers.get_all("X-Gateway") or ()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        repository, known = self.find(host, path)
        if self.hosts.raw and (
            answer := self.hosts.raw(f"https://{host}{self.path}", self.command, body, dict(self.headers))
        ):
            self.reply(*answer)
        elif to := self.hosts.redirects.get(host):
            self.reply(302, {"Location": f"https://{to}{self.path}"}, b"")
        elif repository is None and self.hosts.api:
            data = json.loads(body) if body else None
            status, answer = self.hosts.api(self.command, f"https://{host}", path, data, {"auth": "".join(headers)})
            self.reply(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())
        elif repository is None:
            self.reply(404, {}, b"")
        elif not self.is_let_in(host, headers):
            self.reply(403 if headers and host.endswith(".amazonaws.com") else 401, {"WWW-Authenticate": "Basic"}, b"")
        else:
            self.git(repository, path[len(known) :], query, body)

    def is_let_in(self, host: str, headers: tuple[str, ...]) -> bool:
        guard = self.hosts.guards.get(host)
        return len(headers) <= 1 and (guard is None or guard("".join(headers)))

    def find(self, host: str, path: str) -> tuple[Path | None, str]:
        for name, folder in self.hosts.repositories.get(host, {}).items():
            for known in (f"/{name}.git", f"/{name}"):
                if path.startswith(f"{known}/"):
                    return folder, known
        return None, ""

    def git(self, repository: Path, rest: str, query: str, body: bytes) -> None:
        variables = {
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(repository.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": f"/{repository.name}{rest}",
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "ada",
        }
        done = subprocess.run(["git", "http-backend"], env=variables, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.reply(int(fields.pop("Status", "200").split()[0]), fields, content)

    def reply(self, status: int, fields: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**fields, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def _proxy(port: int) -> Iterator[int]:
    """Give the port of a proxy that takes any host for the server on `port`."""

    class Proxy(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_CONNECT(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as behind:
                self.send_response(200)
                self.end_headers()
                ends = {self.connection: behind, behind: self.connection}
                while ready := select.select(list(ends), [], [], 30)[0]:
                    for end in ready:
                        with contextlib.suppress(OSError):
                            if block := end.recv(1 << 16):
                                ends[end].sendall(block)
                                continue
                        return

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Proxy)) as server:
        yield server.server_port


@contextmanager
def no_web_server() -> Iterator[int]:
    """Give the port of a server that answers one request, and not as web servers do."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            with listening.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@functools.cache
def _authority_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificates(folder: Path, names: list[str]) -> tuple[Path, ssl.SSLContext]:
    """Make an authority and a server's certificate for the names, github.com and example.com among them."""
    key, begin = _authority_key(), dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    names = [*names, "github.com", "api.github.com", "example.com", "git.example.com", "other.example.com"]
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin.replace(year=2099))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
    made = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    (folder / "authority.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(private(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "authority.pem", folder / "key.pem")
    return folder / "authority.pem", context


def private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@functools.cache
def app_key() -> rsa.RSAPrivateKey:
    """Return the key of a GitHub App; making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


# --- ssh


@dataclass(frozen=True)
class SshHost:
    """A real ssh server on 127.0.0.1 that lets the key `allowed` read repositories; `offered` has what it was offered."""

    port: int
    host_key: str
    offered: list[str]


@contextmanager
def ssh_host(allowed: asyncssh.SSHKey, host_key: asyncssh.SSHKey, lfs: str = "") -> Iterator[SshHost]:
    """Serve repositories by their absolute paths, over ssh; `lfs` is what it answers to 'git-lfs-authenticate'."""
    offered: list[str] = []
    permitted = allowed.export_public_key().decode().split()[1]

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
            offered.append(key.export_public_key().decode().split()[1])
            return offered[-1] == permitted

    async def handle(process: Any) -> None:
        program, _, path = process.command.partition(" ")
        if lfs and program == "git-lfs-authenticate" and path.endswith(" download"):
            process.stdout.write(lfs.encode())
            process.exit(0)
            return
        assert program == "git-upload-pack"
        folder = path.strip("'")
        env = {**ENVIRONMENT, "GIT_PROTOCOL": process.env.get("GIT_PROTOCOL", "")}
        started = await asyncio.create_subprocess_exec(
            "git", "upload-pack", folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        inward = asyncio.create_task(_copy(process.stdin, started.stdin))
        await _copy(started.stdout, process.stdout)
        inward.cancel()
        process.exit(await started.wait())

    loop = asyncio.new_event_loop()

    async def serve() -> Any:
        return await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[host_key], process_factory=handle, encoding=None
        )

    server = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        line = " ".join(host_key.export_public_key().decode().split()[:2])
        yield SshHost(port=server.sockets[0].getsockname()[1], host_key=line, offered=offered)
    finally:
        closing = asyncio.run_coroutine_threadsafe(_close(server), loop)
        closing.result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _copy(source: Any, sink: Any) -> None:
    while block := await source.read(1 << 16):
        sink.write(block)
        await sink.drain()
    sink.write_eof()


async def _close(server: Any) -> None:
    server.close()
    await server.wait_closed()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

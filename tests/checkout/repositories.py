"""Real git repositories for tests, with fixed authors and dates, and a real HTTP server in front of them."""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}


def git(folder: Path, *arguments: str, text: str | None = None) -> str:
    """Run git in a folder and return what it printed."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRONMENT, input=text, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@functools.cache
def _empty() -> Path:
    """Return the `.git` of an empty repository: git makes one, a thousand tests copy it."""
    folder = Path(tempfile.mkdtemp(prefix="empty-repository-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    git(folder, "init", "--quiet", "--initial-branch=main", "--template=")  # without a dozen samples of hooks
    return folder / ".git"


def make_repository(folder: Path) -> Path:
    """Commit all that is in the folder as the first commit of its branch `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / ".git").exists():
        shutil.copytree(_empty(), folder / ".git", dirs_exist_ok=True)
        commit(folder, "first")
        return folder
    known = _first_commits() / _digest(folder)
    if not known.exists():
        shutil.copytree(_empty(), folder / ".git")
        commit(folder, "first")
        shutil.copytree(folder / ".git", known)
        return folder
    shutil.copytree(known, folder / ".git")
    return folder


@functools.cache
def _first_commits() -> Path:
    """Return where first commits are kept, by what git was given: it takes two processes for each of a thousand."""
    folder = Path(tempfile.mkdtemp(prefix="first-commits-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _digest(folder: Path) -> str:
    """Return a digest of all that git makes of the folder: names, modes and contents, and what ENVIRONMENT says now."""
    digest = hashlib.sha256(repr(sorted(ENVIRONMENT.items())).encode())
    for path in sorted(folder.rglob("*")):
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        facts = f"{path.relative_to(folder)}\0{path.lstat().st_mode:o}\0{len(content)}\0"
        digest.update(facts.encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def commit(folder: Path, subject: str) -> str:
    """Commit everything in the folder and return the commit's id."""
    git(folder, "add", "--all")
    # Each would have one more process see whether there is anything to tidy.
    git(folder, "-c", "maintenance.auto=false", "commit", "--quiet", "--allow-empty", "--message", subject)
    head = folder / ".git" / "HEAD"
    branch = head.parent / head.read_text().strip().removeprefix("ref: ") if head.is_file() else head
    return branch.read_text().strip() if branch.is_file() else git(folder, "rev-parse", "HEAD")


@contextmanager
def serve(
    root: Path,
    *,
    token: str = "",
    status: int = 0,
    certificate: Path | None = None,
    old: bool = False,
    cut: int = 0,
    before: Callable[[], object] = lambda: None,
) -> Iterator[tuple[str, list[str]]]:
    """Serve the repositories below `root` over HTTP on 127.0.0.1; gives the url and the log of requests.

    With `token` a login is needed, `status` is answered to every request where it is given; with a `certificate` (and
    its key in the same file) over TLS, on the name localhost. An `old` one speaks git's first protocol only; each answer is made after
    what is done `before`. Of packs the last bytes are `cut` off.
    """
    log: list[str] = []
    wanted = "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            service = query.partition("service=")[2] or path.rsplit("/", 1)[-1]
            log.append(f"{self.command} {service}")
            before()
            if status or (token and self.headers.get("Authorization") != wanted):
                self.send_response(status or 401)
                self.send_header("WWW-Authenticate", "Basic")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            variables = {
                **ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "GIT_PROTOCOL": "" if old else self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_USER": "ada",
            }
            done = subprocess.run(["git", "http-backend"], env=variables, input=body, capture_output=True, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            content = content[: -cut or None] if b"PACK" in content else content
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield (
            f"https://localhost:{server.server_port}" if certificate else f"http://127.0.0.1:{server.server_port}",
            log,
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(path: Path) -> Path:
    """Write a certificate of its own for localhost, with its key, into a file, and return the path."""
    now = datetime.now(timezone.utc)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    kept = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + kept)
    return path

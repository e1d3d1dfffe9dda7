"""Git repositories behind a web server of this machine with real TLS, for benchmarks: in a process of its own.

Connections stay open and answers are kept in memory, as with a large host: what is measured is who asks.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from table import ROOT

sys.path.insert(0, str(ROOT))

from tests.checkout.repositories import ENVIRONMENT, commit, make_certificate, make_repository

_PASSED = ("Content-Type", "Git-Protocol", "Content-Encoding")
_NAMES = ("CONTENT_TYPE", "GIT_PROTOCOL", "HTTP_CONTENT_ENCODING")


def make_remotes(root: Path, count: int, *, files: int, size: int) -> None:
    """Make repositories r0, r1 … of so many files of random bytes, each of them different."""
    first = root / "first"
    first.mkdir(parents=True)
    for number in range(files):
        (first / f"f{number}.bin").write_bytes(os.urandom(size))
    make_repository(first)
    for number in range(count):
        folder = root / f"r{number}"
        shutil.copytree(first, folder)
        (folder / "conf.yaml").write_text(f"name: r{number}\n")
        commit(folder, f"repository {number}")
        git("config", "uploadpack.allowFilter", "true", folder=folder)
    shutil.rmtree(first)


def git(*arguments: str, folder: Path) -> str:
    """Run git to its end."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def served(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the repositories below `root`; gives the address, and the environment in which git believes it."""
    certificate = make_certificate(root.parent / "certificate.pem")
    command = [sys.executable, __file__, str(root), str(certificate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = f"https://localhost:{process.stdout.readline().strip()}"
        yield url, {**os.environ, "GIT_SSL_CAINFO": str(certificate), "GIT_TERMINAL_PROMPT": "0"}
    finally:
        process.terminate()
        process.wait()


def serve(root: Path, certificate: Path) -> None:
    """Serve until the process is ended."""
    kept: dict[tuple[str, ...], tuple[int, dict[str, str], bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            self.answer()

        do_POST = do_GET

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = (self.command, self.path, body.hex(), *(self.headers.get(name, "") for name in _PASSED))
            status, fields, content = kept.get(asked) or kept.setdefault(asked, self.ask(body))
            self.send_response(status)
            for name, value in {**fields, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            path, _, query = self.path.partition("?")
            variables = {
                **ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                **{name: self.headers.get(header, "") for header, name in zip(_PASSED, _NAMES, strict=True)},
            }
            done = subprocess.run(["git", "http-backend"], env=variables, input=body, capture_output=True, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            return int(fields.pop("Status", "200").split()[0]), fields, content

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))

"""A stand-in for nginx as AWS's examples of own containers use it: passes requests on to a server behind it.

Of the configuration it reads `listen`, `upstream`, `location`, `proxy_pass` and `return`.
"""

from __future__ import annotations

import functools
import http.client
import re
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Headers = list[tuple[str, str]]

_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
    "te",
    "trailer",
    "content-length",
}
_TIMEOUT = 3600


class Location(NamedTuple):
    """A `location`: how its place is compared, with what, and what it says."""

    kind: str
    place: str
    body: str


def main(arguments: Sequence[str]) -> int:
    """Serve as the file after `-c` says, until the process ends."""
    if "-v" in arguments or "-V" in arguments:
        sys.stderr.write("nginx version: nginx/1.0 (pipeline_builder)\n")
        return 0
    path = arguments[arguments.index("-c") + 1] if "-c" in arguments else "/etc/nginx/nginx.conf"
    text = re.sub(r"(?m)#.*$", "", Path(path).read_text(encoding="utf-8"))
    listen = re.search(r"\blisten\s+(?:[\w.\[\]:*]*:)?(\d+)", text)
    if not listen:
        sys.stderr.write(f"nginx: '{path}' has no 'listen' with a port\n")
        return 1
    upstreams = dict(re.findall(r"\bupstream\s+(\S+)\s*\{\s*server\s+([^\s;]+)", text))
    found = re.findall(r"\blocation\s+(?:([=~*^]+)\s+)?(\S+)\s*\{([^}]*)\}", text)
    locations = [Location(*parts) for parts in found]
    handler = functools.partial(_Requests, upstreams, locations)
    ThreadingHTTPServer(("127.0.0.1", int(listen[1])), handler).serve_forever()
    return 0


def chosen(locations: Sequence[Location], path: str) -> str:
    """Return the body of the location for a path: exact, then the first expression, then the longest beginning."""
    for kind, place, body in locations:
        if kind == "=" and place == path:
            return body
    for kind, place, body in locations:
        if kind.startswith("~") and re.search(place, path, re.IGNORECASE if "*" in kind else 0):
            return body
    plain = [
        (len(x.place), x.body) for x in locations if not x.kind.startswith(("~", "=")) and path.startswith(x.place)
    ]
    return max(plain)[1] if plain else ""


class _Requests(BaseHTTPRequestHandler):
    """One request, passed on."""

    protocol_version = "HTTP/1.1"

    def __init__(self, upstreams: Mapping[str, str], locations: Sequence[Location], *arguments: Any) -> None:
        self._upstreams, self._locations = upstreams, locations
        super().__init__(*arguments)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, content = self._answer(body)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - its name is the library's

    def _answer(self, body: bytes) -> tuple[int, Headers, bytes]:
        location = chosen(self._locations, self.path.partition("?")[0])
        passed = re.search(r"\bproxy_pass\s+http://(unix:[^\s;:]+|[^\s;/]+)", location)
        if passed:
            try:
                return self._passed(self._upstreams.get(passed[1], passed[1]), body)
            except (OSError, http.client.HTTPException):
                return 502, [], b"Bad Gateway"
        said = re.search(r"\breturn\s+(\d+)(?:\s+['\"]?(.*?)['\"]?\s*)?;", location)
        return (int(said[1]), [], (said[2] or "").encode()) if said else (404, [], b"")

    def _passed(self, address: str, body: bytes) -> tuple[int, Headers, bytes]:
        connection = _connection(address)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
            return response.status, kept, response.read()
        finally:
            connection.close()

    def log_message(self, *_: Any) -> None:
        """Say nothing: the log is the program's."""


def _connection(address: str) -> http.client.HTTPConnection:
    if not address.startswith("unix:"):
        return http.client.HTTPConnection(address, timeout=_TIMEOUT)
    connection = http.client.HTTPConnection("localhost", timeout=_TIMEOUT)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(address[len("unix:") :].rstrip(":"))
    return connection


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

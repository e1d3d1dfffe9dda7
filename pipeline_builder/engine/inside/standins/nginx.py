"""A stand-in for nginx as AWS's examples of own containers use it: passes requests on to a server behind it.

Of the configuration it reads `listen`, `upstream`, `location`, `proxy_pass` and `return`.
"""

import functools
import http.client
import re
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "te", "trailer"}


def main(arguments):
    """Serve as the file after `-c` says, until the process ends."""
    if "-v" in arguments or "-V" in arguments:
        sys.stderr.write("nginx version: nginx/1.0 (pipeline_builder)\n")
        return 0
    path = arguments[arguments.index("-c") + 1] if "-c" in arguments else "/etc/nginx/nginx.conf"
    text = re.sub(r"(?m)#.*$", "", Path(path).read_text(encoding="utf-8"))
    port = int(re.search(r"\blisten\s+(?:[\w.\[\]:*]*:)?(\d+)", text)[1])
    upstreams = dict(re.findall(r"\bupstream\s+(\S+)\s*\{\s*server\s+([^\s;]+)", text))
    locations = [
        (kind, place, body)
        for kind, place, body in re.findall(r"\blocation\s+(?:([=~*^]+)\s+)?(\S+)\s*\{([^}]*)\}", text)
    ]
    ThreadingHTTPServer(("127.0.0.1", port), functools.partial(_Requests, upstreams, locations)).serve_forever()
    return 0


def chosen(locations, path):
    """Return the body of the location for a path: exact, then the first expression, then the longest beginning."""
    for kind, place, body in locations:
        if kind == "=" and place == path:
            return body
    for kind, place, body in locations:
        if kind.startswith("~") and re.search(place, path, re.IGNORECASE if "*" in kind else 0):
            return body
    plain = [
        (len(place), body) for kind, place, body in locations if not kind.startswith("~") and path.startswith(place)
    ]
    return max(plain)[1] if plain else ""


class _Requests(BaseHTTPRequestHandler):
    """One request, passed on."""

    protocol_version = "HTTP/1.1"

    def __init__(self, upstreams, locations, *arguments):
        self._upstreams, self._locations = upstreams, locations
        super().__init__(*arguments)

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        location = chosen(self._locations, self.path.partition("?")[0])
        said = re.search(r"\breturn\s+(\d+)(?:\s+['\"]?(.*?)['\"]?\s*)?;", location)
        passed = re.search(r"\bproxy_pass\s+http://([^\s;/]+|unix:[^\s;:]+)", location)
        if passed:
            try:
                status, headers, content = self._ask(passed[1], body)
            except (OSError, http.client.HTTPException):
                status, headers, content = 502, [], b"Bad Gateway"
        else:
            status, headers, content = (int(said[1]), [], (said[2] or "").encode()) if said else (404, [], b"")
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP and name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def _ask(self, name, body):
        connection = _connection(self._upstreams.get(name, name))
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def log_message(self, *_):
        """Say nothing: the log is the program's."""


def _connection(address):
    if not address.startswith("unix:"):
        return http.client.HTTPConnection(address, timeout=3600)
    connection = http.client.HTTPConnection("localhost", timeout=3600)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(address[len("unix:") :].rstrip(":"))
    return connection


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

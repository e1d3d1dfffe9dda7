"""Looks: where a repository's refs stand, and a commit of it, asked of a web server without starting git.

git takes a twentieth of a second to be ready for its first word over TLS, for each repository anew; connections of ours
are kept from one to the next. Only what the server itself says of a repository counts, over TLS that is verified: where
anything is unusual (a proxy, a setting of the user's git for web servers, a refusal, a page, a silence) there is no
answer here, and git asks, tells and tries again as ever.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline_builder import __version__
from pipeline_builder.checkout.access import Pass
from pipeline_builder.checkout.answers import Answer, seconds_of
from pipeline_builder.checkout.patience import SOON, allow
from pipeline_builder.checkout.protocol import PACK, Refs, parse_lines, question, question_of_refs, read_pack, refs_of
from pipeline_builder.checkout.runner import Remote, keep_no_core
from pipeline_builder.checkout.web import make_context
from pipeline_builder.checkout.words import answer_error, clean_of

_ANSWER = 60.0
_MOST_BYTES = 64 * 1024**2
_MOST_WORDS = 1000
_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
_ASKED = "application/x-git-upload-pack-request"
_HEADERS = {"User-Agent": f"git/2.40 (pipeline-builder {__version__})", "Git-Protocol": "version=2"}
_UNUSUAL = re.compile(r"(?i:(?:https?|all)_proxy)|GIT_(?:SSL|HTTP|PROXY)_(?!CAINFO$)\w+|GIT_CURL_\w+")


class Looks:
    """Asks web servers for refs. `settings` are what the user's git has configured for them, read once, when needed.

    An answer may take `longest` seconds.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        settings: Callable[[], Sequence[tuple[str, str]]],
        *,
        longest: float = _ANSWER,
    ) -> None:
        self._longest = longest
        self._environment = environment
        self._settings = settings
        self._here = threading.local()
        self._once = threading.Lock()
        self._usual: bool | None = None
        self._keeping = 0
        self._open: list[http.client.HTTPConnection] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep connections from one look to the next, in each thread, and close them at the end.

        Interrupted, what is being asked ends at once: a server that doesn't answer keeps nobody.
        """
        with self._once:
            self._keeping += 1
        try:
            yield
        finally:
            with self._once:
                self._keeping -= 1
                last = not self._keeping
            if last:
                self._close()

    def sever(self) -> None:
        """End what is being asked, in any thread."""
        for connection in [*self._open]:
            with contextlib.suppress(OSError, AttributeError):  # one that has ended meanwhile has no socket
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        while self._open:
            self._open.pop().close()
        self._here = threading.local()

    def refs(self, remote: Remote, prefixes: Sequence[str]) -> Refs | None:
        """Return the refs that begin with one of the prefixes, and maybe others; None where git is to be asked.

        Raises:
            GitError: what the server says instead.
        """
        if not self._may_ask(remote):
            return None
        with remote.access() as given:
            header = _login_of(remote.url, given)
            if header is None:
                return None
            if given.hidden:
                keep_no_core()
            try:
                with self.kept():
                    return self._ask(remote.url.rstrip("/"), header, prefixes)
            except _RefusedError as error:
                if error.answer.status == 401 and not header:  # the user's git may have what opens it
                    return None
                said = clean_of(error.said, given.hidden)
                raise answer_error(error.answer, said, given.hidden) or error from None
            except (OSError, ValueError, http.client.HTTPException):
                return None

    def pack(self, remote: Remote, commit: str, file: BinaryIO, longest: float) -> tuple[str, ...] | None:
        """Write the pack of a commit without its history into a file, and return the commits without their parents.

        None where git is to fetch it. It may take `longest` seconds.
        """
        if not self._may_ask(remote):
            return None
        with remote.access() as given:
            login = _login_of(remote.url, given)
            if login is None:
                return None
            if given.hidden:
                keep_no_core()
            url = f"{remote.url.rstrip('/')}/git-upload-pack"
            headers = {**_HEADERS, **login, "Content-Type": _ASKED, "Accept": PACK}
            try:
                with self.kept():
                    answer = self._answer("POST", url, headers, question(commit), longest)
                    shallow = read_pack(answer.read, file) if _is_of(answer, PACK) else None
                    return shallow if {*(shallow or ())} <= {commit} else None
            except (OSError, ValueError, http.client.HTTPException):
                return None

    def _may_ask(self, remote: Remote) -> bool:
        return remote.url.startswith(("https://", "http://127.0.0.1:")) and self._is_usual()

    def _is_usual(self) -> bool:
        """Tell whether nothing of the user's says how web servers are reached, but for a certificate."""
        with self._once:
            if self._usual is None:
                home = self._environment.get("HOME", "")
                named = any(value and _UNUSUAL.fullmatch(name) for name, value in self._environment.items())
                self._usual = not named and not (home and Path(home, ".netrc").exists()) and not self._settings()
            return self._usual

    def _ask(self, url: str, login: Mapping[str, str], prefixes: Sequence[str]) -> Refs | None:
        headers = {**_HEADERS, **login}
        told = self._exchange("GET", f"{url}/info/refs?service=git-upload-pack", headers, None, _ADVERTISEMENT)
        lines = [line for line in parse_lines(told) if not line.startswith(b"# service=")]
        if not lines or lines[0].strip() != b"version 2":
            return None
        capabilities = [line.strip().decode() for line in lines[1:]]
        if not any(word.partition("=")[0] == "ls-refs" for word in capabilities):
            return None
        body = question_of_refs(capabilities, prefixes)
        sent = {**headers, "Content-Type": _ASKED, "Accept": PACK}
        return refs_of(parse_lines(self._exchange("POST", f"{url}/git-upload-pack", sent, body, PACK)))

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, kind: str) -> bytes:
        """Ask once; a connection that was kept may have ended meanwhile, and is made anew.

        Raises:
            OSError: there is no answer.
            HTTPException: it is none of the web.
            ValueError: it is none of git.
            _RefusedError: the server refuses.
        """
        answer = self._answer(method, url, headers, body, self._longest)
        content = answer.read(_MOST_BYTES + 1)
        if _is_of(answer, kind) and len(content) <= _MOST_BYTES:
            return content
        told = _answer_of(answer)
        if answer_error(told) is None:
            raise ValueError(answer.status)
        is_text = told.media_type == "text/plain"
        raise _RefusedError(told, [f"remote: {line}" for line in _words(content)] if is_text else [])

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, longest: float
    ) -> http.client.HTTPResponse:
        """Ask, and return the answer, of which nothing is read yet."""
        parts = urllib.parse.urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection, was_kept = self._connection(parts)
        try:
            return _asked(connection, (method, target, headers, body), longest)
        except (OSError, http.client.HTTPException):
            connection.close()
            if not was_kept:
                raise
            connection, _ = self._connection(parts)
            return _asked(connection, (method, target, headers, body), longest)

    def _connection(self, parts: urllib.parse.SplitResult) -> tuple[http.client.HTTPConnection, bool]:
        kept: dict[tuple[str, str], http.client.HTTPConnection] = self._here.__dict__.setdefault("kept", {})
        found = kept.get((parts.scheme, parts.netloc))
        if found is not None and found.sock is not None:
            return found, True
        if parts.username is not None:
            raise ValueError
        if parts.scheme == "https":
            context = make_context(self._environment, longest=self._longest)
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=SOON, context=context
            )
        else:
            made = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SOON)
        kept[parts.scheme, parts.netloc] = made
        self._open.append(made)
        return made, False


def _asked(
    connection: http.client.HTTPConnection, asked: tuple[str, str, Mapping[str, str], bytes | None], longest: float
) -> http.client.HTTPResponse:
    method, target, headers, body = asked
    if connection.sock is None:
        connection.connect()
    allow(connection.sock, longest)
    connection.request(method, target, body, dict(headers))
    return connection.getresponse()


class _RefusedError(Exception):
    """What a server says instead of what it was asked for; `said` is as git shows the words of it."""

    def __init__(self, answer: Answer, lines: Sequence[str]) -> None:
        self.answer = answer
        self.said = "\n".join(lines)
        super().__init__(answer.status)


def _answer_of(answer: http.client.HTTPResponse) -> Answer:
    return Answer(
        status=answer.status,
        media_type=(answer.getheader("Content-Type") or "").partition(";")[0].strip().lower(),
        location=answer.getheader("Location") or "",
        pause=seconds_of(answer.getheader("Retry-After") or ""),
    )


def _words(content: bytes) -> list[str]:
    return content[:_MOST_WORDS].decode("utf-8", "replace").splitlines()


def _login_of(url: str, given: Pass) -> Mapping[str, str] | None:
    """Return the header that a pass logs in with; None where it has more to say than that."""
    if not given.config:
        return {}
    (key, value), *more = given.config
    name, _, content = value.partition(": ")
    is_ours = not more and key == f"http.{url}.extraHeader" and name == "Authorization"
    return {name: content} if is_ours else None


def _is_of(answer: http.client.HTTPResponse, kind: str) -> bool:
    return answer.status == 200 and answer.getheader("Content-Type") == kind

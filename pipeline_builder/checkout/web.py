"""The web as seen from checkout: one request at a time, by the proxies and authorities that are named, led nowhere."""

from __future__ import annotations

import functools
import http.client
import json
import math
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_builder.checkout.answers import Answer, seconds_of
from pipeline_builder.checkout.patience import limit_answers
from pipeline_builder.checkout.words import GitError, answer_error, clean_of

TIMEOUT = 30.0
"""Seconds without a byte after which a server is given up."""
_MOST_SAID = 64 * 1024
_READING = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How web servers are reached: variables of the environment, and what the user's git has set for an address."""

    environment: Mapping[str, str]
    proxy: str = ""
    authority: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, whose answer may take `longest` seconds; nothing of `hidden` is in what is said of its failure."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hidden: tuple[str, ...] = ()
    longest: float = math.inf


class _Stay(urllib.request.HTTPRedirectHandler):
    """No other address gets what was meant for this one."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def make_opener(url: str, network: Network, longest: float = math.inf) -> urllib.request.OpenerDirector:
    """Return what asks: by the proxies and certificates that are named, and without following anybody."""
    environment = network.environment
    proxies = {
        name.lower().removesuffix("_proxy"): value
        for name, value in environment.items()
        if name.lower().endswith("_proxy") and value
    }
    host = urllib.request.Request(url).host or ""  # noqa: S310 - nothing is opened
    if urllib.request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined] # of CPython
        proxies = {}
    elif network.proxy:
        proxies["https"] = network.proxy if "://" in network.proxy else f"http://{network.proxy}"
    context = make_context(environment, network.authority, longest)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context), _Stay()
    )


def make_context(environment: Mapping[str, str], authority: str = "", longest: float = math.inf) -> ssl.SSLContext:
    """Return what verifies servers: by the authorities that git would take, which may have an `authority` configured,
    or else by those that other programs take.
    """
    named = environment.get("GIT_SSL_CAINFO") or authority or environment.get("SSL_CERT_FILE") or None
    written = Path(named).stat().st_mtime_ns if named else 0
    with _READING:
        return _context(named, written, environment.get("SSL_CERT_DIR") or None, longest)


@functools.lru_cache(maxsize=8)
def _context(named: str | None, written: int, folder: str | None, longest: float) -> ssl.SSLContext:
    """Read authorities, which takes longer than most requests, once; `written` is when their file was."""
    del written
    return limit_answers(ssl.create_default_context(cafile=named, capath=folder), longest=longest)


@contextmanager
def opened(asked: Asked, network: Network) -> Iterator[Any]:
    """Give the answer to a request, of which nothing is read yet.

    Raises:
        GitError: there is none, or another one than 2xx; passing where it may be another one later. The kind of a
            redirect is "moved" or "page", and its `known` has the address that it leads to.
    """
    headers = {**dict(network.headers), **asked.headers}
    try:
        request = urllib.request.Request(asked.url, method=asked.method, data=asked.body, headers=headers)  # noqa: S310
        with make_opener(asked.url, network, asked.longest).open(request, timeout=TIMEOUT) as response:
            yield response
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, asked) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = str(getattr(error, "reason", error)) or type(error).__name__
        text = clean_of(said, asked.hidden)[:300]
        raise GitError("unreachable", text, passing=breaks_off(error)) from error


def _refusal(error: urllib.error.HTTPError, asked: Asked) -> GitError:
    """Return what an answer means that isn't what was asked for."""
    media_type = error.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    location = error.headers.get("Location", "") if 300 <= error.code < 400 else ""
    pause = seconds_of(error.headers.get("Retry-After", ""))
    answer = Answer(status=error.code, media_type=media_type, location=location, pause=pause)
    said = clean_of(_words_of(error), asked.hidden)
    found = answer_error(answer, f"remote: {said}" if said else "", asked.hidden)
    if found is None:
        found = GitError("other", f"HTTP {error.code}{f': {said}' if said else ''}")
    found.known = (location,) if location else ()
    return found


def _words_of(error: urllib.error.HTTPError) -> str:
    """Return what a server has said in the JSON of its answer, in one line."""
    try:
        message = json.loads(error.read(_MOST_SAID))["message"]
    except (ValueError, KeyError, TypeError, RecursionError, OSError, http.client.HTTPException):
        return ""
    return " ".join(str(message).split())[:300] if isinstance(message, str) else ""


def breaks_off(error: Exception) -> bool:
    """Tell whether a connection was lost or took too long."""
    reason = getattr(error, "reason", error)
    lost = (ConnectionResetError, ConnectionAbortedError, TimeoutError, http.client.IncompleteRead)
    return isinstance(reason, (*lost, http.client.RemoteDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError))

"""Who may look, and who may decide: a token as Jupyter has it, a session for each browser, where requests come from.

A page of another site, another program's page on this machine, and another user of it must see nothing and change
nothing. Every request but those for stylesheets has to bring the token, or the cookie that a browser got for it. What
changes something is a POST from the console's own page, with a form token of its session.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_SESSIONS = 100
"""Browsers that are logged in at once; who comes then takes the place of who came first."""
METHODS = ("GET", "HEAD", "POST")
FORM = "application/x-www-form-urlencoded"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Nothing goes to other sites; with "no-referrer" a browser calls the origin of the console's own forms "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What stands on every answer."""


@dataclass(frozen=True, slots=True)
class RefusedError(Exception):
    """A request that isn't answered: with which status, and why in a sentence."""

    status: int
    why: str


@dataclass(slots=True)
class Access:
    """The token of one console, and the browsers that have brought it. `port` is in the cookie's name.

    Cookies don't tell ports apart: two consoles on one machine have cookies of their own so.
    """

    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _sessions: OrderedDict[str, str] = field(default_factory=OrderedDict, repr=False)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def cookie(self) -> str:
        return f"pipeline-builder-{self.port}"

    def check_source(self, method: str, headers: Mapping[str, str]) -> None:
        """Refuse what no page of the console, and no person at its address, asks for.

        Raises:
            RefusedError: another host (names that lead here by DNS rebinding), method, or site.
        """
        host = headers.get("Host", "")
        if not _HOST.fullmatch(host):
            raise RefusedError(403, "This address isn't the console's: it answers at 127.0.0.1 and localhost only.")
        if method not in METHODS:
            raise RefusedError(405, "The console knows GET, HEAD and POST.")
        site, origin = headers.get("Sec-Fetch-Site", ""), headers.get("Origin", "")
        if method == "POST":
            self._check_form(host, site, origin, headers)
        elif site not in ("", "none", "same-origin") and headers.get("Sec-Fetch-Mode") != "navigate":
            raise RefusedError(403, "Another site's page has asked for this.")

    def _check_form(self, host: str, site: str, origin: str, headers: Mapping[str, str]) -> None:
        own = origin.lower() == f"http://{host.lower()}" if origin else site == "same-origin"
        if not own or site not in ("", "same-origin"):
            raise RefusedError(403, "A form of another site can't be answered here.")
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
            raise RefusedError(415, f"A form comes as {FORM}.")

    def has_token(self, given: str) -> bool:
        """Tell whether this is the token."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.token.encode())

    def log_in(self) -> str:
        """Return the cookie of a browser that has brought the token."""
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[session] = ""
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def log_out(self, session: str) -> None:
        """Forget a browser."""
        with self._lock:
            self._sessions.pop(session, None)

    def knows(self, session: str) -> bool:
        """Tell whether a cookie is that of a browser that is logged in."""
        with self._lock:
            return session in self._sessions

    def note(self, session: str, words: str) -> None:
        """Keep what came of a form, for the next page of this browser."""
        with self._lock:
            if session in self._sessions:
                self._sessions[session] = words

    def noted(self, session: str) -> str:
        """Return what is to be said on this page, once."""
        with self._lock:
            words = self._sessions.get(session, "")
            if words:
                self._sessions[session] = ""
        return words

    def form_token(self, session: str) -> str:
        """Return what the forms of this browser's pages carry, and nobody else can know."""
        return hmac.new(self._key, session.encode("utf-8", "surrogatepass"), sha256).hexdigest()

    def check_form_token(self, session: str, given: str) -> None:
        """Refuse a form that is no page's of this browser.

        Raises:
            RefusedError: it has no token, or another's.
        """
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.form_token(session).encode()):
            raise RefusedError(403, "This form is of an older page. Load the page again, and look at it again.")

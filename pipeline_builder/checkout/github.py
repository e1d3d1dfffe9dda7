"""GitHub Apps: from an app's private key to a token that reads one repository, for an hour."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline_builder import __version__
from pipeline_builder.checkout.answers import seconds_of
from pipeline_builder.checkout.web import Network, breaks_off, make_opener

_TIMEOUT = 30.0
_MOST_BYTES = 1024 * 1024
# GitHub takes ten minutes at most, and wants some room for clocks that differ.
_BACK, _AHEAD = 60, 540
EARLY = 300.0
"""Seconds before its end from which on no command begins with a token."""
_SKEW = 60.0


class AppError(Exception):
    """GitHub gives no token.

    `kind` is key (the app's id and key are refused), installation, clock, unreachable or other; `hint` says what to do.
    What may pass by itself has a `pause`, the seconds that GitHub wants to have gone by, or 0.
    """

    def __init__(self, kind: str, text: str, hint: str, pause: float | None = None) -> None:
        self.kind = kind
        self.hint = hint
        self.pause = pause
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app as a manifest names it, for one repository (`owner`, `name`); `installation` may be empty."""

    id: str
    installation: str
    api: str
    owner: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    data: Mapping[str, Any]
    date: datetime | None
    pause: float | None


def api_of(host: str) -> str:
    """Return the address of a GitHub host's API: GitHub's own, that of a company's subdomain, or a server's.

    Source: "Getting started with the REST API", and the same page of GitHub Enterprise Server and Enterprise Cloud.
    """
    if host in ("github.com", "www.github.com"):
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(".ghe.com") else f"https://{host}/api/v3"


class Tokens:
    """The tokens of this process, kept until shortly before they end; they are on no disk."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[App, tuple[str, float]] = {}
        self._of_one: dict[App, threading.Lock] = {}

    def token(self, app: App, key: Callable[[], str], environment: Mapping[str, str]) -> str:
        """Return a token for the app's repository, with the right to read its contents and no other.

        Raises:
            AppError: there is none.
        """
        with self._lock:
            mine = self._of_one.setdefault(app, threading.Lock())
        with mine:
            kept = self._kept.get(app)
            if kept is None or kept[1] - EARLY <= self._now():
                kept = self._kept[app] = self._fetch(app, key, environment)
            return kept[0]

    def forget(self, app: App) -> None:
        """Keep its token no longer."""
        with self._lock:
            self._kept.pop(app, None)

    def _fetch(self, app: App, key: Callable[[], str], environment: Mapping[str, str]) -> tuple[str, float]:
        bearer = _signed(app, key(), self._now())
        number = app.installation or self._installation(app, bearer, environment)
        wanted = {"repositories": [app.name], "permissions": {"contents": "read"}}
        path = f"/app/installations/{number}/access_tokens"
        answer = _ask("POST", f"{app.api}{path}", bearer, environment, wanted)
        token = answer.data.get("token")
        if answer.status != 201 or not isinstance(token, str):
            raise self._refusal(app, answer)
        return token, _ends(answer.data.get("expires_at"), self._now())

    def _installation(self, app: App, bearer: str, environment: Mapping[str, str]) -> str:
        answer = _ask("GET", f"{app.api}/repos/{app.owner}/{app.name}/installation", bearer, environment)
        number = answer.data.get("id")
        if answer.status != 200 or not isinstance(number, int):
            raise self._refusal(app, answer)
        return str(number)

    def _refusal(self, app: App, answer: _Answer) -> AppError:
        said = " ".join(str(answer.data.get("message") or "").split())[:200]
        shown = f"GitHub ({app.api}) answers {answer.status}" + (f": {said}" if said else "")
        match answer.status:
            case 401:
                skew = answer.date.timestamp() - self._now() if answer.date else 0.0
                return _refused_key(app, shown, skew)
            case 301 | 307 | 308:
                text = f"the repository '{app.owner}/{app.name}' is not there any more: {shown}"
                hint = "it was renamed or moved: write its new address as 'url'; or look at 'api' of the credentials"
                return AppError("other", text, hint)
            case status if status == 429 or status >= 500 or (status == 403 and "rate limit" in said.lower()):
                return AppError("unreachable", shown, "wait, and do the same again", answer.pause or 0.0)
            case 403 | 404 | 422:
                return _not_installed(app, shown)
        return AppError("other", shown, "look at 'api' of the credentials, which has to be GitHub's API")


def _refused_key(app: App, shown: str, skew: float) -> AppError:
    if abs(skew) > _SKEW:
        ahead = "behind" if skew > 0 else "ahead of"
        text = f"this machine's clock is {abs(skew):.0f} s {ahead} GitHub's, which refuses it: {shown}"
        return AppError("clock", text, "set this machine's clock")
    hint = "'app_id' and 'key' have to be of the same app; a key that was deleted at GitHub opens nothing"
    return AppError("key", f"the app '{app.id}' is refused: {shown}", hint)


def _not_installed(app: App, shown: str) -> AppError:
    if "suspended" in shown.lower():
        text = f"the installation of the app '{app.id}' for '{app.owner}/{app.name}' is suspended: {shown}"
        return AppError("installation", text, "an owner there can unsuspend it, in the settings of GitHub Apps")
    what = f"installation '{app.installation}'" if app.installation else "installation"
    text = f"the app '{app.id}' has no {what} that may read '{app.owner}/{app.name}': {shown}"
    hint = "install the app for that repository, with 'Contents: read'; look at 'installation_id', and at its name"
    return AppError("installation", text, hint)


def _signed(app: App, key: str, now: float) -> str:
    """Return the app's own signature, which GitHub takes for some minutes."""
    import jwt

    claims = {"iat": int(now) - _BACK, "exp": int(now) + _AHEAD, "iss": app.id}
    try:
        return jwt.encode(claims, key.replace("\r\n", "\n"), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError) as error:  # its words may have a part of the key
        hint = "store the .pem file that GitHub has made, as it is: --secret-string file://APP.pem"
        raise AppError("key", "the key of the app is no RSA private key", hint) from error


def _ask(
    method: str, url: str, bearer: str, environment: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> _Answer:
    request = urllib.request.Request(  # noqa: S310 - https, by the manifest's grammar
        url,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {bearer}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": f"pipeline-builder/{__version__}",
            "Content-Type": "application/json",
        },
    )
    try:
        with make_opener(url, Network(environment=environment)).open(request, timeout=_TIMEOUT) as response:
            return _answer(response.status, response)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error)
    except (OSError, http.client.HTTPException, ValueError) as error:  # the last is of a proxy's address that is none
        said = str(getattr(error, "reason", error)) or type(error).__name__
        text = f"GitHub ({url.partition('/app/')[0].partition('/repos/')[0]}) cannot be reached: {said[:200]}"
        hint = "look at the network and the proxy variables; do the same again"
        raise AppError("unreachable", text, hint, 0.0 if breaks_off(error) else None) from error


def _answer(status: int, response: Any) -> _Answer:
    try:
        data = json.loads(response.read(_MOST_BYTES))
    except (ValueError, RecursionError, OSError, http.client.HTTPException):
        data = {}
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        date = None
    pause = seconds_of(response.headers.get("Retry-After", ""))
    return _Answer(status=status, data=data if isinstance(data, dict) else {}, date=date, pause=pause)


def _ends(text: object, now: float) -> float:
    """Return when a token ends; where GitHub doesn't say it, it isn't kept."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return now
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()

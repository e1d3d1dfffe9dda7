"""GitHub Apps: real git and a real API behind TLS, which give and demand tokens."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jwt
import pytest

from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.checkout.github import App, AppError, Tokens, api_of
from pipeline_builder.errors import PipelineBuilderError
from tests.checkout.hosts import Hosts, app_key, basic, no_web_server, private
from tests.checkout.opening import SHORT, check_out, failure, keys, manifest

# --- GitHub Apps


class GitHub:
    """Plays the part of GitHub's API that apps use; its clock is `now`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.issued: list[str] = []
        self.lasts = 3600.0
        self.asked: Any = None
        self.status = 0
        self.words = ""

    def answer(self, method: str, base: str, path: str, data: Any, facts: Mapping[str, str]) -> tuple[int, Any]:
        self.calls.append(f"{method} {base}{path}")
        if self.status:
            return self.status, {"message": self.words}
        try:
            claims = jwt.decode(facts["auth"].removeprefix("Bearer "), app_key().public_key(), algorithms=["RS256"])
        except jwt.PyJWTError as error:
            return 401, {"message": f"A JSON web token could not be decoded: {error}"}
        assert claims["iss"] == "1234"
        assert claims["exp"] - claims["iat"] <= 600
        if path.endswith("/repos/acme/churn/installation"):
            return 200, {"id": 77}
        if path.endswith("/app/installations/77/access_tokens"):
            self.asked = data
            self.issued.append(f"ghs_{len(self.issued)}")
            ends = datetime.fromtimestamp(time.time() + self.lasts, timezone.utc)
            return 201, {"token": self.issued[-1], "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return 404, {"message": "Not Found"}


@pytest.fixture
def github(world: Hosts, repository: Path) -> GitHub:
    found = GitHub()
    world.api = found.answer
    for host in ("github.com", "git.example.com"):
        world.repositories[host] = {"acme/churn": repository}
        world.guards[host] = lambda header: bool(found.issued) and header == basic(f"x-access-token:{found.issued[-1]}")
    return found


def app(*more: str) -> str:
    return "credentials: {" + ", ".join(("kind: github-app, app_id: 1234, key: env:APP_KEY", *more)) + "}"


def with_key(world: Hosts, key: str = "") -> dict[str, str]:
    return {**world.environment, "APP_KEY": key or private(app_key()).decode()}


@pytest.mark.long
def test_an_app_reads_its_repository(
    tmp_path: Path, world: Hosts, github: GitHub, head: str, fresh: Callable[[], None]
) -> None:
    fresh()
    what = manifest("url: https://github.com/acme/churn.git", app())
    used = keys(tmp_path, with_key(world))
    assert check_out(tmp_path, what, used) == head
    assert github.asked == {"repositories": ["churn"], "permissions": {"contents": "read"}}
    # One token for the checkout and the look after it.
    assert github.calls == [
        "GET https://api.github.com/repos/acme/churn/installation",
        "POST https://api.github.com/app/installations/77/access_tokens",
    ]
    assert world.logins("github.com") == {"x-access-token:ghs_0"}


@pytest.mark.long
def test_a_token_that_ends_is_renewed_between_commands(
    tmp_path: Path, world: Hosts, github: GitHub, head: str, fresh: Callable[[], None]
) -> None:
    fresh()
    github.lasts = 1.0
    url = "url: https://git.example.com/acme/churn.git"
    what = manifest(url, app("installation_id: 77"))
    assert check_out(tmp_path, what, keys(tmp_path, with_key(world))) == head
    assert len(github.issued) == len(github.calls) >= 2  # the fetch, and the look of `watch`
    assert set(github.calls) == {"POST https://git.example.com/api/v3/app/installations/77/access_tokens"}


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Begin as another process would, which has no token yet."""

    def begin() -> None:
        monkeypatch.setattr("pipeline_builder.checkout.keys._TOKENS", Tokens())

    return begin


@pytest.mark.long
@pytest.mark.parametrize(
    ("status", "words", "more", "expected"),
    [
        (
            0,
            "",
            "installation_id: 78",
            "PB133 the repository 'churn': the app '1234' has no installation '78' that may",
        ),
        (
            422,
            "There is at least one repository",
            "",
            "PB133 the repository 'churn': the app '1234' has no installation",
        ),
        (
            403,
            "API rate limit exceeded",
            "",
            "PB134 the repository 'churn': GitHub (https://api.github.com) answers 403",
        ),
        (403, "This installation has been suspended", "", "PB133 the repository 'churn': the installation of the app"),
        (
            301,
            "Moved Permanently",
            "",
            "PB134 the repository 'churn': the repository 'acme/churn' is not there any more",
        ),
        (502, "", "", "PB134 the repository 'churn': GitHub (https://api.github.com) answers 502"),
        (302, "", "", "PB134 the repository 'churn': GitHub (https://api.github.com) answers 302"),
        (401, "Bad credentials", "", "PB132 the repository 'churn': the app '1234' is refused: GitHub"),
    ],
)
def test_what_github_refuses(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path,
    world: Hosts,
    github: GitHub,
    status: int,
    words: str,
    more: str,
    expected: str,
    fresh: Callable[[], None],
) -> None:
    fresh()
    github.status, github.words = status, words
    what = manifest("url: https://github.com/acme/churn.git", app(*([more] if more else [])))
    problem = failure(tmp_path, what, keys(tmp_path, with_key(world)))
    assert f"{problem.id} {problem.message}".startswith(expected)
    assert problem.hint
    assert words in problem.message


def test_a_wrong_key_a_wrong_clock_and_no_key(world: Hosts, github: GitHub, fresh: Callable[[], None]) -> None:
    named = App(id="1234", installation="77", api="https://api.github.com", owner="acme", name="churn")
    own, environment = private(app_key()).decode(), world.environment
    with pytest.raises(AppError, match=r"this machine's clock is \d+ s behind GitHub's") as caught:
        Tokens(lambda: time.time() - 7200).token(named, lambda: own, environment)
    assert caught.value.kind == "clock"
    for text in ("t0ken", "-----BEGIN RSA PRIVATE KEY-----\nt0ken\n-----END RSA PRIVATE KEY-----"):
        with pytest.raises(AppError, match="the key of the app is no RSA private key") as caught:
            Tokens().token(named, functools.partial(str, text), environment)
    assert "t0ken" not in str(caught.value)
    assert (Tokens().token(named, lambda: own, environment), caught.value.kind) == ("ghs_0", "key")


@pytest.mark.long
def test_another_host_gets_no_signature(
    tmp_path: Path, world: Hosts, github: GitHub, fresh: Callable[[], None]
) -> None:
    fresh()
    world.redirects["api.github.com"] = "other.example.com"
    what = manifest("url: https://github.com/acme/churn.git", app())
    assert failure(tmp_path, what, keys(tmp_path, with_key(world))).id == "PB134"
    assert {at for at, _, _ in world.seen} == {"api.github.com"}


@pytest.mark.long
def test_a_token_that_is_refused_is_kept_no_longer(
    tmp_path: Path, world: Hosts, github: GitHub, head: str, fresh: Callable[[], None]
) -> None:
    """An app that was suspended for a while has its old tokens no more, and `watch` goes on for days."""
    fresh()
    what = manifest("url: https://github.com/acme/churn.git", app())
    used = keys(tmp_path, with_key(world))
    assert check_out(tmp_path, what, used) == head
    github.issued.append("another")
    with pytest.raises(PipelineBuilderError, match="PB155"):
        checkout(what, root=tmp_path, cache=tmp_path / "c", locked=None, environment=used.environment, keys=used)
    assert check_out(tmp_path, what, used) == head


@pytest.mark.long
def test_github_is_asked_again(
    tmp_path: Path, world: Hosts, github: GitHub, head: str, fresh: Callable[[], None]
) -> None:
    fresh()
    answers = [(502, {}), (429, {"message": "rate limit"})]
    own = world.api
    assert own is not None
    world.api = lambda *asked: answers.pop() if answers else own(*asked)
    what = manifest("url: https://github.com/acme/churn.git", app())
    used = keys(tmp_path, with_key(world))
    done = checkout(
        what, root=tmp_path, cache=tmp_path / "c", locked=None, environment=used.environment, keys=used, pauses=SHORT
    )
    assert done.lock.repos[0].commit == head


@pytest.mark.long
def test_what_is_no_web_server(tmp_path: Path, fresh: Callable[[], None]) -> None:
    fresh()
    named = App(id="1234", installation="77", api="https://api.github.com", owner="acme", name="churn")
    key = private(app_key()).decode()
    with no_web_server() as port, pytest.raises(AppError, match="cannot be reached") as caught:
        Tokens().token(named, lambda: key, {"https_proxy": f"http://127.0.0.1:{port}"})
    assert caught.value.kind == "unreachable"
    with pytest.raises(AppError, match="cannot be reached"):
        Tokens().token(named, lambda: key, {"https_proxy": "http://127.0.0.1:none"})
    with pytest.raises(AppError, match="cannot be reached: .*'/nonexistent.pem'"):
        Tokens().token(named, lambda: key, {"SSL_CERT_FILE": "/nonexistent.pem"})


def test_where_apis_are() -> None:
    assert api_of("github.com") == "https://api.github.com"
    assert api_of("acme.ghe.com") == "https://api.acme.ghe.com"
    assert api_of("git.example.com") == "https://git.example.com/api/v3"

"""Access: what one git command is given so that a server lets it in, made when it starts and gone when it has ended."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a command is given: configuration, variables, those of the user's that it isn't, and what nobody is shown.

    Nothing of it is ever an argument.
    """

    config: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    hidden: tuple[str, ...] = ()


Access = Callable[[], AbstractContextManager[Pass]]
"""Gives a pass for one command: what expires is made anew for each, so that a long checkout ends as it has begun."""


@contextmanager
def open_access() -> Iterator[Pass]:
    """Give nothing: the repository is open, or the user's own git has what opens it."""
    yield Pass()


def by_login(url: str, login: Callable[[], str], headers: Callable[[], tuple[str, ...]] = tuple) -> Access:
    """Return the access by a token, or a name and a password with ':' between, which is asked for each time.

    `headers` are those that the user's git adds for the address.
    """

    @contextmanager
    def enter() -> Iterator[Pass]:
        yield login_pass(url, login(), headers())

    return enter


def login_pass(url: str, login: str, headers: tuple[str, ...] = ()) -> Pass:
    """Return a pass with one Authorization header, for this address only.

    What the user's git has to log in with stays out: a header of its own would be a second one, a helper would forget
    what it keeps when the server refuses ours, and another address would not be the one that was named. Other headers
    of the user's, as some companies' gateways want them, go along.
    """
    # GitHub and GitLab take any name beside a token; Bitbucket and CodeCommit want theirs.
    named = login if ":" in login else f"x-access-token:{login}"
    encoded = base64.b64encode(named.encode()).decode()
    header = f"http.{url}.extraHeader"
    return Pass(
        config=(
            (header, ""),
            *((header, text) for text in headers if not text.lower().startswith("authorization:")),
            (header, f"Authorization: Basic {encoded}"),
            (f"url.{url}.insteadOf", url),
            ("credential.helper", ""),
        ),
        variables={"GIT_ASKPASS": ""},
        hidden=tuple(word for word in (login, named.partition(":")[2], *login.split("%")[1:], encoded) if word),
    )

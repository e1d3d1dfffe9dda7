"""Access: what one git command is given so that a server lets it in, made when it starts and gone when it has ended."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a command is given: configuration, variables, those of the user's that it isn't, and what nobody is shown.

    Nothing of it is ever an argument. `own` is for what the user's git opens by itself: it has all of the user's
    environment then, as in a terminal.
    """

    config: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    hidden: tuple[str, ...] = ()
    own: bool = False


NO_CONFIGURATION = {"GIT_CONFIG_GLOBAL": os.devnull}

Access = Callable[[], AbstractContextManager[Pass]]
"""Gives a pass for one command: what expires is made anew for each, so that a long checkout ends as it has begun."""


@contextmanager
def open_access() -> Iterator[Pass]:
    """Give nothing: the repository is open, or the user's own git has what opens it."""
    yield Pass(own=True)


def if_told(secret: Callable[[], str]) -> Access:
    """Return the access to a folder of this machine: what is named has to be there, and opens nothing."""

    @contextmanager
    def enter() -> Iterator[Pass]:
        secret()
        yield Pass(own=True)

    return enter


Settings = tuple[tuple[str, str], ...]


def by_login(url: str, login: Callable[[], str], network: Callable[[], Settings] = tuple) -> Access:
    """Return the access by a token, or a name and a password with ':' between, which is asked for each time.

    `network` is how the user's git reaches web servers.
    """

    @contextmanager
    def enter() -> Iterator[Pass]:
        yield login_pass(url, login(), network())

    return enter


def login_pass(url: str, login: str, network: Settings = ()) -> Pass:
    """Return a pass with one Authorization header, for this address only.

    Of the user's configuration only how web servers are reached has a say: a header to log in with would be a second
    one, a helper would forget what it keeps when the server refuses ours, a rewritten address or a redirect would not
    be the one that was named, and a trace (`trace2.*`) would have the header in it.
    """
    # GitHub and GitLab take any name beside a token; Bitbucket and CodeCommit want theirs.
    named = login if ":" in login else f"x-access-token:{login}"
    encoded = base64.b64encode(named.encode()).decode()
    return Pass(
        config=(*network, (f"http.{url}.extraHeader", f"Authorization: Basic {encoded}")),
        variables={"GIT_ASKPASS": "", **NO_CONFIGURATION},
        hidden=tuple(word for word in (login, named.partition(":")[2], *login.split("%")[1:], encoded) if word),
    )

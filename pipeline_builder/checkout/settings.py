"""Settings: what the user's git has configured for the network, also by variables, as CI systems do."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline_builder.checkout.access import Settings
from pipeline_builder.checkout.runner import CONFIG, Runner
from pipeline_builder.checkout.variables import given_by_variables
from pipeline_builder.checkout.words import GitError

_TIMEOUT = 30.0
# With credentials of ours nobody else logs in, and nobody leads elsewhere.
_NOT_OURS = (".followredirects", ".proactiveauth", ".emptyauth")


def read_setting(environment: Mapping[str, str], arguments: list[str]) -> str:
    """Return what the user's git has configured, nothing where it has nothing."""
    try:
        git = Runner(environment=environment, timeout=_TIMEOUT)
        own = tuple(given_by_variables(environment))
        return git.run(["config", *arguments], repository=Path(os.devnull), whose="user", config=own)
    except GitError as error:
        if error.kind in ("absent", "stopped"):
            raise
        return ""


def network_settings(environment: Mapping[str, str]) -> Callable[[], Settings]:
    """Return what gives the user's settings of `http`, but for those that log in; git is asked once, when needed.

    Proxies, certificates and the headers that some companies' gateways want, each for the addresses that it is for.
    """

    @functools.cache
    def read() -> Settings:
        entries = read_setting(environment, ["-z", "--get-regexp", r"^http\."]).split("\0")
        return tuple(setting for entry in entries if entry for setting in _kept(entry))

    return read


def web_settings(git: Runner) -> Callable[[], Settings]:
    """Return what gives all that the user's git has configured of how web servers, and which, are reached.

    Where git can't read it there may be anything: what it says then stands for a setting. So does `includeIf`: what it
    brings depends on the folder that git is in, and here it is in none.
    """
    ours = {(key.lower(), value) for key, value in CONFIG}

    def read() -> Settings:
        try:
            arguments = ["config", "-z", "--get-regexp", r"^(http|url|protocol|includeif)\."]
            own = tuple(given_by_variables(git.environment))
            entries = git.run(arguments, repository=Path(os.devnull), whose="user", config=own).split("\0")
        except GitError as error:
            if error.kind in ("absent", "stopped"):
                raise
            return () if error.kind == "no answer" else (("", str(error)),)
        found = ((key, value) for key, _, value in (entry.partition("\n") for entry in entries if entry))
        return tuple(pair for pair in found if pair not in ours)

    return read


def _kept(entry: str) -> Iterator[tuple[str, str]]:
    key, has_value, value = entry.partition("\n")
    name = key.lower()
    logs_in = name.endswith(".extraheader") and value.strip().lower().startswith("authorization:")
    if not logs_in and not name.endswith(_NOT_OURS):
        yield key, value if has_value else "true"

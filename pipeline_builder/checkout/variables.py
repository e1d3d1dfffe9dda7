"""Variables: what of a process's environment git is given, and what it is always told.

For what is opened by the user's own git that is all but git's own: helpers, ssh and their like find what they find in a
terminal, but no variable leads to another repository, traces, or asks somebody.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Literal

Whose = Literal["nobody", "user", "machine"]
"""Whose configuration a command reads beside the repository's; the machine's is the user's and the system's."""

# What git may see of our environment: where it is; how it reaches the network, and whose keys it may use.
_ALWAYS = r"PATH|TMPDIR"
_USERS = (
    r"HOME|USER|LOGNAME|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSH_AGENT_PID|GIT_SSH|GIT_SSH_COMMAND|GIT_ASKPASS"
    r"|SSL_CERT_(?:FILE|DIR)|GIT_SSL_CAINFO|GIT_CONFIG_GLOBAL|(?i:(?:https?|all|no)_proxy)"
)
_OWN = rf"(?!GIT_|SSH_ASKPASS|DISPLAY|WAYLAND_DISPLAY)\w+|{_USERS}|GIT_(?:SSL|PROXY_SSL|HTTP)_\w+|GIT_SSH_VARIANT"
_SYSTEMS = r"GIT_CONFIG_SYSTEM|GIT_CONFIG_NOSYSTEM"
INHERITED: Mapping[Whose, re.Pattern[str]] = {
    "nobody": re.compile(_ALWAYS),
    "user": re.compile(f"{_ALWAYS}|{_USERS}"),
    "machine": re.compile(f"{_ALWAYS}|{_USERS}|{_SYSTEMS}"),
}
FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM": "1",
    "LC_ALL": "C",
}
WITHOUT: Mapping[Whose, Mapping[str, str]] = {
    "nobody": {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"},
    "user": {"GIT_CONFIG_NOSYSTEM": "1"},
    "machine": {},
}


def inherited(environment: Mapping[str, str], whose: Whose, *, own: bool) -> dict[str, str]:
    """Return what git sees of an environment; `own` for a remote that the user's git opens by itself."""
    pattern = _OWN if own else INHERITED[whose]
    return {name: value for name, value in environment.items() if re.fullmatch(pattern, name)}


def given_by_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the settings that variables give (GIT_CONFIG_KEY_0 and so on), as many as are counted."""
    count = environment.get("GIT_CONFIG_COUNT", "")
    known = int(count) if count.isascii() and count.isdigit() and len(count) < 5 else 0
    for number in range(known):
        key, value = (environment.get(f"GIT_CONFIG_{what}_{number}") for what in ("KEY", "VALUE"))
        if key is None or value is None:
            return
        yield key, value


def trusted(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the folders that the environment's own configuration lets git open, as containers of CI systems have it."""
    for number in itertools.count():  # not up to the count: that is text, and may be any
        key = environment.get(f"GIT_CONFIG_KEY_{number}")
        if key is None:
            return
        if key.lower() == "safe.directory":
            yield "safe.directory", environment.get(f"GIT_CONFIG_VALUE_{number}", "")

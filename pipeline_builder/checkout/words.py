"""Words: what git, ssh and servers say of a failure, as a kind and one line."""

from __future__ import annotations

import re
from collections.abc import Sequence


class GitError(Exception):
    """A git command failed; the text is git's own.

    `kind` is unreachable, authentication, missing, no commit, ambiguous, large, deep, owner, none, bare, unborn,
    no answer, absent, timeout, stopped or other; of ssh's host unknown, host changed, key refused, key unusable and no
    ssh. "owner": git doesn't open a repository of another user. "none": there is no repository. "no answer": git failed
    without a word, which is how it says no to a question.

    `known` has the branches that there are, where the one that was asked for is missing.
    """

    def __init__(self, kind: str, text: str, known: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.known = known
        super().__init__(text)

    @property
    def hint(self) -> str | None:
        """What to do, where git's words say what is wrong but not that, or say it in a line that isn't kept."""
        owned = re.search(r"dubious ownership in repository at '(.*)'", str(self))
        if owned:
            return f"it belongs to another user; if you trust it: git config --global --add safe.directory {owned[1]}"
        return "install git" if self.kind == "absent" else None


# ssh says it in a line of its own, before git's words that there is nothing to read.
_SSH_KINDS = (
    ("host changed", r"Host key for .* has changed|Host key .* (?:is )?revoked|REVOKED HOST KEY"),
    ("host unknown", r"No \S+ host key is known for|authenticity of host .* can't be established"),
    ("key unusable", r"Load key .*: (?!No such)|UNPROTECTED PRIVATE KEY FILE|Identity file .* not accessible"),
    ("key refused", r"Permission denied \([\w,-]*publickey|Too many authentication failures"),
    ("no ssh", r"cannot run .*ssh\S*: No such file|: ssh: (?:command )?not found"),
    # OpenSSH has said the rest in this line only, for some kinds of key.
    ("host unknown", r"Host key verification failed"),
)
_KINDS = (
    ("owner", r"dubious ownership"),
    ("unborn", r"does not have any commits yet"),
    ("none", r"not a git repository \(or any"),
    ("bare", r"cannot use bare repository|must be run in a work tree"),
    (
        "authentication",
        r"Authentication failed|could not read (Username|Password)|returned error: 40[13]|Permission denied",
    ),
    ("missing", r"not our ref|couldn't find remote ref|unadvertised object"),
    ("deep", r"maximum allowed tree depth|File name too long"),
    ("unreachable", r"Could not resolve|unable to access|does not exist|not appear to be a git repository"),
    ("unreachable", r"Connection|timed out|repository .* not found|Could not read from remote"),
)


def error_of(said: bytes, code: int, hidden: Sequence[str] = (), *, by_ssh: bool = False) -> GitError:
    """Return what a git that ended with `code` has said; nothing of `hidden` is in it."""
    clean = re.sub(r"://[^/@\s]+@", "://***@", said.decode("utf-8", "replace"))
    for word in sorted(hidden, key=len, reverse=True):
        clean = clean.replace(word, "***")
    lines = [line.strip() for line in clean.splitlines() if line.strip()]
    for kind, pattern in _SSH_KINDS if by_ssh else ():
        if line := next((line for line in lines if re.search(pattern, line)), ""):
            return GitError(kind, line.strip("@ ").removesuffix(".")[:300])
    words = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    silent = f"git was ended by signal {-code}" if code < 0 else "git gave no reason"
    first = (words[0] if words else silent).removeprefix("fatal: ").removeprefix("error: ")
    otherwise = "other" if words or code < 0 else "no answer"
    kind = next((name for name, pattern in _KINDS if re.search(pattern, clean)), otherwise)
    return GitError(kind, first[:300])

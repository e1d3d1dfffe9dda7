"""Words: what git, ssh and servers say of a failure, as a kind and one line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline_builder.checkout.answers import Answer


class GitError(Exception):
    """A git command failed; the text is git's own.

    `kind` is unreachable, authentication, not found, moved, page, missing, gone, no commit, no folder, ambiguous,
    large, deep, owner, closed, none, bare, unborn, no answer, absent, timeout, stopped or other; of ssh's host unknown,
    host changed, key refused, key unusable, port refused and no ssh. "owner": git doesn't open a repository of another
    user. "closed": a file of this machine may not be read or written. "none": there is no repository. "no answer": git
    failed without a word, which is how it says no to a question.

    `known` has the branches that there are, where the one that was asked for is missing. `passing` is what may go by,
    after the `pause` that the server asks for. `advice` is what to do, where that is in the answer.
    """

    def __init__(
        self,
        kind: str,
        text: str,
        known: tuple[str, ...] = (),
        *,
        passing: bool = False,
        pause: float | None = None,
        advice: str | None = None,
    ) -> None:
        self.kind = kind
        self.known = known
        self.passing = passing
        self.pause = pause
        self.advice = advice
        super().__init__(text)

    @property
    def of_damage(self) -> bool:
        """Whether it may be what is kept of a repository that is damaged, and not anything of its remote."""
        return self.kind in ("other", "none", "no answer")

    @property
    def of_no_id(self) -> bool:
        """Whether the server gives out no commit by its id, be it there or not."""
        return self.kind == "missing" and bool(re.search(_UNNAMED, str(self)))

    @property
    def hint(self) -> str | None:
        """What to do, where git's words say what is wrong but not that, or say it in a line that isn't kept."""
        if self.advice:
            return self.advice
        owned = re.search(r"dubious ownership in repository at '(.*)'", str(self))
        if owned:
            return f"it belongs to another user; if you trust it: git config --global --add safe.directory {owned[1]}"
        hints = {"absent": "install git", "closed": "let this user read and write there, or remove it"}
        return hints.get(self.kind)


# What a server says in words that has trouble for a while, by git's protocol or before it.
_BUSY = (
    r"(?:remote error|ERROR|remote|GitLab): .*(?:heavy load|due to load|temporar|[Tt]ry (?:your request )?again"
    r"|not available at this time|[Tt]oo many (?:requests|connections)|[Rr]ate limit|[Ii]nternal (?:server )?error)"
)
# ssh says it in a line of its own, before git's words that there is nothing to read.
_SSH_KINDS = (
    ("host changed", r"Host key for .* has changed|Host key .* (?:is )?revoked|REVOKED HOST KEY"),
    ("host unknown", r"No \S+ host key is known for|authenticity of host .* can't be established"),
    ("key unusable", r"Load key .*: (?!No such)|UNPROTECTED PRIVATE KEY FILE|Identity file .* not accessible"),
    ("key refused", r"Permission denied \([\w,-]*publickey|Too many authentication failures"),
    ("no ssh", r"cannot run .*ssh\S*: No such file|: ssh: (?:command )?not found"),
    ("port refused", r"connect to (?:host|address) .* Connection refused"),
    ("not found", r"does not appear to be a git repository|^Repository not found"),
    ("not found", r"(?:ERROR|^remote): .*(?:[Nn]ot found|could not be found|does not exist)"),
    ("unreachable", _BUSY),
    ("authentication", r"^(?:remote: )?ERROR: | DENIED by "),
    ("unreachable", r"connect to (?:host|address) |Could not resolve hostname|kex_exchange_identification"),
    ("unreachable", r"Connection (?:closed|reset) by (?:remote host|\d)|Connection timed out"),
    # OpenSSH has said the rest in this line only, for some kinds of key.
    ("host unknown", r"Host key verification failed"),
)
# Of a server that gives out what branches and tags stand at, and no commit by its id: git's words, and JGit's.
_UNNAMED = r"unadvertised object|want [0-9a-f]{40,64} not valid"
_KINDS = (
    ("owner", r"dubious ownership"),
    ("closed", r"(?i)unable to (?:create|open|unlink|read).*Permission denied|insufficient permission for adding"),
    ("closed", r"index file open failed: Permission denied"),
    ("unborn", r"does not have any commits yet"),
    ("none", r"not a git repository \(or any"),
    ("bare", r"cannot use bare repository|must be run in a work tree"),
    (
        "authentication",
        r"Authentication failed|could not read (Username|Password)|returned error: 40[13]|Permission denied",
    ),
    ("not found", r"repository '?https?://\S+ not found|(?i:returned error: 4(?:04|10)\b)"),
    ("missing", rf"not our ref|couldn't find remote ref|{_UNNAMED}"),
    ("deep", r"maximum allowed tree depth|File name too long"),
    ("unreachable", r"Could not resolve|unable to access|does not exist|not appear to be a git repository"),
    ("unreachable", r"Connection|timed out|repository .* not found|Could not read from remote"),
    ("unreachable", r"remote error: |bad line length"),
)


# What a connection that broke off, or took too long, is called by git, curl, their TLS libraries and ssh.
_PASSING = re.compile(
    r"reset by peer|Connection timed out|Operation timed out|Operation too slow|early EOF|hung up unexpectedly"
    r"|Empty reply|transfer closed|RPC failed|unexpected disconnect|SSL_ERROR_SYSCALL|SSL_read|GnuTLS recv error"
    r"|unexpected eof|HTTP/2 (?:stream|framing)|Connection (?:closed|reset) by|kex_exchange_identification"
    rf"|Temporary failure in name resolution|Timeout was reached|Failed to connect .* timed out|{_BUSY}"
)
_MAY_PASS = ("unreachable", "other")
_PROXY = re.compile(r"HTTP code (\d+) from proxy|CONNECT tunnel failed, response (\d+)")
_ASK_PROXY = "look at the proxy that 'https_proxy' or git's 'http.proxy' names, and what it wants"
_HAS_TROUBLE = "the server has trouble, and had it each time it was asked: do the same again later"
_ADVICE = (
    (
        r"no matching .* found\. Their offer",
        "the server has nothing that this machine's ssh takes: give it newer keys and algorithms, or take https",
    ),
    (
        r"bad line length character",
        "something there talks before git does, as a shell that greets who logs in: 'ssh HOST' shows it",
    ),
    (
        r"lazy fetching disabled|from promisor remote",
        "it was cloned without all files ('--filter'): name the url that it is a clone of, or clone it whole",
    ),
    (
        r"(?i)certificate verif|SSL certificate problem",
        "name the certificate of its authority: GIT_SSL_CAINFO=FILE, or git config --global http.sslCAInfo FILE",
    ),
    (
        r"Problem with the SSL CA cert|error setting certificate (?:file|verify locations)",
        "the file of authorities that GIT_SSL_CAINFO or git's 'http.sslCAInfo' names can't be read",
    ),
    (r"(?i)could not resolve proxy|unsupported proxy", _ASK_PROXY),
    (
        r"unknown repository extension|[Ee]xpected git repo version",
        "a newer git has made it: install a newer one here",
    ),
    (
        r"dumb http transport",
        "its web server gives out files, and has to run git: 'git http-backend', or a host such as GitLab",
    ),
)
_RULE = re.compile(r"(?:remote:)?[\s=*-]*")
_MARKS = re.compile(r"^(?:(?:remote|fatal|error|ERROR): )+")
_SAID_ALREADY = re.compile(
    r"^unable to access '.*': |The requested URL returned error: \d+(?: .*)?$|^repository '.*' not found$"
)
_ASKS_LATER = "the server asks to come again after {seconds:.0f} s; do the same then"


def error_of(
    said: bytes, code: int, hidden: Sequence[str] = (), *, by_ssh: bool = False, answer: Answer | None = None
) -> GitError:
    """Return what a git that ended with `code` has said; nothing of `hidden` is in it.

    `answer` is what a web server answered last.
    """
    clean = clean_of(said.decode("utf-8", "replace"), hidden)
    lines = _lines_of(clean)
    for kind, pattern in _SSH_KINDS if by_ssh else ():
        if line := next((line for line in lines if re.search(pattern, line)), ""):
            return _error(kind, _plain(line.strip("@ ").removesuffix(".")), clean)
    first = _first_of(lines) or (f"git was ended by signal {-code}" if code < 0 else "git gave no reason")
    if answer and (found := answer_error(answer, clean, hidden)):
        return found
    otherwise = "unreachable" if _PASSING.search(clean) else "other" if lines or code < 0 else "no answer"
    kind = next((name for name, pattern in _KINDS if re.search(pattern, clean)), otherwise)
    return _error(kind, first, clean)


def _error(kind: str, text: str, said: str) -> GitError:
    """Return the error of a kind, with what may help against what was `said`; that it passes only where it may."""
    passing = kind in _MAY_PASS and bool(_PASSING.search(said))
    busy = _HAS_TROUBLE if passing and re.search(_BUSY, said) else None
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, said)), busy)
    return GitError(kind, text[:300], passing=passing, advice=advice)


def _lines_of(said: str) -> list[str]:
    """Return the lines that say something; hosts put theirs between others of '=' and nothing."""
    lines = (line.strip() for line in said.splitlines())
    return [line for line in lines if not _RULE.fullmatch(line)]


def _plain(line: str) -> str:
    """Return a line without the marks of who says it."""
    return _MARKS.sub("", line, count=1)


def _first_of(lines: Sequence[str]) -> str:
    """Return what git says first, and what it is about where that has a line of its own.

    That there is nothing to read from a remote says nothing: why that is has ssh, or the host, said before.
    """
    words = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    if not words:
        return ""
    at = lines.index(words[0])
    if at and "Could not read from remote" in words[0]:
        return _plain(lines[at - 1])
    first = _plain(words[0])
    return " ".join([first, *lines[at + 1 :][:1]]) if first.endswith(":") else first


def clean_of(text: str, hidden: Sequence[str]) -> str:
    """Return a text without logins, and without what nobody is shown."""
    clean = re.sub(r"://[^/@\s]+@", "://***@", text)
    for word in sorted(hidden, key=len, reverse=True):
        clean = clean.replace(word, "***")
    return clean


def answer_error(answer: Answer, said: str = "", hidden: Sequence[str] = ()) -> GitError | None:
    """Return what a web server's answer means, its own words behind the status; None where git's say more."""
    if proxy := _PROXY.search(said):
        status = int(proxy[1] or proxy[2])
        text = f"the proxy answers HTTP {status}"
        return GitError("unreachable", text, passing=status >= 500, pause=answer.pause, advice=_ASK_PROXY)
    text = f"HTTP {answer.status}{_words_of(said)}"
    if answer.is_page and not ("unable to access" in said and answer.status == 200):  # of a proxy, before TLS failed
        to = clean_of(answer.location.partition("?")[0], hidden)[:200]
        leads = f" leads to '{to}'" if to else " is a web page"
        return GitError("page", f"HTTP {answer.status}{leads}, where a repository was expected")
    if answer.moved_to:
        to = clean_of(answer.moved_to, hidden)[:200]
        advice = f"look whether that is yours, and write the url as '{to}'"
        return GitError("moved", f"HTTP {answer.status}: it is at '{to}' now", advice=advice)
    if answer.is_busy:
        later = _ASKS_LATER.format(seconds=answer.pause) if answer.pause else _HAS_TROUBLE
        return GitError("unreachable", text[:300], passing=True, pause=answer.pause, advice=later)
    kinds = {401: "authentication", 403: "authentication", 404: "not found", 410: "not found"}
    kind = kinds.get(answer.status, "unreachable" if answer.status >= 400 else "")
    return GitError(kind, text[:300]) if kind else None


def _words_of(said: str) -> str:
    """Return what the server itself has said, else what git has."""
    lines = _lines_of(said)
    told = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    if words := " ".join(told):
        return f": {words}"
    own = next((line.partition(": ")[2] for line in lines if line.startswith(("fatal:", "error:"))), "")
    own = _SAID_ALREADY.sub("", own)
    return f": {own}" if own else ""

"""LFS servers: where a repository's large files are, what opens that, and where each of them can be had.

Git LFS's own discovery, but for what a commit may not decide: a server at another host than the repository's is asked
only where the manifest names that host, and a login goes to the server that it is for. What the server answers may name
any https address with headers for it, as those of an object store do; of ours nothing goes there.
"""

from __future__ import annotations

import json
import netrc
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline_builder import __version__
from pipeline_builder.checkout.access import Pass, login_pass
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.gitmodules import RefusedError, host_of
from pipeline_builder.checkout.pointers import Pointer
from pipeline_builder.checkout.retries import PATIENCE, try_again
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.settings import read_setting
from pipeline_builder.checkout.submodules import Part, config_in, read_small
from pipeline_builder.checkout.web import Asked, Network, opened
from pipeline_builder.checkout.words import GitError
from pipeline_builder.manifest.addresses import check_url, parse_address
from pipeline_builder.manifest.manifest import Repo

CONFIG = ".lfsconfig"
_TYPE = "application/vnd.git-lfs+json"
_MOST_BYTES = 16 * 1024 * 1024
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "expect", "range"})
_PORT = 443
_ANSWER = 120.0
_SHORTEST = 8
_WRITE = "write 'url = https://…' below [lfs]"
AGENT = f"pipeline-builder/{__version__}"
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An LFS server; `login` is what opens it, and nothing but it."""

    url: str
    remote: Remote


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an object can be had, and with which headers; `hidden` is in none of what is said."""

    oid: str
    url: str
    headers: Headers
    hidden: tuple[str, ...] = ()


def find_server(git: Git, part: Part, top: Repo, remote_of: Callable[[Repo], Remote]) -> Server:
    """Return the server of a part's repository: the one that its `.lfsconfig` names, or else beside the repository.

    Raises:
        RefusedError: it is at a host that neither the repository is at nor the manifest names.
        GitError: the file is none.
    """
    named = _named(git, part)
    remote = part.remote
    if not named:
        return Server(url=_beside(remote.url) if remote.by_web else "", remote=remote)
    try:
        check_url(named)
        address = parse_address(named)
    except ValueError as error:
        raise RefusedError(f"'{CONFIG}' has no address of a server: {error}", _WRITE) from error
    if address.scheme != "https" or not address.host:
        raise RefusedError(f"'{CONFIG}' names '{_shown(named)}', which is not https", _WRITE)
    if remote.by_web and origin(remote.url) == origin(named):
        return Server(url=named, remote=remote)
    if host := host_of(address, top):
        section = top.hosts[host]
        update = {"name": part.repo.name, "url": named, "credentials": section.credentials, "known_hosts": ()}
        return Server(url=named, remote=remote_of(part.repo.model_copy(update={**update, "connection": ""})))
    hint = f"if you trust it: 'hosts: {{\"{address.host}\": {{}}}}' in the repository's entry, with its credentials"
    raise RefusedError(f"'{CONFIG}' names the host '{address.host}', which the manifest doesn't name", hint)


def _named(git: Git, part: Part) -> str:
    """Return the address that a commit names; of what else is in its file nothing is read."""
    if not read_small(git, part, CONFIG):
        return ""
    try:
        return git.run([*config_in(part, CONFIG), "--get", "lfs.url"], repository=part.bare).strip()
    except GitError as error:
        if error.kind != "no answer":
            raise
        return ""


def _beside(url: str) -> str:
    """Return where a server is that nobody names. Source: Git LFS, "Server Discovery"."""
    bare = url.rstrip("/")
    return f"{bare}/info/lfs" if bare.endswith(".git") else f"{bare}.git/info/lfs"


def origin(url: str) -> tuple[str, str, int]:
    """Return what two addresses have in common that are of one server."""
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or _PORT


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200]


def ask(server: Server, git: Git, pointers: Sequence[Pointer]) -> tuple[dict[str, Place], dict[str, str]]:
    """Return where the objects can be had, and of the others why they can't, both by their SHA-256.

    Raises:
        GitError: the server can't be asked.
    """
    with server.remote.access() as given:
        url, headers, hidden = server.url, _login(given, server, git), given.hidden
        if not url:
            url, headers = _by_ssh(server.remote, git, given)
            hidden = (*hidden, *_secrets(headers))
        try:
            answer = _post(url, headers, git, pointers, hidden)
        except GitError as error:
            login = _kept(server.remote, url, git) if given.own and error.kind == "authentication" else {}
            if not login or "Authorization" in headers:
                raise
            headers = {**headers, **login}
            hidden = (*hidden, *login.values())
            answer = _post(url, headers, git, pointers, hidden)
    return _read(answer, url, headers, hidden)


def network_of(git: Git, url: str) -> Network:
    """Return how the user's git reaches a web server, but for what logs in."""
    settings = _settings(git, url)
    gateway = [value for key, value in settings if key == "http.extraheader" and not _logs_in(value)]
    last = dict(settings)
    return Network(
        environment=git.environment,
        proxy=last.get("http.proxy", ""),
        authority=last.get("http.sslcainfo", ""),
        headers=tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in gateway)),
    )


def _settings(git: Git, url: str) -> list[tuple[str, str]]:
    said = read_setting(git.environment, ["-z", "--get-urlmatch", "http", url])
    return [(key.lower(), value) for key, _, value in (entry.partition("\n") for entry in said.split("\0")) if value]


def _logs_in(header: str) -> bool:
    return header.strip().lower().startswith("authorization:")


def _login(given: Pass, server: Server, git: Git) -> dict[str, str]:
    """Return the header that opens a server: ours for it, or what the user's git would send."""
    key = f"http.{server.remote.url}.extraHeader"
    lines = [value for name, value in given.config if name == key and _logs_in(value)]
    if given.own and server.url:
        lines += [value for name, value in _settings(git, server.url) if name == "http.extraheader" and _logs_in(value)]
    return {"Authorization": lines[0].partition(":")[2].strip()} if lines else {}


def _kept(remote: Remote, url: str, git: Git) -> dict[str, str]:
    """Return what the user's own helpers or netrc have for a server, as git would ask them."""
    parts = urlsplit(url)
    told = f"protocol={parts.scheme}\nhost={parts.netloc}\npath={parts.path.lstrip('/')}\n\n"
    try:
        if found := _netrc(git.environment.get("HOME", ""), parts.hostname or ""):
            name, password = found
        else:
            said = git.run(["credential", "fill"], repository=Path(os.devnull), remote=remote, told=told)
            fields = dict(line.partition("=")[::2] for line in said.split("\n"))
            name, password = fields["username"], fields["password"]
    except (GitError, KeyError):
        return {}
    header = login_pass(url, f"{name}:{password}").config[-1][1]
    return {"Authorization": header.partition(":")[2].strip()}


def _netrc(home: str, host: str) -> tuple[str, str] | None:
    try:
        found = netrc.netrc(str(Path(home, ".netrc"))).hosts.get(host) if home else None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    return (found[0], found[2]) if found and found[0] and found[2] else None


def _by_ssh(remote: Remote, git: Git, given: Pass) -> tuple[str, dict[str, str]]:
    """Return where an ssh host has its LFS server, and the login that it gives for it.

    Source: Git LFS, "Server Discovery", SSH.
    """
    address = parse_address(remote.url)
    host, path = _ssh_words(remote.url)
    if host[-1].startswith("-"):  # which ssh would take for an option
        raise GitError("unreachable", f"the host '{host[-1]}' is none")
    try:
        said = git.run_at_host(remote, host, f"git-lfs-authenticate {shlex.quote(path)} download", _own_ssh(git, given))
    except GitError as error:
        if error.kind not in ("other", "no answer"):
            raise
        advice = "its host may have Git LFS over https only: write the url as https, and name a token"
        raise GitError("other", f"'git-lfs-authenticate' at '{address.host}': {error}", advice=advice) from error
    try:
        answer = json.loads(said)
        url, headers = answer["href"], _headers(answer.get("header") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GitError("other", f"'git-lfs-authenticate' at '{address.host}' has answered no address") from error
    if not is_web(url):
        raise GitError("other", f"'git-lfs-authenticate' at '{address.host}' names an address that is not https")
    return url, headers


def _own_ssh(git: Git, given: Pass) -> dict[str, str]:
    """Return the ssh that the user's git has configured, where nothing else says which."""
    named = {"GIT_SSH_COMMAND", "GIT_SSH"} & {*given.variables, *(name for name in git.environment if given.own)}
    if named or not given.own:
        return {}
    found = read_setting(git.environment, ["--get", "core.sshCommand"]).strip()
    return {"GIT_SSH_COMMAND": found} if found else {}


def _ssh_words(url: str) -> tuple[list[str], str]:
    """Return what ssh is told to find a host, and the path as git would tell it."""
    if "://" not in url:
        host, _, path = url.partition(":")
        return [host], path
    parts = urlsplit(url)
    port = ["-p", str(parts.port)] if parts.port else []
    user = f"{parts.username}@" if parts.username else ""
    return [*port, f"{user}{parts.hostname}"], parts.path


def _post(url: str, headers: Headers, git: Git, pointers: Sequence[Pointer], hidden: tuple[str, ...]) -> Any:
    objects = [{"oid": pointer.oid, "size": pointer.size} for pointer in pointers]
    body = {"operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256"}
    asked = Asked(
        url=f"{url.rstrip('/')}/objects/batch",
        method="POST",
        headers={**headers, "Accept": _TYPE, "Content-Type": _TYPE, "User-Agent": AGENT},
        body=json.dumps(body).encode(),
        hidden=hidden,
        longest=_ANSWER,
    )
    network = network_of(git, url)

    def once() -> Any:
        with opened(asked, network) as response:
            content = response.read(_MOST_BYTES + 1)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise GitError("page", "what it answers is no JSON: it may be a login page, or no server of LFS") from error

    return try_again(once, git.stopped.wait, git.pauses, PATIENCE)


def _read(answer: Any, url: str, headers: Headers, hidden: tuple[str, ...]) -> tuple[dict[str, Place], dict[str, str]]:
    """Read a server's answer: anything may be in it."""
    objects = answer.get("objects") if isinstance(answer, dict) else None
    if not isinstance(objects, list) or answer.get("transfer", "basic") != "basic":
        raise GitError("other", "it answers something else than Git LFS's basic transfers")
    places, missing = {}, {}
    for one in (one for one in objects if isinstance(one, dict)):
        oid = str(one.get("oid"))
        try:
            action = one["actions"]["download"]
            places[oid] = _place(oid, action, url, headers, hidden)
        except (KeyError, TypeError, AttributeError, ValueError):
            missing[oid] = _why(one)
    return places, missing


def _place(oid: str, action: Any, url: str, login: Headers, hidden: tuple[str, ...]) -> Place:
    """Return where an object is; our login goes along to the server that it is for, and nowhere else."""
    href = action["href"]
    if not is_web(href):
        raise KeyError("href")
    own = _headers(action.get("header") or {})
    named = {name.lower() for name in own}
    ours = login if origin(href) == origin(url) and "authorization" not in named else {}
    return Place(oid=oid, url=href, headers={**ours, **own}, hidden=(*hidden, *_secrets(own)))


def is_web(url: object) -> bool:
    """Tell whether an address is one of https, without a login in it."""
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() and " " not in url else None
        return bool(parts and parts.scheme == "https" and parts.hostname and not parts.username and parts.port != 0)
    except ValueError:
        return False


def _headers(found: Mapping[Any, Any]) -> dict[str, str]:
    """Return the headers that a server wants to see again, without those that say where a request begins and ends.

    Raises:
        ValueError: one is none; what is said of it later would have its value in it.
    """
    headers = {
        str(name): str(value)
        for name, value in found.items()
        if str(name).lower() not in _OURS and not str(name).lower().startswith("proxy-")
    }
    if not all(text.isprintable() for header in headers.items() for text in header):
        raise ValueError
    return headers


def _secrets(headers: Headers) -> Iterator[str]:
    """Yield of headers what nobody is shown; a word such as 'true' is no secret."""
    return (value for value in headers.values() if len(value) >= _SHORTEST)


def _why(one: Mapping[str, Any]) -> str:
    error = one.get("error")
    if not isinstance(error, dict):
        named = "no place for it that is an https address" if one.get("actions") else "no place for it"
        return f"the server names {named}"
    message = " ".join(str(error.get("message") or "").split())[:200]
    return f"{error.get('code', '')} {message}".strip()[:220] or "the server doesn't say why"

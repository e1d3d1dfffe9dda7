""".gitmodules: which repositories a commit names for its submodules, and which of them may be asked at all.

The file is content of somebody's commit. It is read as data: what git would obey in it (`update`, `branch`, `ignore`,
names, its other settings) nobody looks at, and an address is taken only where the manifest trusts its host.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline_builder.errors import Place
from pipeline_builder.inert import inert_line
from pipeline_builder.manifest.addresses import Address, check_url, is_local, parse_address
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.manifest.service import TriggerSection

FILE = ".gitmodules"
MOST_BYTES = 1024 * 1024
"""Bytes that a file of settings in a commit may have."""
_PORTS = {"https": 443, "ssh": 22}
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]*")
_SECTION = re.compile(r'\s*\[submodule "(?P<name>.*?)"')
_URL = re.compile(r"\s*url\s*=", re.IGNORECASE)
_KEY = re.compile(r"submodule\.(?P<name>.*)\.(?P<key>path|url)", re.DOTALL)
_BY_URL = "a submodule's url is https, ssh, or relative to that of its repository (../NAME.git)"


class RefusedError(Exception):
    """A submodule's address isn't asked; the text says why, `hint` what to do."""

    def __init__(self, text: str, hint: str) -> None:
        self.hint = hint
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A submodule as the file names it; `line` counts from 1."""

    name: str
    url: str
    line: int
    text: str

    def place(self, whose: str) -> Place:
        """Return where it stands; `whose` names the repository and its commit."""
        return Place(file=f"{whose}:{FILE}", line=self.line, column=1, text=self.text)


def read_entries(settings: str, text: str) -> Mapping[str, Named]:
    """Return the submodules by their paths: `settings` is the file's as git lists it with -z, `text` the file's own."""
    found: dict[str, dict[str, str]] = {}
    for entry in settings.split("\0"):
        key, _, value = entry.partition("\n")
        if match := _KEY.fullmatch(key):
            found.setdefault(match["name"], {})[match["key"]] = value
    lines = text.removeprefix("\ufeff").split("\n")
    places = _places(lines)
    return {
        posixpath.normpath(values["path"]): _named(name, values.get("url", ""), places.get(name, 0), lines)
        for name, values in found.items()
        if values.get("path")
    }


def _places(lines: list[str]) -> dict[str, int]:
    """Return by submodule the line of its url, or else of its section's begin."""
    found: dict[str, int] = {}
    name = None
    for at, line in enumerate(lines):
        if line.lstrip().startswith("["):
            section = _SECTION.match(line)
            name = section["name"] if section and section["name"] not in found else None
            if name is not None:
                found[name] = at
        elif name is not None and _URL.match(line):
            found[name], name = at, None
    return found


def _named(name: str, url: str, at: int, lines: list[str]) -> Named:
    shown = inert_line(lines[at])[:200]
    return Named(name=name, url=url, line=at + 1, text=re.sub(r"://[^/@\s]+@", "://***@", shown))


def submodule_repo(parent: Repo, top: Repo, path: str, named: Named, root: Path) -> Repo:
    """Return the repository that a submodule is, with what opens it: that of its own host and of no other.

    On the parent's host it is asked by the parent's protocol, so that what opens the parent opens it; elsewhere, or
    where the manifest says it, by what `hosts` of `top`, the manifest's entry, has for that host. `root` is the
    manifest's folder.

    Raises:
        RefusedError: the address isn't one, or the manifest names no such host.
    """
    name = f"{top.name}/{path}"
    if is_local(parent.url) and (is_local(named.url) or not named.url):
        return like(parent, name, _folder(parent.url, top.url, named.url, root))
    url = _absolute(parent.url, named.url)
    try:
        check_url(url)
        address = parse_address(url)
    except ValueError as error:
        raise RefusedError(str(error), _BY_URL) from error
    if is_local(url) or (address.scheme != "codecommit" and not _HOST.fullmatch(address.host)):
        raise RefusedError(f"'{inert_line(url)[:200]}' is no address of a server", _BY_URL)
    if listed := host_of(address, top):
        return _opened(parent, top, name, url, listed)
    for base in (parent, top):
        if not is_local(base.url) and parse_address(base.url).host == address.host:
            return like(base, name, _by_protocol_of(base.url, url, address))
    raise RefusedError(
        f"it is at the host '{address.host}', which the manifest doesn't name",
        f"if you trust it: 'hosts: {{\"{_names_of(address)[-1]}\": {{}}}}' in the repository's entry, with credentials",
    )


def _names_of(address: Address) -> list[str]:
    """Return by which names the manifest may list an address's host: the port may be left out where it is the usual."""
    usual = _PORTS.get(address.scheme)
    port = address.port or usual
    return [f"{address.host}:{port}", *([address.host] if port == usual else [])]


def host_of(address: Address, repo: Repo) -> str | None:
    """Return which of a repository's `hosts` an address is at."""
    return next((host for host in _names_of(address) if host in repo.hosts), None)


def _absolute(base: str, url: str) -> str:
    """Return a relative url as git does: from the url of the repository that names it.

    Raises:
        RefusedError: it leads beyond its host.
    """
    if not url.startswith(("./", "../")) and url not in (".", ".."):
        return url
    head, path = _split(base)
    steps = [part for part in path.split("/") if part]
    for part in url.split("/"):
        if part == "..":
            if not steps:
                raise RefusedError(f"'{inert_line(url)[:200]}' leads out of its host", _BY_URL)
            steps.pop()
        elif part not in ("", "."):
            steps.append(part)
    return head + "/".join(steps)


def _split(url: str) -> tuple[str, str]:
    """Take an address apart into what stays and the path that others are relative to."""
    if url.startswith("codecommit:"):
        head, _, rest = url.partition("://")
        profile, at, name = rest.rpartition("@")
        return f"{head}://{profile}{at}", name
    if "://" in url:
        head, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        return f"{head}://{host}/", path
    head, _, path = url.partition(":")
    return f"{head}:{'/' if path.startswith('/') else ''}", path


def _by_protocol_of(base: str, url: str, address: Address) -> str:
    """Return an address at the same host by the protocol of another one there: what opens that one opens it then.

    Raises:
        RefusedError: it is at another port, which somebody else may listen at.
    """
    own = parse_address(base)
    port = f":{own.port}" if own.port else ""
    if address.scheme == own.scheme:
        usual = _PORTS.get(own.scheme)
        if (address.port or usual) != (own.port or usual):
            hint = f"if you trust it: 'hosts: {{\"{_names_of(address)[0]}\": {{}}}}' in the repository's entry"
            raise RefusedError(f"it is at another port of '{address.host}' than its repository", hint)
        return url
    if own.scheme == "https":
        return f"https://{own.host}{port}/{address.path}.git"
    user = urlsplit(base).username if "://" in base else base.partition("@")[0]
    return f"ssh://{user or 'git'}@{own.host}{port}/{address.path}.git"


def _folder(base: str, top: str, url: str, root: Path) -> str:
    """Return where a folder of this machine is whose repository names another one beside it.

    Raises:
        RefusedError: it isn't beside it: a commit has no say in which folders of this machine are read.
    """
    mark = "file://" if base.startswith("file://") else ""
    found = posixpath.normpath(posixpath.join(base.removeprefix(mark), url))
    beside = (root / top.removeprefix("file://")).resolve().parent
    if not url.startswith(("./", "../")) or not (root / found).resolve().is_relative_to(beside):
        text = f"'{inert_line(url)[:200]}' is a folder of this machine, which isn't beside its repository"
        raise RefusedError(text, "write it in .gitmodules relative to the repository's url: ../NAME")
    return mark + found


def like(parent: Repo, name: str, url: str) -> Repo:
    """Return a repository that is opened as its parent is."""
    trigger = parent.trigger.model_copy(update={"repository": None})
    return parent.model_copy(update={"name": name, "url": url, "path": "", "trigger": trigger})


def _opened(parent: Repo, top: Repo, name: str, url: str, host: str) -> Repo:
    """Return a repository that is opened by what the manifest has for its host."""
    section = top.hosts[host]
    connection = section.credentials and section.credentials.kind == "connection"
    update = {
        "name": name,
        "url": url,
        "path": "",
        "credentials": section.credentials,
        "known_hosts": section.known_hosts if parse_address(url).scheme == "ssh" else (),
        "connection": (section.credentials.name or top.connection) if section.credentials and connection else "",
        "trigger": TriggerSection(),
    }
    return parent.model_copy(update=update)

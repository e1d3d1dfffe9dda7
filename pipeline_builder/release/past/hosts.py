"""Hosts of git: the address where a person looks at a commit or a file of a repository, where it is known.

Sources: docs.github.com (permanent links), docs.gitlab.com (`/-/commit/`, `/-/blob/`), support.atlassian.com (Bitbucket
Cloud `/commits/`, `/src/`), confluence.atlassian.com (Bitbucket Data Center `/projects/KEY/repos/NAME/commits/`),
Gitea's and Forgejo's routes (`/commit/`, `/src/commit/`), learn.microsoft.com (Azure Repos `/_git/NAME/commit/`),
docs.aws.amazon.com (CodeCommit's pages of the console).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from pipeline_builder.checkout.commits import is_commit
from pipeline_builder.manifest.addresses import parse_address, parse_codecommit
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.regions.partitions import console

_KNOWN = {
    "github.com": "github", "ssh.github.com": "github", "gitlab.com": "gitlab", "altssh.gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket", "altssh.bitbucket.org": "bitbucket", "codeberg.org": "gitea", "gitea.com": "gitea",
    "dev.azure.com": "azure", "ssh.dev.azure.com": "azure",
}  # fmt: skip
# A host of one's own: its first name is what people call it by.
_NAMED = {"github": "github", "ghe": "github", "gitlab": "gitlab", "gitea": "gitea", "forgejo": "gitea"}
_WEB = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com", "altssh.bitbucket.org": "bitbucket.org"}
_HOST = re.compile(r"[a-z0-9.-]+")


def host_kind(repo: Repo) -> str:
    """Return what kind of host a repository's is, as the manifest tells or its name; empty where nothing does."""
    if repo.credentials and repo.credentials.kind == "github-app":
        return "github"
    return kind_of(repo.url)


def kind_of(url: str) -> str:
    """Return what kind of host an address is of, as its name tells; empty where it doesn't."""
    if parse_codecommit(url):
        return "codecommit"
    host = parse_address(url).host
    if host.endswith(".visualstudio.com"):
        return "azure"
    if host.endswith(".ghe.com"):
        return "github"
    return _KNOWN.get(host) or _NAMED.get(host.partition(".")[0], "")


def host_link(url: str, sha: str = "", path: str = "", *, kind: str = "") -> str:
    """Return the page of a commit at the repository's host, with a path that of the file at the commit, without both
    the repository's; empty where the host isn't known. `kind` is that of a host of one's own.

    Nothing of who may read there is in it, whatever the address has.
    """
    kind = kind or kind_of(url)
    if (sha and not is_commit(sha)) or kind not in _PAGES:
        return ""
    base = _azure(url) if kind == "azure" else _codecommit(url) if kind == "codecommit" else _web(url, kind)
    if not base or not sha:
        return base
    of_commit, of_file = _PAGES[kind]
    return base + (of_file if path else of_commit).format(sha=sha, path=quote(path.strip("/")))


_PAGES: Mapping[str, tuple[str, str]] = {
    "azure": ("/commit/{sha}", "?path=/{path}&version=GC{sha}"),
    "bitbucket": ("/commits/{sha}", "/src/{sha}/{path}"),
    "bitbucket-server": ("/commits/{sha}", "/browse/{path}?at={sha}"),
    "codecommit": ("/commit/{sha}", "/browse/{sha}/--/{path}"),
    "gitea": ("/commit/{sha}", "/src/commit/{sha}/{path}"),
    "github": ("/commit/{sha}", "/blob/{sha}/{path}"),
    "gitlab": ("/-/commit/{sha}", "/-/blob/{sha}/{path}"),
}
"""What comes behind the repository's page, by the kind of host: a commit's page, and a file's at a commit."""


def _web(url: str, kind: str) -> str:
    """Return the repository's page of a host that has it at the path of its address."""
    address = parse_address(url)
    path = address.path.strip("/").removesuffix(".git")
    if address.scheme not in ("https", "ssh") or not _HOST.fullmatch(address.host) or not path:
        return ""
    # An ssh server's port says nothing of the web server's.
    port = f":{address.port}" if address.scheme == "https" and address.port else ""
    if kind == "bitbucket-server":
        project, _, name = path.removeprefix("scm/").partition("/")
        return f"https://{address.host}{port}/projects/{quote(project)}/repos/{quote(name)}" if name else ""
    return f"https://{_WEB.get(address.host, address.host)}{port}/{quote(path)}"


def _azure(url: str) -> str:
    """Return the page of a repository of Azure Repos, in each of the spellings that its clone button gives."""
    address = parse_address(url)
    parts = address.path.strip("/").split("/")
    if address.scheme == "ssh":  # v3/ORGANIZATION/PROJECT/NAME
        if len(parts) != 4 or parts[0] != "v3":
            return ""
        _, organization, project, name = parts
        return f"https://dev.azure.com/{'/'.join(map(_spelt, (organization, project, '_git', name)))}"
    there = address.scheme == "https" and _HOST.fullmatch(address.host) and "_git" in parts
    return f"https://{address.host}/{'/'.join(map(_spelt, parts))}" if there else ""


def _spelt(part: str) -> str:
    """Return a part of a path as an address has it, also one that was copied from an address."""
    return quote(unquote(part), safe="")


def _codecommit(url: str) -> str:
    """Return the page of a repository of CodeCommit in AWS's console; none where the address names no Region."""
    found = parse_codecommit(url)
    address = console(found.region) if found and found.region else ""
    return f"{address}/codesuite/codecommit/repositories/{quote(found.name)}" if found and address else ""

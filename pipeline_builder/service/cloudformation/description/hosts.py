"""Git hosts: what the revisions of repositories and patterns of paths are for the services of AWS."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline_builder.manifest.tags import TAGS, tag_expression, tag_pattern

PROVIDERS = {"github.com": "GITHUB", "gitlab.com": "GITLAB", "bitbucket.org": "BITBUCKET"}
_COMMIT = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")


def find_provider(host: str) -> str | None:
    """Return CodeBuild's word for a git host, None where its name doesn't tell."""
    if host in PROVIDERS:
        return PROVIDERS[host]
    own = {"gitlab": "GITLAB_SELF_MANAGED", "github": "GITHUB_ENTERPRISE"}
    return next((provider for word, provider in own.items() if word in host), None)


def branch_of(revision: str) -> str | None:
    """Return the branch that a revision names; None for a commit, tags, other refs such as those of merge requests, and
    HEAD, which is no name of its own.
    """
    if stands_still(revision) or tag_pattern(revision) or revision == "HEAD":
        return None
    branch = revision.removeprefix("refs/heads/")
    return None if branch.startswith("refs/") and branch == revision else branch


def stands_still(revision: str, trigger: str = "") -> bool:
    """Tell whether a revision is a commit or a tag; what is only called like a tag can't be told from a branch.

    A tag can be moved, which only a look ('poll') sees, as `watch` does.
    """
    is_tag = revision.startswith(TAGS) and not tag_pattern(revision)
    return bool(_COMMIT.match(revision)) or (is_tag and trigger != "poll")


def ref_expression(revision: str) -> str:
    """Return a regular expression for the refs that a revision is about, as CodeBuild's webhooks take it."""
    pattern = tag_pattern(revision)
    return f"^{TAGS}{tag_expression(pattern)}$" if pattern else f"^refs/heads/{re.escape(branch_of(revision) or '')}$"


_GLOB = re.compile(r"(?P<deep>\*\*/?)|(?P<star>\*)|(?P<one>\?)|(?P<text>[^*?]+)")


_SPECIAL = re.compile(r"[.^$*+?()\[{|\\]")


def path_expression(globs: Iterable[str]) -> str:
    """Return one regular expression for paths that match any of the globs, empty where there are none.

    CodeBuild's webhooks filter by regular expressions, and so does the `grep` of the builds that they start;
    CodePipeline's triggers by globs: `*` stays inside a folder, `**` doesn't, and `**/` may stand for nothing. What is
    escaped is what POSIX's extended expressions, Java's and Python's have in common.
    """
    words = {"star": "[^/]*", "one": "[^/]"}
    parts = []
    for glob in globs:
        part = ""
        for match in _GLOB.finditer(glob):
            kind = match.lastgroup or ""
            if kind == "deep":
                part += "(.*/)?" if match[0].endswith("/") else ".*"
            else:
                part += words.get(kind) or _SPECIAL.sub(r"\\\g<0>", match[0])
        parts.append(part)
    return f"^({'|'.join(parts)})$" if parts else ""

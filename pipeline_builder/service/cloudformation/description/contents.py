"""Contents: what builds on AWS can't fetch, or may not be let to, of submodules and of files in Git LFS."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.errors import Problem
from pipeline_builder.manifest.addresses import parse_address, parse_codecommit
from pipeline_builder.manifest.manifest import Repo


def content_problems(repo: Repo) -> Iterator[Problem]:
    """Yield PB601 for what is on one machine only, and the warning PB829 for what no template can know."""
    if not (repo.submodules or repo.lfs):
        return
    for host, section in repo.hosts.items():
        named = section.credentials
        if named and (named.variable or named.kind == "ssh" or (named.kind == "codecommit" and named.name)):
            message = (
                f"the credentials '{named}' of the host '{host}' are in an environment that builds on AWS don't have"
            )
            hint = "put the token into Secrets Manager and write 'credentials: secretsmanager:ID'"
            yield Problem(id="PB601", message=message, place=repo.place, hint=hint)
    if repo.submodules and (by := _by(repo)):
        message = (
            f"the submodules of '{repo.name}' are fetched by {by}, and builds may read by it only the repositories "
            "that are in the manifest"
        )
        hint = (
            f"give each of them an entry of its own, or a token: 'hosts: {{{parse_address(repo.url).host or 'HOST'}: "
            "{credentials: secretsmanager:ID}}'"
        )
        yield Problem(id="PB829", message=message, place=repo.place, hint=hint, warning=True)
    if repo.lfs and (by := _by(repo)):
        message = f"files of '{repo.name}' in Git LFS are asked for by {by}, which may have none"
        hint = "give the repository a token in Secrets Manager: 'credentials: secretsmanager:ID'"
        yield Problem(id="PB829", message=message, place=repo.place, hint=hint, warning=True)


def _by(repo: Repo) -> str:
    """Return what opens the repository for builds, where that is a right to single repositories."""
    kind = repo.credentials.kind if repo.credentials else None
    if parse_codecommit(repo.url) and kind in (None, "codecommit"):
        return "signed requests to CodeCommit"
    return "its connection" if repo.by_connection else ""

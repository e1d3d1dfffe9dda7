"""The source of a rehearsal: the repository that the manifest is in, as it is committed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.words import GitError
from pipeline_builder.checkout.worktrees import look_at
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.service.rehearsal.artifacts import pack

_MADE_UP = "arn:aws:codeconnections:us-east-1:111122223333:connection/00000000-0000-4000-8000-000000000000"
CLONE, ZIP, ARCHIVE = "CODEBUILD_CLONE_REF", "CODE_ZIP", "S3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A commit of the repository; `changed` says that the working tree has more than what is committed."""

    repository: Path
    commit: str
    subject: str = ""
    committed: str = ""
    changed: bool = False


def with_source(manifest: Manifest, name: str) -> Manifest:
    """Return the manifest with a source of the service; where it names none, one is made up, as none is called."""
    service = manifest.service
    if not service.source.repository:
        source = service.source.model_copy(update={"repository": f"rehearsal/{name}"})
        service = service.model_copy(update={"source": source})
    if service.source.kind == "connection" and not (service.connection or service.source.connection):
        service = service.model_copy(update={"connection": _MADE_UP})
    return manifest.model_copy(update={"service": service})


def find_source(git: Git, folder: Path) -> Source:
    """Return the commit that is checked out in the repository around a folder.

    Raises:
        InputProblems: PB653 where there is no repository, or no commit in it.
    """
    here = look_at(git, folder)
    top, commit = here.top, here.commit
    if here.trouble and not commit:
        raise _unreadable(folder, here.trouble) from here.trouble
    if top is None or not commit:
        message = f"'{folder}' is in no git repository with a commit, and a rehearsal builds what is committed"
        hint = "run 'git init', 'git add' and 'git commit' there"
        raise InputProblems(Problem(id="PB653", message=message, hint=hint))
    whole = look_at(git, top)
    return describe_source(git, top, commit, changed=whole.changed is not False)


def describe_source(git: Git, repository: Path, commit: str, *, changed: bool = False) -> Source:
    """Return a commit of a repository with what it says of itself.

    Raises:
        InputProblems: PB653 where it isn't there.
    """
    try:
        facts = git.describe_in(repository, commit)
    except GitError as error:
        raise _unreadable(repository, error) from error
    return Source(
        repository=repository, commit=commit, subject=facts.subject, committed=facts.committed, changed=changed
    )


def _unreadable(folder: Path, error: GitError) -> PipelineBuilderError:
    if error.kind == "absent":
        return OutsideFailure(Problem(id="PB150", message=str(error), hint=error.hint))
    message = f"the repository of '{folder}' can't be read: {error}"
    return InputProblems(Problem(id="PB653", message=message, hint=error.hint))


def pack_source(git: Git, source: Source, target: Path, *, form: str) -> int:
    """Write the source artifact and return its size; `form` is the action's OutputArtifactFormat, or S3.

    As a clone it has history, links and what may be done with files, as CodeBuild's own clone has. As CODE_ZIP it has
    plain files only, and none of them can be executed: CodePipeline's zip files keep no permissions and no links
    ("Troubleshooting CodePipeline" of its user guide). An archive in S3 is as whoever put it there has packed it.

    Raises:
        InputProblems: PB653 where the commit isn't there any more.
    """
    with temporary_folder() as temporary:
        folder = temporary / "clone"
        try:
            git.clone(source.repository, source.commit, folder)
        except GitError as error:
            message = f"the commit {source.commit[:12]} can't be had from '{source.repository}': {error}"
            raise InputProblems(Problem(id="PB653", message=message, hint=error.hint)) from error
        clone = form == CLONE
        if not clone:
            shutil.rmtree(folder / ".git")
        # Folders too: git takes nothing for a repository that has no refs/.
        plain = form == ZIP
        paths = (path for path in sorted(folder.rglob("*")) if not (plain and path.is_symlink()))
        files = ((path, path.relative_to(folder).as_posix()) for path in paths)
        return pack(target, files, links=clone, modes=not plain)


def source_variables(provider: str, configuration: Mapping[str, str], source: Source) -> dict[str, str]:
    """Return what a source action puts into its namespace.

    Source: "Variables available for pipeline actions" of CodePipeline's user guide.
    """
    of_commit = {"CommitId": source.commit, "CommitMessage": source.subject, "AuthorDate": source.committed}
    branch = {"BranchName": configuration.get("BranchName", "")}
    match provider:
        case "S3":
            bucket, key = configuration.get("S3Bucket", ""), configuration.get("S3ObjectKey", "")
            version = source.commit[:32]
            return {"BucketName": bucket, "ObjectKey": key, "VersionId": version, "ETag": source.commit[:32]}
        case "CodeCommit":
            name = configuration.get("RepositoryName", "")
            return {**of_commit, **branch, "RepositoryName": name, "CommitterDate": source.committed}
        case _:
            full, connection = configuration.get("FullRepositoryId", ""), configuration.get("ConnectionArn", "")
            return {**of_commit, **branch, "FullRepositoryName": full, "ConnectionArn": connection}

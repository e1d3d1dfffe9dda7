"""The environment of a build: what comes from this machine, from the buildspec, the project and the start."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline_builder.regions.partitions import console, partition_of

# All that a build gets of this machine's environment; nothing else, so that no key or token of its user gets into a
# build or its log. Programs and their caches (PATH, HOME, XDG_*, UV_*, TMPDIR), who the user is (git and SSH ask),
# letters and time zone (LANG, LC_*, TZ), and how the network and a package index are reached (proxies, certificates,
# PIP_*): a build container has all of these in another way.
_INHERITED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_\w+|TZ|XDG_(?:CACHE|CONFIG|DATA)_HOME|UV_\w+"
    r"|(?i:(?:https?|ftp|all|no)_proxy)|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE|GIT_SSL_CAINFO"
    r"|PIP_(?:CERT|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|DEFAULT_TIMEOUT|RETRIES)"
)
# Tokens for publishing, and a Python that the container wouldn't have.
_KEPT_BACK = re.compile(r"UV_PUBLISH_\w+|UV_PYTHON|UV_PROJECT_ENVIRONMENT")
# Credentials that lead nowhere, and files that aren't there: a rehearsal doesn't touch an account.
_NO_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "rehearsal",
    "AWS_SECRET_ACCESS_KEY": "rehearsal",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def leads_nowhere(given: Mapping[str, str]) -> bool:
    """Tell whether the credentials in an environment are the made-up ones."""
    return given.items() >= _NO_ACCOUNT.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFacts:
    """What the `CODEBUILD_*` variables say; `sources` has the folder of each source, the primary one under ""."""

    project: str
    number: int
    id: uuid.UUID
    account: str
    region: str
    image: str
    initiator: str
    started: datetime
    source_version: str
    commit: str
    repository: str
    sources: Mapping[str, Path]

    @property
    def build_id(self) -> str:
        return f"{self.project}:{self.id}"


def inherit(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a build gets of this machine's environment; an active Python environment is left out of PATH."""
    kept = {
        name: value
        for name, value in environment.items()
        if _INHERITED.fullmatch(name) and not _KEPT_BACK.fullmatch(name)
    }
    active = environment.get("VIRTUAL_ENV")
    if active and "PATH" in kept:
        folders = kept["PATH"].split(os.pathsep)
        kept["PATH"] = os.pathsep.join(folder for folder in folders if folder != str(Path(active, "bin")))
    return kept


def without_account(given: Mapping[str, str]) -> dict[str, str]:
    """Return made-up credentials, or none where the user has handed on some of their own."""
    return {} if any(name.startswith("AWS_") for name in given) else dict(_NO_ACCOUNT)


def codebuild_variables(facts: BuildFacts) -> dict[str, str]:
    """Return the variables that CodeBuild gives every build.

    Source: "Environment variables in build environments" of the user guide. Those of webhooks have only builds that a
    webhook has started.
    """
    partition = partition_of(facts.region).name
    sources = {f"CODEBUILD_SRC_DIR_{name}": str(folder) for name, folder in facts.sources.items() if name}
    return {
        "AWS_DEFAULT_REGION": facts.region,
        "AWS_REGION": facts.region,
        "CODEBUILD_BUILD_ARN": f"arn:{partition}:codebuild:{facts.region}:{facts.account}:build/{facts.build_id}",
        "CODEBUILD_BUILD_ID": facts.build_id,
        "CODEBUILD_BUILD_IMAGE": facts.image,
        "CODEBUILD_BUILD_NUMBER": str(facts.number),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_BUILD_URL": f"{console(facts.region)}/codebuild/home?region={facts.region}"
        f"#/builds/{facts.build_id}/view/new",
        "CODEBUILD_INITIATOR": facts.initiator,
        "CODEBUILD_LOG_PATH": str(facts.id),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": facts.commit,
        "CODEBUILD_SOURCE_REPO_URL": facts.repository,
        "CODEBUILD_SOURCE_VERSION": facts.source_version,
        "CODEBUILD_SRC_DIR": str(facts.sources[""]),
        "CODEBUILD_START_TIME": str(int(facts.started.timestamp() * 1000)),
        **sources,
    }

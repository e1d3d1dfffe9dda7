"""How tests open a repository: as checkout does, and as a look at heads does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.aws.git import AwsGitSigner
from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.keys import Keys, remote_of
from pipeline_builder.checkout.remotes import fetch_heads
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.manifest.lock import render_lock
from pipeline_builder.manifest.manifest import Manifest, build_manifest

SHORT = (0.01, 0.01)
"""Pauses between two tries."""


def manifest(*lines: str, service: str = "") -> Manifest:
    text = "version: 1\nrepos:\n  - " + "\n    ".join(lines) + "\n" + service
    return build_manifest(parse_yaml(Source("m.yaml", text), "PB100"))


def keys(root: Path, environment: Mapping[str, str], *, aws: bool = False, secrets: Any = None) -> Keys:
    read = (secrets or {}).__getitem__
    return Keys(root=root, environment=environment, read_secret=read, signer=AwsGitSigner("eu-west-1"), aws=aws)


def check_out(root: Path, what: Manifest, used: Keys) -> str:
    """Check out, look at the heads, and return the commit that both say."""
    done = checkout(what, root=root, cache=root / "cache", locked=None, environment=used.environment, keys=used)
    assert (root / "aws-train" / what.repos[0].name / "plain.txt").read_text() == "of the model\n"
    found = fetch_heads(what.repos, Git(environment=used.environment), lambda repo: remote_of(repo, used))
    (locked,) = done.lock.repos
    assert getattr(found[locked.name], "commit", found) == locked.commit
    assert f'url: "{what.repos[0].url}"' in render_lock(done.lock)  # that of the manifest, whatever git was told
    return locked.commit


def failure(root: Path, what: Manifest, used: Keys) -> Problem:
    git = Git(environment=used.environment, pauses=SHORT)
    with pytest.raises(PipelineBuilderError) as caught:
        checkout(
            what, root=root, cache=root / "cache", locked=None, environment=used.environment, keys=used, pauses=SHORT
        )
    (problem,) = caught.value.problems
    assert problem.place
    look = fetch_heads(what.repos, git, lambda repo: remote_of(repo, used))
    (seen,) = look.values()
    assert isinstance(seen, PipelineBuilderError)
    assert seen.problems == (problem,)  # watch and the poller say the same
    return problem

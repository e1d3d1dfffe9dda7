"""A repository, and hosts in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout.hosts import Hosts, hosts
from tests.checkout.repositories import git, make_repository


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remotes") / "churn"
    folder.mkdir()
    (folder / "plain.txt").write_text("of the model\n")
    return make_repository(folder)


@pytest.fixture(scope="module")
def head(repository: Path) -> str:
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Hosts]:
    with hosts(tmp_path / "tls") as found:
        yield found

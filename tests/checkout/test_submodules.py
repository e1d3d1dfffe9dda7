"""Submodules: brought on request, each at its commit, opened by what is for its host, and pinned."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline_builder.checkout.checkout import Checkouts, checkout
from pipeline_builder.checkout.unused import find_foreign
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.manifest.lock import Lock, load_lock, render_lock
from tests.checkout.hosts import Hosts, basic
from tests.checkout.opening import SHORT, keys, manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_certificate, make_repository, serve


def add(folder: Path, path: str, url: str, at: str, name: str = "") -> str:
    """Add a submodule as anybody's git would have it, without fetching anything; return the commit."""
    name = name or path
    git(folder, "config", "--file", ".gitmodules", f"submodule.{name}.path", path)
    git(folder, "config", "--file", ".gitmodules", f"submodule.{name}.url", url)
    (folder / path).mkdir(parents=True, exist_ok=True)  # as git leaves it, so that 'add --all' keeps the link
    git(folder, "add", ".gitmodules")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{at},{path}")
    git(folder, "-c", "maintenance.auto=false", "commit", "--quiet", "--message", f"with {path}")
    return git(folder, "rev-parse", "HEAD")


def made(folder: Path, name: str, **files: str) -> Path:
    (folder / name).mkdir(parents=True)
    for path, text in {"plain.txt": f"of {name}\n", **files}.items():
        (folder / name / path).write_text(text)
    return make_repository(folder / name)


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def remotes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remotes")
    lib, inner = made(folder, "lib"), made(folder, "inner")
    add(lib, "deep/inner", "../inner", head(inner))
    add(made(folder, "churn"), "libs/common", "../lib", head(lib))
    return folder


@pytest.fixture
def root(tmp_path: Path, remotes: Path) -> Path:
    shutil.copytree(remotes, tmp_path / "remotes")
    return tmp_path


def bring(root: Path, *lines: str, locked: Lock | None = None, env: Mapping[str, str] = ENVIRONMENT) -> Checkouts:
    used = keys(root, {**ENVIRONMENT, **env})
    return checkout(
        manifest(*lines), root=root, cache=root / "cache", locked=locked,
        environment=used.environment, keys=used, pauses=SHORT,
    )  # fmt: skip


def failures(
    root: Path, *lines: str, locked: Lock | None = None, env: Mapping[str, str] = ENVIRONMENT
) -> tuple[Problem, ...]:
    with pytest.raises(PipelineBuilderError) as caught:
        bring(root, *lines, locked=locked, env=env)
    assert all(problem.place for problem in caught.value.problems)
    return caught.value.problems


LOCAL = ("url: remotes/churn", "submodules: true")


def files(root: Path, name: str = "churn") -> dict[str, str]:
    folder = root / "aws-train" / name
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_submodules_and_theirs_come_at_their_commits(root: Path) -> None:
    remotes = root / "remotes"
    pinned = head(remotes / "lib")
    commit(remotes / "lib", "later")  # nobody asked for that one
    done = bring(root, *LOCAL)
    assert done.warnings == ()
    found = files(root)
    assert found["plain.txt"] == "of churn\n"
    assert found["libs/common/plain.txt"] == "of lib\n"
    assert found["libs/common/deep/inner/plain.txt"] == "of inner\n"
    submodules = done.lock.repos[0].submodules
    assert submodules is not None
    assert [(one.path, one.url, one.commit) for one in submodules] == [
        ("libs/common", "remotes/lib", pinned), ("libs/common/deep/inner", "remotes/inner", head(remotes / "inner"))
    ]  # fmt: skip
    assert not (root / "aws-train" / "churn" / "libs" / "common" / ".git").exists()
    assert find_foreign(root / "cache") == []


@pytest.mark.long
def test_an_unchanged_checkout_stays_and_an_edited_file_of_a_submodule_is_kept(root: Path) -> None:
    bring(root, *LOCAL)
    (again,) = bring(root, *LOCAL).repos
    assert (again.changed, again.fetched) == (False, 0)
    edited = root / "aws-train" / "churn" / "libs" / "common" / "plain.txt"
    edited.write_text("by hand\n")
    done = bring(root, *LOCAL)
    assert [problem.id for problem in done.warnings] == ["PB159"]
    assert edited.read_text() == "of lib\n"


@pytest.mark.long
def test_the_submodule_moves_with_its_parent(root: Path) -> None:
    bring(root, *LOCAL)
    remotes = root / "remotes"
    (remotes / "lib" / "plain.txt").write_text("newer\n")
    git(remotes / "lib", "commit", "--quiet", "--all", "--message", "newer")
    assert not bring(root, *LOCAL).repos[0].changed
    add(remotes / "churn", "libs/common", "../lib", head(remotes / "lib"))
    assert bring(root, *LOCAL).repos[0].changed
    assert files(root)["libs/common/plain.txt"] == "newer\n"


@pytest.mark.long
def test_without_the_key_they_are_left_out_with_a_word_and_come_with_it(root: Path) -> None:
    done = bring(root, "url: remotes/churn")
    (warning,) = done.warnings
    assert (warning.id, warning.hint) == ("PB158", "'submodules: true' in its entry of the manifest brings them")
    assert "submodules" not in render_lock(done.lock)
    assert bring(root, *LOCAL).repos[0].changed
    assert "libs/common/plain.txt" in files(root)
    assert bring(root, "url: remotes/churn").repos[0].changed
    assert "libs/common/plain.txt" not in files(root)


def test_of_a_folder_only_its_own_submodules(root: Path) -> None:
    churn, lib = root / "remotes" / "churn", root / "remotes" / "lib"
    add(churn, "model/vendor", "../lib", head(lib))
    bring(root, *LOCAL, "path: libs")
    assert files(root) .keys() == {
        "common/plain.txt", "common/.gitmodules", "common/deep/inner/plain.txt"
    }  # fmt: skip


@pytest.mark.long
def test_the_lock_has_them_and_is_held_to(root: Path, tmp_path: Path) -> None:
    done = bring(root, *LOCAL)
    path = tmp_path / "lock.yaml"
    path.write_text(render_lock(done.lock))
    lock = load_lock(path)
    assert lock == done.lock
    commit(root / "remotes" / "churn", "later")
    assert bring(root, *LOCAL, locked=lock).lock.repos == lock.repos
    path.write_text(render_lock(lock).replace(head(root / "remotes" / "inner"), "1" * 40))
    (problem,) = failures(root, *LOCAL, locked=load_lock(path))
    assert problem.id == "PB822"
    assert "'libs/common/deep/inner'" in problem.message
    assert "at 111111111111" in problem.message


@pytest.mark.long
def test_one_fetch_for_an_address_that_is_named_often(root: Path) -> None:
    remotes = root / "remotes"
    certificate = make_certificate(root / "certificate.pem")
    for name in ("churn", "ltv"):
        folder = remotes / name
        if not folder.exists():
            made(remotes, name)
        for path in ("one", "two"):
            add(folder, path, "../lib", head(remotes / "lib"))
    with serve(remotes, certificate=certificate) as (url, log):
        entries = (
            f"url: {url}/churn", "submodules: true\n  - url: " + f"{url}/ltv", "submodules: true",
        )  # fmt: skip
        bring(root, *entries, env={"GIT_SSL_CAINFO": str(certificate)})
        assert log.count("POST git-upload-pack") == 2 + 4  # the looks; churn, ltv, lib and inner
        log.clear()
        bring(root, *entries, env={"GIT_SSL_CAINFO": str(certificate)})
        assert log.count("POST git-upload-pack") == 2
    assert files(root, "ltv")["two/plain.txt"] == "of lib\n"


@pytest.mark.long
def test_a_server_of_before_that_knows_no_ids_gives_its_branches(root: Path) -> None:
    remotes = root / "remotes"
    commit(remotes / "lib", "later")
    certificate = make_certificate(root / "certificate.pem")
    with serve(remotes, certificate=certificate, old=True) as (url, _):
        bring(root, f"url: {url}/churn", "submodules: true", env={"GIT_SSL_CAINFO": str(certificate)})
    assert files(root)["libs/common/plain.txt"] == "of lib\n"


@pytest.mark.long
def test_of_a_partial_clone_what_is_needed_comes(root: Path) -> None:
    remotes = root / "remotes"
    git(remotes / "churn", "config", "uploadpack.allowFilter", "true")
    certificate = make_certificate(root / "certificate.pem")
    with serve(remotes, certificate=certificate) as (url, _):
        bring(root, f"url: {url}/churn", "path: libs", "submodules: true", env={"GIT_SSL_CAINFO": str(certificate)})
    assert files(root)["common/plain.txt"] == "of lib\n"


@pytest.mark.long
def test_everything_that_is_wrong_is_said_at_once(root: Path) -> None:
    remotes = root / "remotes"
    churn = remotes / "churn"
    add(churn, "gone", "../lib", "1" * 40)
    add(churn, "absent", "../nobody", head(remotes / "lib"))
    git(churn, "update-index", "--add", "--cacheinfo", f"160000,{head(remotes / 'lib')},unnamed")
    (churn / "unnamed").mkdir()
    latin = os.fsdecode("unnam\xe9d".encode("latin-1"))
    git(churn, "update-index", "--add", "--cacheinfo", f"160000,{head(remotes / 'lib')},{latin}")
    (churn / latin).mkdir()
    git(churn, "commit", "--quiet", "--message", "x")
    add(churn, "elsewhere", "https://git.example.com/acme/lib.git", head(remotes / "lib"))
    problems = {problem.id: problem for problem in failures(root, *LOCAL)}
    assert problems.keys() == {"PB821", "PB823", "PB151"}
    found = failures(root, *LOCAL)
    refused = {problem.message: problem for problem in found if problem.id == "PB821"}
    assert list(refused) == [
        "the submodule 'elsewhere' of the repository 'churn' is not fetched: it is at the host 'git.example.com', which "
        "the manifest doesn't name",
        "the submodule 'unnamed' of the repository 'churn' has no url",
        "the submodule 'unnam\ufffdd' of the repository 'churn' has a name that is no UTF-8",
    ]
    (elsewhere, *_) = refused.values()
    assert elsewhere.related[0].file == f"churn@{head(churn)[:12]}:.gitmodules"
    assert (elsewhere.related[0].line, "https://git.example.com" in elsewhere.related[0].text) == (12, True)
    assert "'churn/absent' cannot be reached" in problems["PB151"].message
    assert "111111111111" in problems["PB823"].message
    assert not (root / "aws-train" / "churn").exists()


# --- over https, with what opens it


@pytest.fixture
def served(root: Path, world: Hosts) -> Hosts:
    remotes = root / "remotes"
    names = {f"acme/{name}": remotes / name for name in ("churn", "lib", "inner")}
    world.repositories = {"git.example.com": names, "other.example.com": {"tools/lib": remotes / "lib"}}
    world.guards = {"git.example.com": lambda header: header == basic("x-access-token:good")}
    return world


HTTPS = ("url: https://git.example.com/acme/churn.git", "submodules: true", "credentials: env:TOKEN")


@pytest.mark.long
def test_the_credentials_of_the_parent_open_its_own_host(root: Path, served: Hosts) -> None:
    add(root / "remotes" / "churn", "by-ssh", "git@git.example.com:acme/lib.git", head(root / "remotes" / "lib"))
    done = bring(root, *HTTPS, env={**served.environment, "TOKEN": "good"})
    assert files(root)["by-ssh/plain.txt"] == files(root)["libs/common/plain.txt"] == "of lib\n"
    submodules = {one.path: one.url for one in done.lock.repos[0].submodules or ()}
    assert submodules["by-ssh"] == "https://git.example.com/acme/lib.git"
    assert submodules["libs/common"] == "https://git.example.com/acme/lib"
    assert len([*(root / "cache").glob("@*.git")]) == 2  # and it is one repository
    problems = failures(root / "again", *HTTPS, env={**served.environment, "TOKEN": "bad"})
    assert [problem.id for problem in problems] == ["PB155"]


@pytest.mark.long
def test_another_host_gets_nothing_and_is_asked_only_where_it_is_named(root: Path, served: Hosts) -> None:
    add(root / "remotes" / "churn", "tools", "https://other.example.com/tools/lib.git", head(root / "remotes" / "lib"))
    (problem,) = failures(root, *HTTPS, env={**served.environment, "TOKEN": "good"})
    assert problem.id == "PB821"
    assert problem.hint == (
        "if you trust it: 'hosts: {\"other.example.com\": {}}' in the repository's entry, with credentials"
    )
    assert served.logins("other.example.com") == set()
    assert not [host for host, _, _ in served.seen if host == "other.example.com"]
    # Its own submodule is beside it, where nobody has one.
    served.repositories["other.example.com"] |= {"tools/inner": root / "remotes" / "inner"}  # type: ignore[operator]
    bring(root, *HTTPS, 'hosts: {"other.example.com": {}}', env={**served.environment, "TOKEN": "good"})
    assert files(root)["tools/plain.txt"] == "of lib\n"
    assert served.logins("other.example.com") == set()
    bring(root / "b", *HTTPS, 'hosts: {"other.example.com": {credentials: env:OTHER}}', env={**served.environment, "TOKEN": "good", "OTHER": "o"})  # fmt: skip
    assert served.logins("other.example.com") == {"x-access-token:o"}
    assert served.logins("git.example.com") == {"x-access-token:good"}

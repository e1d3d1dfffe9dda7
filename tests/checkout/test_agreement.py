"""A lock against the manifest and real remotes: what moved, what differs, what is lost, and what can't be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.checkout.repositories import commit, git, make_certificate, make_repository, serve
from tests.checkout.test_submodules import add
from tests.workspaces import Ended, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("churn", "fraud"):
        folder = tmp_path / "remotes" / name
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "conf.yaml").write_text(f"name: {name}\n")
        make_repository(folder)
    write(tmp_path, "{url: remotes/churn}", "{url: remotes/fraud, path: conf}")
    return Workspace(tmp_path)


def write(root: Path, *repos: str) -> None:
    lines = "".join(f"  - {repo}\n" for repo in repos)
    (root / "model_repos.yaml").write_text(f"version: 1\nrepos:\n{lines}")


def check(workspace: Workspace, **environment: str) -> tuple[int, list[tuple[str, str]]]:
    """The exit code, and each problem with its place in the manifest."""
    ended = workspace.call("lock", "--check", "--json", **environment)
    found = ended.json
    assert found["agrees"] == (ended.code == 0) == all(repo["agrees"] for repo in found["repos"])
    places = [f"{p['place']['line']}:{p['place']['column']}" if p["place"] else "" for p in found["problems"]]
    return ended.code, [(problem["id"], place) for problem, place in zip(found["problems"], places, strict=True)]


@pytest.mark.long
def test_as_checked_out_it_agrees_and_nothing_is_written(workspace: Workspace) -> None:
    assert workspace.call("checkout").code == 0
    before = sorted(workspace.root.rglob("*"))
    head = git(workspace.remote, "rev-parse", "HEAD")
    assert check(workspace) == (0, [])
    ended = workspace.call("lock", "--check")
    assert (ended.code, ended.out.splitlines()[0]) == (0, f"churn  {head}")
    assert workspace.call("lock", "--json").json["repos"][0]["commit"] == head
    assert sorted(workspace.root.rglob("*")) == before


@pytest.mark.long
def test_a_checkout_tells_what_it_took(workspace: Workspace) -> None:
    first = workspace.call("checkout", "--json", "--jobs", "1").json["repos"]
    assert [(repo["changed"], repo["bytes"] > 0, repo["seconds"] > 0) for repo in first] == [(True, True, True)] * 2
    again = workspace.call("checkout", "--json").json["repos"]
    assert [(repo["changed"], repo["bytes"]) for repo in again] == [(False, 0)] * 2


@pytest.mark.long
def test_what_moved_is_named_at_its_place(workspace: Workspace) -> None:
    write(workspace.root, "{url: remotes/churn, revision: main}", "{url: remotes/fraud, path: conf}")
    workspace.call("checkout")
    locked = git(workspace.remote, "rev-parse", "HEAD")
    now = commit(workspace.remote, "second")
    assert check(workspace) == (1, [("PB141", "3:36")])
    ended: Ended = workspace.call("lock", "--check")
    assert (ended.code, ended.out.splitlines()[0]) == (1, f"churn  {locked} -> {now}")
    assert f"'main' of the repository 'churn' has moved from {locked[:12]} to {now[:12]}" in ended.err
    # Kept elsewhere it is checked too.
    (workspace.root / "build" / "model_repos.lock.yaml").rename(workspace.root / "kept.yaml")
    assert workspace.call("lock", str(workspace.root / "kept.yaml"), "--check").code == 1
    assert "PB111" in workspace.call("lock", "--check").err


def test_all_that_differs_from_the_manifest(workspace: Workspace) -> None:
    workspace.call("checkout")
    git(workspace.remote, "branch", "dev")
    write(workspace.root, "{url: remotes/churn, revision: dev}", "{url: remotes/fraud, name: other}")
    code, problems = check(workspace)
    assert (code, problems) == (1, [("PB143", "3:36"), ("PB109", "4:11"), ("PB142", "")])


def test_a_new_tag_of_a_pattern(workspace: Workspace) -> None:
    git(workspace.remote, "tag", "v1.9")
    write(workspace.root, "{url: remotes/churn, tag: 'v*'}")
    workspace.call("checkout")
    commit(workspace.remote, "second")
    git(workspace.remote, "tag", "--annotate", "--message", "x", "v1.10-rc1")
    assert check(workspace) == (0, [])
    git(workspace.remote, "tag", "--annotate", "--message", "x", "v1.10")
    assert check(workspace) == (1, [("PB141", "3:31")])


@pytest.mark.long
@pytest.mark.parametrize("filters", ["true", "false"])
def test_a_pinned_commit_that_no_branch_leads_to_any_more(workspace: Workspace, filters: str) -> None:
    (workspace.remote / "big.bin").write_bytes(bytes(100_000))
    pinned = commit(workspace.remote, "pinned")
    commit(workspace.remote, "third")
    for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(workspace.remote, "config", name, filters if "Filter" in name else "true")
    certificate = make_certificate(workspace.root / "certificate.pem")
    trusted = {"GIT_SSL_CAINFO": str(certificate)}
    with serve(workspace.root / "remotes", certificate=certificate) as (url, _):
        write(workspace.root, f"{{url: {url}/churn, revision: {pinned}}}")
        assert workspace.call("checkout", **trusted).code == 0
        assert check(workspace, **trusted) == (0, [])
        git(workspace.remote, "reset", "--quiet", "--hard", "HEAD~2")
        commit(workspace.remote, "another history")
        # It can still be had, as a fork's can.
        assert workspace.call("checkout", **trusted).code == 0
        code, problems = check(workspace, **trusted)
        assert (code, [problem for problem, _ in problems]) == (1, ["PB144"])
        git(workspace.remote, "tag", "kept", pinned)
        assert check(workspace, **trusted) == (0, [])


@pytest.mark.long
def test_what_cannot_be_asked_is_another_exit_code_and_hides_nothing(workspace: Workspace) -> None:
    workspace.call("checkout")
    commit(workspace.remote, "second")
    write(workspace.root, "{url: remotes/churn}", "{url: 'https://127.0.0.1:1/fraud', path: conf}")
    code, problems = check(workspace)
    assert (code, [problem for problem, _ in problems]) == (4, ["PB141", "PB143", "PB151"])
    assert json.loads(workspace.call("lock", "--check", "--json").out)["repos"][1]["now"] == ""


@pytest.mark.long
def test_a_lock_of_before_submodules_and_files_in_lfs_were_asked_for(workspace: Workspace) -> None:
    add(workspace.remote, "lib", "../fraud", git(workspace.root / "remotes" / "fraud", "rev-parse", "HEAD"))
    workspace.call("checkout")
    write(workspace.root, "{url: remotes/churn, submodules: true, lfs: true}", "{url: remotes/fraud, path: conf}")
    assert check(workspace) == (1, [("PB143", "3:11"), ("PB143", "3:11")])
    (repo, _) = workspace.call("checkout", "--json").json["repos"]
    assert [one["path"] for one in repo["submodules"]] == ["lib"]
    assert check(workspace) == (0, [])
    assert workspace.call("checkout", "--locked").code == 0
    fraud = workspace.root / "remotes" / "fraud"
    git(fraud, "commit", "--quiet", "--amend", "--message", "anew")
    assert ("PB144", "3:11") in check(workspace)[1]
    fraud.rename(fraud.with_name("gone"))
    code, found = check(workspace)
    assert (code, found.count(("PB151", "3:11"))) == (4, 1)
    fraud.with_name("gone").rename(fraud)
    write(workspace.root, "{url: remotes/churn}", "{url: remotes/fraud, path: conf}")
    assert check(workspace)[1][:2] == [("PB143", "3:11"), ("PB143", "3:11")]

"""Links to the hosts of git: nobody's credentials are in them, and a host that isn't known has none."""

from __future__ import annotations

import pytest

from pipeline_builder.release.past.hosts import host_link, kind_of

SHA = "0123456789abcdef0123456789abcdef01234567"
COMMITS = {
    "https://github.com/acme/churn.git": f"https://github.com/acme/churn/commit/{SHA}",
    "git@github.com:acme/churn.git": f"https://github.com/acme/churn/commit/{SHA}",
    "ssh://git@ssh.github.com:443/acme/churn.git": f"https://github.com/acme/churn/commit/{SHA}",
    "https://acme.ghe.com/acme/churn": f"https://acme.ghe.com/acme/churn/commit/{SHA}",
    "https://gitlab.com/group/sub/churn.git": f"https://gitlab.com/group/sub/churn/-/commit/{SHA}",
    "https://gitlab.example.com:8443/a/b.git": f"https://gitlab.example.com:8443/a/b/-/commit/{SHA}",
    "ssh://git@gitlab.example.com:2222/a/b.git": f"https://gitlab.example.com/a/b/-/commit/{SHA}",
    "https://ada@bitbucket.org/acme/churn.git": f"https://bitbucket.org/acme/churn/commits/{SHA}",
    "https://codeberg.org/acme/churn": f"https://codeberg.org/acme/churn/commit/{SHA}",
    "https://forgejo.example.com/acme/churn": f"https://forgejo.example.com/acme/churn/commit/{SHA}",
    "https://acme@dev.azure.com/acme/My%20Project/_git/churn": (
        f"https://dev.azure.com/acme/My%20Project/_git/churn/commit/{SHA}"
    ),
    "git@ssh.dev.azure.com:v3/acme/My%20Project/churn": (
        f"https://dev.azure.com/acme/My%20Project/_git/churn/commit/{SHA}"
    ),
    "https://acme.visualstudio.com/models/_git/churn": f"https://acme.visualstudio.com/models/_git/churn/commit/{SHA}",
    "codecommit::eu-central-1://ops@churn": (
        f"https://eu-central-1.console.aws.amazon.com/codesuite/codecommit/repositories/churn/commit/{SHA}"
    ),
    "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/churn": (
        f"https://cn-north-1.console.amazonaws.cn/codesuite/codecommit/repositories/churn/commit/{SHA}"
    ),
    "codecommit://churn": "",  # of the Region at hand, which nobody tells
    "https://git.example.com/acme/churn.git": "",
    "remotes/churn": "",
    "file:///srv/git/churn.git": "",
    "https://dev.azure.com/acme/churn": "",
}


@pytest.mark.parametrize(("url", "expected"), COMMITS.items(), ids=COMMITS)
def test_a_commits_page(url: str, expected: str) -> None:
    assert host_link(url, SHA) == expected


FILES = {
    "github": f"/blob/{SHA}/a%20b/c%3Fd.py",
    "gitlab": f"/-/blob/{SHA}/a%20b/c%3Fd.py",
    "gitea": f"/src/commit/{SHA}/a%20b/c%3Fd.py",
    "bitbucket": f"/src/{SHA}/a%20b/c%3Fd.py",
}


@pytest.mark.parametrize("kind", FILES)
def test_a_files_page_at_a_host_of_which_the_manifest_tells_the_kind(kind: str) -> None:
    found = host_link("ssh://git@git.example.com:2222/acme/churn.git", SHA, "a b/c?d.py", kind=kind)
    assert found == f"https://git.example.com/acme/churn{FILES[kind]}"


def test_bitbucket_of_ones_own() -> None:
    url = "https://ada@bitbucket.example.com/scm/ml/churn.git"
    assert host_link(url, SHA, kind="bitbucket-server") == (
        f"https://bitbucket.example.com/projects/ml/repos/churn/commits/{SHA}"
    )


@pytest.mark.parametrize("sha", ["main", "0123", "../../x", f"{SHA}?x", "é" * 40])
def test_what_is_no_commit_has_no_page(sha: str) -> None:
    assert host_link("https://github.com/acme/churn", sha) == ""


@pytest.mark.parametrize("url", ['https://github.com/a"><script>/b', "git@github.com:a/b c'd", "https://github.com/"])
def test_an_address_stays_one(url: str) -> None:
    found = host_link(url, SHA)
    assert not set(found) & set("\"'<> ")
    assert found == "" or found.startswith("https://github.com/")


def test_the_repositorys_own_page() -> None:
    assert host_link("git@gitlab.com:a/b.git") == "https://gitlab.com/a/b"
    assert kind_of("git@gitlab.com:a/b.git") == "gitlab"

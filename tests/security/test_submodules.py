"""What a repository may not do by its submodules and its pointers: read, write or ask anything that isn't its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline_builder.checkout.gitmodules import Named, RefusedError, read_entries, submodule_repo
from pipeline_builder.errors import PipelineBuilderError, Place
from pipeline_builder.manifest.manifest import Repo
from tests.checkout.conftest import world
from tests.checkout.hosts import Hosts, basic
from tests.checkout.lfsserving import LfsServer, pointer_of
from tests.checkout.opening import keys, manifest
from tests.checkout.repositories import commit, git, make_repository
from tests.checkout.test_submodules import add, bring, failures, head, made

__all__ = ["world"]

PLACE = Place(file="m.yaml", line=1, column=1)
HTTPS = "https://git.example.com:8443/acme/churn.git"


def repo(url: str, **fields: object) -> Repo:
    return Repo.model_validate(
        {"name": "churn", "url": url, "revision": "main", "place": PLACE, "revision_place": PLACE, **fields}
    )


def asked(url: str, parent: str = HTTPS, root: Path = Path("/srv/models")) -> str:
    top = repo(parent)
    return submodule_repo(top, top, "x", Named(name="x", url=url, line=1, text=""), root).url


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch /tmp/x'", "-u./payload", "--upload-pack=touch /tmp/x", "file:///etc", "/etc", "fd::0",
        "http://git.example.com:8443/x", "git://git.example.com/x", "https://evil.example.com/x", "ftp://x/y",
        "https://git.example.com/x", "https://git.example.com:444/x", "ssh://-oProxyCommand=touch/x", "",
        "git@-oProxyCommand=touch:x", "https://git.example.com:8443@evil.example.com/x", "https://u:p@git.example.com/x",
        "https://git.example.com:8443\n.evil.example.com/x", "https://git.example.com.evil.example.com/x",
        "../../../../evil.example.com/x", "https:///x", "https://[::1]/x", "codecommit::eu-west-1://x",
        "https://GIT.example.com\\@evil.example.com/x", "https://git.example.com:99999/x",
    ],
)  # fmt: skip
def test_addresses_that_are_not_asked(url: str) -> None:
    with pytest.raises(RefusedError):
        asked(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("../lib.git", "https://git.example.com:8443/acme/lib.git"),
        ("./lib.git", "https://git.example.com:8443/acme/churn.git/lib.git"),
        ("../../tools/lib", "https://git.example.com:8443/tools/lib"),
        ("git@git.example.com:acme/lib.git", "https://git.example.com:8443/acme/lib.git"),
        ("ssh://git@git.example.com:2222/acme/lib.git", "https://git.example.com:8443/acme/lib.git"),
    ],
)
def test_addresses_at_the_repositorys_host(url: str, expected: str) -> None:
    assert asked(url) == expected


@pytest.mark.parametrize(
    ("parent", "url", "expected"),
    [
        ("git@git.example.com:acme/churn.git", "../lib.git", "git@git.example.com:acme/lib.git"),
        ("git@git.example.com:/srv/churn.git", "../lib.git", "git@git.example.com:/srv/lib.git"),
        ("git@git.example.com:acme/churn.git", "https://git.example.com/x/y", "ssh://git@git.example.com/x/y.git"),
        ("codecommit::eu-west-1://churn", "../lib", "codecommit::eu-west-1://lib"),
        ("codecommit://work@churn", "../lib", "codecommit://work@lib"),
        ("../churn", "../lib", "../lib"),
        ("file:///srv/churn", "../lib", "file:///srv/lib"),
    ],
)
def test_relative_addresses_of_every_kind(parent: str, url: str, expected: str) -> None:
    assert asked(url, parent) == expected


@pytest.mark.parametrize("url", ["../../../etc", "../../x", "/etc", "file:///etc", "~/x", "x", "."])
@pytest.mark.parametrize("parent", ["../churn", "file:///srv/churn"])
def test_folders_of_this_machine_that_are_not_beside_the_repository(parent: str, url: str) -> None:
    with pytest.raises(RefusedError):
        asked(url, parent)


def test_a_link_beside_the_repository_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "remotes").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "remotes" / "lib").symlink_to(tmp_path / "secret")
    with pytest.raises(RefusedError):
        asked("../lib", "remotes/churn", tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made(tmp_path / "remotes", "lib")
    made(tmp_path / "remotes", "churn")
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("path", [".git/modules", "a/.GIT/x", "../out", "a/../../out", "git~1", ".git"])
def test_paths_that_lead_out_or_into_gits_own(root: Path, path: str) -> None:
    """Made by hand: git itself takes no such path."""
    churn, lib = root / "remotes" / "churn", head(root / "remotes" / "lib")
    tree = None
    for part in reversed(path.split("/")):
        mode, which = ("160000", lib) if tree is None else ("40000", tree)
        raw = f"{mode} {part}".encode() + b"\0" + bytes.fromhex(which)
        (root / "raw").write_bytes(raw)
        tree = git(churn, "hash-object", "-t", "tree", "--literally", "-w", str(root / "raw"))
    assert tree
    made_by_hand = git(churn, "commit-tree", "-m", "x", tree)
    git(churn, "update-ref", "refs/heads/main", made_by_hand)
    problems = failures(root, "url: remotes/churn", "submodules: true")
    assert problems
    assert not (root / "out").exists()
    assert not (root / "aws-train" / "churn").exists()


@pytest.mark.parametrize(
    "text",
    [
        '[submodule "x"]\n\tpath = libs\n\turl = ../lib\n\tupdate = !touch /tmp/owned\n',
        '[submodule "../../x"]\n\tpath = libs\n\turl = ../lib\n',
        '[submodule "x"]\n\tpath = libs\n\turl = -u./payload\n',
        '[include]\n\tpath = /etc/passwd\n[submodule "x"]\n\tpath = libs\n',
        "not a configuration",
    ],
)
def test_files_that_git_would_obey(root: Path, text: str) -> None:
    churn = root / "remotes" / "churn"
    add(churn, "libs", "../lib", head(root / "remotes" / "lib"))
    (churn / ".gitmodules").write_text(text)
    git(churn, "commit", "--quiet", "--all", "--message", "x")
    assert failures(root, "url: remotes/churn", "submodules: true")
    assert not (root / "aws-train" / "churn").exists()


def test_a_file_of_this_machine_is_no_part_of_a_commits_settings(root: Path) -> None:
    churn = root / "remotes" / "churn"
    add(churn, "libs", "../lib", head(root / "remotes" / "lib"))
    (root / "own").write_text((churn / ".gitmodules").read_text())
    (churn / ".gitmodules").write_text(f"[include]\n\tpath = {root / 'own'}\n")
    git(churn, "commit", "--quiet", "--all", "--message", "x")
    (problem,) = failures(root, "url: remotes/churn", "submodules: true")
    assert (problem.id, "has no url" in problem.message) == ("PB821", True)


@pytest.mark.long
def test_settings_that_git_would_obey_count_for_nothing(root: Path) -> None:
    churn, lib = root / "remotes" / "churn", root / "remotes" / "lib"
    at = head(lib)
    add(churn, "libs", "../lib", at)
    commit(lib, "later")
    git(churn, "config", "--file", ".gitmodules", "submodule.libs.branch", "main")
    git(churn, "config", "--file", ".gitmodules", "core.sshCommand", "touch owned")
    git(churn, "commit", "--quiet", "--all", "--message", "x")
    done = bring(root, "url: remotes/churn", "submodules: true")
    assert [one.commit for one in done.lock.repos[0].submodules or ()] == [at]


def test_a_link_in_place_of_the_file_is_no_file(root: Path) -> None:
    churn = root / "remotes" / "churn"
    add(churn, "libs", "../lib", head(root / "remotes" / "lib"))
    (churn / ".gitmodules").rename(churn / "named")
    (churn / ".gitmodules").symlink_to("named")
    git(churn, "add", "--all")
    git(churn, "commit", "--quiet", "--message", "x")
    assert failures(root, "url: remotes/churn", "submodules: true")


@pytest.mark.long
def test_as_many_as_there_may_be(root: Path) -> None:
    churn, lib = root / "remotes" / "churn", head(root / "remotes" / "lib")
    lines = "".join(f"160000 commit {lib}\tm{number}\n" for number in range(257))
    tree = git(churn, "mktree", "--missing", text=lines)
    text = "".join(f'[submodule "m{n}"]\n\tpath = m{n}\n\turl = ../lib\n' for n in range(257))
    blob = git(churn, "hash-object", "-w", "--stdin", text=text)
    tree = git(churn, "mktree", "--missing", text=f"{lines}100644 blob {blob}\t.gitmodules\n")
    git(churn, "update-ref", "refs/heads/main", git(churn, "commit-tree", "-m", "x", tree))
    (problem,) = failures(root, "url: remotes/churn", "submodules: true")
    assert problem.id == "PB824"


def test_links_that_nobody_names_are_no_heap_of_problems(root: Path) -> None:
    churn, lib = root / "remotes" / "churn", head(root / "remotes" / "lib")
    lines = "".join(f"160000 commit {lib}\tm{number}\n" for number in range(300))
    tree = git(churn, "mktree", "--missing", text=lines)
    git(churn, "update-ref", "refs/heads/main", git(churn, "commit-tree", "-m", "x", tree))
    (problem,) = failures(root, "url: remotes/churn", "submodules: true")
    assert problem.id == "PB824"


def test_few_trees_that_unfold_to_very_many_files_are_not_searched_to_their_end(root: Path) -> None:
    churn = root / "remotes" / "churn"
    lines = f"100644 blob {git(churn, 'rev-parse', 'HEAD:plain.txt')}\tx\n"
    for _ in range(10):
        tree = git(churn, "mktree", text=lines)
        lines = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
    git(churn, "update-ref", "refs/heads/main", git(churn, "commit-tree", "-m", "x", tree))
    (problem,) = failures(root, "url: remotes/churn", "submodules: true")
    assert problem.id == "PB154"


@pytest.mark.long
def test_a_file_of_very_many_submodules_is_read_once() -> None:
    """As many as its megabyte takes: looking from the begin for each took minutes."""
    names = [f"m{number}" for number in range(25_000)]
    text = "".join(f'[submodule "{name}"]\n\tpath={name}\n\turl=u\n' for name in names)
    settings = "\0".join(f"submodule.{name}.{key}\n{name}" for name in names for key in ("path", "url"))
    found = read_entries(settings, text)
    assert [(found[name].line, found[name].text) for name in ("m0", "m24999")] == [
        (3, r"\turl=u"),
        (75_000, r"\turl=u"),
    ]


def test_the_line_of_a_submodule_is_that_of_its_url_or_of_its_begin() -> None:
    text = '[core]\n\turl = c\n[submodule "a"]\n\tpath = a\n[submodule "b"]\n\tURL = b\n\turl = c\n[submodule "a"]\n\turl = d\n'
    settings = 'submodule.a.path\na\0submodule.b.path\nb\0submodule.b.url\nc\0submodule."o.path\no'
    assert {path: named.line for path, named in read_entries(settings, text).items()} == {"a": 3, "b": 6, "o": 1}


# --- LFS


SECRET = b"something of this machine that a pointer may name"


def of_lfs(root: Path, world: Hosts, server: LfsServer) -> tuple[str, ...]:
    churn = root / "remotes" / "model"
    churn.mkdir(parents=True)
    (churn / ".gitattributes").write_text("*.bin filter=lfs\n")
    (churn / "weights.bin").write_text(pointer_of(SECRET))
    make_repository(churn)
    world.repositories = {"git.example.com": {"acme/model": churn}}
    world.raw = server
    return ("url: https://git.example.com/acme/model.git", "lfs: true", "credentials: env:TOKEN")


@pytest.mark.long
@pytest.mark.parametrize(
    "href",
    ["http://127.0.0.1:1/x", "file:///etc/passwd", "https://u:p@other.example.com/x", "//x", "", None, 5,
     "https://other.example.com/\nX: y", "https://other.example.com:0/"],
)  # fmt: skip
def test_a_server_cannot_send_us_anywhere(root: Path, world: Hosts, href: object) -> None:
    server = LfsServer()
    server.put(SECRET)
    lines = of_lfs(root, world, server)

    def meddle(answer: dict[str, object]) -> object:
        return {"objects": [{"oid": hashlib.sha256(SECRET).hexdigest(), "actions": {"download": {"href": href}}}]}

    server.meddle = meddle
    (problem,) = failures(root, *lines, env={**world.environment, "TOKEN": "good"})
    assert problem.id == "PB826"
    assert len(server.asked) == 2  # both times it was asked where


@pytest.mark.long
@pytest.mark.parametrize(
    "answer", [[], {}, {"objects": 5}, {"objects": [5]}, {"objects": [{"oid": []}]}, {"transfer": "tus", "objects": []}]
)
def test_answers_that_are_none(root: Path, world: Hosts, answer: object) -> None:
    server = LfsServer(meddle=lambda _: answer)
    lines = of_lfs(root, world, server)
    with pytest.raises(PipelineBuilderError) as caught:
        bring(root, *lines, env={**world.environment, "TOKEN": "good"})
    assert {problem.id for problem in caught.value.problems} <= {"PB825", "PB826"}


@pytest.mark.long
def test_a_file_of_this_machine_names_no_server(root: Path, world: Hosts) -> None:
    server = LfsServer()
    server.put(SECRET)
    lines = of_lfs(root, world, server)
    (root / "own").write_text("[lfs]\n\turl = https://git.example.com/elsewhere\n")
    (root / "remotes" / "model" / ".lfsconfig").write_text(f"[include]\n\tpath = {root / 'own'}\n")
    commit(root / "remotes" / "model", "settings")
    bring(root, *lines, env={**world.environment, "TOKEN": "good"})
    assert {path.partition("/objects/")[0] for _, path, _ in server.asked} == {"/acme/model.git/info/lfs"}


@pytest.mark.long
def test_what_is_said_has_no_login_in_it(root: Path, world: Hosts) -> None:
    token = "tok-0123456789abcdef"
    header = basic(f"x-access-token:{token}")
    told = f'{{"message": "{token} and {header} refused"}}'.encode()
    server = LfsServer(batch_faults=[(403, {}, told)])
    lines = of_lfs(root, world, server)
    (problem,) = failures(root, *lines, env={**world.environment, "TOKEN": token})
    assert token not in str(problem)
    assert header.removeprefix("Basic ") not in str(problem)


@pytest.mark.long
def test_a_header_that_is_none_is_not_shown(root: Path, world: Hosts) -> None:
    server = LfsServer(given={"Authorization": "RemoteAuth tok-0123456789abcdef\n"})
    server.put(SECRET)
    (problem,) = failures(root, *of_lfs(root, world, server), env={**world.environment, "TOKEN": "good"})
    assert (problem.id, "tok-0123456789abcdef" in str(problem)) == ("PB826", False)


@pytest.mark.long
def test_an_object_is_no_link_out_of_the_folder(root: Path, world: Hosts) -> None:
    """A link in a commit is a file with its target in it, so a pointer's path is always a file of the folder."""
    server = LfsServer()
    server.put(SECRET)
    lines = of_lfs(root, world, server)
    model = root / "remotes" / "model"
    (model / "weights.bin").unlink()
    (model / "weights.bin").symlink_to("../../outside.bin")
    (model / "out").symlink_to("../..")
    commit(model, "links")
    used = keys(root, {**world.environment, "TOKEN": "x"})
    from pipeline_builder.checkout.checkout import checkout

    checkout(manifest(*lines), root=root, cache=root / "cache", locked=None, environment=used.environment, keys=used)
    assert not (root / "outside.bin").exists()
    assert (root / "aws-train" / "model" / "weights.bin").read_text() == "../../outside.bin"

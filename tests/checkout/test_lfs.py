"""Files in Git LFS: brought on request, from the right server with the right login, and never other ones."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import asyncssh
import pytest

from pipeline_builder.checkout.checkout import Checkouts, checkout
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.lfs import Objects, take_from_folder, unpacked
from pipeline_builder.checkout.lfsserver import Server, ask
from pipeline_builder.checkout.pointers import parse_pointer
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.unused import find_foreign, find_unused, take
from pipeline_builder.checkout.web import make_context
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.manifest.lock import render_lock
from tests.checkout.hosts import Hosts, basic, ssh_host
from tests.checkout.lfsserving import LfsServer, pointer_of
from tests.checkout.opening import SHORT, keys, manifest
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_certificate, make_repository
from tests.checkout.test_submodules import add, head, made

WEIGHTS = b"weights " * 40_000
GOOD = basic("x-access-token:good")


@pytest.fixture
def server() -> LfsServer:
    return LfsServer(guard=GOOD)


@pytest.fixture
def root(tmp_path: Path, server: LfsServer) -> Path:
    folder = tmp_path / "remotes" / "churn"
    (folder / "model").mkdir(parents=True)
    (folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (folder / "model" / "weights.bin").write_text(server.put(WEIGHTS))
    (folder / "model" / "plain.txt").write_text("of the model\n")
    make_repository(folder)
    return tmp_path


@pytest.fixture
def served(root: Path, world: Hosts, server: LfsServer) -> Hosts:
    world.repositories = {"git.example.com": {"acme/churn": root / "remotes" / "churn"}}
    world.guards = {"git.example.com": lambda header: header == GOOD}
    world.raw = server
    return world


HTTPS = ("url: https://git.example.com/acme/churn.git", "lfs: true", "credentials: env:TOKEN")


def bring(root: Path, world: Hosts, *lines: str, **environment: str) -> Checkouts:
    used = keys(root, {**world.environment, "TOKEN": "good", **environment})
    return checkout(
        manifest(*(lines or HTTPS)), root=root, cache=root / "cache", locked=None,
        environment=used.environment, keys=used, pauses=SHORT,
    )  # fmt: skip


def failures(root: Path, world: Hosts, *lines: str, **environment: str) -> tuple[Problem, ...]:
    with pytest.raises(PipelineBuilderError) as caught:
        bring(root, world, *lines, **environment)
    assert all(problem.place for problem in caught.value.problems)
    return caught.value.problems


def weights(root: Path) -> bytes:
    return (root / "aws-train" / "churn" / "model" / "weights.bin").read_bytes()


@pytest.mark.long
def test_a_file_comes_in_place_of_its_pointer_once(root: Path, served: Hosts, server: LfsServer) -> None:
    done = bring(root, served)
    assert weights(root) == WEIGHTS
    assert done.warnings == ()
    assert done.repos[0].fetched > len(WEIGHTS)
    assert "lfs: true" in render_lock(done.lock)
    batch, download = server.asked
    assert batch == ("git.example.com", "/acme/churn.git/info/lfs/objects/batch", GOOD)
    assert download[::2] == ("git.example.com", GOOD)
    assert find_foreign(root / "cache") == []
    (again,) = bring(root, served).repos
    assert (again.changed, len(server.asked)) == (False, 2)


@pytest.mark.long
def test_an_edited_file_is_kept_and_the_object_comes_from_the_cache(
    root: Path, served: Hosts, server: LfsServer
) -> None:
    bring(root, served)
    (root / "aws-train" / "churn" / "model" / "weights.bin").write_bytes(b"by hand")
    assert [problem.id for problem in bring(root, served).warnings] == ["PB159"]
    assert weights(root) == WEIGHTS
    assert len(server.asked) == 2


@pytest.mark.long
def test_what_is_kept_is_held_against_its_digest(root: Path, served: Hosts, server: LfsServer) -> None:
    bring(root, served)
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    kept = root / "cache" / "lfs" / oid[:2] / oid[2:4] / oid
    kept.write_bytes(b"?" * len(WEIGHTS))
    (root / "aws-train").rename(root / "gone")
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert len(server.asked) == 4


@pytest.mark.long
def test_without_the_key_pointers_stay_with_a_word(root: Path, served: Hosts, server: LfsServer) -> None:
    (warning,) = bring(root, served, HTTPS[0], HTTPS[2]).warnings
    assert (warning.id, warning.hint) == ("PB163", "'lfs: true' in its entry of the manifest brings them")
    assert weights(root).decode() == pointer_of(WEIGHTS)
    assert bring(root, served).repos[0].changed
    assert bring(root, served, HTTPS[0], HTTPS[2]).repos[0].changed
    assert weights(root).decode() == pointer_of(WEIGHTS)


@pytest.mark.long
def test_only_what_the_attributes_of_the_commit_give_to_it(root: Path, served: Hosts, server: LfsServer) -> None:
    churn = root / "remotes" / "churn"
    (churn / "model" / "docs.txt").write_text(pointer_of(b"an example"))
    (churn / "other.bin").write_text(pointer_of(b"of another folder, and gone"))
    commit(churn, "more")
    git(churn, "config", "uploadpack.allowFilter", "true")
    (warning,) = bring(root, served, *HTTPS, "path: model").warnings  # the attributes are in the folder above
    assert (root / "aws-train" / "churn" / "weights.bin").read_bytes() == WEIGHTS
    assert (warning.id, "docs.txt" in warning.message) == ("PB163", True)
    assert warning.hint == "its .gitattributes doesn't give them to LFS: 'git lfs track' does"


@pytest.mark.long
@pytest.mark.parametrize("attributes", ["*.bin filter=lfs -text\n", "* text eol=crlf\n*.bin filter=lfs\n"])
def test_a_pointer_is_one_as_it_is_in_the_commit_whatever_its_name(
    root: Path, served: Hosts, server: LfsServer, attributes: str
) -> None:
    churn = root / "remotes" / "churn"
    (churn / ".gitattributes").write_text(attributes)
    git(churn, "config", "core.safecrlf", "false")
    odd = os.fsdecode("model/caf\xe9 -\n.bin".encode("latin-1"))
    (churn / odd).write_text(server.put(b"of an odd name" * 100))
    commit(churn, "more")
    assert bring(root, served).warnings == ()
    assert weights(root) == WEIGHTS
    assert (root / "aws-train" / "churn" / odd).read_bytes() == b"of an odd name" * 100
    assert not bring(root, served).repos[0].changed


@pytest.mark.long
def test_an_object_store_gets_its_own_headers_and_no_login(root: Path, served: Hosts, server: LfsServer) -> None:
    server.store, server.given = "other.example.com", {"X-Signed": "yes"}
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert [(host, login) for host, _, login in server.asked] == [("git.example.com", GOOD), ("other.example.com", "")]


@pytest.mark.long
def test_a_redirect_to_a_store_leaves_the_login_behind(root: Path, served: Hosts, server: LfsServer) -> None:
    server.redirect = "other.example.com"
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert [(host, login) for host, _, login in server.asked[1:]] == [
        ("git.example.com", GOOD), ("other.example.com", "")
    ]  # fmt: skip


@pytest.mark.long
def test_what_passes_is_tried_again_and_what_broke_off_goes_on(root: Path, served: Hosts, server: LfsServer) -> None:
    half = len(WEIGHTS) // 2
    server.batch_faults = [(429, {"Retry-After": "0"}, b""), (503, {}, b"")]
    server.faults = [(500, {}, b""), (200, {}, WEIGHTS[:half])]
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert server.ranges == ["", "", f"bytes={half}-"]


@pytest.mark.long
def test_an_object_that_comes_packed_unasked(root: Path, served: Hosts, server: LfsServer) -> None:
    """As object stores give one that was put there so; of what is packed no rest can be had."""
    told, packed = {"Content-Encoding": "gzip"}, gzip.compress(WEIGHTS)
    server.faults = [(200, {}, WEIGHTS[:1000])]
    server.faults.append((206, {**told, "Content-Range": f"bytes 1000-{len(packed)}/{len(packed)}"}, packed[1000:]))
    server.faults.append((200, told, packed))
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert server.ranges == ["", "bytes=1000-", ""]


def test_a_little_is_unpacked_at_a_time() -> None:
    sizes = [len(part) for part in unpacked(iter([gzip.compress(bytes(5 << 20))]))]
    assert (sum(sizes), max(sizes)) == (5 << 20, 1 << 20)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["none", "bomb", "cut off"])
def test_what_is_packed_wrongly_is_not_it(root: Path, served: Hosts, server: LfsServer, kind: str) -> None:
    content = {"none": b"no gzip", "cut off": gzip.compress(b"x")[:15]}.get(kind) or gzip.compress(bytes(1 << 28))
    server.faults = [(200, {"Content-Encoding": "gzip"}, content)] * 20
    (problem,) = failures(root, served)
    assert problem.id == "PB826", problem


@pytest.mark.long
def test_a_redirect_may_be_relative(root: Path, served: Hosts, server: LfsServer) -> None:
    to = f"../objects/{hashlib.sha256(WEIGHTS).hexdigest()}"
    server.faults = [(302, {"Location": to}, b"")]
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert server.asked[1] == server.asked[2]


@pytest.mark.long
def test_a_part_that_a_killed_checkout_has_left_is_no_part_of_another(
    root: Path, served: Hosts, server: LfsServer
) -> None:
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    part = root / "cache" / "lfs" / oid[:2] / oid[2:4] / f"{oid}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"torn")
    bring(root, served)
    assert weights(root) == WEIGHTS
    assert server.ranges == ["bytes=4-", ""]
    assert not part.exists()


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, b"?" * len(WEIGHTS)), "what came isn't it"),
        pytest.param((200, {}, WEIGHTS + b"more"), "what came isn't it", marks=pytest.mark.long),
        pytest.param((403, {}, b'{"message": "expired"}'), "HTTP 403: expired", marks=pytest.mark.long),
        pytest.param((302, {"Location": "http://other.example.com/x"}, b""), "HTTP 302", marks=pytest.mark.long),
    ],
)
def test_another_answer_is_no_object(
    root: Path, served: Hosts, server: LfsServer, answer: tuple[int, dict[str, str], bytes], said: str
) -> None:
    server.faults = [answer] * 4
    (problem,) = failures(root, served)
    assert problem.id == "PB826"
    assert problem.message.startswith("files of 'churn' in Git LFS can't be had: 'model/weights.bin': ")
    assert said in problem.message
    assert not (root / "aws-train" / "churn").exists()
    assert server.batches == 2  # where it is may have been for a while only
    server.faults = []
    bring(root, served)
    assert weights(root) == WEIGHTS


@pytest.mark.long
def test_a_refused_login_and_a_missing_object_are_told_apart(root: Path, served: Hosts, server: LfsServer) -> None:
    server.guard = basic("x-access-token:another")
    (problem,) = failures(root, served)
    assert (problem.id, "HTTP 401: Credentials needed" in problem.message) == ("PB825", True)
    assert problem.hint == "the token that 'env:TOKEN' names may be expired, or may not read the repository"
    server.guard = GOOD
    objects, server.objects = server.objects, {}
    (problem,) = failures(root, served)
    assert (problem.id, "404 Object does not exist" in problem.message) == ("PB826", True)
    server.objects = objects
    server.batch_faults = [(404, {}, b"")]
    (problem,) = failures(root, served)
    assert (problem.id, "no Git LFS" in (problem.hint or "")) == ("PB825", True)


@pytest.mark.long
def test_a_file_that_is_too_large_is_not_asked_for(root: Path, served: Hosts, server: LfsServer) -> None:
    churn = root / "remotes" / "churn"
    text = pointer_of(b"x").replace("size 1\n", f"size {3 * 1024**3}\n")
    (churn / "large.bin").write_text(text)
    commit(churn, "large")
    (problem,) = failures(root, served)
    assert (problem.id, server.asked) == ("PB154", [])


@pytest.mark.long
def test_a_place_by_plain_http_is_named_as_such(root: Path, served: Hosts, server: LfsServer) -> None:
    server.meddle = lambda answer: json.loads(json.dumps(answer).replace("https://", "http://"))
    (problem,) = failures(root, served, *HTTPS)
    assert problem.id == "PB826"
    assert "'model/weights.bin': the server names no place for it that is an https address" in problem.message


@pytest.mark.long
def test_one_with_an_extension_is_refused(root: Path, served: Hosts, server: LfsServer) -> None:
    churn = root / "remotes" / "churn"
    lines = pointer_of(b"x").splitlines(keepends=True)
    (churn / "mine.bin").write_text("".join([lines[0], f"ext-0-case sha256:{'0' * 64}\n", *lines[1:]]))
    server.put(b"x")
    commit(churn, "extended")
    (problem,) = failures(root, served)
    assert (problem.id, "'mine.bin'" in problem.message) == ("PB828", True)


@pytest.mark.long
def test_gc_keeps_what_the_folders_were_made_of_and_no_more(root: Path, served: Hosts, server: LfsServer) -> None:
    remotes = root / "remotes"
    add(remotes / "churn", "lib", "../lib.git", head(made(remotes, "lib")))
    served.repositories["git.example.com"] |= {"acme/lib": remotes / "lib"}  # type: ignore[operator]
    bring(root, served, *HTTPS, "submodules: true")
    cache, later = root / "cache", datetime.now(timezone.utc) + timedelta(days=60)
    assert find_unused(cache, ["churn"], later, bound=0) == []
    assert not bring(root, served, *HTTPS, "submodules: true").repos[0].changed  # which notes the same again
    assert find_unused(cache, ["churn"], later, bound=0) == []
    assert find_foreign(cache) == []
    unused = find_unused(cache, [], later, bound=None)
    assert sorted(item.name[:4] for item in unused if "@" not in item.name) == ["chur", "lfs-"]
    assert len(unused) == 3
    take(cache, unused)
    assert [path.name for path in cache.iterdir() if path.name not in ("lock", "lfs", "churn.new")] == []
    assert [path for path in (cache / "lfs").rglob("*") if path.is_file()] == []
    bring(root, served, *HTTPS, "submodules: true")
    assert weights(root) == WEIGHTS


# --- where the server is


def config(root: Path, url: str) -> None:
    churn = root / "remotes" / "churn"
    (churn / ".lfsconfig").write_text(f"[lfs]\n\turl = {url}\n")
    commit(churn, "configured")


@pytest.mark.long
def test_a_server_that_the_commit_names_at_its_own_host(root: Path, served: Hosts, server: LfsServer) -> None:
    config(root, "https://git.example.com/lfs/acme")
    bring(root, served)
    assert server.asked[0] == ("git.example.com", "/lfs/acme/objects/batch", GOOD)


@pytest.mark.long
def test_a_server_elsewhere_is_asked_where_the_manifest_names_it(root: Path, served: Hosts, server: LfsServer) -> None:
    config(root, "https://other.example.com/lfs")
    (problem,) = failures(root, served)
    assert (problem.id, server.asked) == ("PB827", [])
    assert problem.message == (
        "the files of 'churn' in Git LFS are not fetched: '.lfsconfig' names the host 'other.example.com', which the "
        "manifest doesn't name"
    )
    server.guard = ""
    bring(root, served, *HTTPS, 'hosts: {"other.example.com": {}}')
    assert server.asked[0] == ("other.example.com", "/lfs/objects/batch", "")
    server.guard = basic("x-access-token:o")
    (root / "b").mkdir()
    bring(root / "b", served, *HTTPS, 'hosts: {"other.example.com": {credentials: env:OTHER}}', OTHER="o")
    assert server.asked[-1][::2] == ("other.example.com", server.guard)


@pytest.mark.long
@pytest.mark.parametrize("url", ["http://git.example.com/lfs", "file:///etc", "ssh://git.example.com/x", "nonsense"])
def test_a_server_that_is_not_https_is_refused(root: Path, served: Hosts, server: LfsServer, url: str) -> None:
    config(root, url)
    (problem,) = failures(root, served)
    assert (problem.id, server.asked) == ("PB827", [])


@pytest.mark.long
def test_the_users_own_git_opens_what_names_no_credentials(root: Path, served: Hosts, server: LfsServer) -> None:
    helper = root / "gitconfig"
    helper.write_text('[credential]\n\thelper = "!f() { echo username=ada; echo password=secret; }; f"\n')
    ada = server.guard = basic("ada:secret")
    served.guards = {"git.example.com": lambda header: header == ada}
    bring(root, served, *HTTPS[:2], GIT_CONFIG_GLOBAL=str(helper))
    assert weights(root) == WEIGHTS
    assert [login for _, _, login in server.asked] == ["", ada, ada]


@pytest.mark.long
def test_gits_own_authority_counts_before_that_of_other_programs(root: Path, served: Hosts) -> None:
    other = make_certificate(root / "other.pem")
    bring(root, served, SSL_CERT_FILE=str(other))
    assert weights(root) == WEIGHTS


def test_authorities_are_read_once_and_anew_when_they_are_others(root: Path) -> None:
    path = make_certificate(root / "own.pem")
    environment = {"GIT_SSL_CAINFO": str(path)}
    before = make_context(environment)
    assert make_context(environment) is before
    os.utime(path, ns=(1, 1))
    assert make_context(environment) is not before


def test_a_further_working_tree_has_the_objects_of_the_first(root: Path, served: Hosts, server: LfsServer) -> None:
    churn, oid = root / "remotes" / "churn", hashlib.sha256(WEIGHTS).hexdigest()
    kept = churn / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    kept.mkdir(parents=True)
    (kept / oid).write_bytes(WEIGHTS)
    git(churn, "worktree", "add", "--quiet", "../churn2", "-b", "other")
    bring(root, served, "url: remotes/churn2", "name: churn", "revision: other", "lfs: true")
    assert weights(root) == WEIGHTS
    (root / "remotes" / "churn2" / ".git").write_bytes(b"gitdir: \xff\n")
    wanted, objects = parse_pointer(pointer_of(WEIGHTS).encode()), Objects(Git(environment=ENVIRONMENT), root / "new")
    assert wanted
    assert list(take_from_folder(objects, root / "remotes" / "churn2", [wanted])) == [oid]


def test_a_folder_of_this_machine_has_its_objects_beside_it(root: Path, served: Hosts, server: LfsServer) -> None:
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    entry = ("url: remotes/churn", "lfs: true")
    (problem,) = failures(root, served, *entry)
    assert (problem.id, "'git lfs fetch'" in problem.message) == ("PB826", True)
    kept = root / "remotes" / "churn" / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    kept.parent.mkdir(parents=True)
    kept.write_bytes(WEIGHTS)
    bring(root, served, *entry)
    assert weights(root) == WEIGHTS
    assert server.asked == []


@pytest.mark.long
def test_files_of_submodules_come_from_the_submodules_server(root: Path, served: Hosts, server: LfsServer) -> None:
    remotes = root / "remotes"
    lib = made(remotes, "lib", **{".gitattributes": "*.bin filter=lfs\n", "of-lib.bin": server.put(b"of lib " * 30)})
    add(remotes / "churn", "vendor/lib", "../lib.git", head(lib))
    served.repositories["git.example.com"] |= {"acme/lib": lib}  # type: ignore[operator]
    bring(root, served, *HTTPS, "submodules: true")
    assert (root / "aws-train" / "churn" / "vendor" / "lib" / "of-lib.bin").read_bytes() == b"of lib " * 30
    assert ("git.example.com", "/acme/lib.git/info/lfs/objects/batch", GOOD) in server.asked
    assert not bring(root, served, *HTTPS, "submodules: true").repos[0].changed


# --- ssh


@pytest.fixture(scope="module")
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def by_ssh(root: Path, key: asyncssh.SSHKey) -> Iterator[tuple[str, ...]]:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    told = {"href": "https://other.example.com/lfs", "header": {"Authorization": "RemoteAuth of-ssh"}}
    (root / "key").write_text(key.export_private_key().decode())
    (root / "key").chmod(0o600)
    with ssh_host(key, host_key, lfs=json.dumps(told)) as host:
        yield (
            f"url: ssh://git@127.0.0.1:{host.port}{root}/remotes/churn", "lfs: true", "credentials: ssh:key",
            f"known_hosts: {host.host_key}",
        )  # fmt: skip


@pytest.mark.long
def test_an_ssh_host_says_where_and_with_which_login(
    root: Path, served: Hosts, server: LfsServer, by_ssh: tuple[str, ...]
) -> None:
    server.guard = "RemoteAuth of-ssh"
    bring(root, served, *by_ssh)
    assert weights(root) == WEIGHTS
    assert server.asked[0] == ("other.example.com", "/lfs/objects/batch", "RemoteAuth of-ssh")


def test_a_user_that_ssh_would_take_for_an_option_is_nobody() -> None:
    remote = Remote(url="ssh://-oProxyCommand=touch@git.example.com/x", local=False)
    with pytest.raises(GitError, match="'-oProxyCommand=touch@git.example.com' is none"):
        ask(Server(url="", remote=remote), Git(environment=ENVIRONMENT), ())


# --- pointers


def test_a_pointer_is_one_to_the_letter() -> None:
    text = pointer_of(b"x")
    assert (pointer := parse_pointer(text.encode()))
    assert (pointer.oid, pointer.size) == (hashlib.sha256(b"x").hexdigest(), 1)
    for other in (
        text.replace("v1", "v2"), text.replace("sha256:", "sha256: "), text.replace("size 1", "size 01"),
        text.replace("size 1", "size -1"), text.replace("\n", "\r\n"), text + "\n", f" {text}", text.upper(),
        text + "x" * 1024, text.replace("oid", "size 1\noid"), "",
    ):  # fmt: skip
        assert parse_pointer(other.encode()) is None, other

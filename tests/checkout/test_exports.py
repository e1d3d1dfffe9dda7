"""The same commit is the same bytes, whoever checks it out on whichever machine; the user's say is how a remote is reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline_builder.checkout.checkout import Checkouts, checkout
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.service.rehearsal.sources import CLONE, find_source, pack_source
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_repository, serve
from tests.checkout.test_checkout import one

FILES = {
    "plain.txt": b"one\ntwo $Id$\n",
    "dos.txt": b"one\r\ntwo\r\n",
    "mixed.csv": b"a,b\r\nc,d\n",
    "run.sh": b"#!/bin/sh\necho $Format:%H$\n",
    "weights.bin": bytes(range(256)),
    "sub/Straße.md": "Grüße\n".encode(),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "remotes" / "a"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "run.sh").chmod(0o755)
    make_repository(folder)
    return tmp_path


def run(root: Path, environment: Mapping[str, str]) -> Checkouts:
    """Check out by way of a bare repository: what counts as changed in a working tree is the user's to say."""
    bare = root / "bare.git"
    shutil.rmtree(bare, ignore_errors=True)
    git(root, "clone", "--quiet", "--bare", "--no-local", "remotes/a", str(bare))
    parsed = build_manifest(parse_yaml(Source("m.yaml", one(url="bare.git")), "PB100"))
    return checkout(parsed, root=root, cache=root / ".cache", locked=None, environment=environment)


def exported(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HOSTILE = {
    "eol": "[core]\n eol = crlf\n",
    "autocrlf": "[core]\n autocrlf = true\n",
    "attributes": "[core]\n attributesFile = {home}/attributes\n",
    "filter": '[core]\n attributesFile = {home}/filtered\n[filter "x"]\n smudge = {home}/evil\n clean = {home}/evil\n',
    "process": '[core]\n attributesFile = {home}/filtered\n[filter "x"]\n process = {home}/evil\n required = true\n',
    "lfs": '[core]\n attributesFile = {home}/filtered\n[filter "x"]\n smudge = false\n required = true\n',
    "ident": "[core]\n attributesFile = {home}/ident\n",
    "encoding": "[core]\n attributesFile = {home}/encoding\n",
    "paths": "[core]\n ignoreCase = true\n precomposeUnicode = true\n protectNTFS = false\n symlinks = true\n",
    "modes": "[core]\n fileMode = false\n sharedRepository = world\n bigFileThreshold = 1\n",
    "index": "[index]\n version = 4\n sparse = true\n[core]\n splitIndex = true\n sparseCheckout = true\n",
    "template": "[init]\n templateDir = {home}/template\n",
    "hooks": "[core]\n hooksPath = {home}/template/hooks\n fsmonitor = {home}/evil\n",
    "safe": "[safe]\n bareRepository = explicit\n",
    "format": "[init]\n defaultObjectFormat = sha256\n defaultRefFormat = reftable\n",
}


def make_home(home: Path) -> None:
    (home / "template" / "hooks").mkdir(parents=True)
    (home / "template" / "info").mkdir()
    evil = home / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 >>{home}/pwned\ntr a-z A-Z\n")
    evil.chmod(0o755)
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        shutil.copy(evil, home / "template" / "hooks" / name)
    (home / "template" / "info" / "attributes").write_text("* text eol=crlf\n")
    for name, text in (
        ("attributes", "* text eol=crlf\n"), ("filtered", "* filter=x\n"), ("ident", "* ident\n"),
        ("encoding", "*.txt text working-tree-encoding=UTF-16\n"),
    ):  # fmt: skip
        (home / name).write_text(text)


@pytest.mark.parametrize(
    ("what", "where"),
    [*((what, "HOME") for what in HOSTILE), ("filter", "GIT_CONFIG_GLOBAL"), ("attributes", "XDG_CONFIG_HOME")],
)
def test_the_users_configuration_has_no_say(root: Path, what: str, where: str) -> None:
    home = root / "home"
    make_home(home)
    path = {"HOME": home / ".gitconfig", "XDG_CONFIG_HOME": home / "git" / "config"}.get(where, home / "other")
    path.parent.mkdir(exist_ok=True)
    path.write_text(HOSTILE[what].format(home=home))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    if where != "HOME":
        environment[where] = str(path if where == "GIT_CONFIG_GLOBAL" else home)
    assert run(root, environment).warnings == ()
    assert exported(root / "aws-train" / "a") == FILES
    assert os.access(root / "aws-train" / "a" / "run.sh", os.X_OK)
    # It is told by the same rules whether that is as it was.
    for path in (root / "aws-train" / "a").rglob("*.txt"):
        os.utime(path, (1, 1))
    assert not run(root, environment).repos[0].changed
    assert not (home / "pwned").exists()


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME"])
def test_the_users_attributes_have_no_say(root: Path, variable: str) -> None:
    folder = root / "home" / (".config/git" if variable == "HOME" else "git")
    folder.mkdir(parents=True)
    (folder / "attributes").write_text("* text eol=crlf\n")
    run(root, {"PATH": os.environ["PATH"], variable: str(root / "home"), "GIT_CONFIG_NOSYSTEM": "1"})
    assert exported(root / "aws-train" / "a") == FILES


def test_the_environments_configuration_has_no_say(root: Path) -> None:
    numbered = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.autocrlf", "GIT_CONFIG_VALUE_0": "true"}
    run(root, {**ENVIRONMENT, **numbered, "GIT_CONFIG_PARAMETERS": "'core.eol'='crlf'", "GIT_ATTR_SOURCE": "HEAD"})
    assert exported(root / "aws-train" / "a") == FILES


@pytest.mark.long
def test_the_machines_attributes_have_no_say(root: Path) -> None:
    """On a machine with an /etc/gitattributes: one of our own is put in its place, for this process alone."""
    (root / "etc").mkdir()
    (root / "etc" / "gitattributes").write_text("* text eol=crlf\n")
    (root / "etc" / "gitconfig").write_text("[core]\n autocrlf = true\n")
    alone = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    mount = f"mount --bind {root / 'etc'} /etc"
    if subprocess.run([*alone, "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("takes a mount namespace")
    (root / "model_repos.yaml").write_text(one())
    command = f'{mount} && exec "$@"'
    checkout = [sys.executable, "-m", "pipeline_builder", "checkout"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "HOME": str(root)}
    subprocess.run([*alone, "sh", "-c", command, "sh", *checkout], cwd=root, env=environment, check=True)
    assert exported(root / "aws-train" / "a") == FILES


def test_a_commits_own_attributes_are_the_same_everywhere(root: Path) -> None:
    """What the commit itself says is in every clone, so a checkout has it as well; its filters are nobody's."""
    remote = root / "remotes" / "a"
    (remote / ".gitattributes").write_text("dos.txt text eol=crlf\nplain.txt ident filter=x\n*.sh export-subst\n")
    commit(remote, "attributes")
    blob = git(remote, "rev-parse", "HEAD:plain.txt")
    (root / "conf").write_text(f'[filter "x"]\n smudge = touch {root}/pwned\n required = true\n')
    run(root, {**ENVIRONMENT, "GIT_CONFIG_GLOBAL": str(root / "conf")})
    found = exported(root / "aws-train" / "a")
    assert (found["dos.txt"], found["run.sh"]) == (b"one\r\ntwo\r\n", FILES["run.sh"])
    assert found["plain.txt"] == f"one\ntwo $Id: {blob} $\n".encode()
    assert not (root / "pwned").exists()


def test_what_another_form_has_exported_is_made_anew(root: Path) -> None:
    """An earlier version wrote what the user's configuration made of it, and noted no form."""
    run(root, ENVIRONMENT)
    state = root / ".cache" / "a.json"
    state.write_text(state.read_text().replace('"form": 3, ', ""))
    assert run(root, ENVIRONMENT).repos[0].changed


@pytest.mark.long
def test_a_rehearsals_source_is_the_same_too(root: Path) -> None:
    home = root / "home"
    make_home(home)
    remote = root / "remotes" / "a"
    source = find_source(Git(environment=ENVIRONMENT), remote)
    for name, text in (("none", ""), *HOSTILE.items()):
        (home / ".gitconfig").write_text(
            text.format(home=home) + "[clone]\n defaultRemoteName = x\n rejectShallow = true\n"
        )
        git_ = Git(environment={"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"})
        folder = root / f"clone-{name}"
        git_.clone(remote, source.commit, folder)
        found = {path: content for path, content in exported(folder).items() if not path.startswith(".git/")}
        assert found == FILES, name
        assert not (folder / ".git" / "hooks").exists()
    assert pack_source(git_, source, root / "source.zip", form=CLONE)
    assert not (home / "pwned").exists()


# --- where the user has a say


@pytest.mark.long
def test_a_remote_is_reached_as_the_user_says(root: Path) -> None:
    """By another address, and with the login of a credential helper."""
    bare = root / "served" / "a.git"
    git(root, "clone", "--quiet", "--bare", "remotes/a", str(bare))
    helper = root / "helper"
    helper.write_text("#!/bin/sh\necho username=x-access-token\necho password=s3cret\n")
    helper.chmod(0o755)
    with serve(root / "served", token="s3cret") as (url, _):
        (root / "conf").write_text(
            f'[credential]\n helper = {helper}\n[url "{url}/"]\n insteadOf = {url}/elsewhere/\n[core]\n eol = crlf\n'
        )
        tool = Git(environment={**ENVIRONMENT, "GIT_CONFIG_GLOBAL": str(root / "conf")})
        remote = Remote(url=f"{url}/elsewhere/a.git", local=False)
        head = tool.resolve(remote, "main")
        tool.fetch(root / "x.git", remote, head)
    assert tool.has(root / "x.git", head)


@pytest.mark.long
def test_the_repository_that_we_are_in_has_no_say_how(root: Path) -> None:
    here = root / "remotes" / "a"
    git(here, "config", f"url.{root}/nowhere.insteadOf", str(here))
    (here / "m").mkdir()
    code = "import sys; from pathlib import Path; from pipeline_builder.checkout.git import Git\n"
    code += "from pipeline_builder.checkout.runner import Remote\nfrom tests.checkout.repositories import ENVIRONMENT\n"
    code += "print(Git(environment=ENVIRONMENT).resolve(Remote(url=sys.argv[1], local=True), 'main'))"
    command = [sys.executable, "-c", code, str(here)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == git(here, "rev-parse", "HEAD")


# --- where the process has GIT_* of another repository


@pytest.mark.long
def test_a_checkout_in_a_hook_of_git(root: Path) -> None:
    """git's hooks have GIT_DIR, GIT_INDEX_FILE and others set, in a commit with `git commit FILE` to a file of its own."""
    folder = root / "manifest"
    folder.mkdir()
    (folder / "model_repos.yaml").write_text(one(url="../remotes/a"))
    (folder / "notes").write_text("")
    make_repository(folder)
    hook = folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline_builder checkout\n')
    hook.chmod(0o755)
    (folder / "notes").write_text("changed")
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": str(Path.cwd()),
        "GIT_OBJECT_DIRECTORY": str(folder / ".git" / "objects"),
    }
    command = ["git", "commit", "--quiet", "--message", "by a hook", "notes"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert exported(folder / "aws-train" / "a") == FILES


def test_a_commit_in_an_encoding_that_python_lacks(root: Path) -> None:
    remote = root / "remotes" / "a"
    git(remote, "-c", "i18n.commitEncoding=no-such-code", "commit", "--quiet", "--allow-empty", "--message", "odd")
    assert run(root, ENVIRONMENT).lock.repos[0].subject == "odd"


@pytest.mark.long
def test_a_remote_with_ids_of_another_kind(root: Path) -> None:
    run(root, ENVIRONMENT)
    remote = root / "remotes" / "a"
    shutil.rmtree(remote / ".git")
    git(remote, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    (remote / "plain.txt").write_text("of the other kind\n")
    head = commit(remote, "sha256")
    done = run(root, ENVIRONMENT)
    assert done.warnings == ()  # nobody has edited what was there
    (locked,) = done.lock.repos
    assert (locked.commit, locked.subject, len(locked.tree)) == (head, "sha256", 64)
    assert exported(root / "aws-train" / "a") == {**FILES, "plain.txt": b"of the other kind\n"}
    (root / "aws-train" / "a" / "plain.txt").write_text("by hand\n")
    shutil.rmtree(remote / ".git")
    git(remote, "init", "--quiet", "--initial-branch=main")
    commit(remote, "and back")
    assert [warning.id for warning in run(root, ENVIRONMENT).warnings] == ["PB159"]

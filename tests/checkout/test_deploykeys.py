"""Deploy keys: real git and ssh against a real ssh server, with one key and the hosts that are named."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import asyncssh
import pytest

from pipeline_builder.checkout.deploykeys import UnusableKeyError, read_key
from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.keys import remote_of
from pipeline_builder.checkout.remotes import fetch_heads
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.manifest.addresses import parse_address
from pipeline_builder.manifest.known_hosts import read_known_hosts
from tests.checkout.hosts import ssh_host
from tests.checkout.opening import check_out, failure, keys, manifest
from tests.checkout.repositories import ENVIRONMENT

# --- ssh: one key, known hosts

needs_ssh = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH's client isn't there")


@pytest.fixture(scope="module")
def deploy_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


HOST_KEY, OTHER_KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


@functools.cache
def text_of(key: asyncssh.SSHKey) -> str:
    return str(key.export_private_key().decode())


def locked_key(folder: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(folder / "locked")]
    subprocess.run(command, check=True)
    return (folder / "locked").read_text()


@pytest.mark.long
@needs_ssh
def test_a_deploy_key_and_nothing_else(
    tmp_path: Path, repository: Path, head: str, deploy_key: asyncssh.SSHKey
) -> None:
    """Neither the user's keys nor agent nor configuration; the key is in a file of its own while git runs."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text("Host *\n ProxyCommand touch pwned\n")
    (home / "own").write_text(text_of(OTHER_KEY))
    (home / "own").chmod(0o600)
    own = {"HOME": str(home), "GIT_SSH_COMMAND": f"ssh -i {home}/own", "SSH_AUTH_SOCK": "/nowhere"}
    with ssh_host(deploy_key, HOST_KEY) as host:
        (tmp_path / "hosts").write_text(f"# ours\n[127.0.0.1]:{host.port} {host.host_key} comment\n")
        seen: list[str] = []
        stop = threading.Event()
        watcher = threading.Thread(target=_look_at_processes, args=(seen, stop))
        watcher.start()
        url = f"url: ssh://git@127.0.0.1:{host.port}{repository}"
        secrets = {"git/keys": '{"churn": ' + json.dumps(text_of(deploy_key)) + "}"}
        for known in (f"known_hosts: '{host.host_key}'", "known_hosts: hosts"):
            what = manifest(url, "credentials: 'secretsmanager:git/keys#churn'", known)
            used = keys(tmp_path, {**ENVIRONMENT, **own}, secrets=secrets)
            assert check_out(tmp_path / known[-3:], what, used) == head
        stop.set()
        watcher.join()
        assert set(host.offered) == {public(deploy_key).split()[1]}
    body = text_of(deploy_key).splitlines()[1]
    assert any(line.startswith("ssh -F /dev/null -i ") and "IdentityAgent=none" in line for line in seen)
    assert not any(body in line for line in seen)
    assert not list(Path("/dev/shm").glob("pipeline-builder-tmp-*/key"))


def _look_at_processes(seen: list[str], stop: threading.Event) -> None:
    while not stop.is_set():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                seen.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        time.sleep(0.02)


@pytest.mark.long
@needs_ssh
def test_each_fault_of_ssh_is_named(tmp_path: Path, repository: Path, deploy_key: asyncssh.SSHKey) -> None:
    with ssh_host(deploy_key, HOST_KEY) as host:
        url, good = f"url: ssh://git@127.0.0.1:{host.port}{repository}", f"known_hosts: '{host.host_key}'"

        def fault(key: str, known: str) -> tuple[str, str]:
            what = manifest(url, "credentials: env:KEY", *([known] if known else []))
            used = keys(tmp_path, {**ENVIRONMENT, "HOME": str(tmp_path), "KEY": key})
            found = fetch_heads(what.repos, Git(environment=used.environment), lambda repo: remote_of(repo, used))
            error = found["churn"]
            assert isinstance(error, PipelineBuilderError), error
            assert error.problems[0].hint
            assert error.problems[0].place
            return error.problems[0].id, error.problems[0].message

        own = text_of(deploy_key)
        assert fault(own, f"known_hosts: 'example.com {host.host_key}'") == (
            "PB127",
            "the host of the repository 'churn' isn't known: No ED25519 host key is known for "
            f"[127.0.0.1]:{host.port} and you have requested strict checking",
        )
        assert fault(own, f"known_hosts: '{public(OTHER_KEY)}'")[0] == "PB128"
        assert fault(text_of(OTHER_KEY), good)[0] == "PB129"
        assert fault(locked_key(tmp_path), good) == (
            "PB123",
            "what 'env:KEY' names for the repository 'churn' is a private key with a password, which nobody can type here",
        )
    url = "url: ssh://git@127.0.0.1:1/churn"
    assert fault(text_of(deploy_key), good)[0] == "PB151"
    (tmp_path / "hosts").write_text("no line of a key\n")
    assert fault(text_of(deploy_key), "known_hosts: hosts")[0] == "PB124"
    assert fault(text_of(deploy_key), "known_hosts: none")[0] == "PB124"


def test_a_file_of_known_hosts_may_begin_as_windows_has_it(tmp_path: Path) -> None:
    line = f"git.example.com {public(HOST_KEY)}\n"
    (tmp_path / "hosts").write_bytes(b"\xef\xbb\xbf" + line.encode())
    address = parse_address("ssh://git@git.example.com/acme/churn")
    assert read_known_hosts(["hosts"], tmp_path, address) == line


@pytest.mark.long
@needs_ssh
def test_a_key_of_this_machine(tmp_path: Path, repository: Path, head: str, deploy_key: asyncssh.SSHKey) -> None:
    (tmp_path / "key").write_text(text_of(deploy_key))
    (tmp_path / "key").chmod(0o600)
    with ssh_host(deploy_key, HOST_KEY) as host:
        lines = (f"url: ssh://git@127.0.0.1:{host.port}{repository}", f"known_hosts: '{host.host_key}'")
        for named in ("ssh:key", "ssh:~/key"):
            used = keys(tmp_path, {**ENVIRONMENT, "HOME": str(tmp_path)})
            remote = remote_of(manifest(*lines, f"credentials: {named}").repos[0], used)
            assert Git(environment=used.environment).resolve(remote, "main") == head
        (tmp_path / "key").chmod(0o644)
        assert failure(tmp_path, manifest(*lines, "credentials: ssh:key"), used).id == "PB123"
        assert failure(tmp_path, manifest(*lines, "credentials: ssh:none"), used).id == "PB123"
        # The user's own ssh, held to the host that is named.
        own = keys(tmp_path, {**ENVIRONMENT, "GIT_SSH_COMMAND": f"ssh -F /dev/null -i {tmp_path}/key"})
        (tmp_path / "key").chmod(0o600)
        assert Git(environment=own.environment).resolve(remote_of(manifest(*lines).repos[0], own), "main") == head
        wrong = manifest(lines[0], f"known_hosts: '{public(OTHER_KEY)}'")
        assert failure(tmp_path, wrong, own).id == "PB128"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PuTTY-User-Key-File-3: ssh-ed25519", "is a key of PuTTY, which ssh doesn't read"),
        (public(HOST_KEY), "is the public half of a key, expected the private one"),
        (text_of(HOST_KEY).replace("\n", "\\n"), r"is a private key with '\n' in place of line ends"),
        (text_of(HOST_KEY).replace("\n", " "), "is a private key whose line ends are lost"),
        (text_of(HOST_KEY)[:90], "is a part of a private key only"),
        ("ghp_" + "x" * 36, "is no private key; it may be a token, which ssh has no use for"),
        ("a b", "is no private key that ssh reads"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----",
            "is a private key with a password, which nobody can type here",
        ),
    ],
    ids=["putty", "public", "escaped", "one line", "cut", "token", "words", "password"],
)
def test_what_is_no_key(text: str, expected: str) -> None:
    with pytest.raises(UnusableKeyError) as caught:
        read_key(text)
    assert (str(caught.value), bool(caught.value.hint)) == (expected, True)


def test_line_ends_of_a_key_are_made_right() -> None:
    assert read_key("\n" + text_of(HOST_KEY).strip().replace("\n", "\r\n")) == text_of(HOST_KEY)


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "pkcs1-pem", "indented", "mark"])
def test_forms_of_keys(form: str) -> None:
    """OpenSSH before 9.6 reads no Ed25519 key in PKCS#8's form, and none whose lines begin with spaces."""
    kind = "ssh-ed25519" if form != "pkcs1-pem" else "ecdsa-sha2-nistp256"
    key = asyncssh.generate_private_key(kind)
    text = key.export_private_key(form if "-" in form else "openssh").decode()
    text = {"indented": text.replace("\n", "\n    "), "mark": "\ufeff# ours\n" + text}.get(form, text)
    assert asyncssh.import_private_key(read_key(text)).convert_to_public() == key.convert_to_public()
    assert form != "pkcs8-pem" or "BEGIN OPENSSH PRIVATE KEY" in read_key(text)


def test_a_key_is_gone_with_whoever_held_it(tmp_path: Path) -> None:
    """Killed at once, nothing of it is left for a next command to find; a file of it is in nobody's folder."""
    text = text_of(HOST_KEY)
    program = (
        "import os, shlex, sys\nfrom pathlib import Path\nfrom pipeline_builder.checkout.deploykeys import by_key\n"
        "with by_key(lambda: os.environ['KEY'], lambda: '')() as given:\n"
        "    at = Path(shlex.split(given.variables['GIT_SSH_COMMAND'])[4])\n"
        "    print(at, oct(at.stat().st_mode & 0o777), len(at.read_text()), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    environment = {**ENVIRONMENT, "KEY": text, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    where, mode, length = done.stdout.split()
    assert (done.returncode, mode, int(length)) == (-9, "0o600", len(text))
    assert where.startswith("/proc/")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.long
@needs_ssh
def test_a_path_with_a_percent_a_command_of_ones_own_and_a_revoked_key(
    tmp_path: Path, repository: Path, head: str, deploy_key: asyncssh.SSHKey
) -> None:
    key = tmp_path / "100%h" / "key"
    key.parent.mkdir()
    key.write_text(text_of(deploy_key))
    key.chmod(0o600)
    (tmp_path / "own").symlink_to(key)
    (tmp_path / "config").write_text(
        f"[core]\n sshCommand = ssh -F /dev/null -o IdentityAgent=none -i {tmp_path}/own\n"
        '[url "https://github.com/"]\n insteadOf = ssh://git@127.0.0.1\n'
    )
    with ssh_host(deploy_key, HOST_KEY) as host:
        url, known = f"url: ssh://git@127.0.0.1:{host.port}{repository}", f"known_hosts: '{host.host_key}'"
        environment = {**ENVIRONMENT, "GIT_CONFIG_GLOBAL": str(tmp_path / "config")}
        named = manifest(url, f"credentials: 'ssh:{key}'", known)
        assert check_out(tmp_path / "1", named, keys(tmp_path / "1", environment)) == head
        (tmp_path / "config").write_text((tmp_path / "config").read_text().partition("[url")[0])
        assert check_out(tmp_path / "2", manifest(url, known), keys(tmp_path / "2", environment)) == head
        revoked = f"known_hosts: ['{host.host_key}', '@revoked {host.host_key}']"
        what = manifest(url, f"credentials: 'ssh:{key}'", revoked)
        assert failure(tmp_path / "3", what, keys(tmp_path / "3", environment)).id == "PB128"
    gone = failure(tmp_path / "4", named, keys(tmp_path / "4", environment))
    assert (gone.id, "Connection refused" in gone.message) == ("PB151", True)
    assert str(gone.hint).startswith("nothing listens there")

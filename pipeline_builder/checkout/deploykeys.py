"""Deploy keys: git over ssh with one key and the hosts that are named, and nothing else that the machine has."""

from __future__ import annotations

import base64
import binascii
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline_builder.checkout.access import NO_CONFIGURATION, Access, Pass
from pipeline_builder.checkout.settings import read_setting
from pipeline_builder.machine.temporary import temporary_folder

_PEM = re.compile(
    r"-----BEGIN (?P<what>[A-Z0-9 ]*PRIVATE KEY)-----\s*(?P<body>.*?)\s*-----END (?P=what)-----", re.DOTALL
)
_STORE = "store the file as it is"
_OPENSSH = b"openssh-key-v1\0"
_OWN = frozenset({"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS"})
_SSH = frozenset({"GIT_SSH", "GIT_SSH_COMMAND"})
_AGENT = frozenset({"SSH_AUTH_SOCK", "SSH_AGENT_PID"})
# No configuration, no agent, no key, no host and no password but what is named; nobody is asked.
_ALWAYS = (
    "BatchMode=yes", "IdentitiesOnly=yes", "PreferredAuthentications=publickey", "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no", "ForwardAgent=no", "ControlMaster=no", "ControlPath=none", "ConnectTimeout=30",
)  # fmt: skip


class UnusableKeyError(Exception):
    """A private key that ssh can't take; the text says why and has nothing of the key, `hint` what to do."""

    def __init__(self, text: str, hint: str) -> None:
        self.hint = hint
        super().__init__(text)


def read_key(text: str) -> str:
    """Return a private key as ssh reads it: with line ends as it wants them, and one at the end.

    Raises:
        UnusableKeyError: it is none, or has a password.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    found = _PEM.search(plain)
    if found is None or "\\n" in found["body"]:
        raise UnusableKeyError(*_fault(plain))
    if "\n" not in found["body"].strip() and len(found["body"]) > 100:
        message = "is a private key whose line ends are lost"
        raise UnusableKeyError(message, "store the file as it is: aws secretsmanager … --secret-string file://KEY")
    if _is_encrypted(found["what"], found["body"]):
        message = "is a private key with a password, which nobody can type here"
        raise UnusableKeyError(message, "make a key of its own for this: ssh-keygen -t ed25519 -N '' -f KEY")
    return _readable(found["what"], "".join(f"{line.strip()}\n" for line in found[0].split("\n")))


def _readable(what: str, text: str) -> str:
    """Return a key in a form that every ssh reads: before 9.6 OpenSSH knows no Ed25519 key in PKCS#8's."""
    if what != "PRIVATE KEY":
        return text
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    form, none = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
        return key.private_bytes(serialization.Encoding.PEM, form, none).decode()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeyError("is a damaged private key, or of a kind that ssh doesn't know", _STORE) from None


def _fault(text: str) -> tuple[str, str]:
    make = "make a key: ssh-keygen -t ed25519 -N '' -f KEY; its public half, KEY.pub, goes to the host"
    if text.startswith("PuTTY-User-Key-File"):
        return "is a key of PuTTY, which ssh doesn't read", "export it as an OpenSSH key with PuTTYgen"
    if re.match(r"(?:ssh|ecdsa|sk)-\S+ AAAA", text) or "PUBLIC KEY" in text:
        return "is the public half of a key, expected the private one", make
    if "\\n" in text and "PRIVATE KEY" in text:
        return (
            r"is a private key with '\n' in place of line ends",
            "store the file as it is: --secret-string file://KEY",
        )
    if "PRIVATE KEY" in text:
        return "is a part of a private key only", "store the file as it is, from its first line to its last"
    if text and not re.search(r"\s", text):
        return (
            "is no private key; it may be a token, which ssh has no use for",
            "write the url as https://…, or " + make,
        )
    return "is no private key that ssh reads", make


def _is_encrypted(what: str, body: str) -> bool:
    if what.startswith("ENCRYPTED") or "ENCRYPTED" in body.partition("\n\n")[0]:
        return True
    if not what.startswith("OPENSSH"):
        return False
    try:
        blob = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableKeyError("is a damaged private key", _STORE) from error
    length = int.from_bytes(blob[len(_OPENSSH) : len(_OPENSSH) + 4], "big")
    cipher = blob[len(_OPENSSH) + 4 :][:length]
    return blob.startswith(_OPENSSH) and cipher != b"none"


def by_key(key: Callable[[], str], known_hosts: Callable[[], str]) -> Access:
    """Return the access by a private key, whose file is there while git runs; no known hosts are the machine's own.

    Entering raises UnusableKeyError, and what the two raise.
    """

    @contextmanager
    def enter() -> Iterator[Pass]:
        text = read_key(key())
        with temporary_folder() as folder, _held(text, folder) as path:
            command = _ssh(path, ("IdentityAgent=none",)) + _known(folder, known_hosts())
            lines = tuple(line for line in text.splitlines() if not line.startswith("-----"))
            yield Pass(variables=_variables(command), withheld=_OWN | _AGENT, hidden=lines)

    return enter


@contextmanager
def _held(text: str, folder: Path) -> Iterator[Path]:
    """Give a path at which ssh finds the key: in our memory, where the system has such files, however we end."""
    if not hasattr(os, "memfd_create"):
        _write(folder / "key", text)
        yield folder / "key"
        return
    handle = os.memfd_create("key")
    try:
        os.fchmod(handle, 0o600)  # ssh looks at that
        os.write(handle, text.encode())
        yield Path(f"/proc/{os.getpid()}/fd/{handle}")
    finally:
        os.close(handle)


def by_file(key: Path, known_hosts: Callable[[], str]) -> Access:
    """Return the access by a key of this machine; one with a password may be in the user's agent, the others there
    are not tried.
    """

    @contextmanager
    def enter() -> Iterator[Pass]:
        try:
            key.read_bytes()
        except OSError as error:
            hint = "name the file of a private key, from the manifest's folder or with '~/'"
            raise UnusableKeyError(f"can't be read: {error.strerror}", hint) from error
        with temporary_folder() as folder:
            command = _ssh(key) + _known(folder, known_hosts())
            yield Pass(variables=_variables(command), withheld=_OWN)

    return enter


def by_known_hosts(known_hosts: Callable[[], str], environment: Mapping[str, str]) -> Access:
    """Return the access by the user's own ssh, which takes no other host for this one than those that are named."""

    @contextmanager
    def enter() -> Iterator[Pass]:
        own = environment.get("GIT_SSH_COMMAND") or read_setting(environment, ["--get", "core.sshCommand"]).strip()
        own = own or shlex.quote(environment.get("GIT_SSH") or "ssh")
        with temporary_folder() as folder:
            more = ["-o", "StrictHostKeyChecking=yes", *_known(folder, known_hosts())]
            yield Pass(variables={"GIT_SSH_COMMAND": f"{own} {shlex.join(more)}"}, withheld=_SSH, own=True)

    return enter


def _ssh(key: Path, more: tuple[str, ...] = ()) -> list[str]:
    options = [part for option in (*_ALWAYS, *more) for part in ("-o", option)]
    if "%" in str(key):  # ssh has a meaning for it, but not where it looks whether a '-i' is there
        return ["ssh", "-F", os.devnull, "-o", 'IdentityFile="{}"'.format(str(key).replace("%", "%%")), *options]
    return ["ssh", "-F", os.devnull, "-i", str(key), *options]


def _known(folder: Path, text: str) -> list[str]:
    if not text:
        return []
    _write(folder / "known_hosts", text)
    path = str(folder / "known_hosts").replace("%", "%%")  # ssh has a meaning for it, and takes a space for an end
    options = (f'UserKnownHostsFile="{path}"', f"GlobalKnownHostsFile={os.devnull}", "CheckHostIP=no")
    return [part for option in options for part in ("-o", option)]


def _variables(command: list[str]) -> dict[str, str]:
    return {"GIT_SSH_COMMAND": shlex.join(command), "GIT_SSH_VARIANT": "ssh", **NO_CONFIGURATION}


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)

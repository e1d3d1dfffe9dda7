"""Keys: the owner's, drawn once for a state and kept there for nobody else to read."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.errors import OutsideFailure, Problem

OWNER = "AKIA"
"""How the id of a key begins that lasts."""
OF_A_STEP = "ASIA"
"""How the id of a key begins that ends with its step."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An access key. Its secret is in no text that is made of it."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


def draw_key(kind: str = OWNER) -> Key:
    """Return a new key; neither part of it needs quoting in a shell."""
    return Key(id=kind + "".join(secrets.choice(_LETTERS) for _ in range(16)), secret=secrets.token_urlsafe(30))


def owners_key(state: Path) -> Key:
    """Return the key of the owner of the state, which is drawn where there is none: it lasts, as the state does.

    Raises:
        OutsideFailure: PB840 where it can be neither read nor written, or others may read it.
    """
    path = state / "serve" / "key.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _kept(path) or _drawn(path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _kept(path: Path) -> Key | None:
    """Return the key of the file; None where there is none, or what a kill has left of one."""
    try:
        with path.open(encoding="utf-8") as file:
            if (mode := os.fstat(file.fileno()).st_mode) & 0o077:
                raise _unusable(path, f"others may read it (mode {mode & 0o777:o})")
            found = json.load(file)
        return Key(id=str(found["id"]), secret=str(found["secret"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        path.unlink(missing_ok=True)
        return None


def _drawn(path: Path) -> Key:
    """Write a new key whole; of two that do so at once the first one's counts."""
    key = draw_key()
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"id": key.id, "secret": key.secret}, file)
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)
    except FileExistsError:
        return _kept(path) or key
    finally:
        new.unlink(missing_ok=True)
    return key


def _unusable(path: Path, why: str) -> OutsideFailure:
    hint = "delete it for a new one, or let only its owner read it; '--any-key' does without"
    return OutsideFailure(Problem(id="PB840", message=f"the key in '{path}' can't be used: {why}", hint=hint))

"""Folders that are kept while a job works in them: nothing that it exchanges meanwhile leads elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.mirrors import Mirror, Mirrors
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems


def exchanged_file(out: Path, secret: Path) -> None:
    for make in ((out / "x").write_text, None):
        with contextlib.suppress(FileNotFoundError):
            (out / "x").unlink()
        if make:
            make("mine")
        else:
            (out / "x").symlink_to(secret)


def exchanged_folder(out: Path, secret: Path) -> None:
    (out / "f").mkdir(exist_ok=True)
    (out / "f" / secret.name).write_text("mine")
    (out / "f").rename(out / "g")
    (out / "f").symlink_to(secret.parent)
    (out / "f").unlink()
    (out / "g").rename(out / "f")


def growing(out: Path, secret: Path) -> None:
    del secret
    with (out / "big").open("ab") as file:
        file.write(b"x" * 1000)


@pytest.mark.parametrize("attack", [exchanged_file, exchanged_folder, growing])
def test_what_is_exchanged_while_it_is_looked_at(tmp_path: Path, attack: Callable[[Path, Path], None]) -> None:
    out, secret = tmp_path / "job" / "ml" / "out", tmp_path / "outside" / "x"
    out.mkdir(parents=True)
    secret.parent.mkdir()
    secret.write_text("secret")
    store = LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))
    folders = Mirrors(
        Outputs(folder=tmp_path / "job", store=store, observe=lambda _: None), [Mirror("/opt/ml/out", "s3://b/k")]
    )
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            attack(out, secret)

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 0.7
    while time.monotonic() < until:
        with contextlib.suppress(InputProblems, OSError):
            folders.finish()
    ended.set()
    thread.join()
    found = [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert not [content for content in found if b"secret" in content]
    assert secret.read_text() == "secret"

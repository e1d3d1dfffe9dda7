"""What `validate` says again of what it has found before: the same, and only as long as nothing is another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.many import make_units
from tests.workspaces import MANIFEST, Ended, Kept, Workspace, make_workspace

_SECONDS = re.compile(r"\d+\.\d s$", re.MULTILINE)


@pytest.fixture(scope="module")
def checked_out(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    made = make_workspace(tmp_path_factory.mktemp("known") / "workspace", manifest=MANIFEST)
    assert made.call("checkout").code == 0
    return Kept.keep(made)


@pytest.fixture
def made(checked_out: Kept) -> Workspace:
    return checked_out.restore()


def kept(made: Workspace) -> Path:
    return made.root / ".pipeline_builder" / "kept"


def said(ended: Ended) -> tuple[int, str, str]:
    """Return all of an end but how long it took."""
    return ended.code, ended.out, _SECONDS.sub("", ended.err)


def entries(made: Workspace, kind: str = "validated") -> list[Path]:
    return sorted(kept(made).glob(f"?/{kind}-*"))


def was_known(made: Workspace, *more: str, **environment: str) -> bool:
    """Tell whether a validate found what it says without composing: nobody reads SageMaker's service model then."""
    _, *command = made.command("validate", *more)
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=made.root, env=made.environment(**environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    return "pipeline_builder.definition.compose" not in ended.stderr


def anew(made: Workspace, *more: str, **environment: str) -> Ended:
    """Validate with nothing kept."""
    shutil.rmtree(kept(made), ignore_errors=True)
    return made.call("validate", *more, **environment)


def conf(made: Workspace) -> Path:
    return made.root / "aws-train" / "churn" / "conf" / "conf.yaml"


def replace(path: Path, old: str, new: str) -> None:
    """Change a file, and nothing about it that can be set."""
    text, times = path.read_text(), path.stat()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


NOTED = "entry_point: train.py\n        arguments: {ResourceConfig: {InstanceCount: 2}}"


@pytest.mark.long
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_what_is_said_again_is_the_same_with_every_warning(made: Workspace, options: tuple[str, ...]) -> None:
    replace(conf(made), "entry_point: train.py", NOTED)
    first = made.call("validate", *options)
    assert first.code == 0, first.err
    assert "warning PB561" in first.err
    assert said(made.call("validate", *options)) == said(first)
    assert said(anew(made, *options)) == said(first)
    assert was_known(made)


Change = Callable[[Workspace], object]
CHANGES: dict[str, Change] = {
    "the manifest": lambda made: replace(made.root / "model_repos.yaml", "version: 1", "version: 1 #"),
    "a conf": lambda made: replace(conf(made), "entry_point: train.py", "entry_point: tr4in.py"),
    "the lock": lambda made: replace(made.root / "build" / "model_repos.lock.yaml", "commit: ", "commit:  "),
    "a script": lambda made: (made.root / "aws-train/churn/scripts/train.py").unlink(),
    "a file's mode": lambda made: (made.root / "aws-train/churn/scripts/train.py").chmod(0o700),
    "a new file": lambda made: (made.root / "aws-train/churn/scripts/requirements.txt").write_text("--index-url x"),
    "a new conf": lambda made: shutil.copy(conf(made), conf(made).with_name("other.yaml")),
    "a link": lambda made: (made.root / "aws-train/churn/scripts/new.py").symlink_to("train.py"),
    "an env file": lambda made: (made.root / ".env").write_text("SMP_PREFIX=a"),
    "a framework file": lambda made: (made.root / "framework.yaml").write_text("conf: {}"),
    "no checkouts": lambda made: shutil.rmtree(made.root / "aws-train"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(made: Workspace, change: Change) -> None:
    assert made.call("validate").code == 0
    assert made.call("validate").code == 0
    (entry,) = entries(made)
    before = entry.read_bytes()
    change(made)
    ended = made.call("validate")
    # What was invalid before is said; what is valid was looked at again, and is another entry.
    assert ended.code != 0 or [path.read_bytes() for path in entries(made)] != [before]
    assert said(anew(made)) == said(ended)


@pytest.mark.long
def test_a_variable_counts_where_somebody_asks_for_it(made: Workspace) -> None:
    replace(conf(made), "scale: 2", 'scale: "${SMP_SCALE:-2}"')
    assert made.call("validate").code == 0
    assert was_known(made, OTHER="1")
    assert not was_known(made, SMP_SCALE="3")
    assert not was_known(made, SMP_S3BUCKETNAME="another")


def test_a_failure_is_never_kept(made: Workspace) -> None:
    replace(conf(made), "entry_point: train.py", "entry_pint: train.py")
    first = made.call("validate")
    assert first.code == 1
    assert said(made.call("validate")) == said(first)
    assert entries(made) == []
    assert said(anew(made)) == said(first)


@pytest.mark.long
def test_a_file_that_has_just_changed_counts_by_its_content(made: Workspace) -> None:
    """Within the step of a file system's clock a second change leaves every time as it was."""
    script = made.root / "aws-train/churn/scripts/train.py"
    script.write_text(script.read_text() + "# a\n")
    assert made.call("validate").code == 0
    (entry,) = entries(made)
    assert b"/churn/scripts/train.py" in entry.read_bytes()
    time.sleep(2.1)  # from then on its times tell
    assert was_known(made)
    assert b"/churn/scripts/train.py" not in entry.read_bytes()
    assert was_known(made)
    replace(script, "# a", "# b")
    time.sleep(2.1)
    assert not was_known(made)


@pytest.mark.parametrize("how", ["deleted", "torn", "foreign", "of another version", "no folder"])
def test_the_store_may_be_anything(made: Workspace, how: str) -> None:
    first = made.call("validate")
    for path in [path for path in kept(made).rglob("*") if path.is_file()]:
        content = path.read_bytes()
        torn = {"torn": content[:-1], "foreign": b"{}", "of another version": content.replace(b"kept 1", b"kept 0")}
        path.write_bytes(torn.get(how, content))
    if how in ("deleted", "no folder"):
        shutil.rmtree(kept(made))
    if how == "no folder":
        kept(made).write_text("a file")
    assert said(made.call("validate")) == said(first)
    assert said(made.call("validate")) == said(first)


def test_other_pythons_and_folders_are_looked_for_each_time(tmp_path: Path) -> None:
    manifest = MANIFEST + "  sources: {filesystem://fs-1: data}\n"
    made = make_workspace(tmp_path, manifest=manifest)
    assert made.call("checkout").code == 0
    assert made.call("validate").code == 0
    assert entries(made) == []


@pytest.mark.long
def test_two_at_once_say_the_same(made: Workspace) -> None:
    both = [made.start("validate"), made.start("validate")]
    ended = [(process.communicate(timeout=120), process.wait()) for process in both]
    assert [code for _, code in ended] == [0, 0]
    assert ended[0][0][0] == ended[1][0][0]
    assert was_known(made)


def test_a_link_out_of_the_checkouts_is_looked_at_each_time(made: Workspace) -> None:
    (made.root / "aws-train/churn/scripts/new.md").symlink_to(made.root / "model_repos.yaml")
    assert made.call("validate").code == 0
    assert entries(made) == []


@pytest.mark.long
def test_one_bad_model_among_many_is_told_as_without_the_store(tmp_path: Path) -> None:
    """With many models only those that are new are checked, and what is wrong with one is said as of the whole."""
    make_units(tmp_path, 10)
    made = Workspace(tmp_path)
    assert made.call("validate").code == 0
    changed = tmp_path / "aws-train" / "unit0007" / "conf" / "conf.yaml"
    replace(changed, "entry_point: train.py", NOTED)
    noted = made.call("validate")
    assert noted.code == 0
    assert "PB561" in noted.err
    replace(changed, "InstanceCount: 2", "InstanceCount: 0")
    wrong = made.call("validate")
    assert wrong.code == 1
    assert "PB257" in wrong.err
    assert said(made.call("validate")) == said(wrong)
    assert said(anew(made)) == said(wrong)
    replace(changed, "InstanceCount: 0", "InstanceCount: 2")
    assert said(made.call("validate")) == said(noted)
    assert said(anew(made)) == said(noted)


def test_a_definition_is_the_same_bytes_with_and_without_the_store(tmp_path: Path) -> None:
    make_units(tmp_path, 10)
    made = Workspace(tmp_path)
    assert made.call("build").code == 0
    definition = tmp_path / "build" / "pipeline_definition.json"
    first = definition.read_bytes()
    assert made.call("build").code == 0
    assert definition.read_bytes() == first
    shutil.rmtree(kept(made))
    assert made.call("build").code == 0
    assert definition.read_bytes() == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_state_that_cannot_be_written_is_no_failure(made: Workspace) -> None:
    (made.root / ".pipeline_builder").chmod(0o500)
    assert made.call("validate").code == 0
    assert entries(made) == []

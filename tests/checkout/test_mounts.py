"""Checkouts beside mounts: in layers of a container's image, and where another file system is in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout.repositories import commit, make_repository
from tests.forking import fork
from tests.places import ROOT

MANIFEST = "version: 1\nrepos:\n  - url: remotes/a\n  - url: remotes/b\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    for name in ("a", "b"):
        (root / "remotes" / name / "conf").mkdir(parents=True)
        (root / "remotes" / name / "conf" / "conf.yaml").write_text("first\n")
        make_repository(root / "remotes" / name)
    (root / "model_repos.yaml").write_text(MANIFEST)
    return root


def change(root: Path) -> None:
    for name in ("a", "b"):
        (root / "remotes" / name / "conf" / "conf.yaml").write_text("second\n")
        commit(root / "remotes" / name, "second")


def first(root: Path) -> None:
    """Check out where nothing is mounted."""
    process = fork(["checkout"], cwd=root, environment=environment(root))
    out, err = process.communicate(timeout=60)
    assert process.wait() == 0, out + err


def environment(root: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(root)}


def checkout(root: Path, mount: str, after: str) -> subprocess.CompletedProcess[str]:
    """Check out as the command line does, with a mount that nobody else sees."""
    alone = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    if subprocess.run([*alone, "sh", "-c", mount], cwd=root.parent, capture_output=True, check=False).returncode:
        pytest.skip("takes a mount namespace")
    command = [*alone, "sh", "-c", f'{mount} && cd {root} && "$@"; ended=$?; {after}; exit $ended', "sh"]
    started = [sys.executable, "-m", "pipeline_builder", "checkout"]
    return subprocess.run(
        [*command, *started], cwd=root.parent, env=environment(root), capture_output=True, text=True, check=False
    )


def test_a_checkout_in_a_layer_of_an_image_is_replaced(root: Path) -> None:
    first(root)
    change(root)
    (root / "aws-train" / "b" / "conf" / "conf.yaml").write_text("mine\n")
    over = (
        "mkdir -p layers && mount -t tmpfs none layers && mkdir layers/new layers/aside && mount -t overlay overlay "
        f"-o lowerdir={root},upperdir=layers/new,workdir=layers/aside,redirect_dir=off {root}"
    )
    done = checkout(root, over, "cat aws-train/*/conf/conf.yaml aws-train/.edited/b-1/conf/conf.yaml; ls -A aws-train")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:] == ["second", "second", "mine", ".edited", "a", "b"]
    assert done.stderr.count("PB159") == 1


@pytest.mark.long
def test_a_mount_in_the_place_of_a_checkout_is_said(root: Path) -> None:
    first(root)
    change(root)
    done = checkout(root, f"mount -t tmpfs none {root}/aws-train/a", "cat aws-train/b/conf/conf.yaml")
    assert (done.returncode, done.stdout) == (4, "second\n")
    assert done.stderr == (
        "model_repos.yaml:3:10: PB001 cannot use 'aws-train/a': Device or resource busy\n"
        "      - url: remotes/a\n"
        "             ^\n"
        "  hint: another file system is mounted there, or a program holds it\n"
    )

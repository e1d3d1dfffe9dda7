"""Isolation as people meet it: steps of a real pipeline, the manifest's limits, and `--require-isolation`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.isolation import find_isolation, private_mounts_available
from tests.tiny import CONF
from tests.workspaces import MANIFEST, Workspace, make_workspace

pytestmark = pytest.mark.skipif(not private_mounts_available(), reason="no unprivileged namespaces")
LOOK = "import socket\nprint('interfaces:', *sorted(name for _, name in socket.if_nameindex()))\n"
NO_NAMESPACES = ("--unshare-user", "--disable-userns", "--dev-bind", "/", "/")


def isolated(conf: str) -> str:
    """Ask for network isolation of each job of the tiny model, where its request has it."""
    for key, arguments in (
        ("step_name: churn-Preprocess", "{NetworkConfig: {EnableNetworkIsolation: true}}"),
        ("step_name: churn-Train", "{EnableNetworkIsolation: true}"),
        ("step_name: churn-CreateModel", "{EnableNetworkIsolation: true}"),
    ):
        conf = conf.replace(f"- {key}\n", f"- {key}\n            arguments: {arguments}\n")
    return conf


def log(workspace: Workspace, step: str) -> str:
    (found,) = workspace.root.glob(f".pipeline_builder/jobs/*/{step}/log.txt")
    return found.read_text()


@pytest.mark.long
def test_network_isolation_holds_in_every_kind_of_job(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=isolated(CONF))
    for name in ("preprocess.py", "train.py", "inference.py", "evaluate.py"):
        file = workspace.remote / "scripts" / name
        workspace.push(f"scripts/{name}", LOOK + file.read_text())
    done = workspace.call("up", "--approve", "--comment", "x")
    assert done.code == 0, done.err
    for step in ("churn-Preprocess", "churn-Train", "churn-Transform"):
        assert "interfaces: lo\n" in log(workspace, step), step
    assert "interfaces: lo\n" not in log(workspace, "churn-Metrics") or _only_loopback_here()


def _only_loopback_here() -> bool:
    return [path.name for path in Path("/sys/class/net").iterdir()] == ["lo"]


@pytest.mark.long
def test_a_step_names_the_limit_of_the_manifest(tmp_path: Path) -> None:
    limits = "  limits: {log: 1MB, memory: 50%, processes: 200, disk: 100MB, file_size: 50MB}\n"
    workspace = make_workspace(tmp_path, manifest=MANIFEST + limits)
    workspace.push("scripts/preprocess.py", "while True: print('all work and no play')\n")
    done = workspace.call("up")
    assert done.code == 5
    assert "the job reached its limit of log: it may have 1 MB ('local.limits.log' in the manifest)" in done.err
    assert (workspace.root / ".pipeline_builder" / "jobs").stat().st_mode & 0o777 == 0o700


def test_limits_that_are_none_are_problems_with_their_place(tmp_path: Path) -> None:
    limits = "  limits: {log: lots, memory: 120%, processes: 2, disk: 10kB, cpu: 1}\n"
    workspace = make_workspace(tmp_path, manifest=MANIFEST + limits)
    done = workspace.call("checkout")
    assert done.code == 1
    said = done.err
    assert said.count("model_repos.yaml:6:") == 5
    for words in (
        "'lots' is no size, expected one such as 500MB, 2GB or 1.5GiB", "'120%' is no share, expected 1% to 100%",
        "'10kB' is less than 1MB, which no job could live with", "'cpu'", "processes",
    ):  # fmt: skip
        assert words in said


@pytest.mark.long
def test_isolation_is_required_or_said_once(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)

    def within(*arguments: str) -> tuple[int, str]:
        command = [find_isolation(tmp_path).program, *NO_NAMESPACES, "--", *workspace.command(*arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, env=workspace.environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr

    refused = [within("up", "--require-isolation"), within("serve", "--port", "0", "--require-isolation")]
    assert [code for code, _ in refused] == [4, 4]
    for _, said in refused:
        assert said.count("PB595 jobs are not isolated on this machine (") == 1
    code, said = within("up")
    assert code == 5, said  # the tiny model's scripts have /opt/ml written into them
    assert said.count("PB590 jobs are not isolated on this machine (") == 1

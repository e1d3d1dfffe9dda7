"""Requirements of jobs without a network: said by validate, at the place that cuts it off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import CONF
from tests.workspaces import make_workspace

ISOLATED = "EnableNetworkIsolation: true"
CASES = {
    "train": ("        hyperparams: {scale: 2}\n", f"        arguments: {{{ISOLATED}}}\n", "churn-Train"),
    "preprocess": (
        "        entry_point: preprocess.py\n", f"        arguments: {{NetworkConfig: {{{ISOLATED}}}}}\n", "churn-Preprocess",
    ),
    "model": (
        "            step_class: CreateModel\n", f"            arguments: {{{ISOLATED}}}\n", "churn-CreateModel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("brings", [True, False])
def test_it_is_said_where_the_network_is_cut_off(tmp_path: Path, kind: str, brings: bool) -> None:
    after, line, step = CASES[kind]
    conf = CONF.replace(after, after + line)
    workspace = make_workspace(tmp_path, conf=conf, state=False)
    if brings:
        workspace.push("scripts/requirements.txt", "idna\n")
    workspace.call("checkout")
    ended = workspace.call("validate")
    assert ended.code == 0, ended.err
    place = f"conf/conf.yaml:{conf.splitlines().index(line.rstrip()) + 1}:{line.index('Enable') + 1}: warning PB339"
    assert (f"{place} '{step}' has a requirements.txt beside its code and no network" in ended.err) is brings
    assert ended.err.count("PB339") == brings

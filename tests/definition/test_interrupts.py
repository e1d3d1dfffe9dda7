"""What the manifest plays, and what trainings look for, that can't come to anything: said by validate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import CONF
from tests.workspaces import MANIFEST, make_workspace

SPOT = "EnableManagedSpotTraining: true, StoppingCondition: {MaxRuntimeInSeconds: 60, MaxWaitTimeInSeconds: 90}"
TRAIN = "        hyperparams: {scale: 2}\n"


def validated(folder: Path, step: str, arguments: str) -> tuple[int, list[str]]:
    conf = CONF.replace(TRAIN, f"{TRAIN}        arguments: {{{arguments}}}\n")
    local = f"local:\n  interrupt: {{{step}: 1}}\n"
    manifest = MANIFEST.replace("local:\n", local) if "local:\n" in MANIFEST else MANIFEST + local
    workspace = make_workspace(folder, conf=conf, manifest=manifest, state=False)
    workspace.call("checkout")
    ended = workspace.call("validate")
    return ended.code, [line for line in ended.err.splitlines() if "PB57" in line]


@pytest.mark.parametrize(
    ("step", "arguments", "why"),
    [
        ("churn-Train", SPOT, ""),
        ("churn-Train", "Tags: []", "it doesn't ask for spot machines"),
        ("churn-Trian", SPOT, "the pipeline has no such step"),
        ("churn-Metrics", SPOT, "it is a Processing step, and only trainings have spot machines"),
    ],
)
def test_an_interruption_of_nothing_is_said_at_its_place(tmp_path: Path, step: str, arguments: str, why: str) -> None:
    code, said = validated(tmp_path, step, arguments)
    assert (code, len(said)) == (0, bool(why))
    if why:
        assert said[0].startswith("model_repos.yaml:")
        assert said[0].endswith(f"warning PB571 'local.interrupt' has no effect for '{step}': {why}")

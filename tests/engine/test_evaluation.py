"""Metrics steps on the local engine: reports of any name, and steps that leave none; scripts with arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.descriptions import StepStatus
from pipeline_builder.target import Target
from tests.definition.composing import compose_definition
from tests.engine.definitions import run, target
from tests.engine.test_cases import SCRIPTS, deploy
from tests.tiny import variant

EVALUATE = "        entry_point: evaluate.py\n"
GATE = "      gate: [{metric: regression_metrics.mse.value, max: 3}]\n"
# As AWS's own examples of evaluations write it.
PUBLIC = """
import argparse, json, pathlib
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mse", type=float, default=2.0)
    mse = parser.parse_args().mse
    output_dir = "/opt/ml/processing/evaluation"
    pathlib.Path(output_dir).mkdir(parents=True, exist_ok=True)
    with open(f"{output_dir}/evaluation.json", "w") as f:
        f.write(json.dumps({"regression_metrics": {"mse": {"value": mse}}}))
"""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return target(tmp_path_factory.mktemp("engine"))


def evaluated(folder: Path, local: Target, keys: str, **files: str) -> dict[str, tuple[StepStatus, str]]:
    conf = variant((EVALUATE, EVALUATE + keys), ("      registry:\n", f"{GATE}      registry:\n"))
    scripts = {name.replace("_sh", ".sh").replace("_py", ".py"): text for name, text in files.items()}
    definition = compose_definition(folder, conf, files={**SCRIPTS, "evaluate.py": PUBLIC, **scripts})
    deploy(local, definition)
    _, _, steps = run(local, definition.content, rerun=True)
    return {name.removeprefix("churn-"): (step.status, step.failure_reason) for name, step in steps.items()}


def test_a_public_evaluation_is_read(tmp_path: Path, local: Target) -> None:
    steps = evaluated(tmp_path, local, "        file: evaluation.json\n        output: evaluation\n")
    assert {status for name, (status, _) in steps.items() if name != "Register-Blocked"} == {StepStatus.SUCCEEDED}
    uri = local.registry.list_packages("tiny-churn")[0].reports["ModelQuality.Statistics"]
    assert uri.endswith("/churn-Metrics/evaluation/evaluation.json")
    assert b"regression_metrics" in local.store.get(uri)


@pytest.mark.long
def test_arguments_decide_at_the_gate(tmp_path: Path, local: Target) -> None:
    keys = "        file: evaluation.json\n        output: evaluation\n        args: {mse: 7.5}\n"
    steps = evaluated(tmp_path, local, keys)
    assert steps["Register-Blocked"][0] is StepStatus.FAILED
    assert "mse.value is 7.5, expected at most 3" in steps["Register-Blocked"][1]


@pytest.mark.long
def test_a_step_without_its_report_fails_by_itself(tmp_path: Path, local: Target) -> None:
    steps = evaluated(tmp_path, local, "")
    status, reason = steps["Metrics"]
    assert status is StepStatus.FAILED
    assert "without its report '/opt/ml/processing/output/model_evaluation_metrics.json'" in reason
    assert "below '/opt/ml/processing' there is: evaluation/evaluation.json" in reason
    assert steps["Register-Gate"][0] is StepStatus.WAITING


@pytest.mark.long
def test_a_shell_script_evaluates(tmp_path: Path, local: Target) -> None:
    conf = "        file: evaluation.json\n        output: evaluation\n        args: [--mse, 1.5]\n"
    folder = tmp_path / "x"
    replaced = variant((EVALUATE, "        entry_point: run.sh\n" + conf))
    scripts = {**SCRIPTS, "score.py": PUBLIC, "run.sh": 'set -e\necho "for $*"\npython -m score "$@"\n'}
    definition = compose_definition(folder, replaced, files=scripts)
    deploy(local, definition)
    _, ended, steps = run(local, definition.content, rerun=True)
    assert steps["churn-Metrics"].status is StepStatus.SUCCEEDED, steps["churn-Metrics"].failure_reason
    assert "for --mse 1.5" in local.pipelines.read_log(ended.arn, "churn-Metrics")

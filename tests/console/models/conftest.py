"""A model with a history: promoted, promoted and rolled back, waiting; with a gate, curves, and names that are hostile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checkout.repositories import commit
from tests.console.consoles import Client, logged_in, looks_of
from tests.tiny import EVALUATE, variant
from tests.workspaces import Workspace, make_workspace

HOSTILE = "<img src=x onerror=alert(1)>"
GATE = ("      registry:\n", "      gate: [{metric: regression_metrics.mae.value, max: 100}]\n      registry:\n")
REPORT = f"""
report["regression_metrics"]["confusion_matrix"] = {{"no": {{"no": 9, "yes": 1}}, "yes": {{"no": 2, "yes": 8}}}}
report["regression_metrics"]["receiver_operating_characteristic_curve"] = {{
    "false_positive_rates": [0, 0.2, 1], "true_positive_rates": [0, 0.7, 1]}}
report["{HOSTILE}"] = 7
report["rows"] = len(labels)
(base / "output/model_evaluation_metrics.json").write_text(json.dumps(report))
"""


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Version 1 is in use again after 2 was rolled back; 3 waits. Only look at it."""
    workspace = make_workspace(tmp_path_factory.mktemp("history"), conf=variant(GATE))
    workspace.push("scripts/evaluate.py", EVALUATE + REPORT)
    assert workspace.call("up", "--approve", "--comment", "good").code == 0
    conf = variant(GATE, ("{scale: 2}", "{scale: 5, depth: 4}"))
    (workspace.remote / "conf" / "conf.yaml").write_text(conf)
    train = workspace.remote / "scripts" / "train.py"
    train.write_text(
        train.read_text().replace('"--scale", type=float)', '"--scale", type=float)\nparser.add_argument("--depth")')
    )
    commit(workspace.remote, "Bigger <script>alert(1)</script>")
    assert workspace.call("up", "--approve", SMP_APPROVER="bob").code == 0
    assert workspace.call("rollback", "tiny-churn", "--comment", "it was slow").code == 0
    (workspace.root / "data" / "numbers.csv").write_text("1\n2\n4\n6\n7\n9\n")
    assert workspace.call("up").code == 0
    return workspace


@pytest.fixture
def models(history: Workspace) -> Iterator[Client]:
    """A browser that is logged in at the console over `history`; nothing that a test asks may be a bug."""
    with logged_in(looks_of(history)) as client:
        yield client

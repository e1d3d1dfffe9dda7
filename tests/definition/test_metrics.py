"""Metrics that nothing will be found for: said by validate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import CONF
from tests.workspaces import make_workspace

TRAIN = "        hyperparams: {scale: 2}\n"


@pytest.mark.parametrize(("regex", "said"), [("loss=([0-9.]+)", False), ("loss=([0-9.]+", True), ("*", True)])
def test_an_expression_that_is_none_is_said_where_the_conf_has_it(tmp_path: Path, regex: str, said: bool) -> None:
    line = f"        arguments: {{AlgorithmSpecification: {{MetricDefinitions: [{{Name: loss, Regex: '{regex}'}}]}}}}\n"
    conf = CONF.replace(TRAIN, TRAIN + line)
    workspace = make_workspace(tmp_path, conf=conf, state=False)
    workspace.call("checkout")
    ended = workspace.call("validate")
    assert ended.code == 0, ended.err
    words = (
        f"warning PB570 step 'churn-Train': the metric 'loss' will have no value: '{regex}' is no regular expression"
    )
    found = [row for row in ended.err.splitlines() if words in row]
    assert (len(found), all("conf/conf.yaml:" in row for row in found)) == (said, True)

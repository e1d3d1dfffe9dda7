"""Two pipelines of one manifest with `--target aws` against `serve`: one job of both, and each is found by its name."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.scoring import make_scoring
from tests.serve.serving import serving

pytestmark = pytest.mark.long
TODAY = f"{datetime.now(timezone.utc):%Y-%m-%d}"


def test_both_run_and_what_has_run_is_looked_up_in_both(tmp_path: Path) -> None:
    made = make_scoring(tmp_path / "workspace")
    made.land(TODAY)
    data = made.root / "data"
    with serving(tmp_path, jobs=4, **{"local/churn": data / "churn", "local/landing": data / "landing"}) as served:
        ended = made.run("up", "--approve", "--json", **served.environment)
        assert ended.code == 0, ended.err
        both = json.loads(ended.out)["pipelines"]
        assert {name: one["status"] for name, one in both.items()} == {"training": "Succeeded", "scoring": "Succeeded"}
        assert [one["status"] for one in both["scoring"]["scores"]] == ["published"]
        names = [item["PipelineName"] for item in served.sagemaker.list_pipelines()["PipelineSummaries"]]
        assert sorted(names) == ["churn-scoring", "churn-training"]

        def call(*arguments: str) -> str:
            found = made.call(*arguments, **served.environment)
            assert found.code == 0, found.err
            return found.out

        status = json.loads(call("status", "--json"))["pipelines"]
        assert {name: one["arn"] for name, one in status.items()} == {n: one["execution"] for n, one in both.items()}
        scored = both["scoring"]["execution"].rpartition("/")[2]
        assert json.loads(call("status", scored, "--json"))["pipeline"] == "churn-scoring"
        listed = json.loads(call("history", "--json"))["executions"]
        assert [one["pipeline"] for one in listed] == ["churn-scoring", "churn-training"]
        only = json.loads(call("history", "--json", "--pipeline", "training"))["executions"]
        assert [one["pipeline"] for one in only] == ["churn-training"]
        assert "churn-Train" in json.loads(call("logs", "churn-Train", "--json"))["step"]

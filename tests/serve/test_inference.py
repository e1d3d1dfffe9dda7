"""Inference runs with `--target aws` against `serve`: the package by a parameter, the stage, the step cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scoring import make_scoring
from tests.serve.serving import serving

pytestmark = pytest.mark.long
DAY = "2026-11-29"


def test_a_day_is_scored_with_what_the_registry_says(tmp_path: Path) -> None:
    made = make_scoring(tmp_path / "workspace")
    made.land(DAY)
    data = {"local/churn": made.root / "data" / "churn", "local/landing": made.root / "data" / "landing"}
    with serving(tmp_path, jobs=4, **data) as served:
        day = ("--pipeline", "scoring", "--date", DAY)

        def run(*arguments: str) -> str:
            ended = made.run(*arguments, **served.environment)
            assert ended.code == 0, ended.err
            return ended.err

        made.run("checkout", **served.environment)
        early = made.run("validate", "--pipeline", "scoring", **served.environment)
        assert "warning PB963 there is no model package group 'churn'" in early.err, early.err
        run("up", "--pipeline", "training", "--approve")
        assert "uses      churn: 'churn' version 1, the champion" in run("up", *day)
        assert "nothing changed since execution" in run("up", *day)
        first = made.record()
        assert first["parameters"]["ModelPackage-churn"].endswith("model-package/churn/1")
        (model,) = served.sagemaker.list_models()["Models"]
        described = served.sagemaker.describe_model(ModelName=model["ModelName"])
        assert described["Containers"] == [{"ModelPackageName": first["parameters"]["ModelPackage-churn"]}]

        refused = made.change(("model: {group: churn}", "model: {group: churn, stage: production}"))
        assert refused
        ended = made.run("up", *day, **served.environment)
        assert (ended.code, "PB966 no version of 'churn' is in the stage 'production'" in ended.err) == (1, True), (
            ended.err
        )
        assert "churn version 1 in 'production'" in run("promote", "churn", "--stage", "production")
        package = served.sagemaker.describe_model_package(ModelPackageName=first["parameters"]["ModelPackage-churn"])
        assert package["ModelLifeCycle"]["StageStatus"] == "Approved"
        assert package["ModelLifeCycle"]["StageDescription"].startswith("put there by ")
        assert "'churn' version 1, in stage 'production'" in run("up", *day)
        assert made.record()["execution"] == first["execution"]  # another way to the same package changes nothing
        assert json.dumps(made.record()["parameters"]) == json.dumps(first["parameters"])

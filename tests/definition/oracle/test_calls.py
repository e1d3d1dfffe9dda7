"""Lambda and Callback steps as version 2 of the SDK writes them, and as ours are composed of their sections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from tests.definition.composing import compose_definition
from tests.definition.oracle.test_oracle import by_sdk
from tests.tiny import CONF

__all__ = ["by_sdk"]

SECTIONS = """\
      lambda:
        function: ask
        inputs: {day: $params.Day, number: 3, deep: {a: [1.5, true]}}
        outputs: {fresh: Boolean, rows: Integer, share: Float}
      callback:
        sqs_queue: https://sqs.us-east-1.amazonaws.com/000000000000/answers
        inputs: {model: churn, fresh: {Get: "Steps.churn-Ask.OutputParameters['fresh']"}}
        outputs: [by]
      tell:
        function: arn:aws:lambda:us-east-1:000000000000:function:tell
        inputs: {by: {Get: "Steps.churn-Wait.OutputParameters['by']"}}
"""
STEPS = """\
          - {step_name: churn-Ask, step_class: Lambda, enable_cache: true}
          - {step_name: churn-Wait, step_class: Callback}
          - {step_name: churn-Tell, step_class: Lambda, step_type: tell, depends_on: churn-Ask}
    parameters: [{name: Day, default: monday}]
"""


@pytest.mark.long
def test_our_steps_are_the_sdks_but_for_the_generation_of_the_cache(by_sdk: Any, tmp_path: Path) -> None:
    sdk = by_sdk["calls"]
    assert check_definition(sdk) == ()
    conf = CONF.replace("  sagemakerPipeline:\n", f"{SECTIONS}  sagemakerPipeline:\n", 1) + STEPS
    ours = json.loads(compose_definition(tmp_path / "ours", conf, SMP_REGION="us-east-1").content)
    found = {step["Name"]: step for step in ours["Steps"]}
    generation = found["churn-Ask"]["Arguments"].pop("smp_generation")
    assert generation == {"Get": "Parameters.CacheGeneration"}
    assert [found[step["Name"]] for step in sdk["Steps"]] == sdk["Steps"]

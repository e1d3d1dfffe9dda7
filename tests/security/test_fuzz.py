"""A short run of the fuzz test, the same inputs each time; `scripts/fuzz` looks for others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.security.fuzzing import PARTS

# Examples of each part that take a second or two.
_EXAMPLES = {"conf": 15, "record": 60, "metrics": 60, "state": 25, "s3": 150, "sagemaker": 150}


@pytest.mark.long
@pytest.mark.parametrize("part", PARTS)
def test_whatever_comes_in_is_answered(part: str, tmp_path: Path) -> None:
    @settings(
        max_examples=_EXAMPLES.get(part, 200),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(PARTS[part].inputs)
    def answers(found: object) -> None:
        PARTS[part].check(tmp_path, found)

    answers()

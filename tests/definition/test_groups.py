"""Model package groups: two models don't come into one by the letters that it can't have."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from tests.definition.composing import compose_definition
from tests.tiny import CONF

_SECTION = CONF[CONF.index("    churn:\n      source") : CONF.index("  sagemakerPipeline:")]
_STEPS = CONF[CONF.index("      churn:\n        steps") :]
_REPACK = '        ModelRepack: "False"\n'


def conf(first: str, second: str, section: str = _SECTION) -> str:
    sections = "".join(section.replace("churn:", f"{name}:", 1) for name in (first, second))
    steps = _STEPS.replace("churn:", f"{first}:", 1) + _STEPS.replace("churn-", "x-").replace("churn:", f"{second}:", 1)
    return f"conf:\n  models:\n{sections}  sagemakerPipeline:\n    pipelineName: tiny\n    models:\n{steps}"


@pytest.mark.parametrize(("first", "second"), [("a_b", "a-b"), ("a.b", "a_b")])
def test_names_that_become_one(tmp_path: Path, first: str, second: str) -> None:
    text = conf(first, second)
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, text)
    (problem,) = caught.value.problems
    first, second = sorted((first, second))
    found = (problem.id, problem.message, problem.hint)
    said = f"the models '{first}' and '{second}' would both be registered into the group 'tiny-a-b'"
    assert found == ("PB277", said, "give one of them a 'ModelPackageGroupName' of its own")
    lines = [place.line for place in (problem.place, *problem.related) if place]
    assert lines == [text.splitlines().index(f"    {name}:") + 1 for name in (second, first)]


def test_a_group_that_is_named_is_meant(tmp_path: Path) -> None:
    own = _SECTION.replace(_REPACK, f"{_REPACK}        ModelPackageGroupName: both\n")
    assert set(compose_definition(tmp_path / "1", conf("a_b", "a-b", own)).groups) == {"both"}
    assert set(compose_definition(tmp_path / "2", conf("a_b", "a-c")).groups) == {"tiny-a-b", "tiny-a-c"}

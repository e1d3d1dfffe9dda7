"""Every definition that tests have becomes a conf that composes to the same steps, and what it can't say is listed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.importing.importing import Imported
from tests.conformance.cases import case_names, load_case
from tests.definition.cases import CASES
from tests.definition.oracle.test_oracle import COMPARED, by_sdk
from tests.importing.definitions import composed_from, golden, imported, steps_of
from tests.places import GOLDEN

__all__ = ["by_sdk"]
# What may be different of a definition that can be said as a whole.
_COMMITS = r"Parameters\[(ManifestCommit|Commit-[\w-]+|Given\w*)\]"
_CACHE = r"Parameters\[CacheGeneration\]|Steps\[[^]]+\]\.Arguments\.Environment(\.SMP_CACHE_GENERATION)?"
_ALWAYS = re.compile(f"{_COMMITS}|{_CACHE}|PipelineExperimentConfig")
EXAMPLES = sorted(path.stem for path in (GOLDEN / "examples").glob("*.json"))


def comes_out(folder: Path, definition: Any, *also: str) -> Imported:
    """Take a definition over, compose what was written, and hold the steps against each other."""
    done = imported(definition)
    assert done.problems == ()
    assert [one for one in done.differences if not _ALWAYS.fullmatch(one.place) and one.place not in also] == []
    found = composed_from(folder, done)
    assert steps_of(found, done) == steps_of(definition, done)
    declared = {one["Name"] for one in found["Parameters"]}
    given = {one["Name"] for one in definition["Parameters"]}
    assert {name for name in given if f"Given{name}" not in declared} <= declared
    return done


@pytest.mark.parametrize("name", ["tiny", *CASES])
def test_what_we_compose(tmp_path: Path, name: str) -> None:
    comes_out(tmp_path, golden(name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples(tmp_path: Path, name: str) -> None:
    comes_out(tmp_path, {"Version": "2020-12-01", **json.loads((GOLDEN / "examples" / f"{name}.json").read_text())})


@pytest.mark.long
def test_what_the_engine_is_tried_with(tmp_path: Path) -> None:
    """Cases that are refused, or wrong on purpose, aren't definitions of anybody's; the others all come out."""
    tried = 0
    for name in case_names():
        case = load_case(name)
        definition = json.loads(case.definition)
        done = imported(definition)
        if case.expect.refused or done.problems:
            continue
        others = [one for one in done.differences if not _ALWAYS.fullmatch(one.place)]
        assert others == [], name
        tried += 1
    assert tried > 150


@pytest.mark.long
@pytest.mark.parametrize("name", COMPARED)
def test_what_the_sdk_writes(by_sdk: Any, tmp_path: Path, name: str) -> None:
    comes_out(tmp_path, by_sdk[name])

"""Parts of a definition: each has all that its steps name, and what is wrong with the whole is wrong with one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.outside import check_outside
from pipeline_builder.definition.check.parts import have_passed, mark_parts, parts_of
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.passed import Passed
from tests.definition.check.test_check import CASES, VALID, Change
from tests.places import ROOT

GOLDEN = [path for path in sorted((ROOT / "tests" / "golden").rglob("*.json")) if b'"Steps"' in path.read_bytes()]


def content(definition: Any) -> bytes:
    return json.dumps(definition, sort_keys=True).encode()


def renamed(definition: Any, name: str) -> Any:
    """Return a definition whose steps have another name in all places."""
    return json.loads(json.dumps(definition).replace("churn-", f"{name}-"))


def many(*names: str) -> dict[str, Any]:
    return {**VALID, "Steps": [step for name in names for step in renamed(VALID, name)["Steps"]]}


def names(part: bytes) -> list[str]:
    return [step["Name"] for step in json.loads(part)["Steps"]]


def test_models_that_name_nothing_of_each_other_are_parts() -> None:
    definition = many("a", "b", "c")
    assert [names(part.content)[0][0] for part in parts_of(content(definition))] == ["a", "b", "c"]
    definition["Steps"][0]["DependsOn"] = ["c-Train"]
    assert [names(part.content)[0][0] for part in parts_of(content(definition))] == ["a", "b"]


def test_a_part_has_the_parameters_that_it_names() -> None:
    more = [{"Name": f"Commit{number}", "Type": "String"} for number in range(10)]
    definition = {**VALID, "Parameters": [*VALID["Parameters"], *more]}
    assert parts_of(content(definition)) == parts_of(content(VALID))


def is_wrong(definition: Any) -> bool:
    """Tell whether something is wrong around the steps, or with a part."""
    parts = parts_of(content(definition))
    return any(check_outside(definition)) or any(check_definition(json.loads(part.content)) for part in parts)


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_each_step_is_in_one_part_which_is_as_right_as_the_whole(path: Path) -> None:
    definition = json.loads(path.read_bytes())
    found = [name for part in parts_of(path.read_bytes()) for name in names(part.content)]
    assert sorted(found) == sorted(step["Name"] for step in definition["Steps"])
    assert is_wrong(definition) is bool(check_definition(definition))  # some are excerpts


@pytest.mark.parametrize("change", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_wrong_with_the_whole_is_wrong_with_a_part(change: Change) -> None:
    definition = json.loads(json.dumps(VALID))
    change(definition)
    if not isinstance(definition, dict):
        return
    assert check_definition(definition)
    assert is_wrong(definition)


def check(looked: list[str], *, finds: str = "") -> Any:
    def look(part: bytes) -> list[str]:
        looked.extend(found := names(part))
        return [name for name in found if name == finds]

    return look


def test_only_what_is_new_is_looked_at(tmp_path: Path) -> None:
    store = Kept(folder=tmp_path / "kept")
    units = [f"u{number}" for number in range(20)]
    before = content(many(*units))
    passed, looked = Passed(store), list[str]()
    assert not have_passed(before, check(looked), passed, "a")
    assert looked == []  # all is new: the whole takes less time
    mark_parts(before, passed, "a")
    passed.save()

    after = many(*units)
    after["Steps"][0]["Arguments"]["AppSpecification"]["ImageUri"] = "another"
    passed = Passed(store)
    assert have_passed(content(after), check(looked), passed, "a")
    assert looked
    assert {name.partition("-")[0] for name in looked} == {"u0"}
    passed.save()

    looked.clear()
    assert have_passed(content(after), check(looked), Passed(store), "a")
    assert have_passed(before, check(looked), Passed(store), "a")  # what was before is still known
    assert looked == []
    assert not have_passed(before, check(looked), Passed(store), "another check")


def test_a_part_in_which_something_is_found_is_never_kept(tmp_path: Path) -> None:
    store = Kept(folder=tmp_path / "kept")
    units = [f"u{number}" for number in range(20)]
    passed = Passed(store)
    mark_parts(content(many(*units[1:])), passed, "a")
    passed.save()
    for _ in range(2):
        looked: list[str] = []
        again = Passed(store)
        assert not have_passed(content(many(*units)), check(looked, finds="u0-Train"), again, "a")
        assert looked
        again.save()

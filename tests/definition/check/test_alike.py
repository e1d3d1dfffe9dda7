"""Parts that are alike: the same but for their own name, and nothing that a check would find is lost in that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.parts import have_passed, parts_of
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.passed import Passed
from tests.definition.check.test_check import CASES, VALID, Change
from tests.definition.check.test_parts import content
from tests.definition.test_renewed import open_workspace
from tests.many import make_units

DIGESTS = ("a" * 64, "b" * 64)


def renamed(definition: Any, name: str) -> Any:
    """Return a definition with another name in all places, which is no whole value."""
    return json.loads(json.dumps(definition).replace('"churn"', '"churn-models"').replace("churn", name))


def many(*names: str) -> dict[str, Any]:
    return {**VALID, "Steps": [step for name in names for step in renamed(VALID, name)["Steps"]]}


def like(definition: Any, lines: Any = None) -> set[Any]:
    found = parts_of(content(definition))
    return {part.likeness.with_told(lambda digest: (lines or {}).get(digest, "")) for part in found}


def with_code(definition: Any, *digests: str) -> Any:
    inputs = definition["Steps"][0]["Arguments"]["ProcessingInputs"]
    inputs += [
        {"InputName": f"code{number}", "S3Input": {"S3Uri": f"s3://b/p/code/{digest}/sourcedir.tar.gz"}}
        for number, digest in enumerate(digests)
    ]
    return definition


def test_units_that_differ_by_their_names_and_code_are_alike() -> None:
    plain = [renamed(VALID, name) for name in ("fraud", "churn", "image")]
    assert like(plain[0]) == like(plain[1])
    assert like(plain[2]) != like(plain[0])  # Image is a member of SageMaker's
    one, other = (with_code(renamed(VALID, "churn"), digest) for digest in DIGESTS)
    assert like(one) == like(other)
    assert like(one, {DIGESTS[0]: "numpy"}) != like(other, {DIGESTS[1]: "pandas"})
    same, apart = (with_code(renamed(VALID, "churn"), *digests) for digests in (DIGESTS[:1] * 2, DIGESTS))
    assert like(same) != like(apart)


@pytest.mark.parametrize("name", ["frau", "Fraud", "fr4ud", "fra-d", "fraud1"])
def test_a_name_of_other_letters_is_another(name: str) -> None:
    assert like(renamed(VALID, name)) != like(renamed(VALID, "churn"))


def test_a_name_that_is_a_whole_value_stays() -> None:
    one, other = renamed(VALID, "churn"), renamed(VALID, "fraud")
    for definition, name in ((one, "churn"), (other, "fraud")):
        definition["Steps"][0]["Arguments"]["Environment"] = {"MODEL": name}
    assert like(one) != like(other)


@pytest.mark.parametrize("change", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_wrong_is_like_nothing_that_is_right(change: Change) -> None:
    right, wrong = renamed(VALID, "fraud"), json.loads(json.dumps(VALID))
    change(wrong)
    if isinstance(wrong, dict) and isinstance(wrong.get("Steps"), list) and wrong["Steps"] != VALID["Steps"]:
        assert check_definition(wrong)
        assert not like(right) >= like(wrong)


def test_what_a_check_knows_of_names_tells_parts_apart() -> None:
    units = content(many(*(f"unit{number:02}" for number in range(60))))
    looked: list[bytes] = []
    assert have_passed(units, looked.append, Passed(), "a", seen=lambda part: b"unit07" in part)
    assert [b"unit07" in part for part in looked] == [True, False] or [b"unit07" in part for part in looked] == [
        False,
        True,
    ]


def test_one_of_many_that_are_alike_is_looked_at() -> None:
    units = [f"unit{number:02}" for number in range(60)]
    looked: list[bytes] = []
    assert have_passed(content(many(*units)), looked.append, Passed(), "a")
    assert len(looked) == 1

    def refuse(part: bytes) -> None:
        raise InputProblems(Problem(id="PB501", message="of one part"))

    assert not have_passed(content(many(*units)), refuse, Passed(), "a")
    broken = many(*units)
    broken["Steps"][-1]["Arguments"]["Unknown"] = "x"
    assert not have_passed(content(broken), lambda part: check_definition(json.loads(part)), Passed(), "a")


@pytest.mark.long
def test_an_image_that_stands_for_other_packages_is_seen_among_many(tmp_path: Path) -> None:
    make_units(tmp_path, 60)
    for folder in (tmp_path / "aws-train").iterdir():
        conf = folder / "conf" / "conf.yaml"
        conf.write_text(conf.read_text().replace("example.com/tiny:1", f"example.com/{folder.name}:1"))
    manifest = tmp_path / "model_repos.yaml"
    images = "[{match: '*/unit0041:*', requirements: [./x]}, {match: '*', requirements: [numpy]}]"
    manifest.write_text(f"{manifest.read_text()}local: {{images: {images}}}\n")
    with pytest.raises(InputProblems) as caught:
        _ = open_workspace(tmp_path, "state").composed
    assert {problem.id for problem in caught.value.problems} == {"PB511"}
    assert all("unit0041-" in problem.message for problem in caught.value.problems)

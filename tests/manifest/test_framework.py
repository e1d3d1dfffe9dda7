"""The framework file: tags that a model package group could not have are refused with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.manifest.framework import load_framework


def framework(tmp_path: Path, tags: str) -> Path:
    path = tmp_path / "framework.yaml"
    path.write_text(f"conf:\n  tags: {{{tags}}}\n")
    return path


def many(count: int) -> str:
    return ", ".join(f"t{number}: v" for number in range(count))


def test_tags_are_texts_as_they_are_written(tmp_path: Path) -> None:
    found = load_framework(framework(tmp_path, "account: 000000000012, country: no, version: 1.10"), {}).tags
    assert found == {"account": "000000000012", "country": "no", "version": "1.10"}
    assert len(load_framework(framework(tmp_path, many(49)), {}).tags) == 49


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (many(50), "'tags' has 50 entries, expected at most 49: SageMaker takes one more, whose a group is"),
        ("'pipeline-builder:repository': x", "'tags' has 'pipeline-builder:repository', which says of a model"),
    ],
)
def test_what_a_group_could_not_have_besides_its_own(tmp_path: Path, tags: str, said: str) -> None:
    with pytest.raises(InputProblems) as caught:
        load_framework(framework(tmp_path, tags), {})
    assert str(caught.value).startswith(f"framework.yaml:2:3: PB216 {said}")

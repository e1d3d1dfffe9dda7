"""Golden definitions: what each part of the language becomes, read by eye once and kept.

A golden file has the steps in which the case differs from the tiny model as it is (`tiny.json`). After a deliberate
change delete the file, run the test, and read what it wrote.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.definition.cases import CASES, Case
from tests.definition.composing import compose_definition
from tests.places import GOLDEN


def compose(tmp_path: Path, case: Case) -> Any:
    return json.loads(compose_definition(tmp_path, case.conf, files=case.files, tags=case.tags, **case.values).content)


@pytest.mark.parametrize("name", CASES)
def test_golden(tmp_path: Path, name: str) -> None:
    base = json.loads((GOLDEN / "tiny.json").read_text())
    found = compose(tmp_path, CASES[name])
    different = {
        "Parameters": [parameter for parameter in found["Parameters"] if parameter not in base["Parameters"]],
        "Steps": [step for step in found["Steps"] if step not in base["Steps"]],
        "Unchanged": [step["Name"] for step in found["Steps"] if step in base["Steps"]],
    }
    pretty = json.dumps(different, indent=1, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if not path.exists():
        path.write_text(pretty)
        pytest.fail(f"{path} was written; read it")
    assert pretty == path.read_text()


def test_no_golden_file_without_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*CASES, "tiny"}


def test_manifests_list_their_files(tmp_path: Path) -> None:
    case = CASES["several-files-in-a-channel"]
    definition = compose_definition(tmp_path, case.conf)
    ((uri, content),) = definition.manifests.items()
    assert json.loads(content) == [{"prefix": "s3://b/"}, "2025/train.csv", "2026/train.csv"]
    assert uri.encode() in definition.content

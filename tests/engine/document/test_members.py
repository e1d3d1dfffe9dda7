"""The table of members against botocore's shapes: each has a line, and what its lines say of a request is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.definition.shapes.services import load_sagemaker
from pipeline_builder.engine.document.members import find_said, load_members

SHAPES = load_sagemaker().shapes
REQUESTS = {
    name: kind.request.removeprefix("sagemaker:")
    for name, kind in STEP_TYPES.items()
    if name in ("Processing", "Training", "Transform")
} | {
    "Model": "CreateModelInput",
    "Tuning": "CreateHyperParameterTuningJobRequest",
    "RegisterModel": "CreateModelPackageInput",
}


def undecided(name: str, shape: str) -> Iterator[str]:
    """Yield the members below that no line decides about, and lines below of members that aren't there."""
    found = SHAPES[shape]
    if found["type"] == "list":
        yield from undecided(f"{name}[]", found["member"]["shape"])
        return
    if found["type"] != "structure":
        return
    for member, target in found["members"].items():
        path = f"{name}.{member}"
        lines = load_members().get(path)
        if not lines or (lines[-1].when and lines[-1].verdict != "refused"):
            yield path
        elif lines[-1].verdict == "done":
            yield from undecided(path, target["shape"])


def paths(name: str, shape: str, depth: int = 0) -> Iterator[str]:
    """Every member's path, as the table writes it."""
    found = SHAPES[shape]
    if depth > 12:
        return
    if found["type"] == "list":
        yield from paths(f"{name}[]", found["member"]["shape"], depth + 1)
    for member, target in found.get("members", {}).items() if found["type"] == "structure" else ():
        yield f"{name}.{member}"
        yield from paths(f"{name}.{member}", target["shape"], depth + 1)


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_member_of_the_api_is_decided_about(kind: str) -> None:
    assert list(undecided(kind, REQUESTS[kind])) == []


@pytest.mark.parametrize("kind", REQUESTS)
def test_no_line_is_about_a_member_that_is_not_there(kind: str) -> None:
    known = set(paths(kind, REQUESTS[kind]))
    assert [name for name in load_members() if name.startswith(f"{kind}.") and name not in known] == []


def test_what_is_noted_or_refused_has_words() -> None:
    silent = [
        (n, r) for n, rules in load_members().items() for r in rules if r.verdict in ("note", "refused") and not r.words
    ]
    assert not silent


@pytest.mark.parametrize(
    ("kind", "request_", "said"),
    [
        ("Training", {"ResourceConfig": {"InstanceCount": 1}}, []),
        ("Training", {"ResourceConfig": {"InstanceCount": 2}}, ["note ResourceConfig.InstanceCount"]),
        ("Training", {"ResourceConfig": {"InstanceCount": {"Get": "Steps.a.b"}}}, []),
        ("Training", {"ResourceConfig": {"Surprise": 1}}, ["refused ResourceConfig.Surprise"]),
        ("Training", {"EnableManagedSpotTraining": False, "VpcConfig": {}}, []),
        ("Training", {"VpcConfig": {"Subnets": ["a"]}}, ["note VpcConfig"]),
        ("Training", {"HyperParameters": {"VpcConfig": "1"}, "Environment": {"x": "y"}}, []),
        ("Training", {"InputDataConfig": [{}, {"DataSource": {"DatasetSource": {"DatasetArn": "a"}}}]},
         ["refused InputDataConfig.1.DataSource.DatasetSource"]),
        ("Transform", {"TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "Converse"}}}},
         ["refused TransformInput.DataSource.S3DataSource.S3DataType"]),
        ("Processing", {"ProcessingInputs": [{"AppManaged": True}, {"AppManaged": False}]},
         ["refused ProcessingInputs.0.AppManaged"]),
        ("RegisterModel", {"ModelMetrics": {"anything": {"below": 1}}}, []),
        ("Condition", {"Conditions": []}, []),
    ],
)  # fmt: skip
def test_what_a_request_is_told(kind: str, request_: dict[str, Any], said: list[str]) -> None:
    found = find_said(kind, request_)
    assert [f"{one.rule.verdict} {'.'.join(map(str, one.path))}" for one in found] == said

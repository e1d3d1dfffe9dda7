"""Values of parameters in place of references: typed, joined as the service joins, and never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.filling import defaults_of, fill_in
from pipeline_builder.descriptions import JSON

VALUES: dict[str, JSON] = {"Type": "ml.m5.large", "Count": 2, "Spot": True, "Rate": 0.5}
LATER = {"Get": "Steps.a.ModelName"}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def get(name: str) -> dict[str, Any]:
    return {"Get": f"Parameters.{name}"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"InstanceType": get("Type"), "InstanceCount": get("Count")},
            {"InstanceType": "ml.m5.large", "InstanceCount": 2},
        ),
        ([get("Spot"), {"a": [get("Rate")]}], [True, {"a": [0.5]}]),
        (join("s3://b", get("Count"), get("Spot"), join("x", get("Rate"))), "s3://b/2/true/x/0.5"),
        (join("s3://b", LATER), join("s3://b", LATER)),
        (join("s3://b", get("Type"), LATER), join("s3://b", get("Type"), LATER)),
        (get("Nobody"), get("Nobody")),
        (LATER, LATER),
        ({"Std:JsonGet": {"Path": "a"}}, {"Std:JsonGet": {"Path": "a"}}),
        ({"Get": ["x"]}, {"Get": ["x"]}),
        ({"Std:Join": "x"}, {"Std:Join": "x"}),
        (None, None),
    ],
)
def test_what_is_known_is_put_in(value: Any, expected: Any) -> None:
    assert fill_in(value, VALUES) == expected


def test_a_parameter_without_a_default_has_no_value() -> None:
    parameters: list[JSON] = [{"Name": "A", "Type": "String"}, {"Name": "B", "Type": "Integer", "DefaultValue": 0}, 5]
    assert defaults_of({"Parameters": parameters}) == {"B": 0}
    assert defaults_of([]) == {}


@pytest.mark.parametrize("depth", [200, 900])
def test_a_request_of_any_depth_is_read(depth: int) -> None:
    inner: JSON = "x"
    for _ in range(depth):
        inner = {"A": inner}
    step: JSON = {"Name": "a", "Type": "Training", "Arguments": {"Environment": inner, "Tags": []}}
    found = check_definition({"Version": "2020-12-01", "Steps": [step]})
    assert "PB403" in {finding.id for finding in found}

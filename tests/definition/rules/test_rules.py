"""Every row of the tables has a planted fault, which that row alone finds at its place, and a good neighbour."""

from __future__ import annotations

import copy
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_builder.definition.rules.kinds import KINDS
from pipeline_builder.definition.rules.rules import broken_rules, check_rules
from pipeline_builder.definition.rules.storage import local_storage
from pipeline_builder.definition.rules.table import TABLES, load_table
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.definition.shapes.services import load_sagemaker

CASES = Path(__file__).with_name("cases")
BASES = yaml.load((CASES / "bases.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
# Where the cases of a table that several types share are put, by type; else at the request's root.
PLACES = {
    ("trainings", "Tuning"): "TrainingJobDefinition",
    ("tunings", "Tuning"): "TrainingJobDefinition",
    ("container", "Model"): "PrimaryContainer",
    ("container", "RegisterModel"): "InferenceSpecification.Containers[0]",
    ("transforms", "RegisterModel"): "ValidationSpecification.ValidationProfiles[0].TransformJobDefinition",
}
VALIDATION = {
    "ValidationRole": "arn:aws:iam::123456789012:role/job",
    "ValidationProfiles": [
        {
            "ProfileName": "p",
            "TransformJobDefinition": {
                key: BASES["Transform"][key] for key in BASES["Transform"] if key != "ModelName"
            },
        }
    ],
}
TABLE_NAMES = sorted({name for tables in TABLES.values() for name in tables})


def parts_of(path: str) -> list[str | int]:
    found = re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)
    return [int(index) if index else name for index, name in found]


def made(value: Any) -> Any:
    """Return a value of a case: `{$entries: 3}` and the like stand for what would be long to write."""
    match value:
        case {"$entries": count}:
            return {f"n{index}": "1" for index in range(count)}
        case {"$ranges": count}:
            return [{"Name": f"n{index}", "Values": ["1"]} for index in range(count)]
        case {"$kilobytes": count}:
            return {f"N{index}": "x" * 1000 for index in range(count)}
        case {"$characters": count}:
            return "s3://b/".ljust(count, "x")
    return value


def changed(request: Any, place: str, edits: dict[str, Any]) -> Any:
    request = copy.deepcopy(request)
    for path, value in edits.items():
        *above, last = [*parts_of(place), *parts_of(path)]
        holder = request
        for part in above:
            holder = holder[part] if isinstance(part, int) else holder.setdefault(part, {})
        if value is None:
            del holder[last]
        else:
            holder[last] = made(value)
    return request


def base_of(table: str, step_type: str, case: dict[str, Any]) -> Any:
    name = case.get("base") or ("Processing" if step_type in ("QualityCheck", "ClarifyCheck") else step_type)
    base = copy.deepcopy(BASES[name])
    return (
        {**base, "ValidationSpecification": VALIDATION} if table == "transforms" and name == "RegisterModel" else base
    )


def cases() -> Iterator[Any]:
    for table in TABLE_NAMES:
        for name, case in yaml.load((CASES / f"{table}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader).items():
            first = next(step_type for step_type, tables in TABLES.items() if table in tables)
            for step_type in case.get("on", [first]):
                yield pytest.param(table, name, step_type, case, id=f"{name}-{step_type}")


def shape_faults(step_type: str, request: dict[str, Any]) -> list[str]:
    """Return what the shapes alone find; a case is about what they don't."""
    shape = STEP_TYPES[step_type].request.removeprefix("sagemaker:")
    plain = {key: value for key, value in request.items() if key != "Model"}
    found = load_sagemaker().check(shape, plain)
    return [f"{fault.path} {fault.message}" for fault in found if not str(fault.path[0]).endswith("Name")]


@pytest.mark.parametrize(("table", "name", "step_type", "case"), list(cases()))
def test_a_planted_fault_is_found_and_its_neighbour_is_not(
    table: str, name: str, step_type: str, case: dict[str, Any]
) -> None:
    base, place = base_of(table, step_type, case), PLACES.get((table, step_type), "")
    rule = next(rule for rule in load_table(table) if rule.name == name)
    bad, good = changed(base, place, case["bad"]), changed(base, place, case["good"])
    assert shape_faults(step_type, bad) == shape_faults(step_type, good) == []
    assert [fault.message for fault in check_rules(step_type, good)] == []
    found = check_rules(step_type, bad)
    expected = parts_of(case["at"]) if case["at"].startswith("/") else [*parts_of(place), *parts_of(case["at"])]
    expected = [part.strip("/") if isinstance(part, str) else part for part in expected]
    ours = [fault for fault in found if str(fault.hint).startswith(f"{rule.do} (")]
    assert [(list(fault.path), fault.id, fault.stage) for fault in ours][:1] == [
        (expected, KINDS[rule.kind][1], rule.stage)
    ]
    others = [rule for rule in (r for t in TABLES[step_type] for r in load_table(t)) if rule.name == case.get("also")]
    said = [fault.message for fault in found if fault not in ours]
    assert len(said) == len(others), said


@pytest.mark.long
@pytest.mark.parametrize("table", TABLE_NAMES)
def test_requests_that_are_taken_for_alike_break_the_same_rules(table: str) -> None:
    """Each text of each request that breaks nothing becomes another as long, and one that is there already."""
    for _, _, step_type, case in (case.values for case in cases() if case.values[0] == table):
        good = changed(base_of(table, step_type, case), PLACES.get((table, step_type), ""), case["good"])
        assert check_rules(step_type, good) == ()
        paths = [path for path in paths_of(good) if isinstance(at(good, path), str)]
        for path, other in zip(paths, [*paths[1:], *paths[:1]], strict=True):
            for text in ("y" * len(at(good, path)), at(good, other)):
                request = copy.deepcopy(good)
                at(request, path[:-1])[path[-1]] = text
                assert check_rules(step_type, request) == broken_rules(step_type, request), (path, text)


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_no_row_lacks_its_case(table: str) -> None:
    rows = yaml.load((CASES / f"{table}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    assert list(rows) == [rule.name for rule in load_table(table)]


def test_names_of_rules_are_unique() -> None:
    names = [rule.name for table in TABLE_NAMES for rule in load_table(table)]
    assert len(names) == len(set(names)) >= 150


@pytest.mark.parametrize("step_type", sorted(BASES))
def test_what_isnt_known_yet_breaks_nothing(step_type: str) -> None:
    """With a reference in place of any value a request breaks no rule that it didn't break before."""
    kind = "Tuning" if step_type == "SeveralDefinitions" else step_type
    for path in paths_of(BASES[step_type]):
        request = copy.deepcopy(BASES[step_type])
        holder = request
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = {"Get": "Steps.before.Something"}
        assert check_rules(kind, request) == (), path


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from paths_of(item, (*path, key))


@pytest.mark.parametrize("step_type", sorted(TABLES))
@pytest.mark.parametrize(
    "request_", [None, [], "text", 5, {}, {"Tags": 5, "ProcessingInputs": {"a": 1}, "ResourceConfig": []}]
)
def test_a_request_of_any_form_is_read(step_type: str, request_: Any) -> None:
    assert isinstance(check_rules(step_type, request_), tuple)


def test_a_type_without_a_table_has_no_rules() -> None:
    assert check_rules("Lambda", {"Tags": [{"Key": "a"}, {"Key": "a"}]}) == ()


def test_local_storage_is_that_of_ec2() -> None:
    """EC2's own description of its types, as moto has it, for every type that a job of SageMaker may have."""
    import moto

    path = Path(str(moto.__file__)).parent / "ec2" / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(path.read_bytes()))
    shapes = load_sagemaker().shapes
    for name in ("ProcessingInstanceType", "TrainingInstanceType", "TransformInstanceType"):
        for instance_type in shapes[name]["enum"]:
            known = described.get(instance_type.removeprefix("ml."))
            if known is not None:
                size = (known.get("InstanceStorageInfo") or {}).get("TotalSizeInGB", 0)
                assert local_storage(instance_type) == size, instance_type
    assert [local_storage(name) for name in ("ml.p3.2xlarge", "ml.g5.new", "m5.large", "ml.nope")] == [
        0,
        7600,
        None,
        None,
    ]


def test_an_empty_list_of_tags_has_no_tags() -> None:
    assert check_rules("RegisterModel", {**BASES["RegisterModel"], "Tags": []}) == ()


@pytest.mark.parametrize(("most", "found"), [("9", ["PB258"]), ({"Get": "Parameters.Most"}, [])])
def test_combinations_are_counted_where_all_of_them_are_known(most: Any, found: list[str]) -> None:
    ranges: Any = {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": most}],
        "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b"]}],
    }
    config = {"ResourceLimits": {"MaxNumberOfTrainingJobs": 19}, "ParameterRanges": ranges}
    faults = check_rules("Tuning", {"HyperParameterTuningJobConfig": config})
    assert [fault.id for fault in faults if "combinations" in fault.message] == found

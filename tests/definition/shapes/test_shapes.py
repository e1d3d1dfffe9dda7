"""The walk over the API's shapes against botocore's own validator, and what it adds: enums, patterns, maxima, paths."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline_builder.definition.shapes.fault import (
    MISSING_FIELD,
    NO_MATCH,
    NOT_IN_ENUM,
    OUT_OF_RANGE,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    Fault,
)
from pipeline_builder.definition.shapes.patterns import matches
from pipeline_builder.definition.shapes.properties import Lookup, NoProperty, Property
from pipeline_builder.definition.shapes.services import load_sagemaker
from pipeline_builder.definition.shapes.shapes import Shapes
from pipeline_builder.definition.shapes.values import Shape
from pipeline_builder.descriptions import JSON

REQUESTS = (
    "CreateProcessingJobRequest",
    "CreateTrainingJobRequest",
    "CreateModelInput",
    "CreateTransformJobRequest",
    "CreateModelPackageInput",
)
RESPONSES = (
    "DescribeProcessingJobResponse",
    "DescribeTrainingJobResponse",
    "DescribeModelOutput",
    "DescribeTransformJobResponse",
    "DescribeModelPackageOutput",
)
SHAPES = load_sagemaker()


@functools.cache
def model() -> ServiceModel:
    """Return botocore's own: megabytes, which every process of a run would read as it collects the tests."""
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def without_unseen(shape: Shape) -> Shape:
    """Leave out what botocore's validator doesn't look at; over the rest, both have to say the same."""
    unseen = {"enum", "pattern", "max", *(["min"] if shape["type"] == "map" else [])}
    return {key: value for key, value in shape.items() if key not in unseen}


SEEN = Shapes({name: without_unseen(shape) for name, shape in SHAPES.shapes.items()})
ORACLE_IDS = {
    "missing required field": MISSING_FIELD,
    "unknown field": UNKNOWN_FIELD,
    "invalid type": WRONG_TYPE,
    "invalid range": OUT_OF_RANGE,
    "invalid length": OUT_OF_RANGE,
}


def reachable(*roots: str) -> set[str]:
    found: set[str] = set()
    left = list(roots)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            shape = SHAPES.shapes[name]
            left += [member["shape"] for member in shape.get("members", {}).values()]
            left += [shape[key]["shape"] for key in ("member", "key", "value") if key in shape]
    return found


SOMETHING: list[JSON] = [None, "", "x", "a text", 0, 1, -3, 70, 1.5, [], ["x"], {}, {"x": "y"}]


@dataclass(frozen=True)
class Maker:
    """Makes values of shapes; each part is with the probability `faulty` of another type, missing, short or unknown."""

    random: Random
    faulty: float

    def make(self, name: str, depth: int = 0) -> JSON:
        shape = SHAPES.shapes[name]
        if self.random.random() < self.faulty:
            return self.random.choice(SOMETHING)
        if shape["type"] == "structure":
            return self.structure(shape, depth)
        some = range(max(shape.get("min", 0), self.random.randrange(3)))
        if shape["type"] == "list":
            return [self.make(shape["member"]["shape"], depth + 1) for _ in some]
        if shape["type"] == "map":
            return {f"{'KEY' * 9}{n}": self.make(shape["value"]["shape"], depth + 1) for n in some}
        return self.scalar(shape)

    def structure(self, shape: Shape, depth: int) -> JSON:
        value: dict[str, JSON] = {}
        for name, member in shape["members"].items():
            likely = 1 - self.faulty if name in shape.get("required", ()) else 0.4 / (1 + depth)
            if self.random.random() < likely:
                value[name] = self.make(member["shape"], depth + 1)
        return {**value, "Unknown": 1} if self.random.random() < self.faulty else value

    def scalar(self, shape: Shape) -> JSON:
        if shape["type"] == "boolean":
            return self.random.random() < 0.5
        if shape["type"] in ("integer", "long"):
            numbers: list[JSON] = [shape.get("min", 0), 100, 5000]
            return self.random.choice(numbers)
        if shape["type"] in ("float", "double"):
            return self.random.choice([0, 1.5])
        texts: list[JSON] = [*shape.get("enum", ())[:2], "s3://bucket/key/of/some/length", "x" * 40, "y" * 5000]
        return self.random.choice(texts)


@pytest.mark.long
@pytest.mark.parametrize("name", REQUESTS)
def test_agrees_with_botocores_validator(name: str) -> None:
    wrong = 0
    for seed in range(400):
        request = Maker(Random(seed), faulty=(0, 0.003, 0.03)[seed % 3]).make(name)
        report = ParamValidator().validate(request, model().shape_for(name))
        expected = Counter(ORACLE_IDS[kind] for kind, _, _ in report._errors)
        assert Counter(fault.id for fault in SEEN.check(name, request)) == expected, (seed, request)
        more = Counter(fault.id for fault in SHAPES.check(name, request)) - expected
        assert set(more) <= {NOT_IN_ENUM, NO_MATCH, OUT_OF_RANGE}, (seed, request)
        wrong += bool(expected)
    assert 20 < wrong < 380, "the requests are all good or all bad, which says little"


def test_true_is_no_number() -> None:
    """The one difference to botocore's validator, for which Python's true is the number 1."""
    request: JSON = {"MaxRuntimeInSeconds": True}
    assert not ParamValidator().validate(request, model().shape_for("ProcessingStoppingCondition")).has_errors()
    assert SHAPES.check("ProcessingStoppingCondition", request) == (
        Fault(WRONG_TYPE, ("MaxRuntimeInSeconds",), "is true, expected a whole number"),
    )


def test_the_requests_use_only_what_the_walk_knows() -> None:
    """A newer botocore with another kind of constraint has to be looked at."""
    known = {"type", "documentation", "members", "required", "member", "key", "value", "enum", "pattern", "min", "max"}
    shapes = {name: SHAPES.shapes[name] for name in reachable(*REQUESTS, *RESPONSES)}
    assert {key for shape in shapes.values() for key in shape} <= {*known, "box", "sensitive"}
    types = {"structure", "list", "map", "string", "integer", "long", "float", "double", "boolean"}
    assert {SHAPES.shapes[name]["type"] for name in reachable(*REQUESTS)} <= types
    assert {SHAPES.shapes[name]["type"] for name in reachable(*RESPONSES)} <= {*types, "timestamp"}


def test_every_pattern_compiles_and_means_the_same_for_ascii() -> None:
    import regex

    patterns = {shape["pattern"] for shape in SHAPES.shapes.values() if "pattern" in shape}
    classes = [pattern for pattern in patterns if r"\p{" in pattern]
    assert len(classes) > 5
    for pattern in patterns:
        matches(pattern, "x")
        matches(pattern, "ü")
    for pattern in classes:
        for char in map(chr, range(128)):
            assert matches(pattern, char) == bool(regex.fullmatch(pattern, char)), (pattern, char)


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ("TagValue", "Größe 1", "a!"),
        ("ProcessingJobName", "churn-1", "churn-ü"),
        ("ArnOrName", "churn", "churn_1"),
        ("ProcessingEnvironmentValue", "any\nthing", None),
        ("EntityDescription", "ok 😀", "nul \0"),
        (
            "LambdaFunctionArn",
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:äws:lambda:x:123456789012:function:f",
        ),
        ("S3Uri", "s3://bucket/key", "bucket/key"),
        ("RoleArn", "arn:aws:iam::123456789012:role/x", "arn:aws:iam::١٢٣٤٥٦٧٨٩٠١٢:role/x"),
    ],
)
def test_patterns_in_javas_dialect(shape: str, good: str, bad: str | None) -> None:
    assert SHAPES.check(shape, good) == ()
    if bad is not None:
        assert [fault.id for fault in SHAPES.check(shape, bad)] == [NO_MATCH]


CLUSTER = "ProcessingClusterConfig"
GOOD_CLUSTER: dict[str, JSON] = {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}


@pytest.mark.parametrize(
    ("shape", "value", "expected"),
    [
        (CLUSTER, GOOD_CLUSTER, []),
        (CLUSTER, {**GOOD_CLUSTER, "InstanceCount": 0}, [(OUT_OF_RANGE, "is 0, expected 1 to 100")]),
        (CLUSTER, {**GOOD_CLUSTER, "InstanceCount": 1.0}, [(WRONG_TYPE, "is 1.0, expected a whole number")]),
        ("ProcessingInstanceCount", 10**20, [(OUT_OF_RANGE, "is 100000000000000000000, expected 1 to 100")]),
        ("TrainingInstanceCount", 10**20, [(OUT_OF_RANGE, "is 100000000000000000000, expected at most 2147483647")]),
        ("MaxPayloadInMB", -1, [(OUT_OF_RANGE, "is -1, expected at least 0")]),
        ("ProcessingJobName", "x" * 64, [(OUT_OF_RANGE, "has 64 characters, expected 1 to 63")]),
        ("Subnets", [], [(OUT_OF_RANGE, "has 0 entries, expected 1 to 16")]),
        ("HyperParameters", {str(n): "x" for n in range(101)}, [(OUT_OF_RANGE, "has 101 entries, expected 0 to 100")]),
        (
            "HyperParameters",
            {"a": "secret\n"},
            [(NO_MATCH, "is a text of 7 characters, expected text that matches .*")],
        ),
        (
            "ProcessingEnvironmentMap",
            {"1A": "x"},
            [(NO_MATCH, "as a key is '1A', expected text that matches [a-zA-Z_][a-zA-Z0-9_]*")],
        ),
        ("ProcessingEnvironmentMap", {"A": {"Get": "x"}}, [(WRONG_TYPE, "is a reference, expected a text")]),
        ("Subnets", {"Get": "Parameters.Subnets"}, [(WRONG_TYPE, "is a reference, expected a list")]),
        ("VpcConfig", {"Get": "Parameters.Vpc"}, [(WRONG_TYPE, "is a reference, expected a mapping")]),
    ],
)
def test_what_botocore_leaves_out(shape: str, value: JSON, expected: list[tuple[str, str]]) -> None:
    assert [(fault.id, fault.message) for fault in SHAPES.check(shape, value)] == expected


@pytest.mark.parametrize("shape", ["ProcessingInstanceCount", "Double"])
def test_how_a_number_is_written_that_yaml_reads_a_text_of(shape: str) -> None:
    (fault,) = SHAPES.check(shape, "1e1")
    assert (fault.id, str(fault.hint).partition(":")[0]) == (WRONG_TYPE, "write 1.0e+1")


def test_a_shape_that_contains_itself() -> None:
    members = {"Below": {"shape": "Tree"}, "Leaf": {"shape": "Leaf"}}
    shapes = Shapes({"Tree": {"type": "structure", "members": members}, "Leaf": {"type": "integer"}})
    assert shapes.check("Tree", {"Below": {"Below": {"Leaf": 1}}}) == ()
    (fault,) = shapes.check("Tree", {"Below": {"Below": {"Leaf": "x"}}})
    assert fault.path == ("Below", "Below", "Leaf")


def test_references_are_handed_on_with_the_type_that_is_expected() -> None:
    seen: list[tuple[JSON, str]] = []

    def reference(value: dict[str, JSON], wanted: str) -> tuple[Fault, ...]:
        seen.append((value, wanted))
        return ()

    request: JSON = {"InstanceCount": {"Get": "a"}, "InstanceType": {"Std:Join": {}}, "VolumeSizeInGB": 1}
    assert SHAPES.check(CLUSTER, request, reference) == ()
    assert seen == [({"Get": "a"}, "integer"), ({"Std:Join": {}}, "string")]


OUTPUTS = ("ProcessingOutputConfig", "Outputs")


@pytest.mark.parametrize(
    ("shape", "path", "expected"),
    [
        ("DescribeTrainingJobResponse", "ModelArtifacts.S3ModelArtifacts", Property("string")),
        ("DescribeTrainingJobResponse", "HyperParameters['a-b']", Property("string")),
        ("DescribeTrainingJobResponse", 'HyperParameters["a"]', Property("string")),
        ("DescribeTrainingJobResponse", "ResourceConfig.InstanceCount", Property("integer")),
        ("DescribeTrainingJobResponse", "ResourceConfig", Property("structure")),
        (
            "DescribeProcessingJobResponse",
            "ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri",
            Property("string", (Lookup(OUTPUTS, "OutputName", "train"),)),
        ),
        (
            "DescribeProcessingJobResponse",
            "ProcessingOutputConfig.Outputs[2].S3Output.S3Uri",
            Property("string", (Lookup(OUTPUTS, "", 2),)),
        ),
        (
            "DescribeTrainingJobResponse",
            "FinalMetricDataList['auc'].Value",
            Property("float", (Lookup(("FinalMetricDataList",), "MetricName", "auc"),)),
        ),
        (
            "DescribeTrainingJobResponse",
            "ModelArtifact.S3ModelArtifacts",
            NoProperty("and DescribeTrainingJobResponse has no 'ModelArtifact'", "did you mean 'ModelArtifacts'"),
        ),
        ("DescribeModelOutput", "ModelName.x", NoProperty("and 'x' doesn't fit there: ModelName is a single value")),
        ("DescribeModelOutput", "ModelName..x", NoProperty("and it can't be read from '..x' on")),
        ("DescribeModelOutput", "", NoProperty("and it can't be read from '.' on")),
        (
            "DescribeModelOutput",
            "Containers['a'].Image",
            NoProperty("and ContainerDefinitionList has no names", "write the position in the list, counted from 0: [0]"),
        ),
        ("DescribeModelOutput", "Containers.Image", NoProperty("and 'Image' doesn't fit there: ContainerDefinitionList is a list")),
    ],
)  # fmt: skip
def test_property_paths(shape: str, path: str, expected: Property | NoProperty) -> None:
    assert SHAPES.property(shape, path) == expected


@pytest.mark.long
def test_loading_imports_neither_botocore_nor_regex() -> None:
    script = (
        "import sys\n"
        "from pipeline_builder.definition.shapes.services import load_sagemaker\n"
        "load_sagemaker().check('CreateModelInput', {'ModelName': 'a-b', 'Tags': [{'Key': 'a', 'Value': 'b'}]})\n"
        "assert load_sagemaker() is load_sagemaker()\n"
        "print(sorted({'botocore', 'regex', 'urllib3'} & {name.split('.')[0] for name in sys.modules}))\n"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"

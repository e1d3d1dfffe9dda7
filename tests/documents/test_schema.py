"""The JSON Schemas for editors, read by an independent validator: right files pass, wrong ones are marked."""

from __future__ import annotations

import copy
import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from pipeline_builder.conf.conf import ConfFile
from pipeline_builder.conf.inference import InferenceFile
from pipeline_builder.manifest.sections import ManifestSection
from tests.definition.cases import CASES
from tests.definition.test_every_key import ROWS, Row, put, tree
from tests.places import ROOT
from tests.tiny import CONF, variant
from tests.workspaces import MANIFEST
from tests.yamls import read_yaml

# VS Code's YAML extension reads a schema without `$schema` as draft 7; others take the newest.
VALIDATORS = (jsonschema.Draft7Validator, jsonschema.Draft202012Validator)
EXAMPLES = sorted(path.relative_to(ROOT) for path in ROOT.glob("examples/*/conf/*.yaml"))


@functools.cache
def schema_of(file: type[BaseModel]) -> dict[str, Any]:
    return file.model_json_schema(by_alias=True)


@functools.cache
def validators_of(file: type[BaseModel]) -> list[Any]:
    return [validator(schema_of(file)) for validator in VALIDATORS]


def faults(file: type[BaseModel], data: Any) -> list[str]:
    return [
        found for validator in validators_of(file) for error in validator.iter_errors(data) for found in deep(error)
    ]


def deep(error: Any) -> list[str]:
    """Return what an error says, and what is behind it where a schema has alternatives."""
    return [error.message, *(found for inner in error.context for found in deep(inner))]


@pytest.mark.long
@pytest.mark.parametrize("file", [ConfFile, InferenceFile, ManifestSection], ids=["conf", "inference", "manifest"])
def test_they_are_schemas(file: type[BaseModel]) -> None:
    for validator in VALIDATORS:
        validator.check_schema(schema_of(file))
    # pydantic's own names, which it leaves where a bound comes after what changes a value, are keys of no schema.
    assert not re.findall('"(?:[gl][et]|allow_inf_nan)":', json.dumps(schema_of(file)))


def test_a_schema_is_whole_whatever_was_read_before() -> None:
    """What reads a section builds nothing of what isn't written in it; what describes it has all of that."""
    described = schema_of(ManifestSection)
    read = ManifestSection.model_validate({"version": 1, "repos": [{"url": "../a"}], "service": {"name": "one"}})
    assert ManifestSection.model_json_schema(by_alias=True) == described
    assert ManifestSection.model_validate(read.model_dump(exclude_unset=True)) == read


@pytest.mark.long
def test_only_what_is_written_is_built() -> None:
    look = (
        "from pipeline_builder.manifest.sections import ManifestSection as Whole, RepoSection, ServiceSection\n"
        "Whole.model_validate({'version': 1, 'repos': [{'url': '../a'}]})\n"
        "assert RepoSection.__pydantic_complete__ and not ServiceSection.__pydantic_complete__"
    )
    subprocess.run([sys.executable, "-c", look], check=True)


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_shipped_confs_pass_and_name_their_schema(path: Path) -> None:
    text = (ROOT / path).read_text("utf-8")
    file = InferenceFile if path.name == "inference.yaml" else ConfFile
    assert faults(file, read_yaml(text)) == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    assert json.loads(((ROOT / path).parent / named[1]).read_text("utf-8")) == schema_of(file)


def test_the_shipped_manifest_passes_and_names_its_schema() -> None:
    text = (ROOT / "model_repos.yaml").read_text("utf-8")
    assert faults(ManifestSection, read_yaml(text)) == []
    named = re.search(r"^# yaml-language-server: \$schema=(\S+)$", text, flags=re.MULTILINE)
    assert named
    assert json.loads((ROOT / named[1]).read_text("utf-8")) == schema_of(ManifestSection)
    assert faults(ManifestSection, read_yaml(MANIFEST)) == []


@pytest.mark.parametrize("name", CASES)
def test_golden_cases_pass(name: str) -> None:
    assert faults(ConfFile, read_yaml(CASES[name].conf)) == []


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}.{row[1]}>{row[3]}" for row in ROWS])
def test_every_key_passes(row: Row) -> None:
    owner, key, value, *_ = row
    conf = tree()
    put(conf, owner, key, copy.deepcopy(value))
    assert faults(ConfFile, conf) == []


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        (("entry_point: train.py", "entrypoint: train.py"), "entrypoint"),
        (("step_class: Metrics", "step_class: Metric"), "'Metric' is not one of"),
        (("hyperparams: {scale: 2}", "instance_count: two"), "'two' is not"),
        (("hyperparams: {scale: 2}", "instance_count: 0"), "0 is less than the minimum of 1"),
        (("    pipelineName: tiny\n", ""), "'pipelineName' is a required property"),
        (("hyperparams: {scale: 2}", "env: [A]"), "['A'] is not"),
        (("split_type: Line", "split_type: Lines"), "'Lines' is not"),
        (("hyperparams: {scale: 2}", "image: {framework: xgboost}"), "'version' is a required property"),
    ],
)
def test_wrong_confs_are_marked(replacement: tuple[str, str], expected: str) -> None:
    found = faults(ConfFile, read_yaml(variant(replacement)))
    assert len(found) >= len(VALIDATORS)
    assert any(expected in message for message in found), found


def test_the_tiny_conf_passes() -> None:
    assert faults(ConfFile, read_yaml(CONF)) == []

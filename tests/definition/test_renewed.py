"""What has changed is composed by itself: the same as the whole, problems included, and nothing is missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.narrowed import keep_parsed
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.kept import Kept
from pipeline_builder.opened import Opened
from pipeline_builder.sdk.environment import SdkEnvironment
from pipeline_builder.workspace import Workspace, load_values
from tests.many import make_units

UNITS = 8
OWNER = "unit0000"


def open_workspace(folder: Path, state: str, **environment: str) -> Opened:
    values, tags = load_values(environment, None, "local", folder / "framework.yaml")
    workspace = Workspace(
        manifest_path=folder / "model_repos.yaml",
        state=folder / state,
        build=folder / "build",
        target="local",
        jobs=2,
        environment=environment,
        values=values,
        tags=tags,
    )
    return Opened(workspace, warn=lambda _: None)


def result(opened: Opened) -> Any:
    """Return all of what is composed, or all that is wrong."""
    try:
        composed = opened.composed
    except InputProblems as error:
        return error.problems
    definition = composed.definition
    return (
        {one.name: getattr(definition, one.name) for one in fields(definition) if one.name not in ("sources", "parts")},
        [*definition.owners],
        [*definition.code],
        composed.facts,
        composed.images,
        composed.warnings,
    )


def kept_then(folder: Path, change: Callable[[Path], None], **environment: str) -> tuple[Any, Any, bool]:
    """Return what is composed after a change with what was kept before it, and without, and whether it was renewed."""
    _ = open_workspace(folder, "kept").composed
    change(folder)
    opened = open_workspace(folder, "kept", **environment)
    found = result(opened)
    renewed = isinstance(found[0], Mapping) and opened.composed.known is not None
    return found, result(open_workspace(folder, "anew", **environment)), renewed


def conf(folder: Path, name: str) -> Path:
    return folder / "aws-train" / name / "conf" / "conf.yaml"


def replace(folder: Path, name: str, old: str, new: str, count: int = 1) -> None:
    path = conf(folder, name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def rewrite(name: str, old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    return lambda folder: replace(folder, name, old, new, count)


def write(path: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "aws-train" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "aws-train" / path).write_text(text)

    return change


def listed(old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    return rewrite(OWNER, old, new, count)


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def move_commit(folder: Path) -> None:
    lock = folder / "build" / "model_repos.lock.yaml"
    text = lock.read_text()
    lock.write_text(text.replace("a" * 40, "c" * 40, 3))


def add_other(folder: Path) -> None:
    """Define one more model in the file of the fifth."""
    other = conf(folder, "unit0004").read_text().partition("  models:\n")[2].replace("unit0004", "other")
    path = conf(folder, "unit0005")
    path.write_text(path.read_text() + other)


EXTRA = "          - step_name: unit0005-More\n            step_class: Training\n            step_type: train\n"
FIFTH = "      unit0005:\n        steps:\n"
TRAIN = "entry_point: train.py"
LISTS = """\
        channels:
          more:
            dataFiles:
              - {sourceName: a, fileName: s3://SMP_S3BUCKETNAME/more/a.csv}
              - {sourceName: b, fileName: s3://SMP_S3BUCKETNAME/more/b.csv}"""
OUTPUT = "entry_point: train.py\n        output_path: s3://SMP_S3BUCKETNAME/"
GROUP = 'ModelRepack: "False"\n        ModelPackageGroupName: '

ALONE: Mapping[str, Callable[[Path], None]] = {
    "a script": write("unit0003/scripts/train.py", "print(3)\n"),
    "a new script": write("unit0003/scripts/more.py", "print(3)\n"),
    "requirements": write("unit0003/scripts/requirements.txt", ""),
    "a script of two": both(write("unit0003/scripts/a.py", "3"), write("unit0004/scripts/a.py", "4")),
    "a script of the owner": write(f"{OWNER}/scripts/train.py", "print(3)\n"),
    "a comment": rewrite("unit0003", "conf:", "# more\nconf:"),
    "a hyperparameter": rewrite("unit0003", "{scale: 2}", "{scale: 3}"),
    "arguments": rewrite("unit0003", TRAIN, f"{TRAIN}\n        arguments: {{EnableManagedSpotTraining: false}}"),
    "bounds": rewrite("unit0003", "      registry:", "      gate: [{metric: m.x, min: 1}]\n      registry:"),
    "data": rewrite("unit0003", "numbers.csv", "other.csv"),
    "lists of data": rewrite("unit0003", TRAIN, f"{TRAIN}\n{LISTS}"),
    "a cached step by its data": rewrite("unit0003", "entry_point: preprocess.py", "entry_point: preprocess.py\n        cache: {data: true}"),
    "a commit": move_commit,
    "one more step": listed(FIFTH, FIFTH + EXTRA),
    "one step's name": listed("unit0005-Metrics", "unit0005-Measures"),
    "no cache": listed("step_name: unit0005-Train\n            step_class: Training\n            enable_cache: true",
                       "step_name: unit0005-Train\n            step_class: Training"),
    "a group of its own": rewrite("unit0003", 'ModelRepack: "False"', f"{GROUP}mine"),
    "a repacked model": rewrite("unit0003", 'ModelRepack: "False"', 'ModelRepack: "True"'),
}  # fmt: skip
WHOLE: Mapping[str, Callable[[Path], None]] = {
    "the pipeline's name": listed("pipelineName: many", "pipelineName: more"),
    "a dependency": listed(
        "    pipelineName: many", "    pipelineName: many\n    dependencies: [unit0003-Train >> unit0005-Train]"
    ),
    "a parameter": listed("    pipelineName: many", "    pipelineName: many\n    parameters: [{name: p}]"),
    "a warning": rewrite("unit0003", TRAIN, f"{TRAIN}\n        arguments: {{ResourceConfig: {{InstanceCount: 2}}}}"),
    "an address that begins another": both(
        rewrite("unit0003", "unit0003/numbers.csv", "unit0004/numbers"),
    ),
}
WRONG: Mapping[str, Callable[[Path], None]] = {
    "a value": rewrite("unit0003", TRAIN, f"{TRAIN}\n        arguments: {{ResourceConfig: {{InstanceCount: 0}}}}"),
    "no YAML": rewrite("unit0003", "conf:", "conf: ["),
    "no script": rewrite("unit0003", TRAIN, "entry_point: none.py"),
    "an unknown key": rewrite("unit0003", "hyperparams", "hyperparam"),
    "another's name": rewrite("unit0003", "    unit0003:", "    unit0004:"),
    "another's step": listed("step_name: unit0003-Train", "step_name: unit0004-Train"),
    "a step that others wait for": listed("step_name: unit0003-Preprocess", "step_name: unit0003-Prepare"),
    "no model": listed("      unit0005:\n", "      unit0099:\n"),
    "two pipelines": rewrite("unit0003", "conf:", "conf:\n  sagemakerPipeline: {pipelineName: b, models: {}}"),
    "a file in a list": write("unit0003/scripts/requirements.txt", "-r other.txt\n"),
    "a folder more": write("scripts/train.py", "print(3)\n"),
    "a group of two": both(rewrite("unit0003", 'ModelRepack: "False"', f"{GROUP}many-unit0004")),
    "no conf": lambda folder: conf(folder, "unit0003").unlink(),
    "a cycle": listed("step_name: unit0003-Preprocess", "step_name: unit0003-Preprocess\n            depends_on: unit0003-Metrics"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_units(tmp_path, UNITS)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("change", ALONE.values(), ids=ALONE)
def test_a_change_is_composed_by_itself(folder: Path, change: Callable[[Path], None]) -> None:
    found, whole, renewed = kept_then(folder, change)
    assert found == whole
    assert renewed


GIVEN: Mapping[str, Callable[[Path], None]] = {
    "a dependency": listed("    pipelineName: many", "    pipelineName: many\n    dependencies: [unit0003-Train >> unit0005-Train, unit0006-Train>>unit0007-Train]"),
    "a chain": listed("chain_input_source_step: [unit0005-Preprocess]", "chain_input_source_step: [unit0005-Preprocess, unit0003-Preprocess]"),
    "a reference": rewrite("unit0005", "{scale: 2}", "{scale: {Get: Steps.unit0003-Train.TrainingJobName}}"),
    "lists of data": rewrite("unit0005", TRAIN, f"{TRAIN}\n{LISTS}"),
    "code elsewhere": rewrite("unit0005", "source_directory: scripts", "source_directory: unit0003/scripts"),
    "a parameter": both(
        listed("    pipelineName: many", "    pipelineName: many\n    parameters: [{name: p, default: a}]"),
        rewrite("unit0005", "{scale: 2}", "{scale: $params.p}"),
    ),
    "two of one file": both(
        add_other,
        listed(FIFTH, "      other:\n        steps:\n          - {step_name: other-Train, step_class: Training}\n" + FIFTH),
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_what_hangs_together_is_composed_together(folder: Path, given: Callable[[Path], None]) -> None:
    given(folder)
    for name in ("unit0003", "unit0005", "unit0006"):
        found, whole, renewed = kept_then(folder, write(f"{name}/scripts/train.py", f"print('{name}')\n"))
        assert found == whole
        assert renewed


@pytest.mark.long
def test_an_output_in_one_of_before_is_refused(folder: Path) -> None:
    replace(folder, "unit0004", TRAIN, f"{OUTPUT}shared/x")
    found, whole, _ = kept_then(folder, rewrite("unit0003", TRAIN, f"{OUTPUT}shared"))
    assert found == whole
    assert [problem.id for problem in found] == ["PB234"]


@pytest.mark.long
def test_of_many_repositories_no_commits_travel(tmp_path: Path) -> None:
    make_units(tmp_path, 152)
    found, whole, renewed = kept_then(tmp_path, ALONE["a script"])
    assert found == whole
    assert renewed
    assert found[0]["commit_parameters"] == {}


@pytest.mark.long
@pytest.mark.parametrize(("value", "is_kept"), [("1.5", True), ("1.10", False)])
def test_what_is_kept_of_a_large_file_has_no_other_texts(tmp_path: Path, value: str, is_kept: bool) -> None:
    document = parse_yaml(Source("a.yaml", f"a: {value}\n{'# as long as those that are kept' * 2_000}"), "PB201")
    keep_parsed(Kept(folder=tmp_path), document)
    assert any(path.is_file() for path in tmp_path.rglob("*")) is is_kept


def test_a_note_belongs_to_one_composition(folder: Path) -> None:
    """What was noted with another value of a variable is of no use, though no file has changed since."""
    replace(folder, "unit0003", "unit0003/numbers.csv", "${SMP_WHICH:-unit0003/numbers.csv}")
    _ = open_workspace(folder, "kept").composed
    warned = {"SMP_WHICH": "unit0004/numbers"}
    assert open_workspace(folder, "kept", **warned).composed.warnings
    write("unit0005/scripts/train.py", "print(5)\n")(folder)
    assert result(open_workspace(folder, "kept", **warned)) == result(open_workspace(folder, "anew", **warned))


@pytest.mark.long
def test_a_variable_counts(folder: Path) -> None:
    found, whole, renewed = kept_then(folder, ALONE["a script"], SMP_S3BUCKETNAME="other")
    assert found == whole
    assert not renewed


@pytest.mark.long
def test_an_image_that_nobody_has_asked_for_is_asked_for(folder: Path) -> None:
    key = {"framework": "xgboost", "instance_type": "ml.m5.2xlarge", "region": "us-east-1", "scope": "training"}
    for state in ("kept", "anew"):
        digest = SdkEnvironment(2, folder / state, print).digest
        answer = f"{digest} {json.dumps({**key, 'version': '1.7-1'}, sort_keys=True)}"
        open_workspace(folder, state).kept.put("images", answer, {"address": "example.com/xgboost:1.7-1"})
    named = "image: {framework: xgboost, version: 1.7-1}\n        entry_point: train.py"
    change = rewrite("unit0003", "image_uri: example.com/tiny:1\n        entry_point: train.py", named)
    found, whole, renewed = kept_then(folder, change)
    assert found == whole
    assert not renewed
    assert list(found[4].values()) == ["example.com/xgboost:1.7-1"]


@pytest.mark.long
@pytest.mark.parametrize("change", WHOLE.values(), ids=WHOLE)
def test_what_concerns_more_is_composed_as_a_whole(folder: Path, change: Callable[[Path], None]) -> None:
    found, whole, renewed = kept_then(folder, change)
    assert found == whole
    assert not renewed


@pytest.mark.long
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_as_of_the_whole(folder: Path, change: Callable[[Path], None]) -> None:
    found, whole, _ = kept_then(folder, change)
    assert found == whole
    assert found
    assert not isinstance(found[0], Mapping)


@pytest.mark.long
@pytest.mark.parametrize(("old", "new"), [("memory: 256", "memory: 512"), ("day: monday", "day: friday")])
def test_what_the_service_makes_for_steps_is_renewed_too(folder: Path, old: str, new: str) -> None:
    section = (
        "      lambda: {entry_point: train.py, memory: 256, inputs: {day: monday}}\n      callback: {outputs: [by]}\n"
    )
    for name in ("unit0003", "unit0004"):
        path = conf(folder, name)
        path.write_text(path.read_text() + section)
        step = f"          - {{step_name: {name}-KIND, step_class: KIND}}\n"
        calls = step.replace("KIND", "Lambda") + step.replace("KIND", "Callback")
        owner = conf(folder, OWNER)
        text = owner.read_text()
        at = text.index(f"          - step_name: {name}-Preprocess")
        owner.write_text(text[:at] + calls + text[at:])
    found, whole, _ = kept_then(folder, rewrite("unit0003", old, new))
    assert found == whole
    assert len(found[0]["made"].functions) == 2

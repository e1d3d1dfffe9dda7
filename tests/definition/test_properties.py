"""Properties of composing: random valid files compose to definitions that hold, random damage never ends in a traceback."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.compose import compose as compose_all
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.expressions import references
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import build_manifest
from tests.definition.composing import load_graph
from tests.tiny import CONF, write_model
from tests.yamls import read_yaml, write_yaml

IMAGE = "example.com/tiny:1"
MANIFEST = build_manifest(parse_yaml(Source("m.yaml", "version: 1\ntraining_dir: .\nrepos: [{url: churn}]\n"), "PB100"))


@contextmanager
def training_dir(conf: str) -> Iterator[Path]:
    """Give a training directory with the model repository `churn` in it."""
    folder = Path(tempfile.mkdtemp())
    try:
        write_model(folder / "churn", conf)
        yield folder
    finally:
        shutil.rmtree(folder)


def compose(folder: Path) -> dict[str, Any]:
    graph = load_graph(folder, "churn")
    document: dict[str, Any] = json.loads(build_definition(graph, build_settings(LOCAL_DEFAULTS), {}).content)
    return document


names = st.text("abcdefgXYZ0189", min_size=1, max_size=12)
# All but a NUL, which no process can be given, and halves of characters.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
variables = st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True)
counts = st.integers(1, 9)
channels = st.one_of(names, st.dictionaries(names, st.none(), min_size=1, max_size=3))
jobs = st.fixed_dictionaries(
    {"image_uri": st.just(IMAGE)},
    optional={
        "instance_count": counts,
        "max_runtime_seconds": st.integers(1, 3600),
        "base_job_name": names,
        "env": st.dictionaries(variables, st.one_of(words, st.integers(), st.booleans()), max_size=3),
        "tags": st.dictionaries(names, names, max_size=3),
        "channels": channels,
        "retry": counts,
        "cache": st.just({"expire_after": "P3D"}),
    },
)
hyperparameters = st.dictionaries(
    names,
    st.one_of(words, st.floats(allow_nan=False), st.booleans(), st.lists(st.integers(), max_size=3)),
    max_size=4,
)


@st.composite
def units(draw: st.DrawFn) -> dict[str, Any]:
    """Draw one unit's sections."""
    unit: dict[str, Any] = {
        "source_directory": "scripts",
        "preprocess": {**draw(jobs), "entry_point": "preprocess.py"},
        "train": {**draw(jobs), "entry_point": "train.py", "hyperparams": draw(hyperparameters)},
        "transform": {"entry_point": "inference.py", "channels": "label"},
        "evaluate": {**draw(jobs), "entry_point": "evaluate.py"},
        "registry": {"ModelRepack": draw(st.booleans()), "InferenceSpecification": {"image_uri": IMAGE}},
    }
    return dict(draw(st.permutations(list(unit.items()))))


@st.composite
def confs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a file with some units; steps are listed in any order, chains go to any Processing or Training step before."""
    models: dict[str, Any] = {}
    listed: dict[str, Any] = {}
    before: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        model = f"m{number}"
        models[model] = draw(units())
        steps = []
        for step_class, section in (
            ("Processing", "preprocess"),
            ("Training", ""),
            ("CreateModel", ""),
            ("Metrics", ""),
            ("RegisterModel", ""),
        ):
            name = f"{model}-{step_class}"
            step: dict[str, Any] = {"step_name": name, "step_class": step_class}
            if section:
                step["step_type"] = section
            if step_class in ("Processing", "Training", "Metrics"):
                step["enable_cache"] = draw(st.booleans())
                chosen = draw(st.lists(st.sampled_from(before), max_size=2, unique=True)) if before else []
                step["chain_input_source_step"] = chosen
            steps.append(step)
            before += [name] if step_class in ("Processing", "Training") else []
        listed[model] = {"steps": draw(st.permutations(steps))}
    return {"conf": {"models": models, "sagemakerPipeline": {"pipelineName": "random", "models": listed}}}


@settings(max_examples=60, deadline=None)
@given(confs())
def test_valid_files_compose_to_definitions_that_hold(conf: dict[str, Any]) -> None:
    with training_dir(write_yaml(conf)) as folder:
        document = compose(folder)
    assert check_definition(document) == ()
    place = {step["Name"]: index for index, step in enumerate(document["Steps"])}
    asked = [
        step["step_name"] for model in conf["conf"]["sagemakerPipeline"]["models"].values() for step in model["steps"]
    ]
    assert set(asked) <= place.keys()
    for step in document["Steps"]:
        needed = [path.split(".")[1] for path, _ in references(step["Arguments"]) if path.startswith("Steps.")]
        assert all(place[name] < place[step["Name"]] for name in (*needed, *step.get("DependsOn", ())))


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.just("$params.x"), st.just("${X}")
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in _paths(item, (*path, key)))]


_TREE = read_yaml(CONF)
_ALL_PATHS = [path for path in _paths(_TREE) if path]


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(_ALL_PATHS), trees)
def test_any_value_anywhere_composes_or_is_a_problem(path: tuple[Any, ...], value: Any) -> None:
    tree = read_yaml(CONF)
    owner = tree
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = value
    _composes_or_tells(write_yaml(tree))


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(CONF) - 1), st.integers(0, 30), st.text(max_size=12))
def test_any_damage_of_the_text_composes_or_is_a_problem(start: int, length: int, text: str) -> None:
    _composes_or_tells(CONF[:start] + text + CONF[start + length :])


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_ALL_PATHS), trees), min_size=2, max_size=4))
def test_several_wrong_values_compose_or_are_problems(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    tree = read_yaml(CONF)
    for path, value in changes:
        owner = tree
        for key in path[:-1]:
            known = owner.get(key) if isinstance(owner, dict) else None
            listed = isinstance(owner, list) and isinstance(key, int) and key < len(owner)
            owner = owner[key] if listed else known
        if isinstance(owner, dict) or (isinstance(owner, list) and isinstance(path[-1], int) and path[-1] < len(owner)):
            owner[path[-1]] = value
    _composes_or_tells(write_yaml(tree))


def _composes_or_tells(conf: str) -> None:
    try:
        encoded = conf.encode()
    except UnicodeEncodeError:  # a lone surrogate is no text that a file could have
        return
    with training_dir(CONF) as folder:
        (folder / "churn" / "conf" / "conf.yaml").write_bytes(encoded)
        problems: tuple[Problem, ...] = ()
        try:
            compose_all(MANIFEST, Lock(manifest_commit="", repos=()), root=folder, values=LOCAL_DEFAULTS)
        except InputProblems as error:
            problems = tuple(error.problems)
        assert all(problem.place and problem.place.file for problem in problems)

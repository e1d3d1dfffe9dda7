"""Many models: what is looked at once stays looked at once, however many of them there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pipeline_builder.conf.belonging import check_kind
from pipeline_builder.conf.conf import ModelConf, conf_of
from pipeline_builder.conf.graph import Graph, build_graph
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.errors import Place
from pipeline_builder.manifest.policy import Policy
from tests.tiny import CONF, write_model

FEW, MANY = 2, 9


class Text(str):
    """A text that counts how often somebody looks for something in it."""

    __slots__ = ()
    looks: ClassVar[list[object]] = []

    def __contains__(self, item: object) -> bool:
        self.looks.append(item)
        return str(item) in str(self)


class Table(dict[Any, Any]):
    """A mapping that counts how often somebody goes through all of it."""

    looks = 0

    def values(self) -> Any:
        self.looks += 1
        return super().values()

    def items(self) -> Any:
        self.looks += 1
        return super().items()

    def __iter__(self) -> Iterator[Any]:
        self.looks += 1
        return super().__iter__()


def one_file(models: int) -> str:
    """Return a conf of so many models."""
    head, steps = CONF.split("  sagemakerPipeline:\n")
    start, model = head.split("    churn:\n")
    around, listed = steps.split("      churn:\n")
    names = [f"model{number}" for number in range(models)]
    sections = (f"    churn:\n{model}".replace("churn", name) for name in names)
    lists = (f"      churn:\n{listed}".replace("churn", name) for name in names)
    return "".join((start, *sections, "  sagemakerPipeline:\n", around, *lists))


def read(folder: Path, text: str) -> tuple[ModelConf, Graph]:
    write_model(folder / "churn", text)
    document = parse_yaml(Source("churn@1f3c9ab:conf/conf.yaml", text), "PB201")
    document = replace(document, source=Source(document.source.label, Text(text)))
    conf, problems = conf_of(document, repo="churn", folder=folder / "churn", values=LOCAL_DEFAULTS)
    assert conf is not None
    assert not problems
    return conf, build_graph([conf], training_dir=folder)


def test_a_file_of_many_models_is_searched_once(tmp_path: Path) -> None:
    looks = []
    for models in (FEW, MANY):
        Text.looks.clear()
        conf, graph = read(tmp_path / str(models), one_file(models))
        assert len(graph.steps) == 6 * models
        assert conf.has_expressions is False
        looks.append(len(Text.looks))
    assert looks[0] == looks[1]


def test_the_steps_are_gone_through_as_often_for_many_models(tmp_path: Path) -> None:
    looks = []
    for models in (FEW, MANY):
        _, graph = read(tmp_path / str(models), one_file(models))
        steps = Table(graph.by_name)
        problems: list[Any] = []
        check_kind(graph.units, steps, problems)
        assert problems == []
        looks.append(steps.looks)
    assert looks[0] == looks[1]


def test_a_repositorys_rules_take_no_look_at_those_of_others() -> None:
    places = Table({(f"repo{number}", "images"): Place("m", number, 1) for number in range(MANY)})
    policy = Policy.model_construct(places=places)
    rules = [policy.rules(f"repo{number}", {}) for number in range(MANY)]
    assert [one.places for one in rules] == [{"images": Place("m", number, 1)} for number in range(MANY)]
    assert places.looks <= FEW

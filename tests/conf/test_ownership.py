"""Whose a step is, where confs of several repositories make one pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.conf.graph import Graph
from pipeline_builder.errors import InputProblems
from tests.definition.composing import load_graph
from tests.tiny import CONF, write_model

HEAD, STEPS = CONF.split("  sagemakerPipeline:")
_ANCHOR = HEAD.replace("    churn:\n", "    price:\n")


def anchored(tmp_path: Path, more: str = "") -> Graph:
    """The repository `price` lists the steps of the model of `churn` and lends it its scripts."""
    write_model(tmp_path / "price", f"{_ANCHOR}  sagemakerPipeline:{STEPS}{more}")
    write_model(tmp_path / "churn", HEAD.replace("source_directory: scripts", "source_directory: price/scripts"))
    return load_graph(tmp_path, "price", "churn")


def test_a_step_is_its_models_repositorys(tmp_path: Path) -> None:
    graph = anchored(tmp_path)
    assert {step.repository for step in graph.steps} == {"churn"}
    assert {step.conf.repo for step in graph.steps} == {"price"}
    assert graph.units["churn"].source_directory == tmp_path / "price" / "scripts"


def test_arguments_for_another_repositorys_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as caught:
        anchored(tmp_path, "            arguments: {RoleArn: 'arn:aws:iam::000000000000:role/admin'}\n")
    (problem,) = caught.value.problems
    assert (problem.id, str(problem.place)) == ("PB643", "price@1f3c9ab:conf/conf.yaml:57:13")
    assert [str(place) for place in problem.related] == ["churn@1f3c9ab:conf/conf.yaml:3:5"]
    assert problem.hint == "write them as 'arguments' of the section 'registry' there"


def test_a_step_without_a_section_is_listed_under_a_model_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as caught:
        anchored(
            tmp_path,
            "          - {step_name: churn-New, step_class: Raw, step_type: New, arguments: {Arguments: {}}}\n",
        )
    (problem,) = caught.value.problems
    assert (problem.id, problem.hint) == ("PB643", "list the step under a model of 'price'")


def test_arguments_for_ones_own_model_are_taken(tmp_path: Path) -> None:
    write_model(tmp_path / "churn", CONF + "            arguments: {ModelPackageDescription: ours}\n")
    assert load_graph(tmp_path, "churn").by_name["churn-Register"].asked.arguments

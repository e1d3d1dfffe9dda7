"""Composes a tiny model repository in a folder, as the stages do it, without git and without a target."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.conf.conf import ModelConf, load_conf
from pipeline_builder.conf.graph import Graph, build_graph
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.tiny import CONF, write_model

LABEL = "churn@1f3c9ab:conf/conf.yaml"


def compose_graph(training_dir: Path, conf: str = CONF, **values: str) -> Graph:
    """Write the model repository `churn` below the training directory and return its graph."""
    folder = training_dir / "churn"
    if not folder.exists():
        write_model(folder, conf)
    return load_graph(training_dir, "churn", **values)


def load_graph(training_dir: Path, *repos: str, **values: str) -> Graph:
    """Return the graph of the repositories that are below the training directory already."""
    return build_graph(load_confs(training_dir, *repos, **values), training_dir=training_dir)


def load_confs(training_dir: Path, *repos: str, **values: str) -> list[ModelConf]:
    return [
        load_conf(
            training_dir / repo / "conf" / "conf.yaml",
            label=LABEL.replace("churn", repo),
            repo=repo,
            folder=training_dir / repo,
            values={**LOCAL_DEFAULTS, **values},
        )
        for repo in repos
    ]


def compose_definition(
    training_dir: Path,
    conf: str = CONF,
    *,
    files: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    **values: str,
) -> Definition:
    """Return the definition, which every offline check has accepted; `files` are more files of the source directory."""
    if not (training_dir / "churn").exists():
        write_model(training_dir / "churn", conf)
    for name, text in (files or {}).items():
        path = training_dir / "churn" / "scripts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = load_graph(training_dir, "churn", **values)
    definition = build_definition(graph, build_settings({**LOCAL_DEFAULTS, **values}, tags), {"churn": "churn"})
    assert check_definition(json.loads(definition.content)) == ()
    return definition


def archive_of(bundle: Bundle) -> bytes:
    """Return what would be uploaded of a bundle."""
    buffer = io.BytesIO()
    bundle.write(buffer)
    return buffer.getvalue()

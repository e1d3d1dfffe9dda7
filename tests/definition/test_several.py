"""What is kept of a composition is one pipeline's: another of the manifest is never taken for it, nor kept from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline_builder.errors import Problem
from pipeline_builder.opened import Opened
from tests.definition.test_renewed import OWNER, open_workspace, result
from tests.many import make_units

UNITS = 8
SECTION = "pipelines:\n  - {name: training}\n  - {name: again, config: '*/conf/again.yaml'}\nrepos:"
HANDLES = ("", "again")


def compose(folder: Path, state: str) -> list[Any]:
    """Return all that is composed of each pipeline, or what is wrong."""
    base = open_workspace(folder, state).workspace
    return [result(Opened(base.narrowed(handle), warn=lambda _: None)) for handle in HANDLES]


def test_each_is_composed_of_its_own_files_and_a_change_of_one_reaches_that_one(tmp_path: Path) -> None:
    make_units(tmp_path, UNITS)
    manifest = tmp_path / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace("repos:", SECTION))
    for conf in sorted(tmp_path.glob("aws-train/*/conf/conf.yaml")):
        text = conf.read_text().replace("pipelineName: many", "pipelineName: more")
        conf.with_name("again.yaml").write_text(text)
    first = compose(tmp_path, "kept")
    assert [found[0]["pipeline"] for found in first] == ["many", "more"]
    assert compose(tmp_path, "kept") == first

    changed = tmp_path / "aws-train" / "unit0005" / "conf" / "again.yaml"
    changed.write_text(changed.read_text().replace("entry_point: train.py", "entry_point: evaluate.py", 1))
    second = compose(tmp_path, "kept")
    assert second == compose(tmp_path, "anew")
    assert [found[0]["sha256"] for found in second] != [found[0]["sha256"] for found in first]
    assert second[0] == first[0]

    listing = tmp_path / "aws-train" / OWNER / "conf" / "again.yaml"
    listing.write_text(listing.read_text().replace("pipelineName: more", "pipelineName: many"))
    for found in compose(tmp_path, "kept"):  # also of the one whose own files are as they were
        (problem,) = found
        assert isinstance(problem, Problem)
        assert (problem.id, [place.file for place in problem.related]) == ("PB955", [f"{OWNER}:conf/conf.yaml"])

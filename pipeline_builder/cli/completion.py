"""What a shell completes, out of the files that are there; where they can't be read it is nothing."""

from __future__ import annotations

from pathlib import Path

import click


def models_of_the_last_run(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Complete the name of a model, out of the record of the last run."""
    from pipeline_builder.release.record import load_record

    record = load_record(Path(context.params.get("build_dir") or "build", "run.json"))
    return [package.model for package in (record.packages if record else ()) if package.model.startswith(begun)]


def pipelines_of_the_manifest(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Complete the name of a pipeline, out of the manifest."""
    from pipeline_builder.documents.source import load_yaml
    from pipeline_builder.errors import InputProblems
    from pipeline_builder.manifest.manifest import build_manifest

    path = Path(context.params.get("manifest") or "model_repos.yaml")
    try:
        entries = build_manifest(load_yaml(path, str(path), "PB100", placed=True)).pipelines
    except (InputProblems, OSError):
        return []
    return [entry.name for entry in entries if entry.name.startswith(begun)]

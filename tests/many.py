"""Many models, each in a repository of its own, as 'checkout' leaves them."""

from __future__ import annotations

from pathlib import Path

from tests.tiny import CONF, write_model


def make_units(folder: Path, units: int) -> None:
    """Write a manifest, its checkouts and the lock, as 'checkout' leaves them, of so many models in one pipeline."""
    head, steps = CONF.split("  sagemakerPipeline:\n")
    listed = steps.split("    models:\n")[1]
    names = [f"unit{number:04d}" for number in range(units)]
    for name in names:
        write_model(folder / "aws-train" / name, head.replace("churn", name))
    first = folder / "aws-train" / names[0] / "conf" / "conf.yaml"
    pipeline = "  sagemakerPipeline:\n    pipelineName: many\n    models:\n"
    first.write_text(first.read_text() + pipeline + "".join(listed.replace("churn", name) for name in names))
    urls = {name: f"https://git.example.com/{name}.git" for name in names}
    (folder / "model_repos.yaml").write_text(
        "version: 1\nrepos:\n" + "".join(f"  - url: {url}\n" for url in urls.values())
    )
    at = f"revision: main, commit: {'a' * 40}, tree: {'b' * 40}, committed: '2026-01-01T00:00:00Z'"
    (folder / "build").mkdir()
    (folder / "build" / "model_repos.lock.yaml").write_text(
        "version: 1\nmanifest_commit: ''\nmanifest_dirty: false\nrepos:\n"
        + "".join(f"  - {{name: {name}, url: '{url}', {at}}}\n" for name, url in urls.items())
    )

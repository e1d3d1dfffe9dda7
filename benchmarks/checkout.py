"""Checkout of 20 repositories on this machine: cold, unchanged, and GitPython's clone_from in a row."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from table import ROOT, seconds, show

sys.path.insert(0, str(ROOT))

import git

from pipeline_builder.checkout.checkout import checkout
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.manifest.manifest import build_manifest
from tests.checkout.repositories import commit, make_repository

COUNT = 20


def main() -> None:
    """Print the table; the ratio is of the same run."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(COUNT):
            remote = root / "remotes" / f"r{number}"
            remote.mkdir(parents=True)
            for file in range(50):
                (remote / f"f{file}.bin").write_bytes(os.urandom(20_000))
            make_repository(remote)
            for change in range(5):
                (remote / "f0.bin").write_bytes(os.urandom(20_000))
                commit(remote, f"change {change}")
        lines = "".join(f"  - url: remotes/r{number}\n" for number in range(COUNT))
        manifest = build_manifest(parse_yaml(Source("m", f"version: 1\nrepos:\n{lines}"), "PB100"))

        def ours(name: str) -> None:
            checkout(manifest, root=root, cache=root / name, locked=None, environment=dict(os.environ))

        def theirs(name: str) -> None:
            for number in range(COUNT):
                git.Repo.clone_from(f"file://{root}/remotes/r{number}", root / name / str(number)).close()

        cold, plain = [], []
        for turn in range(3):
            plain.append(seconds(lambda t=turn: theirs(f"plain{t}")))
            shutil.rmtree(root / "aws-train", ignore_errors=True)
            cold.append(seconds(lambda t=turn: ours(f"cache{t}")))
        same = [seconds(lambda: ours("cache2")) for _ in range(5)]
        rows = [("cold", cold, "-"), ("nothing changed", same, "-"), ("GitPython clone_from in a row", plain, "-")]
        show(f"checkout of {COUNT} repositories", rows)
        print(f"  cold against clone_from: {statistics.median(cold) / statistics.median(plain):.2f}")


main()

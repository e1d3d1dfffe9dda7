"""Checkout of 20 repositories on this machine: cold, unchanged, and GitPython's clone_from in a row.

Of 8 folders of one repository of 60 MB behind a server: how often it is fetched, what comes, and how long it takes.
"""

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
from tests.checkout.repositories import commit, make_certificate, make_repository, serve

COUNT = 20
FOLDERS = 8


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


def folders() -> None:
    """Print a line: of folders that have an eighth of a repository together, and of the whole in one clone."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        remote = root / "remotes" / "all"
        for number in range(FOLDERS):
            for name, size in ((f"m{number}", 1_000_000), (f"other{number}", 6_500_000)):
                (remote / name).mkdir(parents=True)
                (remote / name / "data.bin").write_bytes(os.urandom(size))
        make_repository(remote)
        git.Repo(remote).git.config("uploadpack.allowFilter", "true")
        certificate = make_certificate(root / "certificate.pem")
        environment = {**os.environ, "GIT_SSL_CAINFO": str(certificate)}
        with serve(root / "remotes", certificate=certificate) as (url, log):
            lines = "".join(f"  - {{name: m{n}, url: {url}/all, path: m{n}}}\n" for n in range(FOLDERS))
            manifest = build_manifest(parse_yaml(Source("m", f"version: 1\nrepos:\n{lines}"), "PB100"))

            def ours() -> None:
                checkout(manifest, root=root, cache=root / "cache", locked=None, environment=environment)

            cold = seconds(ours)
            asked = log.count("GET git-upload-pack")
            came = sum(path.stat().st_size for path in (root / "cache").rglob("*.pack")) / 1e6
            again = seconds(ours)

            def theirs() -> None:
                git.Repo.clone_from(f"{url}/all", root / "clone", depth=1, env=environment).close()

            clone = seconds(theirs)
        print(f"{FOLDERS} folders of one repository of 60 MB: {asked} connections, {came:.1f} MB, {cold:.1f} s")
        print(f"  nothing changed: {again:.2f} s; clone --depth 1 of the whole: {clone:.1f} s")


main()
folders()

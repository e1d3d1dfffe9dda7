"""How long a model takes to become an archive, by compressor: weights that hardly get smaller, and tables that do."""

from __future__ import annotations

import argparse
import random
import sys
import tarfile
import tempfile
import zlib
from array import array
from pathlib import Path
from typing import Any

from table import ROOT, seconds, show

sys.path.insert(0, str(ROOT))

from isal import igzip

from pipeline_builder.engine.jobs.archives import pack, unpack
from pipeline_builder.machine.tree import Tree, survey

MEGABYTE = 1 << 20


def weights(made: random.Random) -> bytes:
    """Return a megabyte of floats, as networks have them."""
    return array("f", (made.gauss(0, 1) for _ in range(MEGABYTE // 4))).tobytes()


def table(made: random.Random) -> bytes:
    """Return about a megabyte of text."""
    return b"".join(b"%d,%.4f,%s\n" % (n, made.random(), made.choice((b"yes", b"no"))) for n in range(70_000))


def tar_with(opened: Any, folder: Path) -> None:
    """Pack the folder into an open compressing file, as `pack` does."""
    with opened as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, ".")


def main() -> None:
    """Print the table; the ratio is that of the archive's size to the model's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256)
    size = parser.parse_args().megabytes
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("floats", weights), ("a table", table)):
            model, target = Path(folder, name), Path(folder, "archive")
            model.mkdir()
            blocks = [content(random.Random(seed)) for seed in range(16)]
            with (model / "model").open("wb") as file:
                for number in range(size):
                    file.write(blocks[number % 16])
            for what, work in ways(model, target).items():
                took = [seconds(work)]
                ratio = f", {target.stat().st_size / (model / 'model').stat().st_size:.0%}" if "pack" in what else ""
                rows.append((f"{name}: {what}{ratio}", took, "1 s for 200 MB" if "ours" in what else "-"))
    show(f"archives of {size} MB", rows)


def ways(model: Path, target: Path) -> dict[str, Any]:
    """Return what is measured, in the order that it is done in."""
    import gzip

    def ours() -> None:
        with target.open("wb") as file:
            tree = Tree(root=model)
            pack(tree, survey(tree), file)

    def read() -> None:
        with gzip.open(target) as file:
            while file.read(MEGABYTE):
                pass

    return {
        "packed by zlib, level 6": lambda: tar_with(gzip.open(target, "wb", 6), model),
        "packed by zlib, level 1": lambda: tar_with(gzip.open(target, "wb", 1), model),
        "packed by ISA-L, level 2": lambda: tar_with(igzip.open(target, "wb", 2), model),
        "packed by ours, ISA-L, level 1": ours,
        f"read by zlib {zlib.ZLIB_RUNTIME_VERSION}": read,
        "unpacked by ours": lambda: unpack(target, target.with_name("unpacked")),
    }


main()

"""A batch transform of many rows: the example's handlers in the local engine, and in a bare loop that does no more.

The example is trained once; rows are made by its generator and its own preprocessing. Both sides take turns, and their
answers have to be the same bytes. A bare loop starts Python, loads the model, reads a file in pieces that end with a
line, and writes the answers. "step" is what a Transform step takes of all that the engine does; "run" has the engine's
own start as well.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import Figure, Seen, meter, middle, note, ratio
from table import COMMAND, ROOT

EXAMPLE = ROOT / "examples" / "purchase-intent"
ROWS = """
import random, sys
sys.path[:0] = sys.argv[1:3]
import generate, pandas, preprocess
left, chosen = int(sys.argv[3]), random.Random(17)
with open(sys.argv[4], "w") as file:
    while left:
        many = min(left, 20_000)
        left -= many
        table = pandas.DataFrame([generate.session(chosen) for _ in range(many)], columns=generate.COLUMNS, dtype=str)
        preprocess.encode(table).drop(columns=preprocess.LABEL).to_csv(file, index=False, header=False)
"""
LOOP = """
import sys
sys.path.insert(0, sys.argv[1])
import inference
model, size, joins = inference.model_fn(sys.argv[2]), int(sys.argv[5]) << 20, sys.argv[6:] == ["joined"]
with open(sys.argv[3], "rb") as source, open(sys.argv[4], "wb") as target:
    while body := source.read(size - 200):
        body += source.readline()
        if joins:
            lines = body.splitlines()
            body = b"".join([b",".join(line.split(b",")[0:]) + b"\\n" for line in lines])
        found = inference.predict_fn(inference.input_fn(body, "text/csv"), model)
        answer = inference.output_fn(found, "text/csv").encode() + b"\\n"
        if joins:
            answer = b"".join([line + b"," + row + b"\\n" for line, row in zip(lines, answer.splitlines())])
        target.write(answer)
"""
RUN = """
import json, os, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from pipeline_builder.engine.local import open_local_target
from pipeline_builder.here import load_local_settings
from dataclasses import replace
from pipeline_builder.release.run import follow, start
def used():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
given = json.loads(sys.argv[2])
settings = replace(load_local_settings(Path(given["manifest"]), 1), mounts={"bench": Path(given["data"])})
local = open_local_target(Path(given["state"]), settings)
deployed = local.pipelines.put_pipeline("scoring", json.dumps(given["definition"]).encode())
began, cpu = time.perf_counter(), used()
ended = follow(local.pipelines, start(local.pipelines, deployed, {}, rerun=True), lambda _state: None)
assert ended.status.value == "Succeeded", local.pipelines.list_steps(ended.arn)
print(json.dumps([time.perf_counter() - began, used() - cpu]), file=open(given["took"], "w"))
"""


class World:
    """A folder with the trained example, its state and the rows."""

    def __init__(self, folder: Path, payload: int) -> None:
        self.folder, self.payload = folder, payload
        state = folder / "state"
        words = ["up", "--pipeline", "training", "--state", str(state), "--build-dir", str(folder / "build")]
        meter([*COMMAND, *words], folder=ROOT, environment={**os.environ, "PYTHONPATH": str(ROOT)})
        steps = json.loads((folder / "build" / "pipeline_definition.json").read_text())["Steps"]
        self.container = next(s for s in steps if s["Type"] == "Model")["Arguments"]["PrimaryContainer"]
        self.python = next((state / "envs").glob("*/lib/*/site-packages/lightgbm")).parents[3] / "bin" / "python"
        (folder / "model").mkdir()
        (folder / "data").mkdir()
        archive = next((state / "store").rglob("model.tar.gz"))
        subprocess.run(["tar", "-xzf", archive, "-C", folder / "model"], check=True)
        (folder / "data" / "model.tar.gz").write_bytes(archive.read_bytes())

    def make_rows(self, rows: int) -> Path:
        """Make so many rows, of a file that is there several times where that gives them; return their file."""
        file = self.folder / "data" / f"{rows}" / "rows.csv"
        file.parent.mkdir()
        for other in file.parent.parent.glob("*/rows.csv"):
            if not rows % int(other.parent.name):
                with file.open("wb") as target:
                    for _ in range(rows // int(other.parent.name)):
                        with other.open("rb") as source:
                            shutil.copyfileobj(source, target)
                return file
        subprocess.run([self.python, "-c", ROWS, EXAMPLE / "data", EXAMPLE / "scripts", str(rows), file], check=True)
        return file

    def loop(self, file: Path, way: str) -> tuple[Seen, Path]:
        """Score the rows in a bare loop; return what it took, and where the answers are."""
        out = self.folder / "bare.out"
        words = [EXAMPLE / "scripts", self.folder / "model", file, out, str(self.payload)]
        seen = meter([self.python, "-c", LOOP, *words, *([way] if way else [])], folder=self.folder)
        return seen, out

    def run(self, file: Path, way: str) -> tuple[Seen, Seen, Path]:
        """Score the rows in the engine; return what the step took of it, what all took, and where the answers are."""
        out = self.folder / "state" / "store" / "scored" / way
        given = {
            "manifest": str(ROOT / "model_repos.yaml"), "state": str(self.folder / "state"), "took": f"{out}.took",
            "data": str(self.folder / "data"), "definition": self.definition(file.parent.name, way),
        }  # fmt: skip
        out.parent.mkdir(exist_ok=True)
        seen = meter([sys.executable, "-c", RUN, ROOT, json.dumps(given)], folder=self.folder)
        wall, cpu = json.loads(Path(given["took"]).read_text())
        return Seen(wall=wall, cpu=cpu, peak=seen.peak), seen, out / "rows.csv.out"

    def definition(self, rows: str, way: str) -> dict[str, object]:
        """Return a definition with a model and its transform."""
        role = "arn:aws:iam::000000000000:role/local"
        container = {**self.container, "ModelDataUrl": "s3://bench/model.tar.gz"}
        transform = {
            "ModelName": {"Get": "Steps.Model.ModelName"}, "BatchStrategy": "MultiRecord",
            "MaxPayloadInMB": self.payload,
            "TransformInput": {
                "ContentType": "text/csv", "SplitType": "Line",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bench/{rows}/"}},
            },
            "TransformOutput": {"Accept": "text/csv", "AssembleWith": "Line", "S3OutputPath": f"s3://scored/{way}"},
            "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
            **({"DataProcessing": {"InputFilter": "$[0:]", "JoinSource": "Input"}} if way == "joined" else {}),
        }  # fmt: skip
        model = {"ExecutionRoleArn": role, "PrimaryContainer": container}
        steps = [
            {"Name": "Model", "Type": "Model", "Arguments": model},
            {"Name": "Score", "Type": "Transform", "Arguments": transform},
        ]
        return {"Version": "2020-12-01", "Parameters": [], "Steps": steps}


WAYS = ("", "joined")
SIDES = ("bare loop", "step", "run")
Found = dict[tuple[int, str, str], list[Seen]]


def measure(world: World, rows: int, ways: tuple[str, ...], rounds: int) -> Found:
    """Have a file scored by both sides in turns; answers that differ end the benchmark."""
    found: Found = {}
    file = world.make_rows(rows)
    for _ in range(rounds):
        for way in ways:
            bare, expected = world.loop(file, way)
            step, run, answers = world.run(file, way)
            assert filecmp.cmp(answers, expected, shallow=False), f"the answers to {file} differ"
            for side, seen in zip(SIDES, (bare, step, run), strict=True):
                found.setdefault((rows, way, side), []).append(seen)
    return found


def show(found: Found) -> None:
    """Print a line for each number of rows, way and side."""
    for (rows, way, side), seen in found.items():
        bare = found[rows, way, SIDES[0]]
        work = f"score {rows:,} rows{', ' + way if way else ''}"
        each, wall = rows / middle(seen), rows / middle(seen, "wall")
        share = f"{1 / ratio(seen, bare):.2f} of the bare loop" if side != SIDES[0] else ""
        peak = max(one.peak for one in seen)
        print(
            f"  {work:<30} {side:<10}{each:10,.0f} rows/CPU s{wall:10,.0f} rows/s{peak:6.0f} MB n={len(seen)} {share}"
        )
        if side != "run":
            of, goal = (side, "") if side == SIDES[0] else ("now", "<= 1.11 x")
            note(
                Figure(
                    work=f"score rows{', ' + way if way else ''}",
                    of=of,
                    size=rows,
                    seen=seen,
                    goal=goal,
                    bound=SIDES[0],
                )
            )


def main() -> None:
    """Print the table; the second number of rows shows whether memory grows with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--payload", type=int, default=6, help="MaxPayloadInMB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), given.payload)
        for rows in given.rows:
            show(measure(world, rows, WAYS if rows == given.rows[0] else WAYS[:1], given.rounds))


if __name__ == "__main__":
    main()

"""Baseline and Monitor over many rows of 17 columns: seconds and peak memory of the job's own process."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from figures import Figure, Seen, meter, middle, note

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DATA = """
import sys
import numpy as np
import pandas as pd
rows, seed, shift, path, scores = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5]
chance = np.random.default_rng(seed)
found = {f"n{at}": chance.normal(shift if at == 3 else 0, 1, rows).round(6) for at in range(12)}
found["visits"] = chance.poisson(3, rows)
found["Month"] = chance.choice(["Feb", "Mar", "May", "Nov"], rows)
found["Weekend"] = chance.choice(["TRUE", "FALSE"], rows)
found["OperatingSystems"] = chance.integers(1, 8, rows)
found["id"] = [f"s{at}" for at in range(rows)]
pd.DataFrame(found).to_csv(path, index=False)
np.savetxt(scores, chance.random(rows), fmt="%.5f")
"""


def main() -> None:
    """Print a line for each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = _python(Path(folder, "envs"))
        for rows in given.rows:
            found = _measure(python, Path(folder, str(rows)), rows, given.rounds)
            for job, seen in found.items():
                peak = middle(seen, "peak")
                print(f"{job:<9} {rows:>9,} rows  {middle(seen):6.2f} CPU s  {peak:6.0f} MB at most", flush=True)
                note(Figure(work=f"{job} of 17 columns", of="this", seen=seen, size=rows))


def _python(folder: Path) -> Path:
    """Return the interpreter with what the example's image has."""
    from pipeline_builder.engine.jobs.environments import Environments

    (image,) = yaml.safe_load((ROOT / "model_repos.yaml").read_text())["local"]["images"]
    return Environments(folder).get((tuple(image["requirements"]),), observe=lambda _: None)


def _measure(python: Path, folder: Path, rows: int, rounds: int) -> dict[str, list[Seen]]:
    from pipeline_builder.monitoring.shipped import job_files

    places = {job: folder / job / "processing" / "input" for job in ("baseline", "monitor")}
    for at, (job, place) in enumerate(places.items()):
        for name in ("data", "predictions"):
            (place / name).mkdir(parents=True)
        paths = (place / "data" / "rows.csv", place / "predictions" / "rows.csv.out")
        meter([python, "-c", DATA, str(rows), str(at), str(0.3 * at), *paths], folder=folder)
        for name, content in job_files({"key": "id", "drift": {"psi": 0.2}}).items():
            (folder / job / name).parent.mkdir(exist_ok=True)
            (folder / job / name).write_bytes(content)
    found: dict[str, list[Seen]] = {}
    for _ in range(rounds):
        for job in places:
            environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(folder / job)}
            command = [python, "-m", f"smp_monitoring.{job}"]
            found.setdefault(job, []).append(meter(command, folder=folder / job, environment=environment))
            if job == "baseline":
                target = places["monitor"] / "baseline"
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(folder / job / "processing" / "output", target)
    report = json.loads((folder / "monitor" / "processing" / "output" / "monitor.json").read_text())
    assert report["drift"]["columns"] == (1 if report["drift"]["max_psi"] > 0.2 else 0)
    return found


if __name__ == "__main__":
    main()

"""Jobs of Baseline and Monitor steps as tests run them: in the environment of the shipped example's image."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_builder.monitoring.shipped import job_files
from tests.engine.environments import shared_environment
from tests.places import ROOT

Content = str | bytes
PROGRAM = "import numpy, pandas, scipy.stats, scipy.spatial.distance, sklearn.metrics"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Data of a baseline and of a day: files by their paths below the inputs' folders."""

    train: Mapping[str, Content] = field(default_factory=dict)
    day: Mapping[str, Content] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    watch: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What the two jobs have left: their words where they failed, and their files."""

    baseline: str
    monitor: str
    files: Mapping[str, bytes]

    @property
    def report(self) -> Any:
        assert not self.monitor, self.monitor
        return json.loads(self.files["monitor.json"])

    def json(self, name: str) -> Any:
        return json.loads(self.files[name])

    def violations(self, *keys: str) -> list[tuple[Any, ...]]:
        return [tuple(found[key] for key in keys) for found in self.report["violations"]]


def image_python(factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter with what the example's image has."""
    manifest = yaml.safe_load((ROOT / "model_repos.yaml").read_text())
    (image,) = manifest["local"]["images"]
    return shared_environment((tuple(image["requirements"]),), PROGRAM, factory)


def run_cases(python: Path, folder: Path, cases: Mapping[str, Case]) -> dict[str, Ended]:
    """Run the baseline of every case, and then its day."""
    code = folder / "code"
    for name, content in job_files({}).items():
        _put(code / name, content)
    first = {name: _job(folder / name / "train", "baseline", case.train, case.settings) for name, case in cases.items()}
    _drive(python, code, [*first.values()])
    second = {}
    for name, case in cases.items():
        made = {f"baseline/{path.name}": path.read_bytes() for path in _outputs(first[name])}
        known = {"label", "key", "ignore", "format", "header", "files", "separator", "encoding", "names"}
        settings = {key: value for key, value in case.settings.items() if key in known}
        second[name] = _job(folder / name / "day", "monitor", {**made, **case.day}, {**settings, **case.watch})
    _drive(python, code, [*second.values()])
    return {
        name: Ended(
            baseline=_ended(first[name]),
            monitor=_ended(second[name]),
            files={path.name: path.read_bytes() for made in (first, second) for path in _outputs(made[name])},
        )
        for name in cases
    }


def _job(folder: Path, module: str, inputs: Mapping[str, Content], settings: Mapping[str, Any]) -> Path:
    for name, content in inputs.items():
        _put(folder / "processing" / "input" / name, content)
    _put(folder / "job.json", json.dumps({"module": module, "settings": dict(settings)}))
    return folder


def _put(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def _drive(python: Path, code: Path, folders: Sequence[Path]) -> None:
    driver = Path(__file__).with_name("driving.py")
    command = [str(python), str(driver), str(code), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _outputs(folder: Path) -> list[Path]:
    output = folder / "processing" / "output"
    return sorted(output.iterdir()) if output.is_dir() else []


def _ended(folder: Path) -> str:
    return str(json.loads((folder / "ended.json").read_text()))

"""Jobs of Baseline and Monitor steps as tests run them: in the environment of the shipped example's image."""

from __future__ import annotations

import fcntl
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_builder.monitoring.shipped import job_files
from tests.engine.environments import shared_environment
from tests.places import ROOT, folder_of_run

Content = str | bytes
MEASURED = "measured.json"


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


@contextmanager
def made_once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """Yield a folder that all processes of a test run share, and whether its content is there already."""
    folder = folder_of_run(factory) / "monitoring" / name
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, done.exists()
        done.touch()


def image_python(factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter with what the example's image has."""
    manifest = yaml.safe_load((ROOT / "model_repos.yaml").read_text())
    (image,) = manifest["local"]["images"]
    return shared_environment((tuple(image["requirements"]),), "pass", factory)


def read_cases(folder: Path, cases: Mapping[str, Case]) -> dict[str, Ended]:
    """Return how they ended."""
    first, second = ({name: folder / name / way for name in cases} for way in ("train", "day"))
    return {
        name: Ended(
            baseline=_ended(first[name]),
            monitor=_ended(second[name]),
            files={path.name: path.read_bytes() for made in (first, second) for path in _outputs(made[name])},
        )
        for name in cases
    }


def run_cases(python: Path, folder: Path, cases: Mapping[str, Case], *, measured: str = "") -> None:
    """Run the baseline of every case and then its day, and measure: all in one process, whose imports take longer."""
    code = folder / "code"
    for name, content in job_files({}).items():
        _put(code / name, content)
    known = {"label", "key", "ignore", "format", "header", "files", "separator", "encoding", "names"}
    for name, case in cases.items():
        settings = {key: value for key, value in case.settings.items() if key in known}
        _put_job(folder / name / "train", case.train, case.settings)
        _put_job(folder / name / "day", case.day, {**settings, **case.watch})
    driver = Path(__file__).with_name("driving.py")
    command = [str(python), str(driver), str(code), measured, *(str(folder / name) for name in cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _put_job(folder: Path, inputs: Mapping[str, Content], settings: Mapping[str, Any]) -> None:
    for name, content in inputs.items():
        _put(folder / "processing" / "input" / name, content)
    _put(folder / "job.json", json.dumps(dict(settings)))


def _put(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def _outputs(folder: Path) -> list[Path]:
    output = folder / "processing" / "output"
    return sorted(output.iterdir()) if output.is_dir() else []


def _ended(folder: Path) -> str:
    return str(json.loads((folder / "ended.json").read_text()))

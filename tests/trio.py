"""Three small models of three repositories in one pipeline, to decide about one by one: trained in a tenth of a second."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checkout.repositories import commit, make_repository
from tests.engine.environments import share_environment
from tests.workspaces import Ended, Workspace

NAMES = ("churn", "price", "segments")
MANIFEST = """\
version: 1
repos:
  - url: remotes/churn
  - url: remotes/price
  - url: remotes/segments
local:
  s3: {local: data}
"""
_MODEL = """\
conf:
  models:
    THIS:
      source_directory: scripts
      train:
        image_uri: example.com/tiny:1
        entry_point: train.py
        channels:
          train:
            dataFiles:
              - {sourceName: numbers, fileName: s3://SMP_S3BUCKETNAME/THIS.csv}
      registry:
        ModelRepack: "False"
        InferenceSpecification:
          image_uri: example.com/tiny:1
"""
_STEPS = """\
      THIS:
        steps:
          - {step_name: THIS-Train, step_class: Training, enable_cache: true}
          - {step_name: THIS-Register, step_class: RegisterModel}
"""
_PIPELINE = "  sagemakerPipeline:\n    pipelineName: trio\n    models:\n"
TRAIN = """\
import os
from pathlib import Path

Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("THIS")
"""


@dataclass(frozen=True)
class Trio(Workspace):
    """A workspace with the three."""

    def change(self, name: str, script: str = "", conf: tuple[str, str] = ("", "")) -> str:
        """Commit a new training script of a model, or another conf; return the commit's id."""
        remote = self.root / "remotes" / name
        train = remote / "scripts" / "train.py"
        train.write_text(script or train.read_text() + "# changed\n")
        path = remote / "conf" / "conf.yaml"
        text = path.read_text()
        assert conf[0] in text
        path.write_text(text.replace(*conf) if conf[0] else text)
        return commit(remote, f"change {name}")

    @property
    def record(self) -> Any:
        return json.loads((self.root / "build" / "run.json").read_text())

    def statuses(self) -> dict[str, str]:
        """Return what the newest run's packages are in the record."""
        return {package["model"]: package["status"] for package in self.record["packages"]}

    def changes(self) -> list[tuple[str, str, str]]:
        """Return group/version, status and who, of every decision so far, oldest first."""
        found = self.call("history", "--json").json["approvals"]
        return [("/".join(a["package"].split("/")[-2:]), a["after"], a["by"]) for a in reversed(found)]

    def decide(self, *arguments: str, by: str = "ada") -> Ended:
        return self.call(*arguments, SMP_APPROVER=by)


MANY = "m"
"""What the names of very many models begin with; a number follows."""


def make_many(root: Path, count: int) -> Trio:
    """Make a workspace with so many models of one repository, two steps each, and nothing run yet."""
    names = [f"{MANY}{number}" for number in range(count)]
    steps = "".join(_STEPS.replace("THIS", name) for name in names)
    models = "".join(_MODEL.partition("  models:\n")[2].replace("THIS", name) for name in names)
    remote = root / "remotes" / "churn"
    (remote / "conf").mkdir(parents=True)
    (remote / "scripts").mkdir()
    (remote / "conf" / "conf.yaml").write_text(f"conf:\n  models:\n{models}{_PIPELINE}{steps}")
    (remote / "scripts" / "train.py").write_text(TRAIN)
    make_repository(remote)
    (root / "data").mkdir()
    for name in names:
        (root / "data" / f"{name}.csv").write_text("1\n2\n")
    (root / "model_repos.yaml").write_text("version: 1\nrepos:\n  - url: remotes/churn\nlocal:\n  s3: {local: data}\n")
    share_environment(root / ".pipeline_builder")
    return Trio(root)


def make_trio(root: Path, manifest: str = MANIFEST) -> Trio:
    """Make the workspace, with nothing run yet."""
    steps = "".join(_STEPS.replace("THIS", name) for name in NAMES)
    for name in NAMES:
        remote = root / "remotes" / name
        (remote / "conf").mkdir(parents=True)
        (remote / "scripts").mkdir()
        own = _MODEL.replace("THIS", name)
        (remote / "conf" / "conf.yaml").write_text(own + (_PIPELINE + steps if name == "churn" else ""))
        (remote / "scripts" / "train.py").write_text(TRAIN.replace("THIS", name))
        make_repository(remote)
    (root / "data").mkdir()
    for name in NAMES:
        (root / "data" / f"{name}.csv").write_text("1\n2\n")
    (root / "model_repos.yaml").write_text(manifest)
    share_environment(root / ".pipeline_builder")
    return Trio(root)

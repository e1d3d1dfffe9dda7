"""The service's own repository: this tool, a manifest, and the model's repository inside of it, as an archive for S3.

The model's repository is a bare one below `remotes/`: so it needs no git host, and its commits are real ones. The
archive has no `.git` of its own; CodeBuild gets it as CodePipeline hands it on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from acceptance.model import write_model

ROOT = Path(__file__).resolve().parent.parent
_PARTS = ("pipeline_builder", "templates", "scripts", "buildspec.yml", "pyproject.toml", "README.md", "LICENSE")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
_WHEN = "2026-01-01T00:00:00Z"
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_DATE": _WHEN, "GIT_COMMITTER_DATE": _WHEN,
    "GIT_AUTHOR_NAME": "acceptance", "GIT_AUTHOR_EMAIL": "acceptance@example.com",
    "GIT_COMMITTER_NAME": "acceptance", "GIT_COMMITTER_EMAIL": "acceptance@example.com",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the repository is about: names, the model's image, its round, and what the manifest says of the service."""

    name: str
    image: str
    round: int
    service: Mapping[str, Any]
    schedules: tuple[Mapping[str, Any], ...] = ()
    repos: tuple[Mapping[str, Any], ...] = ()
    tags: Mapping[str, str]
    local: Mapping[str, Any] | None = None


def write_repository(folder: Path, content: Content) -> None:
    """Write all of it below a folder of its own; what was there of an earlier round goes."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for part in (*_PARTS, *(path.name for path in sorted(ROOT.glob("requirements*")))):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=_LEFT_OUT)
        else:
            shutil.copy(source, folder / part)
    (folder / "model_repos.yaml").write_text(manifest(content), "utf-8")
    framework = {"conf": {"tags": dict(content.tags)}}
    (folder / "framework.yaml").write_text(yaml.safe_dump(framework), "utf-8")
    _write_remote(folder, content)
    _git(folder, "init", "--quiet", "--initial-branch=main", ".")
    _commit(folder, "the acceptance's service")


def manifest(content: Content) -> str:
    """Return the text of the manifest."""
    found: dict[str, Any] = {
        "version": 1,
        "repos": [{"name": "tiny", "url": "remotes/tiny.git", "trigger": "none"}, *map(dict, content.repos)],
        "schedules": [dict(schedule) for schedule in content.schedules],
        "service": {"name": content.name, **content.service},
    }
    if content.local:
        found["local"] = dict(content.local)
    return yaml.safe_dump(found, sort_keys=False)


def pack(folder: Path, target: Path) -> str:
    """Write the archive, the same bytes for the same files; return its sha256."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _write_remote(folder: Path, content: Content) -> None:
    work, bare = folder.with_name(f"{folder.name}.model"), folder / "remotes" / "tiny.git"
    if work.exists():
        shutil.rmtree(work)
    write_model(work, image=content.image, pipeline=f"{content.name}-dag", group=content.name, round_=content.round)
    _git(work, "init", "--quiet", "--initial-branch=main", ".")
    _commit(work, f"round {content.round}")
    bare.parent.mkdir()
    _git(work, "clone", "--quiet", "--bare", "--no-local", "--template=", str(work), str(bare))
    # Archives have no empty folders, and git takes one without `refs` for none.
    commit = _git(work, "rev-parse", "HEAD").strip()
    (bare / "packed-refs").unlink(missing_ok=True)
    (bare / "refs" / "heads").mkdir(parents=True, exist_ok=True)
    (bare / "refs" / "heads" / "main").write_text(f"{commit}\n", "utf-8")
    shutil.rmtree(work)


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "--all", "--force", ".")
    _git(folder, "commit", "--quiet", "--no-verify", f"--message={message}")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "gc.auto=0", *arguments]
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, **_GIT}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout

"""What builds hand on: files chosen by CodeBuild's patterns, as zip files."""

from __future__ import annotations

import os
import re
import stat
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pipeline_builder.service.cloudformation.evaluation.buildspec import Artifact

_QUICK = 1


class NothingFoundError(Exception):
    """No file of a build fits the patterns of an artifact; CodeBuild fails the build then."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern of files: `**` goes through folders, `*` and `?` stay in one, hidden files count."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)


def find_files(base: Path, patterns: Iterable[str], excluded: Iterable[str] = ()) -> list[PurePosixPath]:
    """Return the files below a folder that fit one of the patterns and no excluded one, sorted, relative to it."""
    wanted = [compile_pattern(pattern) for pattern in patterns]
    unwanted = [compile_pattern(pattern) for pattern in excluded]
    return sorted(
        path
        for path in _files(base)
        if any(pattern.fullmatch(str(path)) for pattern in wanted)
        and not any(pattern.fullmatch(str(path)) for pattern in unwanted)
    )


def _files(base: Path) -> Iterator[PurePosixPath]:
    for folder, _, names in os.walk(base):
        inside = PurePosixPath(Path(folder).relative_to(base).as_posix())
        yield from (inside / name for name in names)


def pack_artifact(artifact: Artifact, source: Path, target: Path) -> int:
    """Write the artifact's zip file and return its size in bytes.

    Raises:
        NothingFoundError: no file fits.
    """
    base = source / artifact.base_directory
    files = find_files(base, artifact.files, artifact.exclude_paths)
    if not files:
        where = f" below '{artifact.base_directory}'" if artifact.base_directory else ""
        raise NothingFoundError(f"no file{where} fits {', '.join(artifact.files)}")
    names = ((base / path, path.name if artifact.discard_paths else str(path)) for path in files)
    return pack(target, names, links=artifact.enable_symlinks)


def pack(target: Path, files: Iterable[tuple[Path, str]], *, links: bool = False, modes: bool = True) -> int:
    """Write a zip file of these files under these names, whole or not at all; return its size.

    A link is stored as what it leads to, unless `links` are kept; one that leads nowhere is left out. Without `modes`
    files lose what may be done with them, as CodePipeline's own source actions have it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICK) as archive:
        for path, name in files:
            if path.is_symlink() and links:
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, str(path.readlink()))
            elif path.is_file():
                _add(archive, path, name, modes=modes)
            elif path.is_dir() and not path.is_symlink():
                archive.write(path, f"{name}/")
    temporary.replace(target)
    return target.stat().st_size


def _add(archive: zipfile.ZipFile, path: Path, name: str, *, modes: bool) -> None:
    entry = zipfile.ZipInfo.from_file(path, name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    if not modes:
        entry.external_attr = (stat.S_IFREG | 0o644) << 16
    with path.open("rb") as source, archive.open(entry, "w") as target:
        while block := source.read(1 << 20):
            target.write(block)


def unpack(archive: Path, folder: Path) -> None:
    """Write a zip file's files into a folder, with what may be done with them, and when they were changed.

    `extractall` forgets both. By their times Python knows what a build before this one has compiled of them, which
    comes with them in an artifact of the whole folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            mode = entry.external_attr >> 16
            if stat.S_ISLNK(mode):
                link = folder / entry.filename
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(opened.read(entry).decode())
                continue
            path = Path(opened.extract(entry, folder))
            if mode and not entry.is_dir():
                path.chmod(stat.S_IMODE(mode) | stat.S_IRUSR | stat.S_IWUSR)
            if not entry.is_dir():
                changed = time.mktime((*entry.date_time, 0, 0, -1))
                os.utime(path, (changed, changed))

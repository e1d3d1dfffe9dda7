"""Source bundles: what a step's script needs, as an archive whose name is the hash of what is in it.

Two checkouts of the same files give the same bundle, wherever and whenever they are made: entries are sorted, times,
owners and umasks left out, and the hash is taken before compression, because zlib's versions compress differently.
"""

from __future__ import annotations

import fnmatch
import functools
import gzip
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from pipeline_builder.definition.ignored import IGNORE_FILE, IGNORED
from pipeline_builder.definition.lists import FILE, inclusions
from pipeline_builder.definition.tar import write_tar
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.streams import BLOCK, Hashing, replacing

# A script that is named as a file, started with -m, or imported by its name at run time.
_SCRIPT = re.compile(
    r"""(?<![\w-])([\w-]+)\.(?:py|sh)\b|(?<=-m)["',\s]+(?:[\w.]*\.)?(\w+)|import_module\(\s*["'](?:[\w.]*\.)?(\w+)"""
)
_IMPORT = re.compile(
    r"^[ \t]*(?:import[ \t]+([^\n#]+)|from[ \t]+(\S+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+))", re.MULTILINE
)
ARCHIVE = "sourcedir.tar.gz"
_NAMED = re.compile(rb"/([0-9a-f]{64})/")
# Bytes up to which a file's content is kept while bundles are made.
_SMALL = 100_000
# Bytes of an import or a command that is noticed in larger ones, wherever it is in them.
_LONGEST_MENTION = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An archive to be: the files below `folder`, what is `added`, and the sha256 (hex) of the uncompressed tar."""

    folder: Path
    files: tuple[str, ...]
    sha256: str
    added: Mapping[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def has_requirements(self) -> bool:
        return FILE in self.files

    def text(self, name: str) -> str | None:
        """Return the text of one of its files, None where it has no such file."""
        return (self.folder / name).read_text("utf-8-sig", "replace") if name in self.files else None

    def write(self, file: IO[bytes]) -> None:
        """Write the archive, a gzip-compressed tar."""
        with gzip.GzipFile("", "wb", 6, file, 0) as packed:
            write_tar(self.folder, self.files, packed, lambda _: None, self.added)


class Small(NamedTuple):
    """A file that is held while bundles are made: all of it, and whether it can be run."""

    content: bytes
    runs: int


class Bundler:
    """Makes the bundles of one build; it reads each source directory once, whatever number of steps shares it."""

    def __init__(self) -> None:
        # By their paths as texts, which take less time to look up than paths do.
        self._listings: dict[str, tuple[str, ...]] = {}
        self._mentioned: dict[str, frozenset[str]] = {}
        self._scanned: dict[tuple[str, frozenset[str]], frozenset[str]] = {}
        self._known: dict[bytes, frozenset[str]] = {}
        self._small: dict[str, Small] = {}
        self._digests: dict[tuple[Any, ...], str] = {}
        self._bundles: dict[tuple[Path, tuple[str, ...], tuple[str, ...]], Bundle] = {}

    def bundle(
        self,
        folder: Path,
        *,
        entry_point: str,
        others: Iterable[str] = (),
        include: tuple[str, ...] = (),
        added: Mapping[str, bytes] | None = None,
    ) -> Bundle:
        """Return the bundle of a step.

        By default that is the source directory without what `IGNORED` and `.smpignore` name, and without the `others`,
        the entry points of the model's other steps, unless a file that stays imports or names them. `include` narrows
        it to the entry point, `requirements.txt`, the lists that this includes, and the files that match one of its
        patterns; `added` comes besides.
        """
        files = self._files(folder)
        if include:
            lists = {FILE, *(inner for _, _, inner in inclusions(folder))}
            kept = {name for name in files if _matches(name, include)} | {entry_point} | lists
            chosen = tuple(name for name in files if name in kept)
        else:
            chosen = self._without_unmentioned(folder, files, entry_point, set(others))
        key = (folder, chosen, tuple(added or ()))
        if key not in self._bundles:
            sha256 = self._sha256(folder, chosen, added or {})
            self._bundles[key] = Bundle(folder=folder, files=chosen, sha256=sha256, added=added or {})
        return self._bundles[key]

    def _sha256(self, folder: Path, files: tuple[str, ...], added: Mapping[str, bytes]) -> str:
        """Return the digest of a bundle's tar; repositories begin as copies of each other, and it is the same then."""
        found = [self._read(f"{folder}/{name}") for name in files]
        key = (files, *found, *added.items())
        if None in found or key not in self._digests:
            hashing = Hashing()
            write_tar(folder, files, hashing, self._content, added)
            if None in found:
                return hashing.sha256
            self._digests[key] = hashing.sha256
        return self._digests[key]

    def of_files(self, folder: Path, added: Mapping[str, bytes]) -> Bundle:
        """Return a bundle of nothing but these files; no file of the folder is in it."""
        hashing = Hashing()
        write_tar(folder, (), hashing, self._content, added)
        return Bundle(folder=folder, files=(), sha256=hashing.sha256, added=added)

    def _files(self, folder: Path) -> tuple[str, ...]:
        if (known := str(folder)) not in self._listings:
            self._listings[known] = _list_files(folder)
        return self._listings[known]

    def _without_unmentioned(
        self, folder: Path, files: tuple[str, ...], entry_point: str, others: set[str]
    ) -> tuple[str, ...]:
        """Leave out other steps' entry points, but keep each that a kept file mentions: it may import or start it."""
        left = [name for name in files if name in others - {entry_point}]
        kept = [name for name in files if name not in left]
        # The same for every step of the model, so that large files are looked through once.
        stems = frozenset(map(_stem, others | {entry_point}))
        todo = list(kept)
        while todo and left:
            found = self._mentioned_in(f"{folder}/{todo.pop()}", stems)
            mentioned = [name for name in left if _stem(name) in found]
            left = [name for name in left if name not in mentioned]
            kept += mentioned
            todo += mentioned
        return tuple(sorted(kept))

    def _mentioned_in(self, path: str, stems: frozenset[str]) -> frozenset[str]:
        """Return those of the stems that the file mentions."""
        small = self._read(path)
        if small is None:
            if (path, stems) not in self._scanned:
                self._scanned[path, stems] = _scan(path, stems)
            return self._scanned[path, stems]
        if path not in self._mentioned:
            # Repositories begin as copies of each other: the same text is looked through once.
            if small.content not in self._known:
                self._known[small.content] = _mentioned(small.content)
            self._mentioned[path] = self._known[small.content]
        return self._mentioned[path] & stems

    def _content(self, path: Path) -> bytes | None:
        small = self._read(str(path))
        return small.content if small else None

    def _read(self, path: str) -> Small | None:
        """Read a file once, unless it is large: most are in several bundles."""
        if path not in self._small:
            # Without a buffer, which takes as many calls of the system as the file itself.
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123
                content = b""
                while len(content) <= _SMALL and (block := file.read(_SMALL + 1 - len(content))):
                    content += block
                mode = os.fstat(file.fileno()).st_mode
            if len(content) > _SMALL:
                return None
            self._small[path] = Small(content, mode & 0o100)
        return self._small[path]


@functools.lru_cache(maxsize=10_000)
def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _mentioned(content: bytes) -> frozenset[str]:
    """Return the stems of the modules that a file imports, and of the scripts that it names or starts.

    By pattern, not by parsing: what one Python version can't parse another can, and the bundle must not depend on that.
    """
    text = content.decode("utf-8", "replace")
    named = [stem for groups in _SCRIPT.findall(text) for stem in groups if stem]
    for groups in _IMPORT.findall(text):
        named += re.findall(r"\w+", " ".join(groups))
    return frozenset(named)


def _scan(path: str, stems: frozenset[str]) -> frozenset[str]:
    """Return those of the stems that a file of any size mentions."""
    words = [stem.encode() for stem in stems]
    found: set[str] = set()
    before = b""
    with open(path, "rb") as file:  # noqa: PTH123
        while len(found) < len(stems) and (block := file.read(BLOCK)):
            text = before + block
            if any(word in text for word in words):  # else a closer look isn't worth its time
                found |= _mentioned(text) & stems
            before = text[-_LONGEST_MENTION:]
    return frozenset(found)


def _list_files(folder: Path) -> tuple[str, ...]:
    """Return the regular files below the folder that aren't ignored, as sorted posix paths. Links are left out."""
    ignored = (*IGNORED, *_ignore_file(folder))
    return tuple(sorted(_walk(folder, "", ignored)))


def _walk(folder: Path, base: str, ignored: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{base}{entry.name}"
            if _matches(path, ignored):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{path}/", ignored)
            elif entry.is_file(follow_symlinks=False):
                yield path


def _ignore_file(folder: Path) -> tuple[str, ...]:
    path = folder / IGNORE_FILE
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ()
    except OSError:
        return ()
    lines = (line.strip() for line in path.read_text("utf-8", "replace").splitlines())
    return tuple(line.rstrip("/") for line in lines if line and not line.startswith("#"))


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """A pattern without '/' looks at the last part of the path, one with '/' at all of it, `*` matching '/' too."""
    names, paths = _compiled(patterns)
    return bool(names.match(path.rpartition("/")[2]) or paths.match(path))


@functools.lru_cache(maxsize=1000)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns for names and those for whole paths, each as one expression."""
    never = "(?!)"
    names = [fnmatch.translate(pattern) for pattern in patterns if "/" not in pattern]
    paths = [fnmatch.translate(pattern.lstrip("/")) for pattern in patterns if "/" in pattern]
    return re.compile("|".join(names) or never), re.compile("|".join(paths) or never)


def write_bundles(folder: Path, bundles: Iterable[Bundle], *, needed: Iterable[bytes] = ()) -> int:
    """Write each bundle under its hash, drop those that no step needs any more; return how many were written.

    Definitions that name a bundle by its hash, too, are `needed`.
    """
    others = {sha256.decode() for one in needed for sha256 in _NAMED.findall(one)}
    wanted = {bundle.sha256: bundle for bundle in bundles}
    written = 0
    for sha256, bundle in wanted.items():
        path = folder / sha256 / ARCHIVE
        if not path.is_file():
            with replacing(path) as file:
                bundle.write(file)
            written += 1
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.name not in wanted and old.name not in others:
            sweep_folder(old)
    return written

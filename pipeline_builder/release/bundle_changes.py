"""What differs in the code behind changed steps: which files, and how, between what is deployed and what is composed.

Only what is in bundles is looked at, so nothing that `.smpignore` leaves out; and of that no file and no line that
looks like a secret is shown.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline_builder.dag.named import names_in
from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.definition.bundle import ARCHIVE
from pipeline_builder.documents.credentials import looks_like_secret
from pipeline_builder.inert import inert_line
from pipeline_builder.release.bundle_reading import BundledFile, Files, UnreadableError, read_archive, read_bundle

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Definition
    from pipeline_builder.target import ObjectStore

MOST_FILES = 50
"""Files of a bundle whose difference is shown."""
MOST_LINES = 400
"""Lines of a file's difference that are shown."""
_MOST_COMPARED = 5_000
_MOST_LETTERS = 400
_CONTEXT = 3
_SECRET_FILES = (
    "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "id_rsa*", "id_dsa*", "id_ecdsa*",
    "id_ed25519*", "*.env", "*.env.*", "env", "*credential*", "*secret*", "*.netrc", "*.pgpass", "*.npmrc", "*.pypirc",
    "kubeconfig*", "*.htpasswd",
)  # fmt: skip
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_ASSIGNED = re.compile(r"""["']?([\w.-]+)["']?\s*(?:[:=]|=>)\s*("[^"]*"|'[^']*'|[^\s,;]+)""")
HIDDEN_LINE = "(a line that looks like a secret is not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file of a bundle that differs. `before` and `after` are its sizes in bytes, None where it isn't there.

    `lines` are those of a unified difference, from its first `@@` on; where there are none, `why` says why, and
    `left_out` counts those that are too many to show.
    """

    path: str
    kind: Literal["added", "changed", "removed"]
    before: int | None
    after: int | None
    lines: tuple[str, ...] = ()
    left_out: int = 0
    why: str = ""

    @property
    def added(self) -> int:
        return sum(line.startswith("+") for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.startswith("-") for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchingCommit:
    """A commit that touched a file of changed code; `url` is its page at the git host, empty where that isn't known."""

    sha: str
    subject: str
    author: str
    when: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChange:
    """The code of `steps`, the same for each of them, as it is deployed (an address) and as it is composed.

    `folder` is where the files lie in the repository's checkout, relative to that, or None where they are none of it;
    `unknown` says why it can't be told which files differ. `commits` have touched them since the deployed version ran,
    `commits_unknown` says what of that can't be told.
    """

    steps: tuple[str, ...]
    repository: str
    before: str
    after: str
    folder: str | None = None
    files: tuple[FileChange, ...] = ()
    unknown: str = ""
    commits: tuple[TouchingCommit, ...] = ()
    commits_unknown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two addresses of bundles, the one that a step has and the one that it would have."""

    before: str
    after: str


def changed_code(deployed: bytes, content: bytes) -> Mapping[Pair, tuple[str, ...]]:
    """Return the steps whose code differs between two definitions, by what it is and what it would be."""
    old, new = (flat_steps(json.loads(text).get("Steps")) for text in (deployed, content))
    found: dict[Pair, list[str]] = {}
    for name in new:
        if name in old and old[name] != new[name]:
            was, now = (_bundles(json.dumps(step)) for step in (old[name], new[name]))
            for pair in _paired([uri for uri in was if uri not in now], [uri for uri in now if uri not in was]):
                found.setdefault(pair, []).append(name)
    return {pair: tuple(names) for pair, names in found.items()}


def _bundles(text: str) -> tuple[str, ...]:
    return tuple(uri for uri in names_in(text) if uri.endswith(f"/{ARCHIVE}"))


def _paired(was: list[str], now: list[str]) -> Iterator[Pair]:
    """Yield what takes the place of what, in the order of the request."""
    yield from (Pair(before=old, after=new) for old, new in zip(was, now, strict=False))


def code_changes(
    deployed: bytes, definition: Definition, store: ObjectStore, folders: Mapping[str, str] | None = None
) -> tuple[CodeChange, ...]:
    """Return what differs in the code of each changed step, out of the deployed bundle and out of the checkout.

    `folders` has the folder of each repository's checkout, as a text that ends without a slash. Nothing is written, and
    only the store is asked: the local one's files, or S3.
    """
    changes = []
    for pair, steps in changed_code(deployed, definition.content).items():
        bundle = definition.bundles.get(pair.after)
        repository = definition.repositories.get(steps[0], "")
        files, unknown = _compared(pair, definition, store)
        checkout = (folders or {}).get(repository, "")
        own = str(bundle.folder) if bundle and bundle.files else ""
        inside = own[len(checkout) :].strip("/") if checkout and f"{own}/".startswith(f"{checkout}/") else None
        changes.append(
            CodeChange(steps=steps, repository=repository, before=pair.before, after=pair.after, folder=inside,
                       files=files, unknown=unknown)
        )  # fmt: skip
    return tuple(changes)


def _compared(pair: Pair, definition: Definition, store: ObjectStore) -> tuple[tuple[FileChange, ...], str]:
    bundle = definition.bundles.get(pair.after)
    if bundle is None:
        return (), "its code isn't composed of files of the checkout"
    try:
        return compare_files(read_archive(pair.before, store), read_bundle(bundle)), ""
    except UnreadableError as error:
        return (), str(error)


def compare_files(before: Files, after: Files) -> tuple[FileChange, ...]:
    """Return what differs between the files of two bundles, sorted by their names."""
    differing = [
        name
        for name in sorted({*before, *after})
        if name not in before or name not in after or before[name].sha256 != after[name].sha256
    ]
    return tuple(
        _change(name, before.get(name), after.get(name), shown=number < MOST_FILES)
        for number, name in enumerate(differing)
    )


def _change(name: str, old: BundledFile | None, new: BundledFile | None, *, shown: bool) -> FileChange:
    kind: Literal["added", "changed", "removed"] = "added" if old is None else "removed" if new is None else "changed"
    lines, why = _difference(name, old, new) if shown else ((), "more files differ than are shown")
    return FileChange(
        path=inert_line(name),
        kind=kind,
        before=old.size if old else None,
        after=new.size if new else None,
        lines=lines[:MOST_LINES],
        left_out=max(len(lines) - MOST_LINES, 0),
        why=why,
    )


def _difference(name: str, old: BundledFile | None, new: BundledFile | None) -> tuple[tuple[str, ...], str]:
    """Return the lines of a unified difference, or why there are none."""
    last = name.rpartition("/")[2].casefold()
    if any(fnmatch.fnmatchcase(last, pattern) for pattern in _SECRET_FILES):
        return (), "its name says that it may hold secrets"
    texts = [_text(file) for file in (old, new)]
    if why := next((why for text, why in texts if why), ""):
        return (), why
    if any(_PRIVATE.search(text) for text, _ in texts):
        return (), "it holds a private key"
    was, now = (text.splitlines() for text, _ in texts)
    if max(len(was), len(now)) > _MOST_COMPARED:
        return (), "it has too many lines"
    found = list(difflib.unified_diff(was, now, n=_CONTEXT, lineterm=""))[2:]
    return tuple(map(_shown, found)), "" if found else "only the ends of its lines differ"


def _text(file: BundledFile | None) -> tuple[str, str]:
    """Return the text of a file, or why it has none."""
    if file is None:
        return "", ""
    if file.content is None:
        return "", "it is too large"
    if b"\0" in file.content:
        return "", "it is binary"
    try:
        return file.content.decode(), ""
    except UnicodeDecodeError:
        return "", "it is binary"


def _shown(line: str) -> str:
    """Return a line of a difference as it is shown: inert, cut, and never a secret."""
    if line.startswith("@@"):
        return line
    text = line[1:]
    words = _ASSIGNED.findall(text)
    if looks_like_secret("", text) or any(looks_like_secret(key, value) for key, value in words):
        return f"{line[0]}{HIDDEN_LINE}"
    return f"{line[0]}{inert_line(text.expandtabs(4), _MOST_LETTERS)}"

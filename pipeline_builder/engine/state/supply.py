"""What an input's address stands for: the objects of a prefix or a manifest, or the files of a folder elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.engine.state.elsewhere import is_elsewhere
from pipeline_builder.engine.state.inputs import Found, check_names, name_below, parse_manifest
from pipeline_builder.engine.state.listing import has_only_files
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.streams import copy_file, read_small
from pipeline_builder.machine.tree import render_some

if TYPE_CHECKING:
    from pipeline_builder.engine.state.store import LocalStore

PREFIX, MANIFEST, AUGMENTED = "S3Prefix", "ManifestFile", "AugmentedManifestFile"
PLACE = "place"
"""How an address is meant that is no input's: an object, or where there is none all that is below it as a folder."""
_HINT = "'local.s3' in the manifest maps a bucket or bucket/prefix to a folder with its data"
_LONGEST_MANIFEST = 64 << 20  # bytes, for about a million files


def download(store: LocalStore, uri: str, folder: Path, kind: str) -> tuple[str, ...]:
    """Copy all that an input names into the folder, so that nothing a job does to it touches the store.

    A folder marker, an object whose key ends with `/`, is a folder. Returns what is there and is no object, such as a
    link that leads out, with the reason.

    Raises:
        InputProblems: PB520 where it names nothing, or a manifest names what isn't there; PB527; PB528.
    """
    left_out: list[str] = []
    found = _there(store, uri, kind, left_out)
    check_names(uri, found)
    made: set[str] = set()
    for address, name, path in sorted(found, key=lambda item: item[1]):
        target = os.path.normpath(f"{folder}/{name}")
        if name.endswith("/") or not name:
            clear = _is_folder(target, made)
        elif clear := _is_folder(os.path.dirname(target), made) and not os.path.lexists(target):  # noqa: PTH120
            copy_file(path, target)
        if not clear:  # another input is there, or this machine's files don't tell `A` from `a`
            message = f"'{address}' of the input '{uri}' can't be at '{name}' in the job's folder: a file is there"
            raise InputProblems(Problem(id="PB528", message=message))
    return tuple(left_out)


def _there(store: LocalStore, uri: str, kind: str, left_out: list[str]) -> list[Found]:
    """Return what an input names; of a bucket that has to be something."""
    if kind == AUGMENTED:
        raise _unsupported(uri, kind)  # it is a stream's, not a folder's
    found = find_objects(store, uri, kind, left_out)
    if not found and not is_elsewhere(uri):
        raise InputProblems(_nothing(store, uri, left_out))
    return found


def in_order(store: LocalStore, uri: str, kind: str, left_out: list[str]) -> list[Path]:
    """Return the files of an input in the order in which SageMaker takes them: of the keys, or of the manifest.

    Raises:
        InputProblems: as `download`.
    """
    found = _there(store, uri, kind, left_out)
    return [
        Path(path) for _, _, path in (found if kind == MANIFEST else sorted(found, key=lambda item: item[0].encode()))
    ]


def folder_of(store: LocalStore, uri: str, kind: str) -> Path | None:
    """Return the folder that has an input's files, each by its name, and nothing else; None where there is none."""
    found = find_objects(store, uri, kind, [])
    folders = {path.removesuffix(f"/{name}") if name else "" for _, name, path in found}
    folder = Path(folders.pop()) if len(folders) == 1 and "" not in folders else None
    return folder if folder and has_only_files(folder, len(found)) else None


def find_objects(store: LocalStore, uri: str, kind: str, left_out: list[str]) -> list[Found]:
    """Return what an input holds; `left_out` gets what is there and is no object, with the reason.

    Raises:
        InputProblems: PB520 for a manifest's object that isn't there, PB527 for what is no manifest, PB562.
    """
    if is_elsewhere(uri):
        return store.elsewhere.objects(uri, left_out)
    match kind:
        case "place":
            exact = None if uri.endswith("/") else store.locate(uri, left_out)
            whole = f"{uri.rstrip('/')}/"
            return [(uri, uri.rsplit("/", 1)[-1], str(exact))] if exact else _below(store, whole, left_out)
        case "S3Prefix":
            return _below(store, uri, left_out)
        case "ManifestFile":
            return _listed(store, uri, left_out)
        case "AugmentedManifestFile":
            manifest = store.locate(uri, left_out)
            return [(uri, uri.rsplit("/", 1)[-1], str(manifest)), *_referred(store, manifest)] if manifest else []
    raise _unsupported(uri, kind)


def _unsupported(uri: str, kind: str) -> InputProblems:
    message = f"the S3DataType '{kind}' of '{uri}' is not supported here, only '{PREFIX}' and '{MANIFEST}'"
    return InputProblems(Problem(id="PB527", message=message))


def _below(store: LocalStore, uri: str, left_out: list[str]) -> list[Found]:
    """Return the objects whose keys begin with the address's."""
    bucket, prefix = store.split(uri)
    keys = store.files(bucket, prefix, left_out)
    return [(f"s3://{bucket}/{key}", name_below(prefix, key), path) for key, path in keys]


def _listed(store: LocalStore, uri: str, left_out: list[str]) -> list[Found]:
    """Return what a manifest lists; nothing where there is no manifest."""
    manifest = store.locate(uri, left_out)
    if manifest is None:
        return []
    with manifest.open("rb") as file:
        prefix, names = parse_manifest(uri, read_small(file, uri, _LONGEST_MANIFEST))
    start = prefix.removeprefix("s3://").partition("/")[2]
    addresses = {f"{prefix}{name}": store.locate(f"{prefix}{name}", left_out) for name in names}
    missing = [f"'{address}'" for address, path in addresses.items() if path is None]
    if missing:
        message = f"the manifest '{uri}' names what isn't there: {render_some(missing)}{_besides(left_out)}"
        raise InputProblems(Problem(id="PB520", message=message, hint=_HINT))
    found = ((address, store.split(address)[1], path) for address, path in addresses.items())
    return [(address, name_below(start, key), str(path)) for address, key, path in found if path is not None]


def _referred(store: LocalStore, manifest: Path) -> list[Found]:
    """Return the objects that the lines of an augmented manifest name, as far as they are there."""
    named: dict[str, None] = {}
    with manifest.open("rb") as file:
        for line in read_small(file, str(manifest), _LONGEST_MANIFEST).splitlines():
            with contextlib.suppress(ValueError, AttributeError, RecursionError):  # whoever reads the pipe says so
                named |= {str(value): None for name, value in json.loads(line).items() if name.endswith("-ref")}
    found = ((uri, store.locate(uri, [])) for uri in named if uri.startswith("s3://"))
    return [(uri, uri, str(path)) for uri, path in found if path]


def _nothing(store: LocalStore, uri: str, left_out: list[str]) -> Problem:
    folders = store.mounted(uri)
    where = f"; looked for in {' and '.join(folders)} too" if folders else ""
    return Problem(id="PB520", message=f"there is no data at '{uri}'{where}{_besides(left_out)}", hint=_HINT)


def _besides(left_out: list[str]) -> str:
    return f"; what is there is no object: {render_some(left_out)}" if left_out else ""


def _is_folder(target: str, made: set[str]) -> bool:
    """Make a folder, once for all that comes into it; False where something else is there."""
    try:
        if target not in made:
            Path(target).mkdir(parents=True, exist_ok=True)
            made.add(target)
    except (FileExistsError, NotADirectoryError):
        return False
    return True

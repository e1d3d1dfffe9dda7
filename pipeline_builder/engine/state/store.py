"""The object store on disk: `s3://bucket/key` is `store/bucket/key`, or a file of a mounted folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline_builder.descriptions import StoredObject
from pipeline_builder.engine.state import supply
from pipeline_builder.engine.state.digests import Digests, changed_since, is_fresh, read_digest, unchanged
from pipeline_builder.engine.state.elsewhere import Elsewhere
from pipeline_builder.engine.state.listing import fault_of
from pipeline_builder.engine.state.places import Places, file_of, split_address
from pipeline_builder.engine.state.state import Digest, State
from pipeline_builder.engine.state.supply import PLACE, PREFIX
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.refusals import naming
from pipeline_builder.machine.streams import Hashing, Sparse, copy, read_small, replacing, sha256_of
from pipeline_builder.machine.tree import Passage, Survey, Tree, move, opened
from pipeline_builder.target import Media

STAGING = ".staging"
"""The folder in the store for what is still being written; no bucket has such a name."""


class LocalStore:
    """Objects below `root`; what isn't there is looked for in `mounts` (bucket or bucket/prefix: folder), read-only.

    `sources` are folders for addresses that are none of S3's, such as those of file systems.
    """

    def __init__(
        self, root: Path, mounts: Mapping[str, Path], state: State, sources: Mapping[str, Path] | None = None
    ) -> None:
        self._root = root
        self._places = Places(root, mounts)
        self.elsewhere = Elsewhere(sources or {})
        self._state = state
        self._digests = Digests(state)

    def missing(self, uris: Iterable[str]) -> tuple[str, ...]:
        """Return those of the URIs that no object has, in order."""
        return tuple(uri for uri in uris if self.find(uri) is None)

    def put(self, uri: str, content: bytes | Path, media: Media = Media.BYTES) -> None:
        """Write an object; a reader sees the old one, the whole new one, or none."""
        known: list[Digest] = []
        with self._writing(uri, known) as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                with content.open("rb") as source:
                    copy(source, file)
        self._state.remember_digests(*known)
        if media is not Media.BYTES:
            ((path, stamp, sha256),) = known
            self._state.remember_headers(path, stamp, f"{sha256[:32]}-1", {"Content-Type": media.value})

    @contextmanager
    def writing(self, uri: str) -> Iterator[Hashing]:
        """Give a file that is the object when the body is through; its digest is known then, without reading it."""
        known: list[Digest] = []
        with self._writing(uri, known) as file:
            yield file
        self._state.remember_digests(*known)

    @contextmanager
    def _writing(self, uri: str, known: list[Digest]) -> Iterator[Hashing]:
        self._path(uri)  # refuses an address that is none before anything is written
        with self.staged() as (file, path):
            sparse = Sparse(file)
            hashing = Hashing(sparse)
            yield hashing
            sha256 = hashing.sha256
            sparse.finish()
            file.flush()
            place = self.adopt(uri, path)
            # Of the file itself, whatever lies at its place by now; moving it is a change too.
            known.append((str(place), unchanged(os.fstat(file.fileno())), sha256))

    @contextmanager
    def staged(self) -> Iterator[tuple[IO[bytes], Path]]:
        """Give a new file of the staging folder, which is gone at the end if nobody has adopted it."""
        handle, temporary = tempfile.mkstemp(dir=self.staging())
        try:
            with naming(self._root), os.fdopen(handle, "wb") as file:
                yield file, Path(temporary)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def staging(self) -> Path:
        """Return the folder for files that are still being written, from where `adopt` takes them."""
        folder = self._root / STAGING
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def adopt(self, uri: str, file: Path, *, new: bool = False) -> Path:
        """Make a file of the staging folder an object, and return where it is; the file is gone from where it was.

        Raises:
            FileExistsError: with `new`, where there is an object already.
            NotADirectoryError: an object is where a folder would have to be.
        """
        path = self._path(uri)
        if why := fault_of(path, self._root):
            raise InputProblems(Problem(id="PB555", message=f"'{uri}' can't be written: '{path}' is {why}"))
        file.chmod(0o644)
        if new and self.find(uri) is not None:
            raise FileExistsError(uri)
        for last in (False, True):
            _make_folder(path.parent)
            try:
                if new:
                    os.link(file, path)
                    file.unlink()  # a change of the file that is there as well, so now and not later
                else:
                    file.replace(path)
                break
            except FileNotFoundError:
                if last:  # not just a folder that was empty and has been taken away meanwhile
                    raise
        return path

    def get(self, uri: str) -> bytes:
        """Return the content of a small object; KeyError where there is none, InputProblems (PB529) of a large one."""
        with self._found(uri).open("rb") as file:
            return read_small(file, uri)

    def read(self, uri: str) -> tuple[bytes, str] | None:
        """Return the content of a small object and its sha256; None where there is none."""
        path = self.find(uri)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                content = read_small(file, uri)
        except FileNotFoundError:  # deleted just now
            return None
        return content, hashlib.sha256(content).hexdigest()

    def put_if(self, uri: str, content: bytes, media: Media = Media.BYTES, *, mark: str) -> bool:
        """Write an object if the one that is there has this sha256, or if there is none; tell whether it was written.

        The transaction is what keeps others, of this process and of another, out of it meanwhile.
        """
        with self._state.transaction():
            found = self.read(uri)
            if (found[1] if found else "") != mark:
                return False
            self.put(uri, content, media)
        return True

    def fetch(self, uri: str, path: Path) -> None:
        """Write an object's content, of any size, to a file; KeyError where there is none."""
        with self._found(uri).open("rb") as source, replacing(path) as file:
            copy(source, file)

    @contextmanager
    def reading(self, uri: str) -> Iterator[IO[bytes]]:
        """Open an object to be read in parts; KeyError where there is none."""
        try:
            file = self._found(uri).open("rb")
        except FileNotFoundError as error:  # deleted just now
            raise KeyError(uri) from error
        with file:
            yield file

    def copy(self, source: str, to: str) -> StoredObject:
        """Copy an object; KeyError where there is none.

        The bytes are: a hard link would change with the original, which may be in somebody's mounted folder.
        """
        with self.reading(source) as content, self.writing(to) as file:
            copy(content, file)
            sha256, size = file.sha256, file.tell()
        return StoredObject(size=size, sha256=sha256)

    def _found(self, uri: str) -> Path:
        path = self.find(uri)
        if path is None:
            raise KeyError(uri)
        return path

    def download(self, uri: str, folder: Path, *, kind: str = PREFIX) -> tuple[str, ...]:
        """Copy all that an input names into the folder; see `supply.download`."""
        return supply.download(self, uri, folder, kind)

    def upload(self, tree: Tree, found: Survey, uri: str, *, last: bool = False) -> None:
        """Write the files that were found in a job's folder under the prefix.

        With `last` nothing of the job can run any more, and nobody needs the files there: they are moved where they can
        be, and only read for their digests.
        """
        known: list[Digest] = []
        staging = self.staging()
        for name in found.files:
            address = f"{uri.rstrip('/')}/{name}"
            with opened(tree, name) as source:
                if last and source.can_move(staging):
                    known.append(self._move(address, tree, name, source))
                    continue
                with self._writing(address, known) as file:
                    copy(source, file)
        self._state.remember_digests(*known)

    def _move(self, uri: str, tree: Tree, name: str, source: Passage) -> Digest:
        self._path(uri)
        sha256 = sha256_of(source)
        path = self._root / STAGING / uuid.uuid4().hex
        try:
            move(tree, name, source, path)
            place = self.adopt(uri, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return str(place), unchanged(source.status()), sha256

    def objects(self, uri: str, *, kind: str = PREFIX) -> list[tuple[str, Path]]:
        """Return what an input holds as (name below it, file), sorted; `kind` is its S3DataType, or PLACE.

        A prefix is one of key names: every object that begins with it counts, also beside an exact key. A manifest
        holds what it lists.

        Raises:
            InputProblems: PB520 for a manifest's object that isn't there, PB527 for what is no manifest.
        """
        return [(name, Path(path)) for name, path in self._inside(uri, kind)]

    def _inside(self, uri: str, kind: str) -> list[tuple[str, str]]:
        found = supply.find_objects(self, uri, kind, [])
        return sorted(((name, path) for _, name, path in found), key=lambda item: item[0])

    def digest(self, uri: str, *, kind: str = PREFIX) -> str:
        """Return the sha256 (hex) of the names and contents that an input holds; empty where it holds nothing.

        A file is read once for each content: its digest is kept by path, size, inode and the time of its last change.
        """
        try:
            found = self._inside(uri, kind)
        except InputProblems:
            if kind in (PREFIX, PLACE):
                raise
            return ""  # the step that reads it says what is wrong with it
        if not found:
            return ""
        return self._digests.of_all(f"{kind} {uri}", found)

    def data_fingerprint(self, uris: Iterable[str]) -> str:
        """Return the sha256 of what lies at these addresses, by names and contents."""
        found = [(uri, self.digest(uri)) for uri in uris]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def stamps(self, uris: Iterable[str]) -> dict[str, str]:
        """Return what changes with each of the objects that are there."""
        found = ((uri, path.stat()) for uri in uris if (path := self.find(uri)))
        return {
            uri: unchanged(status) if not is_fresh(status) else f"fresh:{uuid.uuid4().hex}" for uri, status in found
        }

    def entries(self, prefix: str) -> dict[str, str]:
        """Return what changes with each object whose address begins with the prefix."""
        bucket, key = self.split(prefix)
        found = sorted(self.files(bucket, key, []))
        return {f"s3://{bucket}/{name}": stamp for name, path in found if (stamp := _stamp(path))}

    def settled(self, uris: Iterable[str], since: float) -> dict[str, str] | None:
        """Return the stamp of each object, an empty one where there is none.

        None where one has changed since a time (seconds since 1970), or so shortly before that it could change again
        without a trace, and where an address is that of all below it.
        """
        found: dict[str, str] = {}
        for uri in uris:
            path = self.find(uri)
            status = path.stat() if path else None
            if uri.endswith("/") or (status and changed_since(status, since)):
                return None
            found[uri] = unchanged(status) if status else ""
        return found

    def look(self, uri: str) -> StoredObject | None:
        """Return the sha256 of an object's content, or of all below a prefix: read now, whatever was known of it."""
        if uri.endswith("/"):
            found = self.objects(uri)
            facts = [(name, *read_digest(path)) for name, path in found]
            listing = hashlib.sha256(json.dumps([[name, sha256] for name, sha256, _ in facts]).encode()).hexdigest()
            size = sum(size for _, _, size in facts)
            return StoredObject(size=size, sha256=listing, below=len(found)) if found else None
        path = self.find(uri)
        if path is None:
            return None
        sha256, size = read_digest(path)
        return StoredObject(size=size, sha256=sha256)

    def digest_of(self, path: Path, file: IO[bytes]) -> str:
        """Return the sha256 (hex) of an open file of the store; leave it at its beginning."""
        file.seek(0)
        return self._digests.of(path, file.fileno())

    def find(self, uri: str) -> Path | None:
        """Return the file of an object, None where there is none."""
        return self.locate(uri, [])

    def locate(self, uri: str, left_out: list[str]) -> Path | None:
        """Return the file of an object; `left_out` gets what is at its place and is none, with the reason."""
        bucket, key = self.split(uri)
        return self._places.find(bucket, key, left_out) if _can_be_object(key) else None

    def holds(self, uri: str) -> bool:
        """Tell whether there is any object below an address as a folder."""
        bucket, key = self.split(uri)
        return any(self.files(bucket, f"{key.rstrip('/')}/" if key else "", []))

    def place(self, uri: str) -> str:
        """Return the path at which an address's own file, or the folder of all below it, would be."""
        bucket, key = self.split(uri)
        return str(self._root / bucket / key.rstrip("/"))

    def mounted(self, uri: str) -> tuple[str, ...]:
        """Return the mounted folders that an address is looked for in."""
        return tuple(str(folder) for folder, _ in self._places.mounted(*self.split(uri)))

    @property
    def root(self) -> Path:
        return self._root

    def bucket(self, name: str) -> Path:
        """Return the folder of a bucket, which need not be there; PB521 for what can't be a bucket's name."""
        return self._root / self.split(f"s3://{name}/")[0]

    def buckets(self) -> tuple[str, ...]:
        """Return the buckets that have a folder here or are mounted, sorted."""
        return self._places.buckets()

    def keys(self, bucket: str, prefix: str, left_out: list[str] | None = None) -> Iterator[tuple[str, Path]]:
        """Yield every key of the bucket that begins with the prefix, with its file.

        `left_out` gets what else is there and is no object, such as a link that leads out, with the reason.
        """
        found = self.files(bucket, prefix, [] if left_out is None else left_out)
        return ((key, Path(path)) for key, path in found)

    def files(self, bucket: str, prefix: str, left_out: list[str]) -> Iterator[tuple[str, str]]:
        """Yield what `keys` does, with the files as texts: of many of them a Path each takes longer than all else."""
        self.split(f"s3://{bucket}/{prefix.rpartition('/')[0]}")
        return (found for found in self._places.keys(bucket, prefix, left_out) if found[0].startswith(prefix))

    def _path(self, uri: str) -> Path:
        bucket, key = self.split(uri)
        if not _can_be_object(key):
            raise InputProblems(Problem(id="PB521", message=f"the address '{uri}' names no object"))
        return self._root / bucket / file_of(key)

    def split(self, uri: str) -> tuple[str, str]:
        """Return bucket and key, refused where they would leave the store."""
        return split_address(uri)


def _stamp(path: str) -> str:
    """Return what changes with a file, as far as its facts tell; empty where it is gone."""
    try:
        return unchanged(os.stat(path))  # noqa: PTH116 - a Path of each would take longer than the look
    except FileNotFoundError:
        return ""


def _can_be_object(key: str) -> bool:
    """Tell whether there can be an object with the key; one that ends with `/` is a folder marker."""
    return bool(key) and not key.endswith("//")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(folder) from error

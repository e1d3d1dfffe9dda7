"""Publishing: predictions are put where readers look, and last the pointer by which these find them.

    <to>/dt=<date>/run=<execution>/<files>         copied by the store itself
    <to>/dt=<date>/run=<execution>/_manifest.json  names every one of them
    <to>/dt=<date>/_current.json                   the pointer, written last and on condition

Whoever follows the pointer sees one run's predictions, whole, however often this is killed and repeated; those of the
run before stay where they are for whoever reads them. Tables take no file whose name begins with `_`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.documents.dates import fill_dates, names_whole_date
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.streams import read_small
from pipeline_builder.release.scoring.dates import partition
from pipeline_builder.release.scoring.ledger import (
    MOST_LISTED,
    InputGiven,
    PackageUsed,
    Publication,
    PublishedObject,
    RowCounts,
    replace_object,
)
from pipeline_builder.release.witness import at_once
from pipeline_builder.target import Media, Target

POINTER, MANIFEST = "_current.json", "_manifest.json"
_MOST_MANIFEST = 256 << 20


class Pointer(BaseModel):
    """What a reader finds: whose predictions these are, and the folder and the manifest of the run that is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    format: Literal[1] = 1
    pipeline: str
    model: str
    date: str
    execution: str
    started: str
    run: str
    manifest: str
    objects: int
    bytes: int
    rows: RowCounts
    package: PackageUsed
    input: InputGiven = InputGiven()
    definition_sha256: str
    evidence: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishable:
    """What is to be published of one model: the prefix with its predictions and what lay there when they were judged,
    and all that the pointer says of them but where they are. `to` is the folder that readers look into.
    """

    to: str
    predictions: str
    listed: Mapping[str, str]
    about: Mapping[str, Any]
    at: str

    @property
    def execution(self) -> str:
        return str(self.about["execution"]).rsplit("/", 1)[-1]

    @property
    def day(self) -> str:
        """The folder of the logical date."""
        return day_folder(self.to, str(self.about["date"]))

    @property
    def run(self) -> str:
        """The folder of this run."""
        return f"{self.day}run={self.execution}/"

    @property
    def objects(self) -> dict[str, str]:
        """Where each object goes, by where it is."""
        names = (uri for uri in self.listed if not uri.endswith("/"))
        return {uri: f"{self.run}{uri.removeprefix(self.predictions)}" for uri in names}


def day_folder(to: str, date: str) -> str:
    """Return the folder of a logical date; an address that names all of the date is that already."""
    folder = f"{fill_dates(to, date).rstrip('/')}/"
    return folder if names_whole_date(to, hourly="T" in date) else f"{folder}{partition(date)}/"


def publish(wanted: Publishable, target: Target, *, force: bool = False) -> Publication:
    """Publish predictions, unless a later run has done so; with `force` also then. Again, it writes nothing.

    Raises:
        InputProblems: PB897 for a file of the manifest's name.
        PlanRefused: PB461 where the predictions have changed meanwhile, PB895 where those of a later run are there,
            PB896 where somebody else publishes there, PB894.
    """
    pointer_uri = f"{wanted.day}{POINTER}"
    if f"{wanted.run}{MANIFEST}" in wanted.objects.values():
        message = f"'{wanted.predictions}{MANIFEST}' can't be published: its name is the one of the manifest"
        raise InputProblems(Problem(id="PB897", message=message, hint="let the job give the file another name"))
    known = read_pointer(target, pointer_uri)
    _refuse_others(known, wanted, pointer_uri, force=force)
    manifest = _read_manifest(wanted, target) or _copy(wanted, target)
    pointer = _pointer(wanted, manifest)

    def next_pointer(content: bytes) -> Pointer | None:
        there = _parsed(content)
        if content and there is None:
            raise PlanRefused(_foreign(pointer_uri, "it is none of this tool's", _DAMAGED))
        _refuse_others(there, wanted, pointer_uri, force=force)
        same = there and there.model_copy(update={"published": ""}) == pointer.model_copy(update={"published": ""})
        return None if same else pointer

    replace_object(target, pointer_uri, next_pointer, Pointer)
    return Publication(
        to=wanted.to, pointer=pointer_uri, run=wanted.run, manifest=f"{wanted.run}{MANIFEST}",
        objects=manifest[:MOST_LISTED], count=len(manifest),
    )  # fmt: skip


def read_pointer(target: Target, uri: str) -> Pointer | None:
    """Return a pointer; None where none is there."""
    found = target.store.read(uri)
    return _parsed(found[0]) if found else None


def _parsed(content: bytes) -> Pointer | None:
    try:
        return Pointer.model_validate_json(content) if content else None
    except ValidationError:
        return None


def _refuse_others(known: Pointer | None, wanted: Publishable, uri: str, *, force: bool) -> None:
    """Refuse to take the place of another model's predictions, and of those of a later run."""
    if known is None:
        return
    about = wanted.about
    if (known.pipeline, known.model) != (about["pipeline"], about["model"]):
        whose = f"it is of '{inert_line(known.model, 80)}' of the pipeline '{inert_line(known.pipeline, 80)}'"
        renamed = known.package.group == about["package"].group
        raise PlanRefused(_foreign(uri, whose, _RENAMED if renamed else _OWN))
    if known.started > about["started"] and known.execution != about["execution"] and not force:
        message = f"'{uri}' has the predictions of a later run, {inert_line(known.execution.rsplit('/', 1)[-1], 80)}"
        hint = "'publish --force EXECUTION' takes those of an earlier one in their place"
        raise PlanRefused(Problem(id="PB895", message=message, hint=hint))


_OWN = "give each model a folder of its own in 'publish: {to: …}'; nothing was overwritten"
_RENAMED = f"where that is this model's earlier name, take its pointers away, and publish again; else {_OWN}"
_DAMAGED = f"one of this model's that was damaged may be deleted: the same command writes it anew; else {_OWN}"


def _foreign(uri: str, why: str, hint: str = _OWN) -> Problem:
    return Problem(id="PB896", message=f"the pointer '{uri}' is somebody else's: {why}", hint=hint)


def _read_manifest(wanted: Publishable, target: Target) -> tuple[PublishedObject, ...]:
    """Return the objects of this run's manifest, which was written when all were there; empty where they aren't."""
    uri = f"{wanted.run}{MANIFEST}"
    try:
        with target.store.reading(uri) as body:
            content = json.loads(read_small(body, uri, _MOST_MANIFEST))
        listed = tuple(PublishedObject.model_validate(item) for item in content["objects"])
    except (KeyError, TypeError, ValueError, RecursionError, InputProblems):
        return ()
    there = target.store.entries(wanted.run)
    whole = {item.uri for item in listed} == {*wanted.objects.values()} <= there.keys()
    return listed if whole else ()


def _copy(wanted: Publishable, target: Target) -> tuple[PublishedObject, ...]:
    def one(item: tuple[str, str]) -> PublishedObject:
        source, to = item
        try:
            made = target.store.copy(source, to)
        except KeyError:
            raise PlanRefused(_moved(wanted)) from None
        return PublishedObject(uri=to, size=made.size, sha256=made.sha256, etag=made.etag)

    made = at_once(one, wanted.objects.items())
    if target.store.entries(wanted.predictions) != dict(wanted.listed):
        raise PlanRefused(_moved(wanted))
    target.store.put(f"{wanted.run}{MANIFEST}", _manifest(wanted, made), Media.JSON)
    return made


def _moved(wanted: Publishable) -> Problem:
    message = f"the predictions at '{wanted.predictions}' have changed while they were published"
    return Problem(id="PB461", message=message, hint="nothing of them is read: 'run --rerun' makes them anew")


def _manifest(wanted: Publishable, made: tuple[PublishedObject, ...]) -> bytes:
    listed = [item.model_dump(exclude_defaults=True) for item in made]
    content = {"format": 1, **{key: wanted.about[key] for key in ("pipeline", "model", "date", "execution")}}
    return json.dumps({**content, "objects": listed}, indent=1).encode() + b"\n"


def _pointer(wanted: Publishable, made: tuple[PublishedObject, ...]) -> Pointer:
    return Pointer(
        **wanted.about,
        run=wanted.run,
        manifest=f"{wanted.run}{MANIFEST}",
        objects=len(made),
        bytes=sum(item.size for item in made),
        published=wanted.at,
    )

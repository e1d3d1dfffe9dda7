"""Requests for retraining: objects of the training pipeline, one for each champion and cause, on both targets alike."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.witness import at_once
from pipeline_builder.target import Media, Target

State = Literal["open", "waits", "settled"]
MOST_CAUSE = 400
"""Characters of a cause in words."""
_PIPELINE = re.compile("[A-Za-z0-9](-*[A-Za-z0-9]){0,255}")
_GROUP = re.compile("[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")


class Request(BaseModel):
    """What asks for a champion to be trained anew, and what has become of that.

    `cause` says in words why, `causes` without the values of the day: the same of the same fault. `execution` and
    `date` are those of the run that asks, `pipeline` is the one that trains. It is `open` until a run of that has
    answered it, `answer`; it `waits` while nobody has decided about the `candidate` version that the run has
    registered. `told` says that the service's event is out, `outcome` what came of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    format: Literal[1] = 1
    group: str
    champion: str
    version: int
    cause: str
    causes: tuple[str, ...]
    execution: str
    date: str
    requested: str
    pipeline: str
    state: State = "open"
    told: bool = False
    answer: str = ""
    candidate: int = 0
    outcome: str = ""

    @property
    def name(self) -> str:
        """What the object is called: one name for one champion and cause."""
        digest = hashlib.sha256(json.dumps(sorted(self.causes)).encode()).hexdigest()
        return f"{self.group}-v{self.version}-{digest[:12]}"

    @property
    def words(self) -> str:
        """The request in words, for whoever decides about what it leads to."""
        return f"the retraining of {self.group} version {self.version}, for the scores of {self.date}: {self.cause}"

    @property
    def content(self) -> bytes:
        return self.model_dump_json(indent=2).encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A request as it is kept: `mark` is that of the object, for `put_if`."""

    request: Request
    uri: str
    mark: str


def is_pipeline(name: str) -> bool:
    """Tell whether this can be a pipeline's name: it comes out of a package's properties, and goes into an address."""
    return len(name) <= 256 and _PIPELINE.fullmatch(name) is not None


def is_group(name: str) -> bool:
    """Tell whether this is a group of this account: another's is named by its ARN."""
    return _GROUP.fullmatch(name) is not None


def folder_of(target: Target, pipeline: str) -> str:
    """Return the prefix of the requests that a training pipeline has been asked."""
    return f"{target.base(pipeline)}/retraining/"


def list_requests(target: Target, pipeline: str) -> tuple[Kept, ...]:
    """Return every request that a training pipeline has been asked, oldest first; what isn't one is none."""
    read = at_once(lambda uri: [*_read(target, uri)], target.store.entries(folder_of(target, pipeline)))
    found = [kept for one in read for kept in one if kept.uri == uri_of(target, kept.request)]
    return tuple(sorted(found, key=lambda kept: (kept.request.requested, kept.uri)))


def _read(target: Target, uri: str) -> Iterator[Kept]:
    try:
        found = target.store.read(uri)
        if found:
            yield Kept(request=Request.model_validate_json(found[0]), uri=uri, mark=found[1])
    except (ValidationError, InputProblems):  # which is too large
        return


def uri_of(target: Target, request: Request) -> str:
    """Return where a request is kept, by what it says."""
    return f"{folder_of(target, request.pipeline)}{request.name}.json"


def put_new(request: Request, target: Target) -> bool:
    """Write a request that nobody has made yet; tell whether it was, as somebody else may have been faster."""
    return target.store.put_if(uri_of(target, request), request.content, Media.JSON, mark="")


def change(kept: Kept, target: Target, **changes: object) -> Request:
    """Note what has become of a request; where somebody else has noted something meanwhile, theirs stands."""
    changed = kept.request.model_copy(update=changes)
    if changed != kept.request:
        target.store.put_if(kept.uri, changed.content, Media.JSON, mark=kept.mark)
    return changed

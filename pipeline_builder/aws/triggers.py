"""The poller of the service: what starts its CodePipeline for repositories whose pushes nobody announces.

Where they stood is an object in the artifact bucket. It is written after the start: killed in between, the next look
makes the same start with the same token, and CodePipeline answers with the execution that there is.

There is one start for all that moved: the pipeline builds every repository from where it stands, and runs what changed.
A second execution would find nothing to do, and be paid for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from pipeline_builder.aws.client import Aws, ChangedError, NotFoundError, translated
from pipeline_builder.checkout.heads import Handled, Head, Inputs, Move, find_moves, note, parse_handled, render_handled
from pipeline_builder.documents.prefix import read_prefix
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import Media

KEY = "watch/heads.json"
ASKED = "watch/repositories.json"
FAILING = "watch/failing.json"
# A variable takes a thousand characters, and so do all that an action hands on to a build together.
_LONGEST = 200
_NAMES = {"pipeline": "SMP_CODEPIPELINE", "bucket": "SMP_ARTIFACTS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The execution that was started, empty where nothing moved, and what moved."""

    execution: str = ""
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A repository that is polled, as the manifest has it; `credentials` says where its token is."""

    name: str
    url: str
    revision: str
    credentials: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """Starts a CodePipeline, and those that are `also` to be started; `bucket` has the heads for which it did, below
    `prefix`.
    """

    aws: Aws
    pipeline: str
    bucket: str
    prefix: str = ""
    also: tuple[str, ...] = ()

    def poll(self, names: Sequence[str], heads: Mapping[str, Head]) -> Started:
        """Start the pipeline once where a head isn't what the last start was for.

        `names` are the repositories that are polled. One of them that isn't in `heads` couldn't be asked, and stays
        noted where it was.
        """
        before, etag = self._load()
        known = before.inputs.heads if before else {}
        merged = {name: head for name in names if (head := heads.get(name) or known.get(name))}
        moves = find_moves(before, merged)
        if not moves:
            return Started()
        after = note(before, Inputs(files={}, heads=merged), 0)
        # Killed in between, the next look starts the same with the same tokens.
        execution = self._start(self.pipeline, moves, _token(self.pipeline, before, after))
        for other in self.also:
            self._start(other, moves, _token(other, before, after))
        self._save(after, etag)
        return Started(execution=execution, moves=moves)

    def _load(self) -> tuple[Handled | None, str]:
        try:
            found = self.aws.call("s3", "get_object", Bucket=self.bucket, Key=self.prefix + KEY)
        except NotFoundError:
            return None, ""
        with translated("s3", "get_object"):
            return parse_handled(found["Body"].read()), str(found["ETag"])

    def _start(self, pipeline: str, moves: tuple[Move, ...], token: str) -> str:
        values = {"TRIGGER": "poll", "REPOSITORY": _names(move.name for move in moves), "COMMIT": moves[0].after.commit}
        variables = [{"name": name, "value": value} for name, value in values.items()]
        started = self.aws.call(
            "codepipeline",
            "start_pipeline_execution",
            name=pipeline,
            variables=variables,
            clientRequestToken=token,
        )
        return str(started["pipelineExecutionId"])

    def _save(self, handled: Handled, etag: str) -> None:
        """Write the heads; where another poller has written meanwhile, its heads stand, and the next look compares."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        content = render_handled(handled)
        try:
            self._put(KEY, content, **condition)
        except (ChangedError, NotFoundError):
            return

    def note_asked(self, repos: Iterable[Asked]) -> None:
        """Note which repositories are polled, for the first look, which has no manifest."""
        self._put(ASKED, json.dumps({"version": 1, "repositories": [asdict(repo) for repo in repos]}).encode())

    def note_failing(self, names: Iterable[str]) -> None:
        """Note which of them could not be asked now: the first look needs no other one because of these for a while."""
        self._put(FAILING, json.dumps({"version": 1, "names": sorted(names)}).encode())

    def _put(self, key: str, content: bytes, **condition: str) -> None:
        place = {"Bucket": self.bucket, "Key": self.prefix + key}
        self.aws.call(
            "s3",
            "put_object",
            **place,
            Body=content,
            ContentType=Media.JSON.value,
            ChecksumAlgorithm="SHA256",
            **condition,
        )


def open_poller(values: Mapping[str, str], aws: Aws) -> Poller:
    """Return the poller that the values of a build name.

    Raises:
        InputProblems: PB681 where one is missing, PB637 for a prefix that can't be used.
    """
    missing = [name for name in _NAMES.values() if not values.get(name)]
    if missing:
        message = f"the poller needs {' and '.join(missing)}"
        hint = "the service's own builds have it; elsewhere take --target local, or unset SMP_CODEPIPELINE"
        raise InputProblems(Problem(id="PB681", message=message, hint=hint))
    found = {field: values[name] for field, name in _NAMES.items()}
    also = tuple(values.get("SMP_ALSO_STARTED", "").split())
    return Poller(aws=aws, prefix=read_prefix(values), also=also, **found)


def _token(pipeline: str, before: Handled | None, after: Handled) -> str:
    """Return the same token for the same start only: a move back and forth again is another, by its number."""
    heads = [
        {name: head.commit for name, head in (handled.inputs.heads if handled else {}).items()}
        for handled in (before, after)
    ]
    text = json.dumps([pipeline, after.number, *heads], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _names(names: Iterable[str]) -> str:
    """Return the names with commas between, as many as go into a variable, and how many more there are."""
    shown: list[str] = []
    rest = list(names)
    while rest and len(",".join([*shown, rest[0]])) <= _LONGEST:
        shown.append(rest.pop(0))
    return ",".join([*shown, *([f"+{len(rest)}"] if rest else [])])

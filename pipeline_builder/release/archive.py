"""The archive of evidence: `<pipeline>/evidence/<sha256>.json` in the bucket that is ours, where no job writes."""

from __future__ import annotations

import hashlib
import json
import re

from pydantic import ValidationError

from pipeline_builder.canonical import canonical
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.streams import read_small
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.release.evidence import Evidence
from pipeline_builder.target import Media, Target

_SHA256 = re.compile("[0-9a-f]{64}")
_PIPELINE = re.compile("[A-Za-z0-9-]{1,256}")

MOST_EVIDENCE = 64 << 20
"""Bytes of one evidence: a hundred models with reports of half a megabyte each."""


def evidence_uri(target: Target, pipeline: str, sha256: str) -> str:
    """Return where the evidence with this digest is kept."""
    return f"{target.base(pipeline)}/evidence/{sha256}.json"


def newest_uri(target: Target, pipeline: str, execution: str) -> str:
    """Return where it is noted which evidence of an execution is the newest."""
    return f"{target.base(pipeline)}/evidence/executions/{execution.rsplit('/', 1)[-1]}.json"


def keep_evidence(evidence: Evidence, target: Target) -> str:
    """Keep the evidence, and that it is the newest of its execution; return its digest. Again, it writes nothing.

    Raises:
        InputProblems: PB464 where it is too large.
    """
    content = evidence.content
    if len(content) > MOST_EVIDENCE:
        sizes = sorted(((r.size, p.model) for p in evidence.packages for r in p.reports.values()), reverse=True)
        largest = ", ".join(f"{model} {size / 1e6:.1f} MB" for size, model in sizes[:3])
        message = f"the evidence has more than {MOST_EVIDENCE >> 20} MB; the largest reports in it: {largest}"
        raise InputProblems(Problem(id="PB464", message=message, hint="write less into the reports"))
    sha256 = hashlib.sha256(content).hexdigest()
    newest = canonical({"evidence": sha256, "execution": evidence.execution})
    for uri, written in (
        (evidence_uri(target, evidence.pipeline, sha256), content),
        (newest_uri(target, evidence.pipeline, evidence.execution), newest),
    ):
        if not _is_there(target, uri, written):
            target.store.put(uri, written, Media.JSON)
    return sha256


def _is_there(target: Target, uri: str, content: bytes) -> bool:
    """Tell whether an object has this content; one that is too large to be ours has another."""
    try:
        return _read(target, uri) == content
    except (KeyError, InputProblems):
        return False


def load_evidence(target: Target, pipeline: str, sha256: str) -> Evidence:
    """Return the evidence with this digest.

    Raises:
        PlanRefused: PB462 where it is gone, or is not what its digest says.
    """
    if not (_SHA256.fullmatch(sha256) and _PIPELINE.fullmatch(pipeline)):
        # Out of a package's properties, which a conf can set, or a file.
        message = f"'{inert_line(sha256, 80)}' of the pipeline '{inert_line(pipeline, 80)}' is no evidence"
        raise PlanRefused(Problem(id="PB462", message=message, hint=_HINT))
    uri = evidence_uri(target, pipeline, sha256)
    try:
        content = _read(target, uri)
    except KeyError as error:
        message = f"the evidence {sha256[:12]} is gone: nothing is at '{uri}'"
        raise PlanRefused(Problem(id="PB462", message=message, hint=_HINT)) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        message = f"the evidence at '{uri}' was changed: its sha256 is {found[:12]}…, expected {sha256[:12]}…"
        raise PlanRefused(Problem(id="PB462", message=message, hint=_HINT))
    try:
        return Evidence.model_validate_json(content)
    except ValidationError as error:
        message = f"the evidence at '{uri}' is of another version of this tool, or none"
        raise PlanRefused(Problem(id="PB462", message=message, hint=_HINT)) from error


_HINT = (
    "nothing is decided without it: bring it back, or decide about a new run ('run --rerun'); a champion without it is "
    "taken out of use by 'rollback'"
)


def find_newest(target: Target, pipeline: str, execution: str) -> str:
    """Return the digest of an execution's newest evidence; empty where it was never judged with one.

    Raises:
        PlanRefused: PB462 where what names it is damaged.
    """
    uri = newest_uri(target, pipeline, execution)
    try:
        content = target.store.get(uri)
    except KeyError:
        return ""
    try:
        said = json.loads(content)
        found, about = str(said["evidence"]), said["execution"]
    except (ValueError, TypeError, LookupError, RecursionError):
        found, about = "", ""
    if about != execution:
        message = f"'{uri}' doesn't name the evidence of '{execution}'"
        raise PlanRefused(Problem(id="PB462", message=message, hint=_HINT))
    return found


def _read(target: Target, uri: str) -> bytes:
    with temporary_folder() as folder:
        path = folder / "evidence.json"
        target.store.fetch(uri, path)
        with path.open("rb") as file:
            return read_small(file, uri, MOST_EVIDENCE)

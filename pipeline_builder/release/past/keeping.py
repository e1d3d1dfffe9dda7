"""Keeping: the record of each run in a folder of its own in the bucket that is ours, where no job writes.

`<pipeline>/evidence/runs/<execution>/run.json`: below the evidence, which is closed to jobs everywhere (addresses of
confs, policies, what the engine lets jobs see), and which the roles of the service may read and write already.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.streams import MOST_READ
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.evidence import PIPELINE, PROPERTY
from pipeline_builder.release.record import PackageRecord, RepoRecord, RunRecord, StepRecord
from pipeline_builder.target import Media, Target

if TYPE_CHECKING:
    from pipeline_builder.descriptions import ModelPackage
    from pipeline_builder.machine.kept import Kept

RECORD, REPORT = "run.json", "report.html"
"""What lies in the folder of a run."""
MOST_RECORD = MOST_READ
"""Bytes of a record, which is read as a whole."""
_MOST_LOGS = 4 << 20
"""Bytes of a record that has the ends of all logs: those of a thousand steps may be more."""
_KIND = "run"
_TRIES = 5
_NAME = re.compile("[A-Za-z0-9-]{1,256}")


def runs_folder(target: Target, pipeline: str) -> str:
    """Return the address that the folders of all runs of a pipeline lie below, with a `/` at its end."""
    return f"{target.base(pipeline)}/evidence/runs/"


def run_folder(target: Target, pipeline: str, execution: str) -> str:
    """Return the address of a run's folder (its ARN or id), with a `/` at its end."""
    return f"{runs_folder(target, pipeline)}{execution.rsplit('/', 1)[-1]}/"


def record_uri(target: Target, pipeline: str, execution: str) -> str:
    """Return where the record of a run is kept."""
    return f"{run_folder(target, pipeline, execution)}{RECORD}"


def keep_run(record: RunRecord, target: Target, kept: Kept | None = None) -> bool:
    """Keep a record for its run, where it says something else than the one that is kept; tell whether it was written.

    `kept` remembers what was the same the last time, so that this takes one look. Of a run that is looked at again, it
    stays how it was when it ran: its commits, what started it, and how long the stages took.

    Raises:
        InputProblems: PB010 for a record that is too large, or of names that no run has.
        PlanRefused, OutsideFailure: the target refuses it.
    """
    if not _is_named(record.pipeline, record.execution):
        words = inert_line(f"no run is called '{record.execution}', of a pipeline '{record.pipeline}'", 300)
        raise InputProblems(Problem(id="PB010", message=words))
    uri = record_uri(target, record.pipeline, record.execution)
    shown = _shown(record)
    if kept and _is_known(uri, shown, target, kept):
        return False
    written = _put(uri, record, target)
    if kept and (stamp := target.store.stamps([uri]).get(uri)):
        kept.put(_KIND, f"{uri} {stamp}", shown)
    return written


def _is_known(uri: str, shown: str, target: Target, kept: Kept) -> bool:
    stamp = target.store.stamps([uri]).get(uri)
    return bool(stamp) and kept.get(_KIND, f"{uri} {stamp}") == shown


def _put(uri: str, record: RunRecord, target: Target) -> bool:
    for _ in range(_TRIES):
        found = target.store.read(uri)
        known = parse_record(found[0], record.execution) if found else None
        content = _content(_as_ran(known, record) if known else record)
        if found and found[0] == content:
            return False
        if target.store.put_if(uri, content, Media.JSON, mark=found[1] if found else ""):
            return True
    message = f"'{uri}' is written by others at the same time"
    raise InputProblems(Problem(id="PB010", message=message, hint="repeat the command when that has ended"))


def _shown(record: RunRecord) -> str:
    """Return a digest of what counts: how long the stages of a command took makes no other record."""
    plain = record.model_copy(update={"stages": (), "reused": False, "tool_version": ""})
    return hashlib.sha256(plain.model_dump_json().encode()).hexdigest()


def _as_ran(known: RunRecord, record: RunRecord) -> RunRecord:
    """Return a record with what only the one of before knows: a run is looked at again by later commands."""
    kept: dict[str, object] = {"trigger": record.trigger or known.trigger, "repos": _repos(known.repos, record.repos)}
    if record.reused or not record.stages:
        kept |= {"reused": known.reused, "stages": known.stages, "tool_version": known.tool_version}
    return record.model_copy(update=kept)


def _repos(known: tuple[RepoRecord, ...], now: tuple[RepoRecord, ...]) -> tuple[RepoRecord, ...]:
    """Return the commits, of the same one the record that knows more of it."""
    before = {repo.name: repo for repo in known}
    if not now:
        return known
    return tuple(old if (old := before.get(r.name)) and old.commit == r.commit and not r.since else r for r in now)


def _content(record: RunRecord) -> bytes:
    content = _json(record)
    if len(content) > _MOST_LOGS:  # the logs themselves are where they were
        record = record.model_copy(update={"steps": tuple(map(_without_log, record.steps))})
        content = _json(record)
    if len(content) > MOST_RECORD:
        message = f"the record of the run has {len(content) >> 20} MB, more than the {MOST_RECORD >> 20} that are kept"
        raise InputProblems(Problem(id="PB010", message=message, hint="write less into the evaluation reports"))
    return content


def _json(record: RunRecord) -> bytes:
    return record.model_dump_json(indent=1).encode() + b"\n"


def _without_log(step: StepRecord) -> StepRecord:
    return step if step.status == "Failed" else step.model_copy(update={"log_tail": ()})


def parse_record(content: bytes, execution: str = "") -> RunRecord | None:
    """Return a kept record; None where it is damaged, a later version's, or of another execution than this one."""
    try:
        found = RunRecord.model_validate_json(content)
    except ValidationError:
        return None
    return found if execution in ("", found.execution, found.execution.rsplit("/", 1)[-1]) else None


def read_kept(target: Target, pipeline: str, execution: str) -> RunRecord | None:
    """Return the record that was kept of a run (its ARN or id), as it was; None where none was, or it is damaged."""
    if not _is_named(pipeline, execution):
        return None  # of an address that somebody has typed
    try:
        found = target.store.read(record_uri(target, pipeline, execution))
    except InputProblems:  # PB529: it is too large to be ours
        return None
    return parse_record(found[0], execution) if found else None


def run_of(execution: str) -> tuple[str, str]:
    """Return pipeline and id of an execution, out of its ARN; the pipeline is empty where it is none."""
    parts = execution.rsplit("/", 3)
    return (parts[1] if len(parts) == 4 and parts[2] == "execution" else "", parts[-1])


def find_registering(package: ModelPackage, target: Target) -> RunRecord | None:
    """Return the record that was kept of the run which has registered a package, with its packages as they are now.

    Of SageMaker's packages the evidence that they were approved by says which run that was. None where nothing says it.
    """
    if package.execution:
        return read_run(target, *run_of(package.execution))
    digest = package.metadata.get(PROPERTY, "")
    evidence = load_evidence(target, package.metadata.get(PIPELINE, ""), digest) if digest else None
    return read_run(target, evidence.pipeline, evidence.execution) if evidence else None


def _is_named(pipeline: str, execution: str) -> bool:
    return bool(_NAME.fullmatch(execution.rsplit("/", 1)[-1]) and _NAME.fullmatch(pipeline))


def read_run(target: Target, pipeline: str, execution: str) -> RunRecord | None:
    """Return the record that was kept of a run, with its packages as the registry has them now; None without one."""
    found = read_kept(target, pipeline, execution)
    return as_registered(found, target) if found else None


def as_registered(record: RunRecord, target: Target) -> RunRecord:
    """Return a record with its packages as the registry has them now; of one that is gone it stays as it was."""
    packages = tuple(_as_registered(package, target) for package in record.packages)
    return record.model_copy(update={"packages": packages}) if packages != record.packages else record


def _as_registered(package: PackageRecord, target: Target) -> PackageRecord:
    try:
        now = target.registry.describe_package(package.arn)
    except InputProblems:  # PB531
        return package
    return package.decided(now.status.value, now.approval_description, now.metadata)

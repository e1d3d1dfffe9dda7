"""Proof: what was judged is read again where it is used, and a use of anything that has moved is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline_builder.dag.named import named_files
from pipeline_builder.dag.packages import COPIED_FROM
from pipeline_builder.errors import PipelineBuilderError, PlanRefused, Problem, RunFailed
from pipeline_builder.regions.hosts import ecr_image
from pipeline_builder.release.approval import approval_digest
from pipeline_builder.release.archive import find_newest, keep_evidence, load_evidence
from pipeline_builder.release.differences import describe_bytes, describe_champion, describe_run
from pipeline_builder.release.evidence import PIPELINE, PROPERTY, CodeEvidence, DataEvidence, Evidence, PackageEvidence
from pipeline_builder.release.judging import describe_source, judge_evidence
from pipeline_builder.release.record import PackageRecord, RunRecord
from pipeline_builder.release.witness import (
    Archived,
    Asked,
    at_once,
    digest_parameters,
    witness_code,
    witness_package,
    witness_run,
)
from pipeline_builder.target import Target

_ANEW = "what was made is not what was judged: 'run --rerun' makes it anew"
_UNPROVEN = "'run --rerun' makes it anew; a champion that can't be proven any more is taken out of use by 'rollback'"
_AGAIN = "'run --resume {}' judges it again, by what holds now; look at it then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The evidence of a run, which holds now as it did when it was judged.

    `record` has metrics, champions and verdict of the evidence; `notes` are lines for people: what could not be told,
    and what was read only now.
    """

    evidence: Evidence
    record: RunRecord
    notes: tuple[str, ...] = ()


def prove(
    record: RunRecord,
    packages: Sequence[str],
    target: Target,
    *,
    approval: str = "",
    asked: Callable[[], Asked] | None = None,
) -> Proof:
    """Read again all that the evidence of these packages (ARNs) says, and judge the run from it.

    `approval` is the evidence's digest that somebody has approved, where that came another way than in the record.
    `asked` says by what a run is judged that the version before has left without evidence.

    Raises:
        PlanRefused: PB461 for each thing that has moved, PB462 where the evidence is gone or isn't what was approved,
            PB463 where the record says otherwise than the evidence.
        RunFailed: PB431 where the run was never judged.
    """
    # An approval of the version before is none of evidence.
    older = not record.evidence and approval == approval_digest(record)
    found = check_record(record, target, approval="" if older else approval)
    if found is None:
        return _read_now(record, target, asked)
    evidence, proven = found
    if problems := tuple(_moved(evidence, packages, target)):
        raise PlanRefused(*problems)
    return Proof(evidence=evidence, record=proven, notes=tuple(_notes(evidence, packages, target)))


def approval_of(record: RunRecord) -> str:
    """Return what an approval of a run is: its evidence's digest, or of the version before one of its packages."""
    return record.evidence or approval_digest(record)


def check_record(record: RunRecord, target: Target, *, approval: str = "") -> tuple[Evidence, RunRecord] | None:
    """Return the evidence of a run, and the record with what is judged from that; None where it has no evidence.

    Raises:
        PlanRefused: PB462, PB463 where the record, which came from a file, isn't what the evidence says.
    """
    digest = approval or _judged_last(record, target)
    if not digest:
        return None
    evidence = _about(record, digest, target)
    proven = judge_evidence(evidence, record)
    if problems := tuple(_edited(record, evidence, proven)):
        raise PlanRefused(*problems)
    return evidence, proven


def judged_before(record: RunRecord, target: Target) -> RunRecord | None:
    """Return the record of a run as it was judged last; None where it has no evidence, and its record names none.

    Raises:
        PlanRefused: PB462 where the evidence, or what names it, is gone, damaged or of another run.
    """
    digest = find_newest(target, record.pipeline, record.execution) or record.evidence
    return judge_evidence(_about(record, digest, target), record) if digest else None


def _about(record: RunRecord, digest: str, target: Target) -> Evidence:
    evidence = load_evidence(target, record.pipeline, digest)
    if evidence.execution != record.execution:
        message = f"the evidence {digest[:12]} is about the execution '{evidence.execution}', not '{record.execution}'"
        raise PlanRefused(Problem(id="PB462", message=message))
    return evidence


def _judged_last(record: RunRecord, target: Target) -> str:
    newest = find_newest(target, record.pipeline, record.execution)
    if record.evidence and newest and record.evidence != newest:
        message = (
            f"the run was judged by the evidence {newest[:12]} last, and the record, which was looked at, names "
            f"{record.evidence[:12]}"
        )
        hint = f"'pipeline-builder run --resume {record.execution}' writes the record anew: look at it then"
        raise PlanRefused(Problem(id="PB463", message=message, hint=hint))
    return record.evidence or newest


def _read_now(record: RunRecord, target: Target, asked: Callable[[], Asked] | None) -> Proof:
    if asked is None or record.verdict is None:
        hint = "'pipeline-builder run' judges it, and runs nothing where nothing changed"
        raise RunFailed(Problem(id="PB431", message="this run was not judged by the gate yet", hint=hint))
    if not record.verdict.passed:
        raise RunFailed(Problem(id="PB431", message=f"the gate blocks this run: {'; '.join(record.verdict.reasons)}"))
    evidence = witness_run(record, target, asked())
    keep_evidence(evidence, target)
    note = f"the run has no evidence, as an earlier version left it: it was read now ({evidence.sha256[:12]})"
    return Proof(evidence=evidence, record=judge_evidence(evidence, record), notes=(note,))


def _edited(record: RunRecord, evidence: Evidence, proven: RunRecord) -> Iterator[Problem]:
    """Yield what a record, which came from a file, says otherwise than the evidence."""
    known = {package.arn: package for package in proven.packages}
    said = {package.arn for package in record.packages}
    for arn in sorted(said ^ {package.arn for package in evidence.packages}):
        who = "the record has, and the evidence has not" if arn in said else "the evidence has, and the record has not"
        yield _other(f"the package '{arn}' is one that {who}")
    for package in record.packages:
        if package.arn in known:
            yield from (_other(words) for words in _said_otherwise(package, known[package.arn]))


_SAID = (
    ("metrics", "metrics"), ("model_data_url", "artifact"), ("image", "image"),
    ("champion_arn", "champion"), ("champion_metrics", "champion's metrics"),
)  # fmt: skip


def _said_otherwise(package: PackageRecord, known: PackageRecord) -> Iterator[str]:
    for key, name in _SAID:
        says, evidence = getattr(package, key), getattr(known, key)
        # As JSON, which a record was read from: there a NaN is none. The order of names is the evidence's own.
        if package.model_dump(mode="json", include={key}) != known.model_dump(mode="json", include={key}):
            yield (
                f"{package.group} version {package.version}: the record says {_short(says)} of its {name}, the "
                f"evidence {_short(evidence)}"
            )


def _short(value: object) -> str:
    text = str(value) if value not in (None, "") else "nothing"
    return text if len(text) <= 160 else f"{text[:159]}…"


def _other(message: str) -> Problem:
    return Problem(id="PB463", message=message, hint="nothing is decided by an edited record: judge the run again")


def _moved(evidence: Evidence, arns: Sequence[str], target: Target) -> Iterator[Problem]:
    again = _AGAIN.format(evidence.execution.rsplit("/", 1)[-1])
    among = [package.arn for package in evidence.packages]
    chosen = [package for package in evidence.packages if package.arn in arns]
    for words in describe_run(evidence, _run_now(evidence, chosen, target)):
        yield Problem(id="PB461", message=words, hint=again)
    archived = Archived(target)
    read = at_once(lambda package: witness_package(package, target, among=among, archived=archived), chosen)
    for package, now in zip(chosen, read, strict=True):
        name = f"{package.group} version {package.version}"
        for words in describe_bytes(package, now):
            yield Problem(id="PB461", message=f"{name}: {words}", hint=_ANEW)
        for words in describe_champion(package.champion, now.champion):
            yield Problem(id="PB461", message=f"{name}: {words}", hint=again)


def _run_now(evidence: Evidence, packages: Sequence[PackageEvidence], target: Target) -> Evidence:
    used = {uri for package in packages for uri in package.code}
    return run_now(evidence, [file for file in evidence.code if file.uri in used], target)


def run_now(evidence: Evidence, files: Sequence[CodeEvidence], target: Target) -> Evidence:
    """Return the evidence with what the target says of the execution, and of these files of its code.

    Raises:
        PlanRefused: PB461 where the target doesn't know the execution any more.
    """
    found = target.pipelines.describe_execution(evidence.execution)
    if found is None:
        message = f"the execution '{evidence.execution}' is gone, with the definition that it was judged by"
        raise PlanRefused(Problem(id="PB461", message=message, hint=_UNPROVEN))
    definition = target.pipelines.definition_of(evidence.execution)
    used = {file.uri for file in files}
    code = witness_code([file for file in named_files(definition) if file.uri in used], target)
    return evidence.model_copy(
        update={
            "status": found.status.value,
            "definition_sha256": hashlib.sha256(definition).hexdigest(),
            "fingerprint": found.fingerprint,
            "parameters_sha256": digest_parameters(found.parameters),
            "code": code,
        }
    )


def _notes(evidence: Evidence, arns: Sequence[str], target: Target) -> Iterator[str]:
    yield from (words for data in evidence.data if (words := _note_of_data(data, target)))
    for package in evidence.packages:
        if package.arn in arns:
            yield from _notes_of(package, target)


def _note_of_data(data: DataEvidence, target: Target) -> str:
    """Say that data has moved on: the model was made with what it was, so nothing is refused for that."""
    try:
        same = target.store.data_fingerprint(data.addresses) == data.fingerprint
    except PipelineBuilderError as error:
        return f"whether data has changed since the run started can't be told: {error.problems[0].message}"
    return "" if same else f"data has changed since the run started, which was made with what it was: {data.parameter}"


def _notes_of(package: PackageEvidence, target: Target) -> Iterator[str]:
    name = f"{package.group} version {package.version}"
    if package.champion and (source := describe_source(package.champion)):
        yield f"{name}: the metrics of version {package.champion.version}, its champion: {source}"
    for container in package.containers:
        if target.image_digest and not container.digest and ecr_image(container.image):
            yield f"{name}: nothing told the digest of the image '{container.image}'"


def refuse_moved(arns: Sequence[str], target: Target) -> tuple[str, ...]:
    """Refuse a later use (rollback, copy, chaining) of approved packages whose bytes aren't those that were approved.

    Return lines for people: of a package without evidence there is nothing to compare with, and that is said.

    Raises:
        PlanRefused: PB461 for each thing that has moved, PB462.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    for arn in arns:
        found, note = check_package(arn, target)
        problems += found
        notes += [note] if note else []
    if problems:
        raise PlanRefused(*problems)
    return tuple(notes)


def check_package(arn: str, target: Target) -> tuple[tuple[Problem, ...], str]:
    """Return what of a package has moved since it was approved, and a line about what can't be told.

    Raises:
        PlanRefused: PB462 where its evidence is gone, or about other packages.
    """
    package = target.registry.describe_package(arn)
    name, digest = f"{package.group} version {package.version}", package.metadata.get(PROPERTY, "")
    if not digest:
        return (), f"{name} has no evidence: it was approved before there was any, or elsewhere"
    evidence = load_evidence(target, package.metadata.get(PIPELINE, ""), digest)
    known = evidence.package(arn) or evidence.package(package.metadata.get(COPIED_FROM, ""))
    if known is None:
        raise PlanRefused(Problem(id="PB462", message=f"{name}: the evidence {digest[:12]} is about other packages"))
    now = witness_package(known.model_copy(update={"arn": arn}), target, among=())
    words = (*describe_run(evidence, _run_now(evidence, [known], target)), *describe_bytes(known, now))
    return tuple(Problem(id="PB461", message=f"{name}: {text}", hint=_IN_USE) for text in words), ""


_IN_USE = "it isn't what was approved: bring the bytes back, or roll back to a version whose own are there"

"""The witness: reads from a target all that becomes evidence of an execution, at its judging and again at each use."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pipeline_builder.canonical import canonical
from pipeline_builder.dag.named import NamedFile, content_sha256, named_files
from pipeline_builder.dag.outline import outline
from pipeline_builder.dag.packages import QUALITY
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER, UNKNOWN_COMMIT
from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.evidence import (
    NAMED_IN_WORDS,
    PIPELINE,
    PROPERTY,
    BoundEvidence,
    ChampionEvidence,
    CodeEvidence,
    CommitEvidence,
    DataEvidence,
    Evidence,
    PackageEvidence,
    StepEvidence,
)
from pipeline_builder.release.outcome import find_champion
from pipeline_builder.release.record import PackageRecord, RepoRecord, RunRecord
from pipeline_builder.release.reports import describe_changed, look_at, read_report, usable_metrics, witness_container
from pipeline_builder.release.scoring.witness import AskedScore, witness_scores
from pipeline_builder.target import Target

if TYPE_CHECKING:
    from pipeline_builder.conf.registration import GateSection

_AT_ONCE = 8
Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the checked out confs ask of a run: the gates of each model, and the data that results depend on, the
    addresses by the parameter with the fingerprint; the parameter with each repository's commit; the definition that
    was planned; and of an inference run what is asked of each model's scores.
    """

    planned_sha256: str
    gates: Mapping[str, tuple[GateSection, ...]] = field(default_factory=dict)
    data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commits: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, AskedScore] = field(default_factory=dict)


def witness_run(record: RunRecord, target: Target, asked: Asked) -> Evidence:
    """Return the evidence of a run: everything is read now.

    Raises:
        PlanRefused: PB465 for code, or a list of data files, whose content is not what its name says.
    """
    definition = target.pipelines.definition_of(record.execution)
    files = named_files(definition)
    before = _before(definition)
    among = [package.arn for package in record.packages]
    archived = Archived(target)
    packages = at_once(
        lambda p: _package(
            p, among, target, archived, gates=asked.gates.get(p.model, ()), code=_code_of(p.step, files, before)
        ),
        record.packages,
    )
    # Where nothing was registered or scored nobody uses what code has made: why steps failed, they say themselves.
    used = {file.uri for file in files if record.scores} | {uri for package in packages for uri in package.code}
    return Evidence(
        pipeline=record.pipeline,
        execution=record.execution,
        status=record.status,
        definition_sha256=hashlib.sha256(definition).hexdigest(),
        planned_sha256=asked.planned_sha256,
        fingerprint=record.fingerprint,
        manifest_commit=record.parameters.get(MANIFEST_PARAMETER, ""),
        parameters_sha256=digest_parameters(record.parameters),
        commits=tuple(
            _commit(repo, record.parameters.get(asked.commits.get(repo.name, ""), "")) for repo in record.repos
        ),
        data=tuple(
            DataEvidence(parameter=name, addresses=addresses, fingerprint=record.parameters[name])
            for name, addresses in sorted(asked.data.items())
            if name in record.parameters
        ),
        code=witness_code([file for file in files if file.uri in used], target),
        steps=tuple(
            StepEvidence(name=s.name, model=s.model, step_class=s.step_class, status=s.status, stub=s.stub)
            for s in record.steps
        ),
        packages=packages,
        scores=witness_scores(record.scores, asked.scores, target),
    )


def _commit(repo: RepoRecord, started: str) -> CommitEvidence:
    """Return the commit that the execution was started for; what is checked out may have moved on since."""
    commit = repo.commit if started in ("", UNKNOWN_COMMIT) else started
    return CommitEvidence(name=repo.name, url=repo.url, commit=commit)


def at_once(read: Callable[[Item], Found], items: Iterable[Item]) -> tuple[Found, ...]:
    """Return what is read for each item, in their order: most of the time is the network's."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="witness") as pool:
        return tuple(pool.map(read, items))


def digest_parameters(parameters: Mapping[str, str]) -> str:
    """Return the sha256 (hex) of an execution's parameters; their values may be nobody else's business."""
    return hashlib.sha256(canonical(dict(parameters))).hexdigest()


def _before(definition: bytes) -> dict[str, tuple[str, ...]]:
    return {step.name: step.depends_on for step in outline(definition)}


def _code_of(step: str, files: Iterable[NamedFile], before: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the files of a step, and of all that it stands on."""
    todo, seen = [step], {step}
    while todo:
        new = [name for name in before.get(todo.pop(), ()) if name not in seen]
        seen.update(new)
        todo += new
    return tuple(file.uri for file in files if seen & {*file.steps})


def witness_code(files: Iterable[NamedFile], target: Target) -> tuple[CodeEvidence, ...]:
    """Return the evidence of files that are named by their content, which is looked at.

    Raises:
        PlanRefused: PB465, each that is another than its name says.
    """
    found = at_once(lambda file: _code(file, target), files)
    problems = [item for item in found if isinstance(item, Problem)]
    if problems:
        raise PlanRefused(*problems)
    return tuple(item for item in found if isinstance(item, CodeEvidence))


def _code(file: NamedFile, target: Target) -> CodeEvidence | Problem:
    facts = look_at(file.uri, target)
    with temporary_folder() as folder:
        path = folder / "content"
        try:
            target.store.fetch(file.uri, path)
        except KeyError:
            return _not_named(file, "nothing is there")
        sha256 = content_sha256(path, file.uri)
    if sha256 != file.sha256:
        return _not_named(file, f"its content has the sha256 {sha256[:12]}" if sha256 else "it can't be unpacked")
    return CodeEvidence(**facts.model_dump(), named=file.sha256, steps=file.steps)


def _not_named(file: NamedFile, why: str) -> Problem:
    steps = ", ".join(f"'{step}'" for step in file.steps)
    used = f", which {steps} {'uses' if len(file.steps) == 1 else 'use'}," if steps else ""
    message = f"'{file.uri}'{used} is not what its name says: {why}"
    hint = (
        "'pipeline-builder apply' brings it back, where it is of the commit that is checked out; what was made with it "
        "is made anew by 'run --rerun'"
    )
    return Problem(id="PB465", message=message, hint=hint)


def _package(
    package: PackageRecord,
    among: Iterable[str],
    target: Target,
    archived: Archived,
    *,
    gates: Iterable[GateSection],
    code: tuple[str, ...],
) -> PackageEvidence:
    known = PackageEvidence(
        arn=package.arn,
        group=package.group,
        version=package.version,
        model=package.model,
        step=package.step,
        code=code,
        bounds=tuple(_bound(gate) for gate in gates),
    )
    return witness_package(known, target, among=among, archived=archived)


def witness_package(
    known: PackageEvidence, target: Target, *, among: Iterable[str], archived: Archived | None = None
) -> PackageEvidence:
    """Return a package's evidence as it is now; what confs and definition say of it is taken as `known`.

    `among` are the packages of its run, none of which it is compared with; `archived` has what was read already.
    """
    package = target.registry.describe_package(known.arn)
    now = {
        "group": package.group,
        "version": package.version,
        "containers": tuple(witness_container(container, target) for container in package.containers),
        "reports": {name: read_report(uri, target) for name, uri in sorted(package.reports.items())},
        "baselines": {name: look_at(uri, target) for name, uri in sorted(package.baselines.items())},
        "champion": _champion(package, target, among, archived or Archived(target)),
    }
    return known.model_copy(update=now)


def _champion(
    package: ModelPackage, target: Target, among: Iterable[str], archived: Archived
) -> ChampionEvidence | None:
    found = find_champion(package, target, without=among)
    if found is None:
        return None
    now = read_report(found.metrics_uri, target) if found.metrics_uri else None
    digest = found.metadata.get(PROPERTY, "")
    known = ChampionEvidence(arn=found.arn, version=found.version, evidence=digest)
    if not digest:
        said = NAMED_IN_WORDS.search(found.approval_description)
        lost = f"its approval names the evidence {said[1]}, and its properties have none" if said else ""
        lost = lost or usable_metrics(now)[1]  # which must not go unsaid
        return known.model_copy(update={"report": now, "lost": lost})
    try:
        then = archived.evidence(found.metadata.get(PIPELINE, ""), digest).package(found.arn)
    except PlanRefused as error:
        return known.model_copy(update={"lost": error.problems[0].message})
    if then is None:
        return known.model_copy(update={"lost": f"the evidence {digest[:12]} is about other models"})
    report = then.reports.get(QUALITY)
    moved = describe_changed(report, now) if report and now else "its report is gone" if report else ""
    return known.model_copy(update={"report": report, "moved": moved})


class Archived:
    """Evidence of champions out of a target's archive, each read once: it is what its digest says, and many have one.

    It is let go with whoever looks at the packages: an evidence may have 64 MB, and a watch goes on for months.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Evidence] = {}

    def evidence(self, pipeline: str, digest: str) -> Evidence:
        """Return the evidence with this digest; PB462 as `load_evidence`."""
        with self._lock:
            if (pipeline, digest) not in self._known:
                self._known[pipeline, digest] = load_evidence(self._target, pipeline, digest)
            return self._known[pipeline, digest]


def _bound(gate: GateSection) -> BoundEvidence:
    return BoundEvidence(
        metric=gate.metric,
        min=_limit(gate.min),
        max=_limit(gate.max),
        max_regression=gate.max_regression,
        higher_is_better=gate.higher_is_better,
    )


def _limit(value: object) -> float | str | None:
    if value is None or (isinstance(value, float | int) and abs(value) < float("inf")):
        return value
    return str(value)

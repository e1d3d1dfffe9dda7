"""The audit: every decision about a model with the evidence that it was made by, one JSON object each."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline_builder.descriptions import JSON, ApprovalChange, ApprovalStatus, ModelPackage
from pipeline_builder.errors import InputProblems, PlanRefused
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.evidence import NAMED_IN_WORDS, PIPELINE, PROPERTY, Evidence
from pipeline_builder.release.standing import AT, BY, ROLLED_BACK
from pipeline_builder.target import Target

_Load = Callable[[str, str], Evidence]
_WORDS = {ApprovalStatus.APPROVED: "approved", ApprovalStatus.REJECTED: "rejected", ApprovalStatus.PENDING: "reopened"}


def audit(target: Target, groups: Iterable[str]) -> Iterator[Mapping[str, JSON]]:
    """Yield every decision, oldest first.

    SageMaker keeps the present state of a package only: of the packages in the `groups` it is the last decision then;
    CloudTrail has what came before.
    """
    # The decisions about one run follow each other, and its evidence may be large.
    load = functools.lru_cache(maxsize=4)(functools.partial(load_evidence, target))
    changes = target.registry.list_approvals()
    if changes:
        known: dict[str, ModelPackage] = {}
        for change in reversed(changes):
            if change.package not in known:
                known[change.package] = target.registry.describe_package(change.package)
            yield _line(known[change.package], change, load)
        return
    for group in sorted({*groups}):
        for listed in reversed(target.registry.list_packages(group)):
            package = target.registry.describe_package(listed.arn)
            if package.status is not ApprovalStatus.PENDING:
                yield _line(package, None, load)


def _line(package: ModelPackage, change: ApprovalChange | None, load: _Load) -> Mapping[str, JSON]:
    description = change.description if change else package.approval_description
    status = change.after if change else package.status
    by = change.by if change else package.metadata.get(BY, "")
    when = f"{change.when:%Y-%m-%dT%H:%M:%SZ}" if change else package.metadata.get(AT, "")
    digest, evidence, problem = _evidence(package, description, load)
    line: dict[str, JSON] = {
        "package": package.arn,
        "group": package.group,
        "version": package.version,
        "decision": "rolled back" if description.startswith(ROLLED_BACK) else _WORDS[status],
        "who": by,
        "when": when,
        "reason": _reason(description, by),
        "description": description,
        "digest": digest,
        "evidence": evidence,
    }
    if change:
        line["before"] = change.before.value
    return line | ({"problem": problem} if problem else {})


def _reason(description: str, by: str) -> str:
    """Return the comment of a decision out of its description."""
    _, found, rest = description.partition(f" by {by}: ")
    return re.sub(r" \(execution [^()]*\)$", "", rest) if found else ""


def _evidence(package: ModelPackage, description: str, load: _Load) -> tuple[str, JSON, str]:
    """Return the digest of the evidence of a decision, the evidence, and why it can't be had."""
    digest = package.metadata.get(PROPERTY, "")
    said = NAMED_IN_WORDS.search(description)
    if said and not digest.startswith(said[1]):
        return said[1], None, "the package was decided by other evidence since"
    if not digest:
        return "", None, "there was no evidence then"
    try:
        evidence = load(package.metadata.get(PIPELINE, ""), digest)
    except (PlanRefused, InputProblems) as error:
        return digest, None, error.problems[0].message
    return digest, evidence.model_dump(mode="json", exclude_defaults=True) | {"format": evidence.format}, ""

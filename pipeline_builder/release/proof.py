"""Proof: what was judged is read again where it is used, and a use of anything that has moved is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline_builder.conf.registration import GateSection
from pipeline_builder.release.evidence import Evidence
from pipeline_builder.release.record import RunRecord, VerdictRecord
from pipeline_builder.target import Target

Gates = Callable[[], Mapping[str, tuple[GateSection, ...]]]
"""The gates of each model as the checked out confs have them; asked only for a run that has no evidence yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The evidence of a run, which holds now as it did when it was judged.

    `verdicts` are judged from it, by the packages' ARNs. `notes` are lines for people: what could not be told, and
    whose evidence was read only now.
    """

    evidence: Evidence
    verdicts: Mapping[str, VerdictRecord]
    notes: tuple[str, ...] = ()


def prove(
    record: RunRecord, packages: Sequence[str], target: Target, *, approval: str = "", gates: Gates | None = None
) -> Proof:
    """Read again all that the evidence of these packages (ARNs) says, and judge them from it.

    `approval` is the evidence's digest that somebody has approved, where that came another way than in the record.

    Raises:
        PlanRefused: PB461 for each thing that has moved, PB462 where the evidence is gone or isn't what was approved,
            PB463 where the record says otherwise than the evidence.
    """
    raise NotImplementedError


def refuse_moved(arns: Sequence[str], target: Target) -> tuple[str, ...]:
    """Refuse a later use (rollback, copy, chaining) of approved packages whose bytes aren't those that were approved.

    Return lines for people: of a package without evidence there is nothing to compare with, and that is said.

    Raises:
        PlanRefused: PB461, PB462.
    """
    raise NotImplementedError

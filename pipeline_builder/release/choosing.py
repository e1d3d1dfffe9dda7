"""Choosing packages of a run by the names that people give them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.record import PackageRecord, RunRecord


def pick(record: RunRecord, models: Sequence[str]) -> tuple[PackageRecord, ...]:
    """Return the packages of these models, of all where none is named.

    Raises:
        InputProblems: PB480, every name that is none of the run's.
    """
    names = {name for package in record.packages for name in names_of(package)}
    if unknown := [model for model in models if model not in names]:
        raise InputProblems(*(_unknown(name, record) for name in unknown))
    return tuple(p for p in record.packages if not models or names_of(p) & set(models))


def names_of(package: PackageRecord) -> set[str]:
    """Return what a person may call a package: its model, its group, either with its version, its ARN."""
    plain = {package.model, package.group}
    return {*plain, *(f"{name}/{package.version}" for name in plain), package.arn}


def _unknown(name: str, record: RunRecord) -> Problem:
    known = [package.model for package in record.packages]
    message = f"the execution {record.execution.rsplit('/', 1)[-1]} has registered no model '{name}'"
    return Problem(id="PB480", message=message, hint=did_you_mean(name, known))

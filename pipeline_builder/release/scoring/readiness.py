"""What a pipeline that scores may only lack yet: its files, a model that is approved, the data of a day."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_builder.conf.files import NO_FILES
from pipeline_builder.errors import Problem
from pipeline_builder.release.resolving import NOT_READY
from pipeline_builder.release.scoring.inputs import MISSING


def is_early(problems: Iterable[Problem]) -> bool:
    """Tell whether nothing is wrong with what keeps a pipeline from scoring, but that it is too early for it."""
    return all(problem.id in {*NOT_READY, NO_FILES, MISSING} for problem in problems)


def lacking_words(problems: Iterable[Problem]) -> str:
    """Return what is lacking, in a line."""
    return "; ".join(dict.fromkeys(problem.message for problem in problems))

"""What an inference pipeline uses: by its definition which models and dates each start looks up, by an execution which
it has taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.documents.dates import DATES
from pipeline_builder.inert import inert_line

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Definition

_PACKAGE = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package/([A-Za-z0-9-]+)/([0-9]+)")


def render_uses(definition: Definition) -> str:
    """Return a line for each model and for the date, below an empty line and a heading; nothing of a training's."""
    models = dict.fromkeys((use.unit, use.words) for use in definition.models.values())
    lines = [f"  {inert_line(unit)}: {inert_line(words)}" for unit, words in models]
    if definition.dates:
        what = "hour" if "hour" in definition.dates.values() else "day"
        lines.append(f"  the logical date, of each run: --date, or the {what} that it is started in (UTC)")
    return "".join(f"\n{line}" for line in ("", "  looked up by each start", *lines)) if lines else ""


def taken(parameters: Mapping[str, str]) -> str:
    """Return the logical date and the model packages that an execution was started with; empty for a training."""
    return ", ".join(filter(None, (date_taken(parameters), *dict.fromkeys(_packages(parameters)))))


def date_taken(parameters: Mapping[str, str]) -> str:
    """Return the logical date that an execution is about; empty where it has none, or only parts of one."""
    found = {part: parameters.get(name, "") for part, name in DATES.items()}
    parts = [found["year"], found["month"], found["day"]]
    day = found["date"] or ("-".join(parts) if all(parts) else "")
    return inert_line(f"{day}T{found['hour']}" if day and found["hour"] else day)


def _packages(parameters: Mapping[str, str]) -> Iterator[str]:
    for value in parameters.values():
        if match := _PACKAGE.fullmatch(value):
            yield f"{match[1]} version {match[2]}"

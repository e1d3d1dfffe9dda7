"""The logical date of a run: the day or hour that it is about, as an inference conf's placeholders name it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline_builder.descriptions import JSON

DATES: Mapping[str, str] = {
    "date": "LogicalDate", "year": "LogicalYear", "month": "LogicalMonth", "day": "LogicalDay", "hour": "LogicalHour",
}  # fmt: skip
"""The parameter behind each placeholder: `${date}` is one that every run has a value for."""
PARAMETERS: Mapping[str, str] = {parameter: name for name, parameter in DATES.items()}

_PLACEHOLDER = re.compile(r"\$\{(" + "|".join(DATES) + r")\}")
_FORMATS = {"date": "%Y-%m-%d", "year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}


def read_date(text: str) -> datetime:
    """Return the day or hour that a text names: `2026-11-29`, `2026-11-29T13`, or a time stamp, which UTC holds for.

    Raises:
        ValueError: where it is none of these.
    """
    hour = re.fullmatch(r"(\d{4}-\d{2}-\d{2})T(\d{2})", text)
    found = datetime.fromisoformat(f"{hour[1]}T{hour[2]}:00" if hour else text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def date_values(date: str) -> Mapping[str, str]:
    """Return what each placeholder is on a logical date."""
    moment = read_date(date)
    return {name: moment.strftime(form).zfill(4 if name == "year" else 2) for name, form in _FORMATS.items()}


def fill_dates(text: str, date: str) -> str:
    """Return a text with the placeholders of the logical date filled in."""
    values = date_values(date)
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def split_at_dates(text: str) -> tuple[str, ...]:
    """Return what of a text is known on every day: the parts around the placeholders of the logical date."""
    return tuple(_PLACEHOLDER.split(text)[::2])


def names_dates(text: str) -> bool:
    """Tell whether a text has a placeholder of the logical date in it."""
    return bool(_PLACEHOLDER.search(text))


def template_of(value: JSON) -> str | None:
    """Return a value as a text with the date's placeholders; None where more than the date is known only later."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        return None
    if isinstance(path := value.get("Get"), str):
        name = PARAMETERS.get(path.removeprefix("Parameters."))
        return f"${{{name}}}" if name else None
    joined = value.get("Std:Join")
    if not isinstance(joined, dict) or not isinstance(parts := joined.get("Values"), list):
        return None
    texts = [text for part in parts if (text := template_of(part)) is not None]
    return str(joined.get("On", "")).join(texts) if len(texts) == len(parts) else None

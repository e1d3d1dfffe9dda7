"""The logical date of a run: the day or hour that it is about, as an inference conf's placeholders name it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pipeline_builder.descriptions import JSON

DATES: Mapping[str, str] = {
    "date": "LogicalDate", "year": "LogicalYear", "month": "LogicalMonth", "day": "LogicalDay", "hour": "LogicalHour",
}  # fmt: skip
"""The parameter behind each placeholder: `${date}` is one that every run has a value for."""
PARAMETERS: Mapping[str, str] = {parameter: name for name, parameter in DATES.items()}

FORMS: Mapping[str, str] = {
    "date": r"\d{4}-\d\d-\d\d", "year": r"\d{4}", "month": r"\d\d", "day": r"\d\d", "hour": r"\d\d",
}  # fmt: skip
_SOME = "2026-11-29T13"
_FILLED = re.compile(r"\$\{Parameters\.([A-Za-z0-9_-]+)\}")
_ANY = re.compile(r"\$\{[^{}]*\}")
PLACEHOLDER = re.compile(r"\$\{(" + "|".join(DATES) + r")\}")


def date_values(date: str) -> Mapping[str, str]:
    """Return what each placeholder is on a logical date, `2026-11-29` or `2026-11-29T13`."""
    day, _, hour = date.partition("T")
    year, month, number = day.split("-")
    return {"date": day, "year": year, "month": month, "day": number, "hour": hour or "00"}


def fill_dates(text: str, date: str) -> str:
    """Return a text with the placeholders of the logical date filled in."""
    values = date_values(date)
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def plain_dates(text: str, stands: str) -> str:
    """Return a text with the same word where any part of the date would be, in either way of writing it."""
    return _FILLED.sub(lambda m: stands if m[1] in PARAMETERS else m[0], PLACEHOLDER.sub(stands, text))


def may_meet(folder: str, other: str) -> bool:
    """Tell whether what begins with one of two texts can begin with the other, both of one run.

    What a parameter that isn't the date would be, nobody knows before: it may be anything.
    """
    return any(
        re.match(_pattern(one), fill_dates(with_placeholders(two), _SOME))
        for one, two in ((folder, other), (other, folder))
    )


def with_placeholders(text: str) -> str:
    """Return a text in which parameters of the date are the placeholders that people write."""
    return _FILLED.sub(lambda m: f"${{{PARAMETERS[m[1]]}}}" if m[1] in PARAMETERS else m[0], text)


def _pattern(text: str) -> str:
    pieces = re.split(r"(\$\{[^{}]*\})", with_placeholders(text))
    return "".join(FORMS.get(p[2:-1], ".*") if n % 2 else re.escape(p) for n, p in enumerate(pieces))


def known_parts(text: str) -> tuple[str, ...]:
    """Return what of a text is known before every run: the parts around its placeholders."""
    return tuple(_ANY.split(text))


def names_whole_date(text: str, *, hourly: bool) -> bool:
    """Tell whether a text is another one on each logical date: a part of the date alone is the same on many."""
    named = {*PLACEHOLDER.findall(text)}
    day = "date" in named or {"year", "month", "day"} <= named
    return day and ("hour" in named or not hourly)


def template_of(value: JSON) -> str | None:
    """Return a value as a text with the date's placeholders; None where more than the date is known only later."""
    return _text_of(value, lambda name: f"${{{PARAMETERS[name]}}}" if name in PARAMETERS else None)


def with_parameters(value: JSON) -> str | None:
    """Return a value as a text in which each parameter is `${Parameters.<name>}`; None where it has anything else."""
    return _text_of(value, lambda name: f"${{Parameters.{name}}}")


def fill_parameters(text: str, values: Mapping[str, str]) -> str:
    """Return such a text with the values of its parameters; one without a value stays."""
    return _FILLED.sub(lambda match: values.get(match[1], match[0]), text)


def as_written(text: str) -> str:
    """Return such a text as people write it: with the date's placeholders, and `$params.<name>` of other parameters."""
    return _FILLED.sub(lambda one: f"${{{PARAMETERS[one[1]]}}}" if one[1] in PARAMETERS else f"$params.{one[1]}", text)


def _text_of(value: JSON, named: Callable[[str], str | None]) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        return None
    if isinstance(path := value.get("Get"), str):
        return named(path.removeprefix("Parameters.")) if path.startswith("Parameters.") else None
    joined = value.get("Std:Join")
    if not isinstance(joined, dict) or not isinstance(parts := joined.get("Values"), list):
        return None
    texts = [text for part in parts if (text := _text_of(part, named)) is not None]
    return str(joined.get("On", "")).join(texts) if len(texts) == len(parts) else None

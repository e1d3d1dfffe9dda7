"""Values as a reader of the report wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline_builder.release.machines import MachineTime

_UNCOUNTABLE = 1e15
_LONG = 9999.5
"""From here on four digits are less than what stands before the point."""
_MOST_DIGITS = 9


def format_number(value: float | None) -> str:
    """Return a number as a reader wants it: whole numbers whole, others with four digits that say something.

    A share that is nearly one doesn't become it, and what nobody can count digits of is written with its power of ten.
    """
    if value is None:
        return "none"
    if abs(value) >= _UNCOUNTABLE:
        return f"{value:.4g}"
    if float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= _LONG:
        return f"{value:,.0f}"
    texts = (f"{value:.{digits}g}" for digits in range(4, _MOST_DIGITS + 1))
    return next((text for text in texts if abs(float(text)) < 1), f"{value:.4g}") if abs(value) < 1 else f"{value:.4g}"


def format_statistic(value: float | None) -> str:
    """Return a statistic with as many digits as anybody decides by, below each other in columns; empty for None."""
    if value is None:
        return ""
    if value == 0 or 0.0005 <= abs(value) < 1000:
        return "0" if value == 0 else f"{value:.3f}"
    return f"{value:.1e}" if abs(value) < 0.0005 or abs(value) >= 1e9 else f"{value:,.0f}"


def format_found(value: float | None) -> str:
    """Return what a violation has found: a count as such, a statistic with its digits."""
    return format_number(value) if value is not None and float(value).is_integer() else format_statistic(value)


def format_bound(value: float | None) -> str:
    """Return a bound as somebody has written it, without zeros at its end; empty for None."""
    text = format_statistic(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def format_short(text: str, longest: int = 80) -> str:
    """Return a text as far as anybody reads on, its end with it: names that begin alike differ there."""
    return text if len(text) <= longest else f"{text[: longest - 12]}…{text[-11:]}"


def format_percent(share: float) -> str:
    """Return a share of one in percent, with as many digits as say something."""
    return f"{share * 100:.3g} %" if share >= 0.1 else f"{share * 100:.2g} %"


def format_since(when: str) -> str:
    """Return a time in ISO 8601 as the report shows times; any other text as it is."""
    try:
        return format_moment(datetime.fromisoformat(when.replace("Z", "+00:00")))
    except ValueError:
        return when


def format_duration(seconds: float | None) -> str:
    """Return seconds as `0.4 s`, `12.3 s`, `4 min 05 s` or `2 h 03 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_machines(times: Sequence[MachineTime], target: str) -> str:
    """Say how long which machines were used, and what that costs where prices are known; this machine costs nothing."""
    if target == "local":
        return f"{format_duration(sum(time.seconds for time in times))}, on this machine"
    usd = [time.usd for time in times if time.usd is not None]
    words = ", ".join(f"{format_duration(time.seconds)} of {time.type}" for time in times[:4])
    more = f" and {len(times) - 4} other types" if len(times) > 4 else ""
    cost = f"about {sum(usd):.2g} USD{'' if len(usd) == len(times) else ' and more'}: " if usd else ""
    return f"{cost}{words}{more}"


def format_utc(when: datetime | None) -> str:
    """Return a time in UTC as programs read it; empty for None."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}" if when else ""


def format_moment(when: datetime | None) -> str:
    """Return a time in UTC to the second."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else ""

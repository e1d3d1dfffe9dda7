"""The logical date that an execution of CodePipeline is about: a person writes a day, a schedule gives its time."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# What a schedule gives is its time in UTC with its own zone behind it, as RFC 9557 has it.
_TIME = re.compile(r"(?P<time>[0-9T:.+-]+Z?)\[(?P<zone>[A-Za-z0-9_+/-]{1,64})\]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|[+-]\d{2}:\d{2})?)?")
EXPECTED = "a day such as '2026-11-29', an hour such as '2026-11-29T13', or a time stamp"


def read_started(text: str) -> str:
    """Return the day, hour or time that a start is about, as a time of the zone that is named, with its offset; empty
    for none.

    Raises:
        ValueError: it says no time.
    """
    if not text:
        return ""
    if match := _TIME.fullmatch(text):
        try:
            zone = ZoneInfo(match["zone"])
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{match['zone']}' is no timezone that this machine knows") from error
        moment = datetime.fromisoformat(match["time"].replace("Z", "+00:00"))
        if moment.tzinfo is None:
            raise ValueError("the time before a zone in brackets needs its own, such as 'Z'")
        return moment.astimezone(zone).replace(microsecond=0).isoformat()
    if not _DAY.fullmatch(text):
        raise ValueError(f"expected {EXPECTED}")
    datetime.fromisoformat(f"{text}:00" if re.fullmatch(r".*T\d{2}", text) else text.replace("Z", "+00:00"))
    return text

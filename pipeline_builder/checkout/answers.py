"""Answers: what a web server has answered git, which of it says only that something failed."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

TRACED = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
"""Variables by which git tells the headers beside its own words. They are read and dropped, and shown to nobody."""
_LINE = re.compile(rb"^\d\d:\d\d:\d\d\.\d+ \S+:\d+ +(?:==|=>|<=) (?P<what>.*)$")
_STATUS = re.compile(r"HTTP/\S+ (\d{3})\b")
_ASKED = "/info/refs"
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last answer of a web server; `pause` is how many seconds it asks to wait, None where it doesn't say."""

    status: int
    media_type: str = ""
    location: str = ""
    pause: float | None = None

    @property
    def is_page(self) -> bool:
        """Whether it is for people: a login page, or a portal, where git expects a repository."""
        there = self.status in _REDIRECTS and _ASKED not in self.location
        return there or (self.status == 200 and self.media_type == "text/html")

    @property
    def moved_to(self) -> str:
        """The address that the repository has now, where it says so."""
        return self.location.partition(_ASKED)[0] if self.status in _REDIRECTS and not self.is_page else ""

    @property
    def is_busy(self) -> bool:
        """Whether another answer may come when it is asked again; GitHub says 403 too of who asks too often."""
        throttled = self.status == 403 and self.pause is not None
        return throttled or self.status in (408, 425, 429) or self.status >= 500


def split_answer(said: bytes) -> tuple[bytes, Answer | None]:
    """Return git's own words, and the last answer that it had."""
    words, told = [], []
    for line in said.split(b"\n"):
        if found := _LINE.match(line):
            told.append(found["what"].decode("utf-8", "replace").strip())
        else:
            words.append(line)
    return b"\n".join(words), _last(told)


def _last(told: list[str]) -> Answer | None:
    """Return the last answer; a header's line begins as git has it from curl, `Recv header: `."""
    found: Answer | None = None
    fields: dict[str, str] = {}
    for line in told:
        mark, is_header, header = line.partition("Recv header: ")
        if mark or not is_header:
            continue
        if status := _STATUS.match(header):
            fields = {}
            found = Answer(status=int(status[1]))
            continue
        name, _, value = header.partition(":")
        fields[name.strip().lower()] = value.strip()
        if found:
            media_type = fields.get("content-type", "").partition(";")[0].strip().lower()
            location, pause = fields.get("location", ""), seconds_of(fields.get("retry-after", ""))
            found = Answer(status=found.status, media_type=media_type, location=location, pause=pause)
    return found


def seconds_of(text: str) -> float | None:
    """Return how many seconds a Retry-After asks to wait, in either of its forms."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None

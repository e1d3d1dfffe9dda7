"""Answers to points, and the report of them: what is printed as a table, and what can be sent in as JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_ARN = re.compile(r"arn:[a-z-]+:(?:iam|sts)::[^:\s]*:(?P<kind>user|role|assumed-role|federated-user)/[^\s\"',)]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Verdict(str, Enum):
    """What was seen, held against what was expected."""

    CONFIRMED = "confirmed"
    OTHERWISE = "otherwise"
    SKIPPED = "skipped"
    FAILED = "failed"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(_Value):
    """What was seen of a point; `why` says why it was skipped, or what went wrong."""

    id: str
    question: str
    expected: str
    verdict: Verdict
    seen: str = ""
    why: str = ""
    otherwise: str = Field("", description="what follows where it is otherwise")
    evidence: Mapping[str, str] = Field({}, description="what AWS said, in its own words")
    scenario: str = ""
    at: str = Field("", description="UTC, ISO 8601")


class Report(_Value):
    """Everything that can be sent in: nothing of it names the account, its people or its resources."""

    format: Literal[1] = 1
    version: str = Field(description="of pipeline_builder")
    region: str
    partition: str
    emulated: tuple[str, ...] = Field((), description="services that were no AWS, but stood in for here")
    began: str
    ended: str
    estimate: float = Field(description="USD, before anything was made")
    left: tuple[str, ...] = Field((), description="what could not be taken away")
    answers: tuple[Answer, ...]


def redact(text: str, names: Mapping[str, str]) -> str:
    """Put words for the account, the suffix and people: what is sent in is nobody's."""
    for name, word in names.items():
        if name:
            text = text.replace(name, word)
    text = _ARN.sub(lambda match: f"<{match['kind']}>", text)
    return _MAIL.sub("<mail>", text)


def redacted(answer: Answer, names: Mapping[str, str]) -> Answer:
    """Return the answer without what names anybody."""
    evidence = {key: redact(value, names) for key, value in answer.evidence.items()}
    update = {"seen": redact(answer.seen, names), "why": redact(answer.why, names), "evidence": evidence}
    return answer.model_copy(update=update)


def render_table(answers: Iterable[Answer], *, width: int = 120) -> str:
    """Return the answers as people read them: a line for each, what was expected and seen below it."""
    lines: list[str] = []
    answers = tuple(answers)
    for answer in answers:
        lines.append(f"{answer.verdict.value:<10} {answer.id}: {answer.question}")
        rows = [("expected", answer.expected), ("seen", answer.seen), ("why", answer.why)]
        if answer.verdict is Verdict.OTHERWISE:
            rows.append(("so", answer.otherwise))
        for word, text in rows:
            if text:
                lines += textwrap.wrap(text, width, initial_indent=f"{'':11}{word}: ", subsequent_indent=" " * 21)
    counts = [(verdict, sum(answer.verdict is verdict for answer in answers)) for verdict in Verdict]
    lines.append(
        f"{len(answers)} points: " + ", ".join(f"{count} {verdict.value}" for verdict, count in counts if count)
    )
    return "\n".join(lines) + "\n"

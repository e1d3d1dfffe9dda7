"""Findings: what a Monitor step has written, `monitor.json`, read as the text from outside that it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.inert import inert_line
from pipeline_builder.machine.streams import MOST_READ
from pipeline_builder.release.evidence import ReportEvidence
from pipeline_builder.release.metrics import number_of, told_apart

DRIFT = "drift"
SHAPE = frozenset(["schema", "type", "rows"])
"""Kinds of violations after which the scores are those of other data than the model is for: nothing is published."""
KINDS = frozenset([DRIFT, *SHAPE, "missing", "range", "category", "quality"])
MOST_NAME = 80
"""Characters of a column's name that are shown."""
_FORMAT = 1
_MOST_NOTES = 5
STATISTICS = frozenset(["psi", "ks", "js", "wasserstein", "chi2"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that isn't as the baseline has it; `words` and `column` are inert, and empty where nothing was said."""

    kind: str
    column: str = ""
    statistic: str = ""
    value: float | None = None
    bound: float | None = None
    words: str = ""

    @property
    def beyond(self) -> float:
        """How many times its bound the value is, where both are known."""
        return abs(self.value / self.bound) if self.value is not None and self.bound else 0.0

    def __str__(self) -> str:
        what = f"{self.kind} of '{self.column}'" if self.column else self.kind
        if self.value is None or self.bound is None:
            return f"{what}: {self.words or 'no word about it'}"
        found, bound = told_apart(self.value, self.bound, ".4g")
        return f"{what}: {self.statistic or 'the value'} is {found}, allowed is {bound}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What monitoring has found; `fault` says in words why that can't be told."""

    violations: tuple[Violation, ...] = ()
    report: Mapping[str, Any] | None = None
    fault: str = ""
    notes: tuple[str, ...] = ()

    def value(self, path: str) -> float | None:
        """Return the number at a path of the report; `violations.KIND` counts those, `violations.all` all."""
        first, _, rest = path.partition(".")
        if first == "violations" and rest in KINDS | {"all"}:
            counts = Counter(violation.kind for violation in self.violations)
            return float(counts.total() if rest == "all" else counts[rest])
        return _number_at(self.report, path)

    def is_awaited(self, path: str) -> bool:
        """Tell whether a number is of the quality, which isn't known before labels have come."""
        return path.partition(".")[0] == "quality" and self.report is not None and self.report.get("quality") is None

    def judged(self, path: str) -> float | None:
        """Return the number at a path; of drift that may be chance none, and of the worst that of what is none."""
        if not self.is_unjudged(path):
            return self.value(path)
        statistic = path.rpartition(".")[2].removeprefix("max_")
        columns = self._columns("columns") if path.startswith(f"{DRIFT}.") else {}
        known = (number_of(one.get(statistic)) for one in columns.values() if one.get("judged") is not False)
        return max((value for value in known if value is not None), default=None)

    def is_unjudged(self, path: str) -> bool:
        """Tell whether a number may be of the drift of data that are so few that it says nothing."""
        first, _, rest = path.partition(".")
        name, _, statistic = rest.rpartition(".")
        if first == DRIFT:
            few = any(one.get("judged") is False for one in self._columns("columns").values())
            return few and rest.startswith("max_") and rest.removeprefix("max_") in STATISTICS
        return statistic in STATISTICS and self._columns(first).get(name, {}).get("judged") is False

    def _columns(self, first: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the columns by name, or the predictions without any."""
        found = self.report.get(first) if self.report else None
        named = found if first == "columns" and isinstance(found, dict) else {"": found}
        return {name: one for name, one in named.items() if isinstance(one, dict)}


def read_findings(report: ReportEvidence) -> Findings:
    """Return what a report says, or why it says nothing that can be used: it is a job's, and may be anything."""
    if report.gone:
        return Findings(fault=f"its monitoring has left nothing at '{inert_line(report.uri)}'")
    if report.size > MOST_READ:
        size, most = report.size / 1e6, MOST_READ / 1e6
        return Findings(
            fault=f"what is at '{inert_line(report.uri)}' has {size:,.0f} MB, expected at most {most:.0f} MB"
        )
    found = report.content if not report.text else _parsed(report.text)
    listed = found.get("violations") if isinstance(found, dict) else None
    if not isinstance(found, dict) or found.get("format") != _FORMAT or not isinstance(listed, list):
        return Findings(fault=f"what is at '{inert_line(report.uri)}' is no report of a Monitor step")
    violations = tuple(_violations(listed))
    if len(violations) < len(listed):
        return Findings(fault=f"'{inert_line(report.uri)}' lists a violation that is none")
    return Findings(violations=violations, report=found, notes=tuple(_notes(found.get("notes"))))


def _parsed(text: str) -> Any:
    """Return JSON that has no canonical bytes, such as a NaN; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _violations(listed: list[Any]) -> Iterator[Violation]:
    for item in listed:
        kind = item.get("kind") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind in KINDS:
            yield Violation(
                kind=kind,
                column=_text(item, "column"),
                statistic=_text(item, "statistic"),
                value=number_of(item.get("value")),
                bound=number_of(item.get("bound")),
                words=_text(item, "message", 300),
            )


def _notes(listed: Any) -> Iterator[str]:
    for note in listed[:_MOST_NOTES] if isinstance(listed, list) else ():
        if isinstance(note, str):
            yield inert_line(note, 300)


def _text(item: Mapping[str, Any], key: str, most: int = MOST_NAME) -> str:
    found = item.get(key)
    return inert_line(found, most) if isinstance(found, str) else ""


def _number_at(value: Any, path: str) -> float | None:
    """Return the number at a path of names with dots between; names of columns have dots as well."""
    if not path:
        return number_of(value)
    if not isinstance(value, dict):
        return None
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        name, rest = ".".join(parts[:count]), ".".join(parts[count:])
        if name in value and (found := _number_at(value[name], rest)) is not None:
            return found
    return None

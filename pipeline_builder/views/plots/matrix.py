"""A confusion matrix as a table: who listens to a page hears it row by row."""

from __future__ import annotations

from pipeline_builder.release.metrics import Confusion
from pipeline_builder.views.bounds import MOST_LABELS, corner
from pipeline_builder.views.formats import format_number
from pipeline_builder.views.plots.svg import element, words

_SHADES = 10


def confusion_table(confusion: Confusion, champion: Confusion | None = None, *, caption: str = "") -> str:
    """Return a matrix with the share of each row; the champion's shares stand below, where its labels are the same."""
    shown, left = corner(confusion), max(len(confusion.labels) - MOST_LABELS, 0)
    before = champion if champion and champion.labels == confusion.labels else None
    head = element(
        "tr",
        element("td", words("truth ↓, prediction →"), class_="soft"),
        *(element("th", words(name), scope="col") for name in shown.labels),
    )
    rows = [
        element(
            "tr",
            element("th", words(name), scope="row"),
            *(_cell(confusion, before, row, column) for column in range(len(shown.labels))),
        )
        for row, name in enumerate(shown.labels)
    ]
    named = element("caption", words(caption)) if caption else ""
    more = element("p", words(f"{left} more labels are left out here."), class_="soft") if left else ""
    return element("table", named, head, *rows, class_="matrix") + more


def _cell(confusion: Confusion, before: Confusion | None, row: int, column: int) -> str:
    share = _share(confusion, row, column)
    said = [element("small", words(f"{share * 100:.1f} %"))]
    if before:
        said.append(element("small", words(f"champion {_share(before, row, column) * 100:.1f} %"), class_="other"))
    count = words(format_number(confusion.counts[row][column]))
    return element("td", count, *said, class_=f"heat{round(share * _SHADES)}")


def _share(confusion: Confusion, row: int, column: int) -> float:
    counts = confusion.counts[row]
    total = sum(counts)
    return min(max(counts[column] / total, 0.0), 1.0) if total else 0.0

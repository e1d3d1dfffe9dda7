"""A month's bill for people and for machines."""

from __future__ import annotations

from pipeline_builder.service.costs import ARTIFACTS, CACHES, GROUPS, LINES, Line, Month
from pipeline_builder.service.prices import HOME

_NAMES = {
    "runs": "CodePipeline, CodeBuild and waiting",
    "polling": "polling",
    "key and secrets": "key and secrets",
    "the rest": "alarms, logs, storage, mails",
}


def render_month(month: Month) -> str:
    """Return the bill as a table, with what is assumed and whose prices these are below it."""
    rows = [("part", "a month", "USD each", "USD")]
    for group in GROUPS:
        lines = [line for line in month.lines if line.group == group]
        rows += [(line.part, f"{line.units:,.1f}", _price(month, line), f"{line.usd:.2f}") for line in lines]
        rows += [(f"= {_NAMES[group]}", "", "", f"{month.of(group):.2f}")] if lines else []
    rows.append(("= all, without training", "", "", f"{month.of():.2f}"))
    width = [max(len(row[column]) for row in rows) for column in range(4)]
    table = ["  ".join((row[0].ljust(width[0]), *(row[i].rjust(width[i]) for i in (1, 2, 3)))).rstrip() for row in rows]
    return "\n".join((*table, "", *_said(month)))


def _price(month: Month, line: Line) -> str:
    mark = "*" if month.prices.borrowed(line.price) else ""
    return f"{month.prices.usd[line.price]:.10f}".rstrip("0").rstrip(".") + mark


def _said(month: Month) -> list[str]:
    use, prices = month.use, month.prices
    runs = f"{use.runs:g} runs a month, {use.pushed:g} of them by pushes, all approved (--runs)"
    kept = (
        f"{ARTIFACTS * 1000:g} MB of artifacts a run, for 'artifact_days'; {LINES * 1000:g} MB of lines a build, "
        f"{CACHES * 1000:g} MB of cache a project"
    )
    hours = "an hour" if use.hours == 1 else f"{use.hours:g} hours"
    said = [
        f"assumed: {runs}; {hours} each on SageMaker (--hours); {use.minutes} minutes a build (--minutes)",
        f"         {kept}; pushes spread evenly over the repositories",
        f"prices: {prices.region}, without free tiers and taxes, seen {prices.seen}; --json names their pages",
    ]
    if borrowed := sorted({line.price for line in month.lines if prices.borrowed(line.price)}):
        theirs = f"that of {prices.region} wasn't found, and may be another"
        said.append(f"* the price in {HOME}: {theirs} (--price {borrowed[0]}=USD)")
    return said


def month_json(month: Month) -> dict[str, object]:
    """Return the bill for machines."""
    prices, use = month.prices, month.use
    used = sorted({line.price for line in month.lines})
    return {
        "region": prices.region,
        "seen": prices.seen,
        "use": {"runs": use.runs, "pushed": use.pushed, "hours": use.hours, "minutes": use.minutes},
        "lines": [
            {
                "group": line.group,
                "part": line.part,
                "units": line.units,
                "price": line.price,
                "usd": round(line.usd, 4),
            }
            for line in month.lines
        ],
        "groups": {group: round(month.of(group), 4) for group in GROUPS},
        "usd": round(month.of(), 4),
        "prices": {
            name: {
                "usd": prices.usd[name],
                "of": prices.of[name],
                "source": "given" if name in prices.given else prices.sources[name],
                "region": HOME if prices.borrowed(name) else prices.region,
            }
            for name in used
        },
    }

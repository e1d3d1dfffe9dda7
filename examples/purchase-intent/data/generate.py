"""Makes synthetic shopping sessions in the shape of the "Online Shoppers Purchasing Intention" table.

The real table is in the UCI repository. This one is made up: no row comes from a real session, and what a model scores
on it says nothing about real shoppers. The same seed gives the same bytes. Usage: python generate.py OUTPUT.csv
"""

import csv
import io
import math
import random
import sys

ROWS = 12330
SEED = 20260101
COLUMNS = (
    "Administrative", "Administrative_Duration", "Informational", "Informational_Duration", "ProductRelated",
    "ProductRelated_Duration", "BounceRates", "ExitRates", "PageValues", "SpecialDay", "Month", "OperatingSystems",
    "Browser", "Region", "TrafficType", "VisitorType", "Weekend", "Revenue",
)  # fmt: skip
USUAL = {
    "Month": {"Feb": 2, "Mar": 19, "May": 34, "June": 3, "Jul": 4, "Aug": 4, "Sep": 4, "Oct": 5, "Nov": 30, "Dec": 17},
    "VisitorType": {"Returning_Visitor": 856, "New_Visitor": 137, "Other": 7},
    "OperatingSystems": {1: 21, 2: 53, 3: 21, 4: 4, 5: 1, 6: 1, 7: 1, 8: 1},
    "Browser": {1: 20, 2: 65, 3: 1, 4: 6, 5: 4, 6: 1, 7: 1, 8: 1, 10: 1, 13: 1},
    "Region": {1: 39, 2: 9, 3: 19, 4: 10, 5: 3, 6: 7, 7: 6, 8: 3, 9: 4},
    "TrafficType": {1: 20, 2: 32, 3: 17, 4: 9, 5: 2, 6: 4, 8: 3, 10: 4, 11: 2, 13: 6, 20: 1},
}
"""How often each category comes."""


def main(path):
    """Write the table."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(table())


def table():
    """Return the whole table as CSV text."""
    generator = random.Random(SEED)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _ in range(ROWS):
        writer.writerow(session(generator))
    return text.getvalue()


def session(generator, shares=USUAL, lift=0.0):
    """Return one row: first what the visitor is like, then the pages, then whether it ended in a purchase.

    `shares` says how often each category comes, `lift` how much more visitors are interested than usual.
    """
    month = pick(generator, shares["Month"])
    visitor = pick(generator, shares["VisitorType"])
    interest = generator.gauss(0.25 if visitor == "New_Visitor" else 0.0, 1.0) + lift
    administrative, administrative_time = pages(generator, 2.3 + 0.5 * interest, 35)
    informational, informational_time = pages(generator, 0.5 + 0.2 * interest, 68)
    product, product_time = pages(generator, 25 * math.exp(0.35 * interest), 37)
    product = max(product, 1)
    exits = min(0.2, max(0.0, 0.2 / (1 + 0.35 * product) + abs(generator.gauss(0.018, 0.012)) - 0.004 * interest))
    bounces = max(0.0, min(exits, exits * generator.random() ** 1.5 - 0.004))
    valued = generator.random() < 1 / (1 + math.exp(1.75 - 1.1 * interest))
    page_value = generator.expovariate(1 / (14 + 9 * max(interest, 0))) if valued else 0.0
    near = generator.random() < 0.1 and month in ("Feb", "May")
    special = generator.choice((0.2, 0.4, 0.6, 0.8, 1.0)) if near else 0.0
    weekend = generator.random() < 0.23
    score = (
        -2.3 + 0.75 * interest + (1.75 + 0.045 * min(page_value, 50) if page_value > 0 else 0.0) - 22 * exits
        + {"Nov": 0.75, "Oct": 0.25, "Feb": -0.7, "Mar": -0.2, "May": -0.25}.get(month, 0.0)
        + (0.35 if visitor == "New_Visitor" else 0.0) - 0.8 * special + 0.1 * weekend + 0.006 * min(product, 100)
    )  # fmt: skip
    revenue = generator.random() < 1 / (1 + math.exp(-score))
    return (
        administrative, administrative_time, informational, informational_time, product, product_time,
        round(bounces, 6), round(exits, 6), round(page_value, 6), special, month,
        pick(generator, shares["OperatingSystems"]), pick(generator, shares["Browser"]),
        pick(generator, shares["Region"]), pick(generator, shares["TrafficType"]),
        visitor, str(weekend).upper(), str(revenue).upper(),
    )  # fmt: skip


def pages(generator, mean, seconds):
    """Return how many pages of a kind were seen, and for how many seconds in all."""
    count = int(max(0.0, generator.expovariate(1 / max(mean, 0.05))))
    return count, round(sum(generator.expovariate(1 / seconds) for _ in range(min(count, 400))), 4)


def pick(generator, weights):
    """Return one of the keys, by weight."""
    return generator.choices(list(weights), weights=list(weights.values()))[0]


if __name__ == "__main__":
    main(sys.argv[1])

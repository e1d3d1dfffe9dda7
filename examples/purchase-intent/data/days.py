"""Makes days of new sessions for scoring, as made up as the table: seven as usual and a sale, when other people come.

The same day is the same bytes on every machine. `python days.py FOLDER` writes FOLDER/dt=DATE/sessions.csv of all eight
days, without labels, which nobody knows yet. `python days.py FOLDER --labelled DATE` writes FOLDER/dt=DATE.csv with
them, for the next training.
"""

import csv
import random
import sys
from pathlib import Path

from generate import COLUMNS, USUAL, session

USUAL_DAYS = tuple(f"2026-11-{day}" for day in range(20, 27))
SALE = "2026-11-27"
SESSIONS = 1000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SALE_SHARES = {
    "VisitorType": {"Returning_Visitor": 40, "New_Visitor": 58, "Other": 2},
    "OperatingSystems": {1: 9, 2: 24, 3: 55, 4: 9, 5: 1, 6: 1, 7: 1, 8: 1},
    "TrafficType": {1: 6, 2: 14, 3: 9, 4: 4, 5: 2, 6: 2, 8: 3, 10: 2, 11: 2, 13: 55, 20: 1},
}
"""New visitors, with telephones, who come through an advertisement."""


def main(folder, *labelled):
    """Write all days, or those that have got their labels."""
    for date in labelled[1:]:
        write(Path(folder, f"dt={date}.csv"), COLUMNS, sessions(date))
    for date in () if labelled else (*USUAL_DAYS, SALE):
        write(Path(folder, f"dt={date}", "sessions.csv"), COLUMNS[:-1], (row[:-1] for row in sessions(date)))


def write(path, columns, rows):
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def sessions(date):
    """Return the rows of a day with their labels; the number of a day differs as it does in a shop."""
    generator, month = random.Random(date), {"Month": {MONTHS[int(date[5:7]) - 1]: 1}}
    count = SESSIONS + generator.randrange(-120, 120)
    if date == SALE:
        return [session(generator, {**USUAL, **SALE_SHARES, **month}, lift=0.9) for _ in range(2 * count)]
    return [session(generator, {**USUAL, **month}) for _ in range(count)]


if __name__ == "__main__":
    main(*sys.argv[1:])

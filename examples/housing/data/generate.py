"""Makes synthetic housing districts in the shape of the California housing table.

The real table is of the 1990 census, and scikit-learn downloads it. This one is made up: no row is a real district, and
what a model scores on it says nothing about real houses. The same seed gives the same bytes.
Usage: python generate.py OUTPUT.csv
"""

import csv
import io
import math
import random
import sys

ROWS = 20640
SEED = 20260202
COLUMNS = (
    "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude", "MedHouseVal",
)  # fmt: skip
# Where people live (latitude, longitude), how far around, what share of them, and what living there costs more.
PLACES = (
    (34.05, -118.25, 0.35, 40, 0.35), (37.65, -122.2, 0.35, 25, 0.75), (32.8, -117.1, 0.2, 10, 0.3),
    (38.55, -121.4, 0.35, 9, -0.25), (36.75, -119.75, 0.5, 10, -0.55), (40.4, -122.2, 0.8, 6, -0.6),
)  # fmt: skip


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
        writer.writerow(district(generator))
    return text.getvalue()


def district(generator):
    """Return one row: where it is, who lives there, what the houses are like, and what they are worth."""
    latitude, longitude, width, _, dear = generator.choices(PLACES, weights=[place[3] for place in PLACES])[0]
    north, east = generator.gauss(0, width), generator.gauss(0, width)
    coast = 1 / (1 + math.exp(2.5 * (east + 0.4 * north)))
    wealth = generator.gauss(0.25 * dear, 1)
    income = min(15.0, max(0.5, 3.55 * math.exp(0.42 * wealth)))
    age = min(52, max(1, round(generator.gauss(29 - 9 * north * generator.random(), 12))))
    rooms = max(1.5, 5.2 + 0.75 * wealth + generator.gauss(0, 0.9) + (generator.expovariate(0.4) if age < 8 else 0))
    bedrooms = max(0.6, 1.05 + 0.012 * (rooms - 5) ** 2 + generator.gauss(0, 0.06))
    occupants = max(1.1, 2.95 - 0.25 * wealth + generator.gauss(0, 0.6))
    population = max(3, round(math.exp(generator.gauss(7.05, 0.7))))
    value = (
        0.55 + 0.34 * income ** 1.12 + dear + 0.75 * coast - 0.32 * (occupants - 3)
        + 0.0075 * (age - 29) * (1 if coast > 0.5 else 0.2) + 0.5 * (bedrooms - 1) + 0.2 * dear * math.log(income)
        + generator.gauss(0, 0.36)
    )  # fmt: skip
    return (
        round(income, 4), age, round(rooms, 3), round(bedrooms, 3), population, round(occupants, 3),
        round(latitude + north, 2), round(longitude + east, 2), round(min(5.0, max(0.15, value)), 3),
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])

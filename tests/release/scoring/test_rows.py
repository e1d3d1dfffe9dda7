"""Rows are counted as they pass by, whatever blocks they come in."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import random

import pytest

from pipeline_builder.release.scoring.rows import few_rows, rows_of, said_rows

LONG = "x" * (1 << 20)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("", 0),
        ("\n \n", 0),
        ("1,2\n3,4\n", 2),
        ("1,2\r\n3,4", 2),
        ("1\n\n\n2\n\n", 2),
        ("age,name\n1,ada\n2,bob\n", 2),
        (",age,name\n0,1,ada\n1,2,bob\n", 2),
        (",name,1\n5,bob,2\n", 2),
        ("age;name\n1;ada\n", 1),
        ("age\tname\n1\tada\n", 1),
        ("1,5;2\n2,5;3\n", 2),
        ("\ufeffage,name\n1,ada\n", 1),
        ("\ufeff1,2\n3,4\n", 2),
        ("name\nada\nbob\n", 3),  # nothing says that it has a header
        ('1,"two\nlines"\n2,"a ""quoted"" word"\n', 2),
        ('"1\n2\n', None),
        ('{"a": 1}\n{"a": 2}\n', 2),
        ('{\n "a": 1\n}\n', None),
        ("[1, 2]\n[3, 4]\n", 2),
        ('[{"a": 1}, {"a": 2}]\n', None),
        ("[0.1 0.9]\n[0.2 0.8]\n", 2),
        ("PAR1....", None),
        ("a\0b\n", None),
        (f'1,"{LONG}\n{LONG}"\n{LONG}\n', 2),
        (f"{LONG}\n" * 3, 3),
    ],
)
def test_rows(content: str, rows: int | None) -> None:
    assert rows_of(io.BytesIO(content.encode())) == rows
    if rows:
        packed = gzip.compress(content.encode())
        assert rows_of(io.BytesIO(packed)) == rows
        assert rows_of(io.BytesIO(packed[:-9])) is None
        assert rows_of(io.BytesIO(packed + packed)) is None


PARQUET = base64.b85decode(  # written by pyarrow: three rows with a number and a text that may be missing
    "P(e~L6#x}H6+A2z1{DAm1{DSz00002000060RaF20000000IC20000000RI30000002KfgAQd1i6$TXm6$TXs8~^|S0ssI20|Nm7003bD0001D6"
    "$BYPH2@d}b7N>_ZDADz02Kr!0vH2fXJr5t3?%{>1a4t%WhDSi8~^|S76us{87w9M92Eo^B?bT)7z1HvWfcGx1{Pu#VkQVl92Ec+02KlNJShelCI"
    "AKi001Tc92E>1B?bT)7zA!%ZDkbz76ukZ7Dgs&NgNdb6#x|i06Z2183q|90t5g602ZhL76v8=7N`LLC?IfQa&dKKbS-0Wa4lhSa&LDac4cyNX>V"
    ">IGBz$SE-@J_8~^|u0002P0000`K~ga"
)


def test_rows_of_parquet() -> None:
    assert rows_of(io.BytesIO(PARQUET)) == rows_of(io.BytesIO(gzip.compress(PARQUET))) == 3
    assert rows_of(io.BytesIO(PARQUET[:-1])) is None
    chance = random.Random(11)
    for _ in range(300):  # whatever is wrong with it, it is no reason to fail
        damaged = bytearray(PARQUET)
        for _ in range(4):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        found = rows_of(io.BytesIO(damaged))
        assert found is None or found >= 0


def test_rows_are_those_of_pythons_own_reader() -> None:
    chance = random.Random(7)
    for _ in range(200):
        file = io.StringIO()
        words = ["a", "b", '"', "\n", ",", " ", "\r\n", "longer words"]
        rows = [["".join(chance.choices(words, k=chance.randint(1, 5))) for _ in range(3)] for _ in range(20)]
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)

        class Small(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(min(size or 7, 7))

        assert rows_of(Small(file.getvalue().encode())) == 20


@pytest.mark.parametrize("said", [None, True, -1, 3.0, "3", [3], {}, float("nan"), 10**400])
def test_what_is_no_number_of_rows(said: object) -> None:
    assert said_rows(said) is None
    assert said_rows(3) == 3


def test_too_few_predictions() -> None:
    assert few_rows(10, 10, 1.0) == few_rows(None, 1, 1.0) == few_rows(10, None, 1.0) == few_rows(10, 9, 0.9) == ""
    assert few_rows(0, 0, 1.0) == few_rows(0, None, 0.1) == "PB979 there are no rows in its data"
    assert few_rows(0, 0, 0.0) == ""
    assert few_rows(1000, 10, 1.0) == "PB973 there are 10 predictions for 1,000 rows"
    assert few_rows(10, 8, 0.9) == "PB973 there are 8 predictions for 10 rows ('min_rows_share' is 0.9)"

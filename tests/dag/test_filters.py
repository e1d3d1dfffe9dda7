"""What goes together with the filters and the join of a batch transform."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.dag.filters import filter_faults, filter_notes


def request(content: Any = "text/csv", accept: Any = "text/csv", **data: Any) -> dict[str, Any]:
    return {
        "TransformInput": {"ContentType": content, "SplitType": "Line"},
        "TransformOutput": {"Accept": accept, "AssembleWith": "Line"},
        "DataProcessing": data,
    }


@pytest.mark.parametrize(
    "fine",
    [
        {},
        request(InputFilter="$", OutputFilter="", JoinSource="None"),
        request("image/png", "image/png", OutputFilter="$"),
        request(InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-1]"),
        request("application/json", "application/jsonlines", InputFilter="$.a", JoinSource="Input"),
        request("text/csv; charset=utf-8", "application/json", OutputFilter="$['class']"),
        request(accept=None, InputFilter="$[0]"),
        request({"Get": "Parameters.T"}, {"Get": "Parameters.T"}, InputFilter="$.a", JoinSource="Input"),
        request(InputFilter={"Get": "Parameters.F"}, JoinSource={"Get": "Parameters.J"}),
    ],
)
def test_what_goes_together(fine: dict[str, Any]) -> None:
    assert list(filter_faults(fine)) == []


@pytest.mark.parametrize(
    ("faulty", "where", "words"),
    [
        (request(InputFilter="$..a"), "DataProcessing.InputFilter", "is no JSONPath that batch transform takes"),
        (request(OutputFilter="$.a"), "DataProcessing.OutputFilter", "CSV is filtered by columns only"),
        (request(None, InputFilter="$[0]"), "TransformInput.ContentType", "is missing, and what is filtered"),
        (request("image/png", JoinSource="Input"), "TransformInput.ContentType", "is 'image/png', and what is"),
        (request(accept="text/plain", OutputFilter="$[0]"), "TransformOutput.Accept", "is 'text/plain', and"),
        (request(accept="application/json", JoinSource="Input"), "DataProcessing.JoinSource", "both are CSV"),
    ],
)
def test_what_does_not(faulty: dict[str, Any], where: str, words: str) -> None:
    [(path, message)] = filter_faults(faulty)
    assert ".".join(path) == where
    assert words in message


def test_csv_goes_by_lines() -> None:
    faulty = request(InputFilter="$[1:]", JoinSource="Input")
    faulty["TransformInput"]["SplitType"] = "None"
    del faulty["TransformOutput"]["AssembleWith"]
    found = {".".join(path): message for path, message in filter_faults(faulty)}
    assert found == dict.fromkeys(
        ["TransformInput.SplitType", "TransformOutput.AssembleWith"],
        "must be 'Line' where CSV is filtered or joined",
    )


def test_what_people_should_know() -> None:
    assert list(filter_notes(request(InputFilter="$[1:]", OutputFilter="$[0,-1]"))) == []
    found = list(filter_notes(request(InputFilter="$[:3]", OutputFilter="$['account_id']")))
    assert ["the end of a range isn't in it" in found[0], "has been seen to refuse '_'" in found[1]] == [True, True]

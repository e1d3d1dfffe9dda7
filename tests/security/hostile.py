"""What others could send: documents that are changed at random from good ones, in ways that have broken programs."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

NAMES = ("", " ", "a\nb", "a\n  hint: approved", "\x1b[2J\x1b[1;32mpassed", "\u202eevil", "\u2066x", "\x00", "\ud800", "é" * 300,
         "x" * 5000, "..", "../../etc/passwd", "/etc/passwd", "a//b", "a\\b", "${HOME}", "${X:-${Y}}", "SMP_ROLE", "{{ 7*7 }}",
         "<script>alert(1)</script>", "#{variables.X}", "s3://", "s3://b/../c", "s3://b/a//b", "s3://B/x", "-", "--upload-pack=x",
         "!get Steps.X", "churn", "churn-Train", "<<", "null", "1e400", "0x10", "2026-13-45", "\ufeff", "\u2028")  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, -(10**400), 1e308, float("inf"), float("nan"), [], {}, [[]], [None], {"a": {}},
    {"": ""}, [{}], {"Get": "Steps.churn-Train.X"}, {"Get": 1}, {"Std:Join": {"On": "/", "Values": [1]}}, ["x"] * 300,
)  # fmt: skip
BYTES = (b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\t", b"'", b'"', b"{", b"[", b"}", b"]", b": ", b"- ", b"&a ", b"*a", b"!!python/object:os.system ",
         b"<<: *a", b"---\n", b"...\n", b"\\ud800", b"1" * 5000, b"[" * 300, b"%", b"#", b"|", b">", b"? ")  # fmt: skip


def _deep(levels: int) -> Any:
    found: Any = 1
    for level in range(levels):
        found = {"a": found} if level % 2 else [found]
    return found


def values() -> st.SearchStrategy[Any]:
    """Return values that no schema expects at most places."""
    # One that nests deeper than a document may is long to print: it is made where it is drawn.
    return st.one_of(
        st.sampled_from(VALUES), st.sampled_from(NAMES), st.text(max_size=20), st.integers(),
        st.sampled_from((5, 40, 200)).map(_deep),
    )  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in _paths(item, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn, *good: Any) -> Any:
    """Return one of the good documents with one to three places of it changed, taken out, doubled or renamed."""
    found = copy.deepcopy(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(_paths(found)[1:] or [("",)]))
        place = found
        for part in above:
            place = place[part]
        if not isinstance(place, dict | list) or not place:
            continue
        match draw(st.sampled_from(("put", "put", "put", "name", "drop", "double"))):
            case "put":
                place[key] = copy.deepcopy(draw(values()))  # the sampled ones are shared
            case "drop":
                del place[key]
            case "name" if isinstance(place, dict):
                place[draw(st.sampled_from(NAMES))] = place.pop(key)
            case _ if isinstance(place, dict):
                place[draw(st.sampled_from(NAMES))] = copy.deepcopy(place[key])
            case _:
                place.append(copy.deepcopy(place[key]))
    return found


@st.composite
def damaged(draw: st.DrawFn, *good: bytes) -> bytes:
    """Return one of the good files with bytes of it changed, put in or cut off."""
    found = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        match draw(st.sampled_from(("in", "in", "over", "cut", "end", "twice"))):
            case "in":
                found[at:at] = draw(st.one_of(st.sampled_from(BYTES), st.binary(max_size=8)))
            case "over":
                found[at : at + 4] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del found[at : at + draw(st.integers(1, 40))]
            case "end":
                del found[at:]
            case _:
                found[at:at] = found[at : at + draw(st.integers(1, 400))]
    return bytes(found)


def text_of(value: Any) -> bytes:
    """Return a document as JSON, which YAML reads too; half characters stay escapes."""
    return json.dumps(value).encode()

"""YAML with positions."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.documents.source import Source, load_yaml, parse_yaml
from pipeline_builder.errors import InputProblems


def problems(text: str) -> str:
    with pytest.raises(InputProblems) as caught:
        parse_yaml(Source("a.yaml", text), "PB100")
    return str(caught.value)


def test_data_and_places() -> None:
    document = parse_yaml(Source("a.yaml", "a: 1\nb:\n  - c: x\n    d: 2.5\n"), "PB100")
    assert document.data == {"a": 1, "b": [{"c": "x", "d": 2.5}]}
    assert str(document.place(("b", 0, "d"))) == "a.yaml:4:8"
    assert str(document.place(("b", 0, "d"), key=True)) == "a.yaml:4:5"
    assert document.place(("b", 0, "d")).text == "    d: 2.5"


def test_place_of_what_is_not_there_is_around_it() -> None:
    document = parse_yaml(Source("a.yaml", "a:\n  b: 1\n"), "PB100")
    assert str(document.place(("a", "nope", "deeper"))) == "a.yaml:2:3"


def test_anchors_and_merge_keys() -> None:
    document = parse_yaml(
        Source("a.yaml", "x: &x {p: 1, q: 2}\ny:\n  <<: *x\n  q: 3\nz: {<<: [*x, {r: 4}]}\n"), "PB100"
    )
    assert document.data == {"x": {"p": 1, "q": 2}, "y": {"p": 1, "q": 3}, "z": {"p": 1, "q": 2, "r": 4}}
    assert str(document.place(("y", "q"))) == "a.yaml:4:6"


def test_dates_and_infinities_stay_text() -> None:
    document = parse_yaml(Source("a.yaml", "a: 2026-01-02\nb: .inf\nc: yes\n"), "PB100")
    assert document.data == {"a": "2026-01-02", "b": ".inf", "c": True}


def test_what_only_looks_like_more_than_a_text_is_one() -> None:
    endless = f"1{':59' * 300}.5"
    document = parse_yaml(Source("a.yaml", f"a: =\nb: [=, 1.0e+400]\nc: {endless}\n=: d\n"), "PB100")
    assert document.data == {"a": "=", "b": ["=", "1.0e+400"], "c": endless, "=": "d"}


@pytest.mark.parametrize("end", ["\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_lines_are_counted_as_yaml_does(end: str) -> None:
    document = parse_yaml(Source("a.yaml", f"a: 1{end}b: [2,{end}  c]\n"), "PB100")
    assert (str(document.place(("b", 1))), document.place(("b", 1)).text) == ("a.yaml:3:3", "  c]")


def test_every_repeated_key_is_a_problem() -> None:
    assert problems("a: 1\na: 2\nb: {c: 1, c: 2}\n") == (
        "a.yaml:2:1: PB100 the key 'a' stands twice in this mapping\n"
        "    a: 2\n    ^\n  also: a.yaml:1:1\n    a: 1\n    ^\n  hint: keep one of them\n"
        "a.yaml:3:11: PB100 the key 'c' stands twice in this mapping\n"
        "    b: {c: 1, c: 2}\n              ^\n  also: a.yaml:3:5\n    b: {c: 1, c: 2}\n        ^\n"
        "  hint: keep one of them"
    )


def test_a_tab_is_named() -> None:
    assert problems("a:\n\tb: 1\n") == (
        "a.yaml:2:1: PB100 a tab indents this line, and YAML allows only spaces there\n"
        "     b: 1\n    ^\n  hint: replace the tab with spaces"
    )


def test_a_space_that_is_none_is_named() -> None:
    assert problems("a:\u00a0b\nc: d\n").endswith(
        "hint: line 1 has a no-break space, which YAML takes for a letter: replace it"
    )
    assert "hint" not in problems("a: 1 # \u00a0\n\nb: [1\n\nc: d\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\n", "a.yaml:2:1: PB100 not YAML: did not find expected ',' or ']' (while parsing a flow sequence)"),
        ("a: *b\n", "a.yaml:1:4: PB100 not YAML: found undefined alias\n    a: *b\n       ^"),
        ("a: &a [*a]\n", "a.yaml:1:4: PB100 not YAML: an alias contains itself\n    a: &a [*a]\n       ^"),
        ("{? [1] : 2}\n", "a.yaml:1:4: PB100 not YAML: a key must be a plain word\n    {? [1] : 2}\n       ^"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: PB100 not YAML: but found another document"),
        ("a: 2026-13-45\n", "a.yaml:1:4: PB100 not YAML: '2026-13-45': month must be in 1..12"),
        (
            "a: !!python/object:os.system x\n",
            "a.yaml:1:4: PB100 not YAML: the tag 'tag:yaml.org,2002:python/object:os.sys",
        ),
        ("a: [1, !!bool x]\n", "a.yaml:1:8: PB100 not YAML: 'x' is no '!!bool'\n"),
        ("a: !!timestamp x\n", "a.yaml:1:4: PB100 not YAML: 'x' is no '!!timestamp'\n"),
        ("a: !!int ''\n", "a.yaml:1:4: PB100 not YAML: '' is no '!!int'\n"),
        (f"a: 0x{'f' * 5000}\n", "a.yaml:1:4: PB100 not YAML: a number of 5002 characters, expected at most 1,000\n"),
        (f"a: {'9' * 5000}\n", "a.yaml:1:4: PB100 not YAML: a number of 5000 characters, expected at most 1,000\n"),
        ("a: !!python/name:os.system {}\n", "a.yaml:1:4: PB100 not YAML"),
    ],
)
def test_what_is_not_yaml(text: str, expected: str) -> None:
    assert problems(text).startswith(expected)


@pytest.mark.long
def test_an_alias_bomb_is_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "not YAML: more than 200,000 values, those of aliases counted" in problems("\n".join(lines))


def test_deep_nesting_is_no_traceback() -> None:
    for text in ("[" * 50_000, "- " * 50_000, "{a: " * 50_000, "[ !<]> " * 50_000):
        assert "nested more than 100 deep" in problems(text)
    for end in ("\n", "\r", "\x85", "\u2028", "\u2029"):
        assert "nested more than 100 deep" in problems(end.join(f"{' ' * depth}a:" for depth in range(300)))


def test_brackets_that_close_where_they_opened_are_not_deep() -> None:
    assert len(parse_yaml(Source("a.yaml", "- [a, b]\n- {c: d}\n" * 300), "PB201").data or ()) == 600  # type: ignore[arg-type] # a list
    for text in ("[" + "[a], " * 101 + "[" * 101 + "]" * 102, "[" + "'[', " * 3 + "[" * 101 + "']'" + "]" * 102):
        assert "nested more than 100 deep" in problems(text)


def test_places_are_of_the_text_that_was_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: &x {b: 1, c: [2, 3]}\nd: {<<: *x, b: 4}\n")
    later, at_once = (load_yaml(file, "a.yaml", "PB201", placed=placed) for placed in (False, True))
    file.unlink()
    assert (later.data, later.keys, later.values) == (at_once.data, at_once.keys, at_once.values)
    assert str(later.place(("d", "b"))) == "a.yaml:2:16"
    assert later.keys["d", "c"] == (1, 14)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputProblems, match=r"^x.yaml: PB100 cannot read 'x.yaml': No such file or directory$"):
        load_yaml(tmp_path / "x.yaml", "x.yaml", "PB100")
    (tmp_path / "u.yaml").write_bytes("a: 1\n".encode("utf-16"))
    with pytest.raises(
        InputProblems, match=r"^u.yaml:1:1: PB100 'u.yaml' is not UTF-8 text: it is UTF-16, which Power"
    ):
        load_yaml(tmp_path / "u.yaml", "u.yaml", "PB100")
    (tmp_path / "b.yaml").write_bytes(b"\xc3\xa4: 1\na: \xff")
    with pytest.raises(
        InputProblems, match=r"^b.yaml:2:4: PB100 'b.yaml' is not UTF-8 text: byte 9 is 0xff\n    a: \ufffd\n"
    ):
        load_yaml(tmp_path / "b.yaml", "b.yaml", "PB100")

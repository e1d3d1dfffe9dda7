"""Patterns that are compiled late are still those of `re`, and none of the package's is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module

import pytest

from pipeline_builder import patterns
from pipeline_builder.patterns import pattern
from tests.places import ROOT


def test_a_pattern_answers_as_re_does() -> None:
    word = pattern(r"(?P<first>[a-z])\w*", re.IGNORECASE)
    found = word.fullmatch("Word")
    assert found
    assert found["first"] == "W"
    assert (word.pattern, word.groups, word.sub("-", "a b")) == (r"(?P<first>[a-z])\w*", 1, "- -")
    assert pattern(rb"\d+").findall(b"1 23") == [b"1", b"23"]


def test_those_of_the_package_can_be_compiled() -> None:
    package = ROOT / "pipeline_builder"
    files = [path for path in package.rglob("*.py") if " = pattern(" in path.read_text("utf-8")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    found = [one for name in names for one in vars(import_module(name)).values() if isinstance(one, patterns._Pattern)]
    assert len(found) > 50
    for one in found:
        assert one.fullmatch is one.fullmatch


def test_one_is_compiled_when_it_is_first_asked() -> None:
    look = (
        "from pipeline_builder.inert import _CONTROL, log_text\n"
        "assert list(vars(_CONTROL)) == ['_given']; log_text('a\\x07'); assert 'sub' in vars(_CONTROL), vars(_CONTROL)"
    )
    subprocess.run([sys.executable, "-c", look], check=True)


@pytest.mark.long
def test_none_is_handed_to_functions_of_re() -> None:
    """These take what they have compiled themselves: whoever has a pattern asks that."""
    for path in (ROOT / "pipeline_builder").rglob("*.py"):
        text = path.read_text("utf-8")
        for name in re.findall(r"^(\w+)(?:: [^=\n]+)? = pattern\(", text, re.MULTILINE):
            handed = re.search(rf"\bre\.\w+\(\s*{name}\b(?!\.)|\.re is {name}\b", text)
            assert not handed, (path, handed)

"""The lock files agree with each other, so that one environment can hold what two of them name."""

from __future__ import annotations

import re

import pytest

from tests.places import ROOT


def pins(name: str) -> set[str]:
    """Return `package==version ; marker` of every entry of a lock file."""
    return set(re.findall(r"^[\w.-]+==[^\\\n]+?(?= *\\?$)", (ROOT / name).read_text(), re.MULTILINE))


def package(pin: str) -> str:
    return pin.partition("==")[0]


@pytest.mark.parametrize("name", ["requirements-dev.txt", "requirements-sdk.txt"])
def test_packages_of_two_locks_have_one_version(name: str) -> None:
    ours, theirs = pins("requirements.txt"), pins(name)
    shared = {package(pin) for pin in ours} & {package(pin) for pin in theirs}
    assert {"botocore", "pydantic", "pyyaml", "rich"} <= shared
    assert {pin for pin in ours if package(pin) in shared} == {pin for pin in theirs if package(pin) in shared}


def test_the_interpreters_lock_goes_with_ours() -> None:
    # Which Pythons need a package differs: what needs it does.
    ours, theirs = ({pin.partition(" ;")[0] for pin in pins(f"requirements{name}.txt")} for name in ("", "-rehearse"))
    shared = {package(pin) for pin in ours} & {package(pin) for pin in theirs}
    assert {"boto3", "botocore", "pyyaml", "werkzeug"} <= shared
    assert {pin for pin in theirs if package(pin) in shared} <= ours


def test_every_lock_has_its_source_and_is_made_by_the_script() -> None:
    script = (ROOT / "scripts" / "lock").read_text()
    for path in ROOT.glob("requirements*.txt"):
        assert path.with_suffix(".in").exists()
        assert re.search(rf"\b{re.escape(path.stem)}\b", script)

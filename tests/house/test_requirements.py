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


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("requirements-dev.txt", {"botocore", "pydantic", "pyyaml", "rich"}),
        ("requirements-sdk.txt", {"botocore", "pydantic", "pyyaml", "rich"}),
        ("requirements-rehearse.txt", {"boto3", "botocore", "pyyaml", "werkzeug"}),
    ],
)
def test_packages_of_two_locks_have_one_version(name: str, some: set[str]) -> None:
    ours, theirs = pins("requirements.txt"), pins(name)
    shared = {package(pin) for pin in ours} & {package(pin) for pin in theirs}
    assert some <= shared
    assert {pin for pin in ours if package(pin) in shared} == {pin for pin in theirs if package(pin) in shared}


def test_every_lock_has_its_source_and_is_made_by_the_script() -> None:
    script = (ROOT / "scripts" / "lock").read_text()
    for path in ROOT.glob("requirements*.txt"):
        assert path.with_suffix(".in").exists()
        assert re.search(rf"\b{re.escape(path.stem)}\b", script)

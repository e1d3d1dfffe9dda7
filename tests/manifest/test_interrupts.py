"""`local.interrupt` of the manifest: seconds of machines by steps."""

from __future__ import annotations

import pytest

from tests.manifest.test_manifest import manifest, problems

TEXT = "version: 1\nrepos: [{{url: a}}]\nlocal:\n  interrupt: {{T: {said}}}\n"


@pytest.mark.parametrize(("said", "found"), [("30", (30,)), ("0.5", (0.5,)), ("[3, 4.5]", (3, 4.5))])
def test_seconds(said: str, found: tuple[float, ...]) -> None:
    made = manifest(TEXT.format(said=said))
    assert made.local.interrupt == {"T": found}
    assert (made.interrupt_places["T"].line, made.interrupt_places["T"].column) == (4, 15)


@pytest.mark.parametrize("said", ["soon", "0", "-1", "true", "[]", "[1, x]", "null", "{a: 1}", "3000000", "[1e999]"])
def test_no_seconds(said: str) -> None:
    assert [line.split()[1] for line in problems(TEXT.format(said=said))] == ["PB104"]


def test_most() -> None:
    many = f"[{', '.join(['1'] * 21)}]"
    assert "there are 21 numbers of seconds, expected 1 to 20" in problems(TEXT.format(said=many))[0]

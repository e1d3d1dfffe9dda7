"""What the documentation says is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.cli import main
from pipeline_builder.cli.group import MODULES, SECTIONS
from pipeline_builder.explanations import load_explanations, render_explanation
from tests.house.fences import pages, prose
from tests.places import ROOT

PAGES = pages()


def test_generated_parts_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", ""), "run scripts/docs"


@pytest.mark.long
def test_every_problem_is_explained_and_no_other() -> None:
    used = {
        found
        for path in (ROOT / "pipeline_builder").rglob("*.py")
        for found in re.findall(r'"(PB\d{3})"', path.read_text("utf-8"))
    }
    assert used == load_explanations().keys()
    assert list(load_explanations()) == sorted(load_explanations())


def test_no_problem_has_two_causes() -> None:
    ids = re.findall(r"^(PB\d{3}):", (ROOT / "pipeline_builder/problems.yaml").read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(ids) == sorted(load_explanations())


def test_every_command_is_in_a_section_of_the_help() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(main.commands)


def test_explanations_are_sentences() -> None:
    for explanation in load_explanations().values():
        assert explanation.cause[-1] == explanation.mend[-1] == ".", explanation
        assert explanation.example.strip(), explanation
        assert explanation.mend in render_explanation(explanation)


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page}: {target}"


def test_every_command_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    above = text[: text.index("## Options of every command")]
    assert [name for name in main.commands if f"`{name}" not in above] == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_help_has_an_example(name: str) -> None:
    assert "Example: pipeline-builder" in (main.commands[name].help or "")

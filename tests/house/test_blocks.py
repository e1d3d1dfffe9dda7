"""Every command that the documentation shows is one that the programs take; what is data parses.

`run` blocks are executed besides (test_told.py); docs/contributing.md says what the tags mean.
"""

from __future__ import annotations

import json
import re

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from tests.house.fences import AWS, RUN, SHELLS, SHOWN, TEMPLATES, Block, blocks, inline, pages
from tests.house.spoken import UntrueError, check_line
from tests.places import ROOT

BLOCKS = [block for page in pages() for block in blocks(page)]
_LOOKS_LIKE_ONE = re.compile(r"^(?:\$ )?(?:\.?venv/bin/)?(?:pipeline-builder|scripts/\w|aws [a-z])", re.MULTILINE)


def identified(found: list[Block]) -> list[object]:
    return [pytest.param(block, id=block.place) for block in found]


@pytest.mark.parametrize("block", identified(BLOCKS))
def test_every_block_says_how_it_is_held(block: Block) -> None:
    assert not block.rest.strip(), f"{block.place}: '{block.rest}' isn't understood: ```bash {{.aws}}"
    assert [tag for tag in block.tags if tag in (RUN, AWS, SHOWN)] == list(block.tags), block.place
    assert len(block.tags) == 1, f"{block.place}: tag it {{.run}}, {{.aws}} or {{.shown}} (docs/contributing.md)"
    assert block.language, f"{block.place}: 'text' where it is nothing else"
    if block.tags != (SHOWN,):
        assert block.language in SHELLS, f"{block.place}: only commands can be run or parsed"
    else:
        assert block.language not in SHELLS, f"{block.place}: commands are {{.run}} or {{.aws}}"
        assert not _LOOKS_LIKE_ONE.search(block.text), f"{block.place}: a command that nothing holds"
    if block.tags == (RUN,):
        assert not re.search(r"<[a-z ]+>", block.text), f"{block.place}: what is run has no placeholders"


@pytest.mark.parametrize("block", identified([block for block in BLOCKS if block.language in SHELLS]))
def test_every_command_would_be_taken(block: Block) -> None:
    for command, _ in block.commands():
        check_line(command)


@pytest.mark.parametrize("block", identified([block for block in BLOCKS if block.language in ("ini", "text")]))
def test_every_command_in_a_file_would_be_taken(block: Block) -> None:
    for command in re.findall(r"/bin/(pipeline-builder .*?)(?: >.*)?$", block.text, flags=re.MULTILINE):
        check_line(command)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_sentence_would_be_taken(page: object) -> None:
    wrong = ((line, fault_of(command)) for line, command in inline(page))  # type: ignore[arg-type]
    assert [f"{page}:{line}: {fault}" for line, fault in wrong if fault] == []


def fault_of(command: str) -> str:
    """What is wrong with a command in a sentence; one that is spoken of by its name lacks nothing."""
    try:
        check_line(command)
    except UntrueError as error:
        return "" if command.count(" ") == 1 and "Missing" in str(error) else str(error)
    return ""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_readme_that_is_made_would_be_taken(path: object) -> None:
    # Its reader has no use for tags: every command of it is parsed.
    for block in blocks(path):  # type: ignore[arg-type]
        for command, _ in block.commands() if block.language in SHELLS else ():
            check_line(re.sub(r"\{\{ day \}\}", "2026-01-01", command))


@pytest.mark.parametrize("block", identified([block for block in BLOCKS if block.language not in SHELLS]))
def test_what_is_data_parses(block: Block) -> None:
    match block.language:
        case "yaml":
            for part in re.split(r"^ *(?:# )?…\n", block.text, flags=re.MULTILINE):  # what is left out
                parse_yaml(Source(block.place, part.replace("*image", "image").replace("…", "")), "PB100")
        case "json":
            json.loads(block.text)
        case "python":
            compile(block.text, block.place, "exec")


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("pipeline-builder prommote churn", "no command 'prommote'"),
        ("pipeline-builder up --aprove", "No such option '--aprove'"),
        ("pipeline-builder plan --format pdf", "'pdf' is not one of"),
        ("pipeline-builder status --json --jobs many", "'many' is not a valid int"),
        ("pipeline-builder logs", "Missing argument 'STEPS'"),
        ("cd churn && pipeline-builder rollback a b --comment x", "unexpected extra argument"),
        ("aws sagemaker make-pipeline", "no operation 'make-pipeline'"),
        ("aws sagemaker describe-pipeline --name churn", "has no --name"),
        ("aws sagemakr list-pipelines", "no service 'sagemakr'"),
        ("scripts/docs --che", "no option '--che'"),
        ("scripts/runn", "no 'scripts/runn'"),
        ("scripts/soak tets", "no part 'tets'"),
        ("scripts/run --aprove", "No such option '--aprove'"),
        ("scripts/sdk-suite here --stubs", "no option '--stubs'"),
        ("GIT_TOKEN=… pipeline-bilder up | jq .", "knows the program 'pipeline-bilder'"),
    ],
)
def test_a_command_that_nothing_takes_is_found(command: str, what: str) -> None:
    with pytest.raises(UntrueError, match=re.escape(what)):
        check_line(command)

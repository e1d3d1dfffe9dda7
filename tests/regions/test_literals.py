"""Names of a partition are written in one room only: another room that has one says it wrong in all other partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

MEANT = {
    "serve/identity.py": "XML namespaces, and who the local target is",
    "serve/s3/place.py": "an XML namespace",
    "serve/regions.py": "the local state's own ARNs",
    "serve/surroundings.py": "a sample that patterns are held against",
    "serve/access/steps.py": "who a job is, in an error",
    "serve/s3/rights.py": "an object, in an error",
    "serve/tagging.py": "the local state's own ARNs",
    "definition/uses.py": "a sample that rules are held against",
    "engine/jobs/tools.py": "the local state's own ARNs",
    "engine/state/tables.py": "the local state's own ARNs",
    "engine/state/registry.py": "the local state's own ARNs",
    "engine/state/catalogue.py": "the local state's own ARNs",
    "engine/execution/stubs.py": "the local state's own ARNs",
    "documents/values.py": "the local target's role",
    "conf/calls.py": "an example in an error",
    "conf/tracking.py": "an example in an error",
    "sdk/room.py": "who a factory is, which has no rights",
    "sdk/inside/pipeline.py": "what an SDK has asked for; no partition's name has it without",
    "definition/check/values.py": "a sample whose length counts",
    "scripts/soak_acceptance.py": "a sample that nothing is pulled by",
    "service/rehearsal/sources.py": "a connection that is made up",
}
# A service's name as a principal is the same everywhere, and so is where the documentation is.
_SAME = re.compile(r"docs\.aws\.amazon\.com\S*|\b[a-z]+\.amazonaws\.com(?=[\"\s,]|$)")
_NAME = re.compile(r"amazonaws|aws\.amazon\.com|arn:aws(-[a-z]+)*:")


def literals() -> Iterator[tuple[str, str]]:
    package, templates = ROOT / "pipeline_builder", ROOT / "templates"
    files = [*package.rglob("*.py"), *templates.glob("*.j2"), *(ROOT / "scripts").iterdir(), ROOT / "buildspec.yml"]
    for path in files:
        if path.is_dir() or "regions" in path.parts or "__pycache__" in path.parts:
            continue
        for line in path.read_text("utf-8").splitlines():
            if _NAME.search(_SAME.sub("", line)):
                yield _short(path, package), line.strip()


def _short(path: Path, package: Path) -> str:
    return path.relative_to(package if path.is_relative_to(package) else ROOT).as_posix()


def test_no_other_room_writes_a_name_of_a_partition() -> None:
    found = list(literals())
    assert [line for line in found if line[0] not in MEANT] == []
    assert {file for file, _ in found} == MEANT.keys()

"""Writes the generated parts of `docs/`: tables from the models, problems from their catalogue, JSON Schemas.

A page is written by hand around them: what is between `<!-- keys: Section -->` and `<!-- end -->` is replaced.
Usage: reference.py [--check]; `--check` writes nothing, and ends with 1 where something is not up to date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

import options
import rooms
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from acceptance.answers import Report
from acceptance.points import load_points
from pipeline_builder.conf import (
    analytics,
    attempts,
    calls,
    channels,
    checks,
    comparisons,
    conf,
    containers,
    distributed,
    inference,
    machines,
    monitoring,
    parameters,
    publishing,
    registration,
    scoring,
    sections,
    tracking,
    tuning,
)
from pipeline_builder.definition.rules.kinds import KINDS as KINDS_OF_RULES
from pipeline_builder.definition.rules.table import TABLES, Rule, load_table
from pipeline_builder.documents.schema import Section, spellings
from pipeline_builder.engine.document.members import load_members
from pipeline_builder.explanations import Explanation, load_explanations
from pipeline_builder.manifest import (
    credentials,
    framework,
    hosts,
    images,
    limits,
    local,
    notifications,
    pipelines,
    policy,
    service,
    surroundings,
)
from pipeline_builder.manifest import sections as written
from pipeline_builder.serve.operations import served_operations

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
HERE = {"kept": "recorded", "nature": "no effect", "note": "no effect, said", "refused": "refused"}
KINDS = {"0": "this machine", "1": "manifest and checkout", "2": "conf.yaml and values", "3": "models and steps",
         "4": "definition, plan, run, approval", "5": "local engine", "6": "templates and deployment",
         "7": "calls to AWS", "8": "submodules and Git LFS, data that pass, serve",
         "9": "the SageMaker SDK, newer keys and steps"}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write what has changed, or with `--check` name it."""
    reference = DOCS / "reference"
    pages = {
        reference / "problems.md": problems_page(load_explanations().values()),
        reference / "rules.md": rules_page(),
        reference / "serve.md": serve_page(),
        reference / "options.md": options.options_page(),
        DOCS / "pictures" / "rooms.svg": rooms.diagram(),
        **schemas(),
    }
    for path in (DOCS / "architecture.md", *sorted((DOCS / "reference").glob("*.md"))):
        pages.setdefault(path, fill(path.read_text("utf-8")))
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}")
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[path], "utf-8")
    return int(bool(stale) and "--check" in arguments)


def fill(page: str) -> str:
    """Replace the text between each pair of marks by what it is now."""

    def new(match: re.Match[str]) -> str:
        return f"{match[1]}\n{generated(match[2], match[3])}\n{match[4]}"

    return re.sub(
        r"(<!-- (keys|rooms|members|points):? ?([\w ]*) -->)\n.*?\n?(<!-- end -->)", new, page, flags=re.DOTALL
    )


def generated(kind: str, name: str) -> str:
    """Return the table that a mark asks for."""
    match kind:
        case "keys":
            return keys_table(section(name))
        case "rooms":
            return "![The rooms of the package by floor, and which use which](pictures/rooms.svg)"
        case "members":
            return members_table(name)
        case "points":
            return points_table()
        case _:
            message = f"nothing is generated for '{kind}'"
            raise ValueError(message)


def points_table() -> str:
    """Return a table of what an acceptance answers."""
    rows = ["| id | question | what is taken for true | otherwise | where |", "| --- | --- | --- | --- | --- |"]
    for point in load_points():
        where = f"[{point.place.rsplit('/', 1)[-1]}](../{point.place.removeprefix('docs/')})"
        cells = (point.question, point.expected, point.otherwise)
        rows.append(f"| `{point.id}` | {' | '.join(cell(text) for text in cells)} | {where} |")
    return "\n".join(rows)


def section(name: str) -> type[Section]:
    """Return the section of that name; where two modules have one, the module's name stands before it."""
    more = (calls, comparisons, containers, checks, analytics, tuning, machines, distributed, tracking, parameters)
    of_conf = (conf, sections, channels, attempts, registration, inference, publishing, scoring, monitoring, *more)
    modules: dict[str, tuple[ModuleType, ...]] = {"conf": of_conf, "manifest": (written, pipelines, images)}
    *prefix, plain = name.split(" ")
    candidates = (
        modules[prefix[0]]
        if prefix
        else (
            *of_conf,
            written,
            pipelines,
            hosts,
            credentials,
            limits,
            local,
            service,
            notifications,
            surroundings,
            framework,
            policy,
        )
    )
    found: type[Section] = next(getattr(module, plain) for module in candidates if hasattr(module, plain))
    return found


def members_table(kind: str) -> str:
    """Return a table of what isn't done with a request's members on the local target, and the names of all others."""
    rows = ["| member | value | here | why |", "| --- | --- | --- | --- |"]
    found = {name.partition(".")[2]: rules for name, rules in load_members().items() if name.partition(".")[0] == kind}
    for name, rules in found.items():
        for rule in rules:
            if rule.verdict != "done":
                value = rule.when.removeprefix("=").replace("|", ", ")
                rows.append(f"| `{name}` | {cell(value)} | {HERE[rule.verdict]} | {cell(rule.words)} |")
    done = [name for name, rules in found.items() if rules[-1].verdict == "done" and f"{name}." not in "".join(found)]
    return "\n".join([*rows, "", f"Done: {', '.join(f'`{name}`' for name in done)}."])


def keys_table(model: type[Section]) -> str:
    """Return a table of the section's keys: spellings, default, meaning."""
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for name, info in model.model_fields.items():
        keys = " or ".join(f"`{key}`" for key in spellings(name, info))
        values = " · ".join(f"`{value}`" for value in literals(info.annotation))
        meaning = f"{info.description}: {values}" if values else str(info.description)
        rows.append(f"| {keys} | {default(info)} | {cell(meaning)} |")
    return "\n".join(rows)


def default(info: Any) -> str:
    """Return a field's default as it would be written."""
    if info.is_required():
        return "**required**"
    value = info.default
    if value is PydanticUndefined or value in (None, "", (), {}) or isinstance(value, Section):
        return ""
    if isinstance(value, tuple):
        return cell("[" + ", ".join(f"`{item}`" for item in value) + "]")
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def literals(annotation: Any) -> Iterator[str]:
    """Yield the values of the Literal in an annotation."""
    if get_origin(annotation) is Literal:
        yield from (str(value) for value in get_args(annotation))
    elif get_origin(annotation) not in (dict, tuple):
        for inner in get_args(annotation):
            yield from literals(inner)


def cell(text: str) -> str:
    """Return the text as it may stand in a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def problems_page(explanations: Any) -> str:
    """Return the page of all problems."""
    lines = [
        "# Problems",
        "",
        "Every problem has an id that stays the same. `pipeline-builder explain ID` prints what is written here. A",
        "message gives file, line and column, the line itself, and where it can a hint; all problems of a stage are",
        "reported at once. This page is generated by `scripts/docs` from `pipeline_builder/problems.yaml`.",
    ]
    kind = ""
    for explanation in explanations:
        if explanation.id[2] != kind:
            kind = explanation.id[2]
            lines += ["", f"## PB{kind}xx: {KINDS[kind]}"]
        lines += ["", *problem_lines(explanation)]
    return "\n".join(lines) + "\n"


def problem_lines(explanation: Explanation) -> list[str]:
    """Return a problem's part of the page."""
    return [
        f"### {explanation.id}",
        "",
        f"    {explanation.example}",
        "",
        explanation.cause.replace("<", "&lt;"),
        f"**What to do:** {explanation.mend}".replace("<", "&lt;"),
    ]


def rules_page() -> str:
    """Return the page of the rules between members, by the types of steps that they hold for."""
    lines = [
        "# Rules between the members of a request",
        "",
        "What AWS's texts say of members that go together, or don't, beyond each one's own type, values, pattern",
        "and length. `validate` says every rule that a request breaks, with the values of parameters put in. On the",
        "local engine and behind `serve` the step that breaks one fails when its job would be made, as on SageMaker.",
        "Two kinds are others: what is refused when the pipeline is made (*create*), and what AWS's texts ask for",
        "without a word of what happens else (*unsure*), which only `validate` says.",
        "",
        "This page is generated by `scripts/docs` from the tables in `pipeline_builder/definition/rules/tables/`; each",
        "row has a planted fault and a good neighbour in `tests/definition/rules/cases/`.",
    ]
    holders: dict[str, list[str]] = {}
    for step_type, tables in TABLES.items():
        for table in tables:
            holders.setdefault(table, []).append(step_type)
    for table, types in holders.items():
        lines += ["", f"## {table} ({', '.join(types)})", "", "| rule | of | problem | what to do | refused | source |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        lines += [rule_row(rule) for rule in load_table(table)]
    return "\n".join(lines) + "\n"


def rule_row(rule: Rule) -> str:
    """Return a rule's row of the page."""
    problem = f"[{KINDS_OF_RULES[rule.kind][1]}](problems.md#{KINDS_OF_RULES[rule.kind][1].lower()}) {rule.kind}"
    cells = (rule.name, f"`{rule.of}`" if rule.of else "", problem.replace("_", " "), rule.do, rule.stage, rule.source)
    return f"| {' | '.join(cell(text) for text in cells)} |"


def serve_page() -> str:
    """Return the page of the operations that `serve` has."""
    lines = [
        "# Operations of `serve`",
        "",
        "What [`serve`](../how-to/serve.md) answers, by service. Any other operation is refused as one that isn't",
        "there: `UnknownOperationException`, of STS and IAM `InvalidAction`, of S3 `NotImplemented`.",
        "",
        "This page is generated by `scripts/docs` from `pipeline_builder/serve/operations.py`.",
    ]
    for name_of_service, kinds in served_operations().items():
        lines += ["", f"## {name_of_service}", "", "| about | operations |", "| --- | --- |"]
        lines += [f"| {about} | {', '.join(f'`{name}`' for name in names)} |" for about, names in kinds.items()]
    return "\n".join(lines) + "\n"


def schemas() -> dict[Path, str]:
    """Return the JSON Schemas, for editors and of the acceptance's report, by where they are."""
    models: dict[str, type[BaseModel]] = {
        "conf": conf.ConfFile, "inference": inference.InferenceFile, "manifest": written.ManifestSection,
        "acceptance": Report,
    }  # fmt: skip
    return {
        DOCS / "schemas" / f"{name}.schema.json": json.dumps(model.model_json_schema(by_alias=True), indent=1) + "\n"
        for name, model in models.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""checkov over a folder of templates: run by the Python of checkov's own environment, prints what it finds.

Of its command line this is what templates need: no other language's rules, no question to its makers' server, and not its
evidence for each finding, which is megabytes. What it does over and over, for each of thousands of values, is done once.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

os.environ["CHECKOV_PARALLELIZATION_TYPE"] = "none"  # what processes of it read, they would write for each other again
gc.set_threshold(200_000, 50, 1000)
logging.disable(logging.DEBUG)  # which it keeps, for a bundle that nobody asks for


def main(folder: Path) -> None:
    one_parser_for_addresses()
    copies_without_writing()
    from checkov.cloudformation.runner import Runner

    described_once()
    from checkov.runner_filter import RunnerFilter

    report = Runner().run(root_folder=str(folder), runner_filter=RunnerFilter(framework=["cloudformation"]))
    found = {"passed": report.passed_checks, "failed": report.failed_checks, "skipped": report.skipped_checks}
    said = {kind: [describe(one) for one in findings] for kind, findings in found.items()}
    json.dump({**said, "unread": report.parsing_errors}, sys.stdout)


def describe(finding: Any) -> dict[str, Any]:
    comment = finding.check_result.get("suppress_comment")
    return {"id": finding.check_id, "resource": finding.resource, "file": finding.file_path, "comment": comment}


def one_parser_for_addresses() -> None:
    """Make the parser for addresses within documents once, and not anew for each of some thousand."""
    import ply.yacc

    made: dict[tuple[str, ...], Any] = {}
    make = ply.yacc.LRGeneratedTable

    def once(grammar: Any, *more: Any) -> Any:
        key = tuple(map(str, grammar.Productions))
        table = made[key] = made.get(key) or make(grammar, *more)
        table.lr_productions = grammar.Productions
        return table

    ply.yacc.LRGeneratedTable = once


def copies_without_writing() -> None:
    """Copy values as such: it pickles and reads them, and with each the place where it stood."""
    from checkov.common.parsers.node import DictNode, ListNode, StrNode
    from checkov.common.util import data_structures_utils as structures

    otherwise = structures.pickle_deepcopy
    single = {StrNode, str, int, bool, float, type(None)}

    def copied(value: Any, done: dict[int, Any]) -> Any:
        kind: Any = type(value)
        if kind in single:
            return value
        if id(value) in done:
            return done[id(value)]
        if kind not in (DictNode, dict, ListNode, list):
            return otherwise(value)
        new = done[id(value)] = kind.__new__(kind)
        if kind in (DictNode, dict):
            new.update((key, copied(item, done)) for key, item in value.items())
        else:
            new.extend(copied(item, done) for item in value)
        if kind in (DictNode, ListNode):
            vars(new).update(vars(value))
        return new

    structures.pickle_deepcopy = lambda value: copied(value, {})


def described_once() -> None:
    """Describe each resource once until it changes, and not for each that refers to it."""
    from checkov.common.graph.graph_builder.local_graph import LocalGraph

    described: dict[int, Any] = {}
    change = LocalGraph.update_vertex_attribute

    def attributes(graph: Any, index: int, add_hash: bool = True) -> Any:  # nobody reads the hash
        if index not in described:
            described[index] = graph.vertices[index].get_attribute_dict(add_hash=False)
        return described[index]

    def changed(graph: Any, vertex_index: int, *given: Any, **more: Any) -> None:
        described.pop(vertex_index, None)
        change(graph, vertex_index, *given, **more)

    LocalGraph.get_vertex_attributes_by_index = attributes
    LocalGraph.update_vertex_attribute = changed


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Adds to a YAML file what it lacks by inserting text: its comments, order and form stay as they are. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.scaffold.skeleton import yaml_text

if TYPE_CHECKING:
    import yaml

_COMMENTS = {"local": " # only for the local target: conf files stay as they are for AWS"}
_NULL = "tag:yaml.org,2002:null"

Additions = dict[str, JSON]


class _UnsureError(Exception):
    """There is no place in the text that is certainly the right one."""


def insert(text: str, additions: Additions, *, label: str) -> str:
    """Return the text with the additions in it: mappings get keys, lists get items at their end.

    Whatever stands in the text stays, byte for byte; read again, the new text is the old data with the additions, or
    nothing is returned.

    Raises:
        InputProblems: PB695 where the text has no place that is certainly the right one, PB100 where it is no YAML.
    """
    before = parse_yaml(Source(label, text), "PB100").data
    try:
        after = _insert(text, additions)
        if parse_yaml(Source(label, after), "PB695").data == merged(before, additions):
            return after
    except (_UnsureError, InputProblems):
        pass
    message = f"'{label}' is written in a way that leaves no certain place for the new lines"
    hint = "without --add the lines are printed, to be put in by hand"
    raise InputProblems(Problem(id="PB695", message=message, place=Place(label), hint=hint))


def merged(data: JSON, additions: JSON) -> JSON:
    """Return the data with the additions: mappings are merged, lists joined; what is there already stays.

    Raises nothing; where the two don't fit together the data stays as it is.
    """
    if isinstance(data, dict) and isinstance(additions, dict):
        common = {key: merged(value, additions[key]) if key in additions else value for key, value in data.items()}
        return common | {key: copy.deepcopy(value) for key, value in additions.items() if key not in data}
    if isinstance(data, list) and isinstance(additions, list):
        return [*data, *copy.deepcopy(additions)]
    return copy.deepcopy(additions) if data is None else data


def render_block(data: Additions) -> str:
    """Return a mapping as a block of YAML."""
    return "".join(f"{line}\n" for line in _block(data))


def _insert(text: str, additions: Additions) -> str:
    import yaml

    newline = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n"):
        text += newline
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise _UnsureError
    edits = sorted(_merge(text, root, additions, last=len(text)), key=lambda edit: edit[0])
    parts, done = [], 0
    for at, new in edits:
        parts += [text[done:at], new.replace("\n", newline)]
        done = at
    return "".join((*parts, text[done:]))


def _merge(
    text: str, node: yaml.MappingNode, additions: Additions, *, last: int | None = None
) -> Iterator[tuple[int, str]]:
    """Yield (offset, new text) for all additions to a mapping; `last` is where new keys go, if not after them."""
    import yaml

    there = {key.value: (key, value) for key, value in node.value}
    new = {key: value for key, value in additions.items() if key not in there}
    for key, value in additions.items():
        if key in new:
            continue
        key_node, value_node = there[key]
        if isinstance(value_node, yaml.MappingNode) and isinstance(value, dict):
            yield from _merge(text, value_node, value)
        elif isinstance(value_node, yaml.SequenceNode) and isinstance(value, list):
            yield _items(text, value_node, value)
        elif isinstance(value_node, yaml.ScalarNode) and (value_node.tag, value_node.value) == (_NULL, ""):
            column = key_node.start_mark.column + 2
            yield _line_after(text, key_node.end_mark.index), _indented(_block(value), column)
        else:
            raise _UnsureError
    # After what goes into its last value, where both come to the same place.
    if new and node.flow_style:
        yield _into_flow(text, node, ", ".join(f"{yaml_text(key)}: {_flow(value)}" for key, value in new.items()))
    elif new:
        # A new section of the whole file stands by itself.
        gap, at = ("", _after_content(text, node, node.start_mark.column)) if last is None else ("\n", last)
        yield at, gap + _indented(_block(new), node.start_mark.column)


def _items(text: str, node: yaml.SequenceNode, items: list[JSON]) -> tuple[int, str]:
    """Return the edit that gives a list new items."""
    if node.flow_style:
        return _into_flow(text, node, ", ".join(_flow(item) for item in items))
    column = node.start_mark.column
    return _after_content(text, node, column), _indented(_block(items), column)


def _into_flow(text: str, node: yaml.Node, new: str) -> tuple[int, str]:
    """Return the edit that puts text before the closing bracket."""
    at = node.end_mark.index - 1
    inside = text[node.start_mark.index + 1 : at]
    if "#" in inside or text[at] not in "]}":
        raise _UnsureError
    end = at - (len(inside) - len(inside.rstrip()))
    if not inside.strip():
        return at, new
    return end, f"{' ' if inside.rstrip().endswith(',') else ', '}{new}"


def _after_content(text: str, node: yaml.Node, column: int) -> int:
    """Return where the line after a block begins; comments that are indented as the block is belong to it."""
    at = _line_after(text, _end(text, node))
    while at < len(text):
        line = text[at : _line_after(text, at)]
        indent = len(line) - len(line.lstrip(" "))
        if not line.lstrip(" ").startswith("#") or indent < max(column, 1):
            break
        at += len(line)
    return at


def _end(text: str, node: yaml.Node) -> int:
    """Return where a node's own text ends: the marks of blocks are at what follows them."""
    import yaml

    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        pair = last if isinstance(last, tuple) else (last,)
        return max(_end(text, part) for part in pair)
    return len(text[: node.end_mark.index].rstrip())


def _line_after(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _indented(lines: Iterator[str], column: int) -> str:
    return "".join(f"{' ' * column}{line}\n" for line in lines)


def _block(value: JSON) -> Iterator[str]:
    """Yield the lines of a value in block form."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _pair(key, inner)
    elif isinstance(value, list):
        for item in value:
            first, *rest = _block(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _flow(value)


def _pair(key: str, value: JSON) -> Iterator[str]:
    nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))
    comment = _COMMENTS.get(key, "")
    if nested:
        yield f"{yaml_text(key)}:{comment}"
        yield from (f"  {line}" for line in _block(value))
    else:
        yield f"{yaml_text(key)}: {_flow(value)}{comment}"


def _flow(value: JSON) -> str:
    """Return a value in flow form, on one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{yaml_text(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(inner) for inner in value) + "]"
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case _:
            return yaml_text(value)

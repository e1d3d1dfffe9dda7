"""The graph as text: for terminals, as Mermaid for pages, for Graphviz. Pure; `graphs` draws it."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.dag.outline import Node
from pipeline_builder.views.graphs.placing import layers

# --- text


def render_text(nodes: Sequence[Node]) -> str:
    """Return the graph layer by layer: what a step waits for stands above it, and behind it by name."""
    layered = layers(nodes)
    by_name = {node.name: node for node in nodes}
    width = max((len(node.name) for node in nodes), default=0)
    kinds = max((len(node.step_class) for node in nodes), default=0)
    lines: list[str] = []
    for number, layer in enumerate(layered):
        lines += [] if not number else ["   │"]
        for name in layer:
            node = by_name[name]
            waits = f"  ← {', '.join(node.depends_on)}" if node.depends_on else ""
            lines.append(f"  {number + 1:>2}  {name:<{width}}  {node.step_class:<{kinds}}{waits}".rstrip())
    return "\n".join(lines)


# --- Mermaid


def render_mermaid(nodes: Sequence[Node]) -> str:
    """Return a Mermaid flowchart; a step's name is only ever text in it, never syntax."""
    return "\n".join(["flowchart LR", *mermaid_lines(nodes)])


def mermaid_lines(nodes: Sequence[Node], mark: str = "") -> list[str]:
    """Return the steps and edges of a flowchart; `mark` tells its ids from those of another graph in it."""
    ids = {node.name: f"s{mark}{index}" for index, node in enumerate(nodes)}
    lines: list[str] = []
    for number, model in enumerate(dict.fromkeys(node.model for node in nodes)):
        lines.append(f'  subgraph m{mark}{number}["{mermaid_text(model)}"]')
        for node in nodes:
            if node.model == model:
                label = f"{mermaid_text(node.name)}<br/>{mermaid_text(node.step_class)}"
                lines.append(f'    {ids[node.name]}["{label}"]:::{_mermaid_class(node.step_class)}')
        lines.append("  end")
    lines += [f"  {ids[before]} --> {ids[node.name]}" for node in nodes for before in node.depends_on if before in ids]
    return lines


def mermaid_text(text: str) -> str:
    """Anything but plain letters becomes a character code, which Mermaid shows and never reads."""
    return "".join(char if char.isalnum() or char in " -_." else f"#{ord(char)};" for char in text)


def _mermaid_class(step_class: str) -> str:
    return "".join(char for char in step_class if char.isalnum()) or "Step"


# --- Graphviz


def render_dot(nodes: Sequence[Node]) -> str:
    """Return a Graphviz graph, a cluster for each model."""
    return "\n".join([*DOT_HEAD, *dot_lines(nodes), "}"])


DOT_HEAD = ("digraph pipeline {", '  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif"];')


def dot_lines(nodes: Sequence[Node], mark: str = "") -> list[str]:
    """Return the clusters and edges of a graph; `mark` tells its ids from those of another graph in it."""
    lines: list[str] = []
    for number, model in enumerate(dict.fromkeys(node.model for node in nodes)):
        lines.append(f"  subgraph cluster_{mark}{number} {{ label={dot_text(model)};")
        label = {node.name: f" [label={dot_text(node.name)}]" if mark else "" for node in nodes if node.model == model}
        lines += [f"    {dot_text(mark + name)}{shown};" for name, shown in label.items()]
        lines.append("  }")
    known = {node.name for node in nodes}
    edges = ((before, node.name) for node in nodes for before in node.depends_on if before in known)
    return [*lines, *(f"  {dot_text(mark + before)} -> {dot_text(mark + after)};" for before, after in edges)]


def dot_text(text: str) -> str:
    """Return a text in quotes, whatever is in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

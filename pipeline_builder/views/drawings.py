"""One picture of the graphs of several pipelines, each under its title. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from pipeline_builder.dag.outline import Node
from pipeline_builder.inert import inert_line
from pipeline_builder.views.drawing import DOT_HEAD, dot_lines, dot_text, mermaid_lines, mermaid_text
from pipeline_builder.views.graphs.picture import STYLE, svg_head, svg_parts
from pipeline_builder.views.graphs.placing import MARGIN, layout

Graphs = Mapping[str, Sequence[Node]]
"""The nodes of each pipeline, by its title."""

_TITLE_HEIGHT, _LETTER = 30, 8


def render_mermaid(graphs: Graphs) -> str:
    """Return a Mermaid flowchart with a subgraph for each pipeline."""
    lines = ["flowchart LR"]
    for number, (title, nodes) in enumerate(graphs.items()):
        inner = (f"  {line}" for line in mermaid_lines(nodes, f"{number}_"))
        lines += [f'  subgraph p{number}["{mermaid_text(title)}"]', *inner, "  end"]
    return "\n".join(lines)


def render_dot(graphs: Graphs) -> str:
    """Return a Graphviz graph with a cluster for each pipeline."""
    lines = [*DOT_HEAD]
    for number, (title, nodes) in enumerate(graphs.items()):
        inner = (f"  {line}" for line in dot_lines(nodes, f"{number}_"))
        lines += [f"  subgraph cluster_{number} {{ label={dot_text(title)};", *inner, "  }"]
    return "\n".join([*lines, "}"])


def render_image(graphs: Graphs) -> str:
    """Return one SVG file with a drawing for each pipeline, below each other."""
    parts: list[str] = []
    width = height = 0
    for title, nodes in graphs.items():
        drawn = layout(nodes)
        text = f'<text x="{MARGIN}" y="{height + _TITLE_HEIGHT - MARGIN}">{escape(inert_line(title))}</text>'
        moved = f'<g transform="translate(0 {height + _TITLE_HEIGHT})">'
        parts += [text, moved, *svg_parts(nodes, drawn), "</g>"]
        width = max(width, drawn.width, MARGIN * 2 + len(title) * _LETTER)
        height += drawn.height + _TITLE_HEIGHT
    return "".join(
        [svg_head(width, height, [node for nodes in graphs.values() for node in nodes], style=STYLE), *parts, "</svg>"]
    )

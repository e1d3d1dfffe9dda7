"""Pictures of the graph: text for terminals, Mermaid for pages, SVG for the report. Pure."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from pipeline_builder.dag.outline import Node
from pipeline_builder.inert import inert_line

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 160, 54, 44, 16, 8
PASSAGE_HEIGHT = 10
"""What an edge takes up in a column that it only passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything is, in pixels: the upper left corner of each box, and each edge as points from box to box."""

    width: int
    height: int
    boxes: Mapping[str, tuple[int, int]]
    edges: tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]


# --- text


def render_text(nodes: Sequence[Node]) -> str:
    """Return the graph layer by layer: what a step waits for stands above it, and behind it by name."""
    layers = _layers(nodes)
    by_name = {node.name: node for node in nodes}
    width = max((len(node.name) for node in nodes), default=0)
    kinds = max((len(node.step_class) for node in nodes), default=0)
    lines: list[str] = []
    for number, layer in enumerate(layers):
        lines += [] if not number else ["   │"]
        for name in layer:
            node = by_name[name]
            waits = f"  ← {', '.join(node.depends_on)}" if node.depends_on else ""
            lines.append(f"  {number + 1:>2}  {name:<{width}}  {node.step_class:<{kinds}}{waits}".rstrip())
    return "\n".join(line.replace("   │", "   │") for line in lines)


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


# --- SVG

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b2330}.kind{font-size:11.5px;fill:#5b6675}"
    "rect{fill:#fff;stroke:#d5dae2;stroke-width:1.5}.stripe{stroke:none;fill:#8a94a3}"
    ".edge{fill:none;stroke:#5b6675;stroke-width:1.4}.tip{fill:#5b6675}"
)
"""What a drawing looks like outside of the report, which has colours of its own."""


def layout(nodes: Sequence[Node]) -> Layout:
    """Place the steps in columns by how far they are from the start, each near what it depends on."""
    layers = _layers(nodes)
    known = {node.name for node in nodes}
    before = {node.name: [name for name in node.depends_on if name in known] for node in nodes}
    slots = _with_passages(layers, before)
    rows = _arranged(slots)
    height = MARGIN * 2 + max((_used(column) for column in rows), default=0)
    width = MARGIN * 2 + len(slots) * BOX_WIDTH + (len(slots) - 1) * GAP_X
    places: dict[str, tuple[int, int]] = {}
    for number, column in enumerate(rows):
        top = (height - _used(column)) // 2
        for key in column:
            places[key] = (MARGIN + number * (BOX_WIDTH + GAP_X), top)
            top += _height(key) + GAP_Y
    depth = {name: number for number, layer in enumerate(layers) for name in layer}
    edges = tuple(
        (name, after, _route(name, after, places, range(depth[name] + 1, depth[after])))
        for after in before
        for name in before[after]
    )
    return Layout(width=width, height=height, boxes={n: places[n] for n in known}, edges=edges)


def _layers(nodes: Sequence[Node]) -> list[list[str]]:
    """Return the names by their longest distance from the start."""
    known = {node.name: node for node in nodes}
    depth: dict[str, int] = {}
    order = graphlib.TopologicalSorter({n: [d for d in node.depends_on if d in known] for n, node in known.items()})
    for name in order.static_order():
        depth[name] = max((depth[d] + 1 for d in known[name].depends_on if d in known), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node.name]].append(node.name)
    return layers


def _height(key: str) -> int:
    return PASSAGE_HEIGHT if "\0" in key else BOX_HEIGHT


def _used(column: Sequence[str]) -> int:
    return sum(_height(key) for key in column) + (len(column) - 1) * GAP_Y


@dataclass(frozen=True, slots=True)
class _Column:
    keys: list[str]
    before: dict[str, list[str]]


def _passage(before: str, after: str, column: int) -> str:
    return f"{before}\0{after}\0{column}"


def _with_passages(layers: list[list[str]], before: Mapping[str, list[str]]) -> list[_Column]:
    """Give an edge that skips columns a place of its own in each, so that it runs between boxes."""
    depth = {name: number for number, layer in enumerate(layers) for name in layer}
    columns = [_Column(list(layer), {name: [] for name in layer}) for layer in layers]
    for after, names in before.items():
        for name in names:
            previous = name
            for number in range(depth[name] + 1, depth[after]):
                key = _passage(name, after, number)
                columns[number].keys.append(key)
                columns[number].before[key] = [previous]
                previous = key
            columns[depth[after]].before[after].append(previous)
    return columns


def _arranged(columns: list[_Column]) -> list[list[str]]:
    """Order each column by the middle of what its members come from; a few rounds settle it."""
    rows = [list(column.keys) for column in columns]
    after: dict[str, list[str]] = {}
    for column in columns:
        for key, names in column.before.items():
            for name in names:
                after.setdefault(name, []).append(key)
    for _ in range(4):
        for number in range(1, len(rows)):
            rows[number] = _by_middle(rows[number], columns[number].before, rows[number - 1])
        for number in range(len(rows) - 2, -1, -1):
            rows[number] = _by_middle(rows[number], after, rows[number + 1])
    return rows


def _by_middle(keys: list[str], neighbours: Mapping[str, list[str]], beside: list[str]) -> list[str]:
    place = {name: index for index, name in enumerate(beside)}

    def middle(item: tuple[int, str]) -> float:
        index, key = item
        known = [place[name] for name in neighbours.get(key, ()) if name in place]
        return sum(known) / len(known) if known else float(index)

    return [key for _, key in sorted(enumerate(keys), key=middle)]


def _route(
    name: str, after: str, places: Mapping[str, tuple[int, int]], between: Iterable[int]
) -> tuple[tuple[int, int], ...]:
    middle = BOX_HEIGHT // 2
    points = [(places[name][0] + BOX_WIDTH, places[name][1] + middle)]
    for number in between:
        x, y = places[_passage(name, after, number)]
        y += PASSAGE_HEIGHT // 2
        points += [(x, y), (x + BOX_WIDTH, y)]
    return (*points, (places[after][0], places[after][1] + middle))


def render_svg(nodes: Sequence[Node], *, style: str = "") -> str:
    """Return the graph as one SVG element; colours come from the style by class, states are words as well."""
    drawn = layout(nodes)
    return "".join([svg_head(drawn.width, drawn.height, style=style), *svg_parts(nodes, drawn), "</svg>"])


def svg_head(width: int, height: int, *, style: str = "") -> str:
    """Return how a drawing of this size begins."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    label = 'role="img" aria-label="Graph of the pipeline\'s steps"'
    tip = 'id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return (
        f'<svg class="dag" xmlns="http://www.w3.org/2000/svg" {size} {label}>'
        f"{f'<style>{style}</style>' if style else ''}"
        f'<defs><marker {tip}><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    )


def svg_parts(nodes: Sequence[Node], drawn: Layout) -> list[str]:
    """Return the edges and boxes of a drawing."""
    several = len({node.model for node in nodes}) > 1
    edges = [f'<path class="edge" d="{_curve(points)}" marker-end="url(#tip)"/>' for _, _, points in drawn.edges]
    return [*edges, *(_box(node, *drawn.boxes[node.name], several=several) for node in nodes)]


def render_image(nodes: Sequence[Node]) -> str:
    """Return the graph as an SVG file of its own"""
    return render_svg(nodes, style=STYLE)


def _curve(points: tuple[tuple[int, int], ...]) -> str:
    (x, y), *rest = points
    path = [f"M{x} {y}"]
    for right, down in rest:
        bend = (right - x) // 2
        path.append(f"C{x + bend} {y} {right - bend} {down} {right} {down}")
        x, y = right, down
    return " ".join(path)


def _box(node: Node, x: int, y: int, *, several: bool) -> str:
    state = node.given or node.status or "Waiting"
    took = f" {node.seconds:.1f} s" if node.seconds is not None and not node.given else ""
    # A word of the page's style, whatever the state is called: `escape` leaves quotes alone.
    kind = "".join(char for char in state.lower() if char.isalpha())
    title = f"{node.name}: {node.step_class} of {node.model}, {state}{took}"
    # In the picture the model's name before each step's would say the same six times.
    name = node.name.removeprefix(f"{node.model}-") or node.name
    about = f"{node.model} · {state}{took}" if several else f"{state}{took}"
    return (
        f'<g class="step {kind}"><title>{escape(inert_line(title))}</title>'
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"/>'
        f'<rect class="stripe" x="{x}" y="{y}" width="5" height="{BOX_HEIGHT}" rx="2.5"/>'
        f'<text class="name" x="{x + 16}" y="{y + 23}">{escape(inert_line(_cut(name, 20)))}</text>'
        f'<text class="kind" x="{x + 16}" y="{y + 41}">{escape(inert_line(_cut(about, 26)))}</text></g>'
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 9]}…{text[-8:]}"

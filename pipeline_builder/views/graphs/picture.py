"""The picture of a graph: boxes that say what became of each step in a word, a sign and a colour."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pipeline_builder.dag.outline import Node
from pipeline_builder.views.formats import format_duration
from pipeline_builder.views.graphs.placing import BOX_HEIGHT, BOX_WIDTH, Frame, Layout, layout
from pipeline_builder.views.plots.svg import element, title, words

Link = Callable[[str], str]
"""Gives where a step's box leads; "" for nowhere."""

STYLE = (
    "text{font:12.5px system-ui,'DejaVu Sans',sans-serif;fill:#1b2330}.kind,.model{font-size:11.5px;fill:#5b6675}"
    ".model{font-weight:600}.box{fill:#fff;stroke:#c3cad4;stroke-width:1.5}.stripe{fill:#8a94a3}"
    ".frame{fill:#f4f6f9;stroke:#dfe3e8}.edge{fill:none;stroke:#5b6675;stroke-width:1.4}.tip{fill:#5b6675}"
)
"""What a drawing looks like outside of pages, which have colours of their own."""

_SIGNS = {
    "succeeded": "✓", "failed": "✕", "cached": "↻", "stub": "◇", "executing": "▶", "stopped": "■", "stopping": "■",
    "waiting": "○", "starting": "○", "skipped": "-",
}  # fmt: skip
_LINE = 20
"""Characters of a name that a line of a box takes; there are two of them."""
_WIDEST = 1520
"""Pixels of a drawing that is shown smaller where there is less room; a wider one is moved below a window."""


def render_svg(
    nodes: Sequence[Node], *, style: str = "", link: Link | None = None, critical: Sequence[str] = ()
) -> str:
    """Return the graph as one SVG element; colours come from the style by class, states are words as well.

    `critical` are the steps, in order, that the whole had to wait for. A step is found by its name in `data-step`.
    """
    drawn = layout(nodes)
    parts = svg_parts(nodes, drawn, link=link, critical=critical)
    return "".join([svg_head(drawn.width, drawn.height, nodes, style=style, linked=bool(link)), *parts, "</svg>"])


def render_image(nodes: Sequence[Node]) -> str:
    """Return the graph as an SVG file of its own."""
    return render_svg(nodes, style=STYLE)


def svg_head(width: int, height: int, nodes: Sequence[Node], *, style: str = "", linked: bool = False) -> str:
    """Return how a drawing of this size begins."""
    empty = element(
        "svg", title("Graph of the pipeline"), element("desc", words(_about(nodes))),
        *([f"<style>{style}</style>"] if style else ()),
        class_=f"dag {'fits' if width <= _WIDEST else 'wide'}", xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}", width=width, height=height, role="group" if linked else "img",
        aria_label=f"Graph of the pipeline. {_about(nodes)}",
    )  # fmt: skip
    return empty.removesuffix("</svg>")


def _about(nodes: Sequence[Node]) -> str:
    """Say how many steps there are, and what became of them."""
    counts = Counter(state_of(node) for node in nodes if node.given or node.status)
    states = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    return f"{len(nodes)} step{'' if len(nodes) == 1 else 's'}{f': {states}' if states else ''}"


def svg_parts(
    nodes: Sequence[Node], drawn: Layout, *, link: Link | None = None, critical: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the frames, edges and boxes of a drawing."""
    yield from map(_frame, drawn.frames)
    on_path = {*pairwise(critical)}
    plain = [points for before, after, points in drawn.edges if (before, after) not in on_path]
    yield from _edges(plain, "")
    yield from _edges([points for before, after, points in drawn.edges if (before, after) in on_path], " critical")
    for node in nodes:
        box = _box(node, *drawn.boxes[node.name], critical=node.name in critical)
        leads = link(node.name) if link else ""
        yield element("a", box, href=leads, data_step=node.name, aria_label=told(node)) if leads else box


def _frame(frame: Frame) -> str:
    name = frame.model if len(frame.model) * 7 < frame.width - 16 else f"{frame.model[: (frame.width - 24) // 7]}…"
    return element(
        "g",
        element("rect", class_="frame", x=frame.x, y=frame.y, width=frame.width, height=frame.height, rx=9),
        element("text", words(name), class_="model", x=frame.x + 9, y=frame.y + 15),
    )


def _edges(routes: Sequence[tuple[tuple[int, int], ...]], kind: str) -> Iterator[str]:
    """Yield all edges as one path, and all their tips as another: a graph has very many of them."""
    if routes:
        yield element("path", class_=f"edge{kind}", d=" ".join(map(curve, routes)))
        ends = (points[-1] for points in routes)
        yield element("path", class_=f"tip{kind}", d=" ".join(f"M{x} {y}l-7 -4v8z" for x, y in ends))


def curve(points: tuple[tuple[int, int], ...]) -> str:
    """Return an edge as a path: it bends between columns only, where no box is."""
    (x, y), *rest = points
    path = [f"M{x} {y}"]
    for right, down in rest:
        bend = (right - x) // 2
        path.append(f"H{right}" if y == down else f"C{x + bend} {y} {right - bend} {down} {right} {down}")
        x, y = right, down
    return " ".join(path)


def state_of(node: Node) -> str:
    """Return what became of a step, in a word."""
    return node.given or node.status or "Waiting"


def told(node: Node) -> str:
    """Say all that is known of a step."""
    took = f" {format_duration(node.seconds)}" if node.seconds is not None and not node.given else ""
    return f"{node.name}: {node.step_class} of {node.model}, {state_of(node)}{took}"


def _box(node: Node, x: int, y: int, *, critical: bool) -> str:
    state = state_of(node)
    # A word of the page's style, whatever the state is called.
    kind = "".join(char for char in state.lower() if char.isascii() and char.isalpha())
    took = f" {format_duration(node.seconds)}" if node.seconds is not None and not node.given else ""
    about = f"{_SIGNS.get(kind, '○')} {state}{took}" if node.given or node.status else node.step_class
    # In the picture the model's name before each step's would say the same six times.
    name = node.name.removeprefix(f"{node.model}-") or node.name
    first, second = two_lines(name)
    lines = [element("text", words(first), x=15, y=22)] + (
        [element("text", words(second), x=15, y=38)] if second else []
    )
    return element(
        "g", title(told(node)),
        element("rect", class_="box", width=BOX_WIDTH, height=BOX_HEIGHT, rx=7),
        element("rect", class_="stripe", width=5, height=BOX_HEIGHT, rx=2),
        *lines,
        element("text", words(_cut(about, 26)), class_="kind", x=15, y=56 if second else 47),
        class_=f"step {kind}{' critical' if critical else ''}", data_step=node.name,
        transform=f"translate({x} {y})",
    )  # fmt: skip


def two_lines(name: str, line: int = _LINE) -> tuple[str, str]:
    """Return a name in one line or in two, parted where a word of it ends; of a very long one the end is kept."""
    if len(name) <= line:
        return name, ""
    ends = [match.end() for match in re.finditer(r"[-_. /]+|[a-z](?=[A-Z])", name[: line + 1]) if match.end() <= line]
    at = next((end for end in reversed(ends) if len(name) - end <= line), line)
    return name[:at], _cut(name[at:], line)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 9]}…{text[-8:]}"

"""Pictures of the graph: text, Mermaid, SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.dag.outline import Node
from pipeline_builder.views.drawing import (
    BOX_HEIGHT,
    BOX_WIDTH,
    layout,
    render_dot,
    render_image,
    render_mermaid,
    render_svg,
    render_text,
)

DIAMOND = (
    Node(name="a", type="Processing", step_class="Processing", model="m"),
    Node(
        name="b", type="Training", step_class="Training", model="m", depends_on=("a",), status="Succeeded", seconds=2.0
    ),
    Node(name="c", type="Training", step_class="Training", model="n", depends_on=("a",), status="Failed"),
    Node(name="d", type="Model", step_class="CreateModel", model="n", depends_on=("b", "c", "a"), given="cached"),
)


def test_text() -> None:
    assert render_text(DIAMOND) == (
        "   1  a  Processing\n"
        "   │\n"
        "   2  b  Training     ← a\n"
        "   2  c  Training     ← a\n"
        "   │\n"
        "   3  d  CreateModel  ← b, c, a"
    )


def test_mermaid() -> None:
    assert render_mermaid(DIAMOND) == (
        "flowchart LR\n"
        '  subgraph m0["m"]\n'
        '    s0["a<br/>Processing"]:::Processing\n'
        '    s1["b<br/>Training"]:::Training\n'
        "  end\n"
        '  subgraph m1["n"]\n'
        '    s2["c<br/>Training"]:::Training\n'
        '    s3["d<br/>CreateModel"]:::CreateModel\n'
        "  end\n"
        "  s0 --> s1\n  s0 --> s2\n  s1 --> s3\n  s2 --> s3\n  s0 --> s3"
    )


def test_dot() -> None:
    odd = Node(name='a"b\\', type="T", step_class="T", model="m", depends_on=("gone",))
    assert render_dot([odd, *DIAMOND[:2]]).splitlines()[2:] == [
        '  subgraph cluster_0 { label="m";',
        '    "a\\"b\\\\";',
        '    "a";',
        '    "b";',
        "  }",
        '  "a" -> "b";',
        "}",
    ]


def test_an_image_of_its_own_has_its_style() -> None:
    root = ET.fromstring(render_image(DIAMOND))
    assert root.find("{http://www.w3.org/2000/svg}style") is not None


def test_svg_says_states_in_words() -> None:
    root = ET.fromstring(render_svg(DIAMOND))
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "a: Processing of m, Waiting",
        "b: Training of m, Succeeded 2.0 s",
        "c: Training of n, Failed",
        "d: CreateModel of n, cached",
    ]


def test_nothing_to_draw() -> None:
    assert render_text([]) == ""
    ET.fromstring(render_svg([]))


names = st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Node, ...]:
    """Draw nodes that depend on earlier ones."""
    made: list[Node] = []
    for name in draw(st.lists(names, max_size=14, unique=True)):
        before = draw(st.lists(st.sampled_from([node.name for node in made]), unique=True)) if made else []
        made.append(
            Node(name=name, type="T", step_class=draw(names), model=draw(names), depends_on=tuple(before), status="x")
        )
    return tuple(made)


@given(graphs())
def test_boxes_never_overlap_and_edges_go_to_the_right(nodes: tuple[Node, ...]) -> None:
    drawn = layout(nodes)
    places = list(drawn.boxes.values())
    assert len(places) == len(nodes)
    for index, (x, y) in enumerate(places):
        assert 0 <= x <= drawn.width - BOX_WIDTH
        assert 0 <= y <= drawn.height - BOX_HEIGHT
        for right, down in places[:index]:
            assert abs(right - x) >= BOX_WIDTH or abs(down - y) >= BOX_HEIGHT
    for _, _, points in drawn.edges:
        assert [x for x, _ in points] == sorted(x for x, _ in points)


# What no XML can hold never comes here: names are checked long before.
clean = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=20)


@given(clean, clean, clean)
def test_hostile_names_stay_texts(name: str, model: str, status: str) -> None:
    node = Node(name=name, type="T", step_class=name, model=model, status=status)
    root = ET.fromstring(render_svg([node]))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg", "defs", "marker", "path", "g", "title", "rect", "text",
    }  # fmt: skip
    allowed = r'(flowchart LR|  subgraph m\d+\["[^"]*"\]|    s\d+\["[^"<]*<br/>[^"<]*"\]:::\w+|  end|  s\d+ --> s\d+)'
    assert all(re.fullmatch(allowed, line) for line in render_mermaid([node]).split("\n"))

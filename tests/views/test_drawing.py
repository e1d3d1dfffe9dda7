"""Pictures of the graph: text, Mermaid, SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_builder.dag.outline import Node
from pipeline_builder.views.drawing import render_dot, render_mermaid, render_text
from pipeline_builder.views.graphs.collapsing import MOST_DRAWN, drawing_of
from pipeline_builder.views.graphs.picture import render_image, render_svg, two_lines
from pipeline_builder.views.graphs.placing import BOX_HEIGHT, BOX_WIDTH, FRAME, HEAD, layout

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
        "Graph of the pipeline",
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


@pytest.mark.long
@given(graphs())
def test_boxes_never_overlap_and_edges_run_between_them(nodes: tuple[Node, ...]) -> None:
    drawn = layout(nodes)
    places = list(drawn.boxes.values())
    assert len(places) == len(nodes)
    for index, (x, y) in enumerate(places):
        assert 0 <= x <= drawn.width - BOX_WIDTH
        assert 0 <= y <= drawn.height - BOX_HEIGHT
        for right, down in places[:index]:
            assert abs(right - x) >= BOX_WIDTH or abs(down - y) >= BOX_HEIGHT
    for before, after, points in drawn.edges:
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        others = [place for name, place in drawn.boxes.items() if name not in (before, after)]
        for (left, high), (right, low) in pairwise(points):
            for x, y in others:  # a piece is level where it passes a column, and bends where there is none
                assert right <= x or left >= x + BOX_WIDTH or max(high, low) < y or min(high, low) > y + BOX_HEIGHT


@pytest.mark.long
@given(graphs())
def test_each_model_has_a_frame_around_its_steps_only(nodes: tuple[Node, ...]) -> None:
    drawn = layout(nodes)
    models = dict.fromkeys(node.model for node in nodes)
    assert [frame.model for frame in drawn.frames] == (list(models) if len(models) > 1 else [])
    for frame in drawn.frames:
        for node in nodes:
            x, y = drawn.boxes[node.name]
            across = frame.x + FRAME <= x <= frame.x + frame.width - FRAME - BOX_WIDTH
            inside = across and frame.y + HEAD <= y <= frame.y + frame.height - FRAME - BOX_HEIGHT
            assert inside if node.model == frame.model else y >= frame.y + frame.height or y + BOX_HEIGHT <= frame.y


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Train", ("Train", "")),
        ("price-Register-Blocked", ("price-Register-", "Blocked")),
        ("a-name-of-forty-letters-that-says-it-all", ("a-name-of-forty-lett", "ers-that-says-it-all")),
        ("EvaluateTheModelByChampions", ("EvaluateTheModelBy", "Champions")),
        ("x" * 40, ("x" * 20, "x" * 20)),
        ("y" * 60, ("y" * 20, f"{'y' * 11}…{'y' * 8}")),
    ],
)
def test_a_name_of_forty_letters_can_be_read(name: str, lines: tuple[str, str]) -> None:
    found = two_lines(name)
    assert found == lines
    assert all(len(line) <= 20 for line in found)
    assert len(name) > 40 or "".join(found) == name


def test_what_had_to_be_waited_for_is_marked_and_a_box_leads_somewhere() -> None:
    root = ET.fromstring(render_svg(DIAMOND, link=lambda name: f"/steps/{name}?a&b", critical=("a", "c", "d")))
    space = "{http://www.w3.org/2000/svg}"
    groups = {element.get("data-step"): element.get("class", "") for element in root.iter(f"{space}g")}
    assert {name: "critical" in kind for name, kind in groups.items() if name} == {
        "a": True, "b": False, "c": True, "d": True,
    }  # fmt: skip
    assert groups["b"].split() == ["step", "succeeded"]
    edges = [element.get("class") for element in root.iter(f"{space}path") if "edge" in element.get("class", "")]
    assert edges == ["edge", "edge critical"]
    links = {element.get("data-step"): element.get("href") for element in root.iter(f"{space}a")}
    assert links["a"] == "/steps/a?a&b"
    assert root.get("role") == "group"
    assert ET.fromstring(render_svg(DIAMOND)).get("role") == "img"
    assert "4 steps: 2 Waiting" not in root.get("aria-label", "")
    assert root.get("aria-label") == "Graph of the pipeline. 4 steps: 1 Succeeded, 1 Failed, 1 cached"


def many(models: int, steps: int) -> list[Node]:
    """Chains, of which each second model needs the one before it."""
    made: list[Node] = []
    for model in range(models):
        for number in range(steps):
            before = [f"m{model}-{number - 1}"] if number else [f"m{model - 1}-0"] if model % 2 else []
            made.append(
                Node(
                    name=f"m{model}-{number}", type="T", step_class="T", model=f"m{model}", depends_on=tuple(before),
                    status="Failed" if (model, number) == (7, 2) else "Succeeded", seconds=1.0,
                )
            )  # fmt: skip
    return made


def test_very_many_steps_are_drawn_model_by_model() -> None:
    drawn = drawing_of(many(100, 10))
    assert drawn.svg.count('class="step') == 100
    first, *others = drawn.parts
    assert (first.model, first.open, first.states) == ("m7", True, (("Succeeded", 9), ("Failed", 1)))
    assert not any(part.open for part in others)
    assert sum(part.svg.count('class="step') for part in drawn.parts) == MOST_DRAWN
    assert "m6: 10 steps of , Succeeded" in drawn.svg
    assert "m7: 10 steps of , Failed" in drawn.svg
    assert drawing_of(many(15, 10)).parts == ()


def test_models_that_need_each_other_in_turn_are_not_drawn_as_one_graph() -> None:
    nodes = many(40, 4)
    nodes[0] = Node(name="m0-0", type="T", step_class="T", model="m0", depends_on=("m1-x",))
    nodes.append(Node(name="m1-x", type="T", step_class="T", model="m1"))
    drawn = drawing_of(nodes)
    assert drawn.svg == ""
    assert len(drawn.parts) == 40


# What no XML can hold never comes here: names are checked long before.
clean = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=20)


@given(clean, clean, clean)
def test_hostile_names_stay_texts(name: str, model: str, status: str) -> None:
    node = Node(name=name, type="T", step_class=name, model=model, status=status)
    root = ET.fromstring(render_svg([node]))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg", "path", "g", "title", "desc", "rect", "text",
    }  # fmt: skip
    allowed = r'(flowchart LR|  subgraph m\d+\["[^"]*"\]|    s\d+\["[^"<]*<br/>[^"<]*"\]:::\w+|  end|  s\d+ --> s\d+)'
    assert all(re.fullmatch(allowed, line) for line in render_mermaid([node]).split("\n"))

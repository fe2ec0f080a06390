"""Pictures of graphs: what is in a box, where boxes stand, and what their edges say."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET

import pytest

import reflow as tf
from reflow.graph import drawing, layers

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def graph() -> tf.Graph:
    with tf.Graph().as_default() as made:
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        with tf.name_scope("layer"):
            w = tf.Variable(tf.zeros([4, 3]), name="w")
            y = tf.matmul(x, w)
        with tf.control_dependencies([w.initializer]):
            tf.reduce_sum(y, name="total")
    return made


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of each box, by the first line of its text."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        rect, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert rect is not None and text is not None
        x, y, width, height = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        found[text.text or ""] = (x, y, x + width, y + height)
    return found


def picture(graph: tf.Graph, depth: int | None = None) -> str:
    return drawing.svg(graph.as_graph_def(add_shapes=True), depth)


def test_scopes_are_boxes_and_edges_have_shapes(graph: tf.Graph) -> None:
    found = texts(picture(graph))
    assert {"x", "Placeholder", "layer", "5 nodes", "total", "Sum"} <= set(found)
    assert "w" not in found and "MatMul" not in found
    assert found.count("?×4") == 1 and found.count("?×3") == 1


def test_an_open_scope_is_a_frame_around_its_nodes(graph: tf.Graph) -> None:
    found = boxes(picture(graph, depth=1))
    left, top, right, bottom = found["layer"]
    for name in ("w", "MatMul", "zeros"):
        assert left < found[name][0] and right > found[name][2], name
        assert top < found[name][1] and bottom > found[name][3], name
    assert not left < found["x"][0] < right or not top < found["x"][1] < bottom
    assert found["x"][3] < top and bottom < found["total"][1]  # what flows, flows down


def test_a_node_named_as_a_scope_is_inside_it(graph: tf.Graph) -> None:
    found = boxes(picture(graph, depth=2))
    assert {"w", "(w)", "Assign", "read"} <= found.keys()
    assert "?" not in texts(picture(graph, depth=2))


def test_control_edges_are_dashed(graph: tf.Graph) -> None:
    paths = list(ET.fromstring(picture(graph, depth=2)).iter(f"{SVG}path"))
    dashed = [path for path in paths if path.get("stroke-dasharray")]
    assert len(dashed) == 1  # from Assign to the indices of Sum


def test_shapes_of_a_graph_without_inferred_ones(graph: tf.Graph) -> None:
    found = texts(drawing.svg(graph.as_graph_def(), 2))
    assert "?×4" in found and "4×3" in found and "?" in found


def test_a_lone_scope_is_opened() -> None:
    with tf.Graph().as_default() as graph, tf.name_scope("all"):
        tf.negative(tf.constant(1.0, name="one"))
    assert {"all", "one", "Neg", "scalar"} <= set(texts(picture(graph)))


def test_an_empty_graph() -> None:
    assert texts(picture(tf.Graph())) == []
    assert "<svg" in tf.Graph()._repr_html_()


def test_a_loop_is_drawn() -> None:
    nodes = [
        {"name": "enter", "op": "Enter"},
        {"name": "merge", "op": "Merge", "input": ["enter", "next"]},
        {"name": "next", "op": "NextIteration", "input": ["merge"]},
    ]
    found = boxes(drawing.svg(tf.GraphDef(node=nodes)))
    assert found["enter"][3] < found["merge"][1] < found["next"][1]


def test_names_are_escaped() -> None:
    svg = drawing.svg(tf.GraphDef(node=[{"name": "a<b>&\x00", "op": "Const"}]))
    assert texts(svg)[0] == "a<b>&�"


def test_a_notebook_shows_small_graphs_only(graph: tf.Graph) -> None:
    assert "<svg" in graph._repr_html_()
    with tf.Graph().as_default() as large:
        for _ in range(drawing.MAX_BOXES + 1):
            tf.constant(0)
    assert "<svg" not in large._repr_html_()
    assert f"{drawing.MAX_BOXES + 1} nodes" in large._repr_html_()


@pytest.mark.parametrize("seed", range(20))
def test_boxes_do_not_touch_and_edges_run_down(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.randint(2, 40)
    sizes = [(draw.uniform(10, 120), draw.uniform(10, 80)) for _ in range(count)]
    pairs = [draw.sample(range(count), 2) for _ in range(2 * count)]
    acyclic = seed % 2 == 0
    edges = sorted({(min(p), max(p)) if acyclic else (p[0], p[1]) for p in pairs})
    plan = layers.arrange(sizes, edges)
    for (a, one), (b, two) in itertools.combinations(zip(plan.centres, sizes, strict=True), 2):
        apart = abs(a[0] - b[0]) - (one[0] + two[0]) / 2, abs(a[1] - b[1]) - (one[1] + two[1]) / 2
        assert max(apart) >= layers.GAP - 1e-6
    for (x, y), (width, height) in zip(plan.centres, sizes, strict=True):
        assert x - width / 2 >= -1e-6 and x + width / 2 <= plan.width + 1e-6
        assert y - height / 2 >= -1e-6 and y + height / 2 <= plan.height + 1e-6
    for (source, target), bends in zip(edges, plan.bends, strict=True):
        ys = [plan.centres[source][1], *(y for _, y in bends), plan.centres[target][1]]
        assert ys == sorted(ys) or (not acyclic and ys == sorted(ys, reverse=True))


def test_a_chain_is_straight() -> None:
    plan = layers.arrange([(30.0, 10.0), (80.0, 10.0), (50.0, 10.0)], [(0, 1), (1, 2)])
    assert {x for x, _ in plan.centres} == {40.0}

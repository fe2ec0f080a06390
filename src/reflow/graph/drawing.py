"""Pictures of graphs, as SVG: boxes for nodes and for whole scopes, shapes on the edges.

A scope is one box until it is opened; an opened scope is a frame with its own layered drawing inside.
A node that has the name of a scope (the variable `w` beside `w/read`) is shown inside it, as `(w)`.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from reflow.base.shape import TensorShape, as_shape
from reflow.graph import layers
from reflow.graph.layers import Point

MAX_BOXES = 150  # a larger picture helps nobody
LINE, PAD, MARGIN, LETTER = 14.0, 14.0, 10.0, 6.7  # pixels
SMALL = 0.75  # of labels, to other texts

# Fill and border by what a box is.
COLOURS = {
    "scope": ("#eceff1", "#78909c"),
    "frame": ("#fafbfc", "#b0bec5"),
    "Const": ("#f5f5f5", "#9e9e9e"),
    "Placeholder": ("#e8f5e9", "#43a047"),
    "variable": ("#e3f2fd", "#1e88e5"),
    "node": ("#fff8e1", "#ffb300"),
}
VARIABLES = frozenset(["Variable", "VariableV2", "VarHandleOp"])


class Box:
    """A node, a scope that is one box, or a frame: a scope that is open."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Any = None
        self.member = ""  # the name of a node that is in it
        self.children: dict[str, Box] = {}
        self.edges: dict[tuple[str, str], list[Point]] = {}  # between children, with their bends
        self.held = 0  # nodes
        self.width = self.height = 0.0
        self.middle: Point = (0.0, 0.0)  # in the frame around, at the end in the picture

    @property
    def kind(self) -> str:
        """The key of its colours."""
        if self.node is None:
            return "frame" if self.children else "scope"
        if self.node.op in VARIABLES:
            return "variable"
        return self.node.op if self.node.op in COLOURS else "node"

    @property
    def lines(self) -> list[str]:
        """The texts in it: its name, and what it is where that says more."""
        title = self.name.rpartition("/")[2]
        if self.children:
            return [title]
        what = self.node.op if self.node is not None else f"{self.held} nodes"
        return [title] if what == title else [title, what]

    @property
    def hint(self) -> str:
        """What a browser shows when the pointer rests on it."""
        if self.node is None:
            return f"{self.name}: {self.held} nodes"
        return f"{self.node.name} = {self.node.op}({', '.join(self.node.input)}) {self.node.device}".rstrip()


class Picture:
    """A graph with its scopes opened to some depth.

    Args:
        graph_def: the graph. Shapes are read from `_output_shapes`, which `as_graph_def(add_shapes=True)`
            writes, else from constants, placeholders and variables.
        depth: how many levels of scopes are open; None opens none, or as many as it takes to see two boxes.

    >>> from reflow.base import protos
    >>> nodes = [{"name": "a/x", "op": "Const"}, {"name": "a/y", "op": "Neg", "input": ["a/x"]}]
    >>> picture = Picture(protos.GraphDef(node=nodes), depth=1)
    >>> len(picture.leaves), picture.svg().startswith("<svg")
    (2, True)
    """

    def __init__(self, graph_def: Any, depth: int | None = None) -> None:
        self.nodes = {node.name: node for node in graph_def.node}
        self.scopes = {scope for name in self.nodes for scope in _outer(name)}
        self.root = Box("")
        self.leaves: dict[str, Box] = {}
        self.paths: dict[str, list[str]] = {}  # of each node: the frames around its box, and the box
        deepest = max((scope.count("/") + 1 for scope in self.scopes), default=0)
        for level in range(deepest + 1) if depth is None else [depth]:
            self._open(level)
            if len(self.leaves) > 1:
                break

    def _open(self, depth: int) -> None:
        """Make the boxes that are seen when so many levels of scopes are open."""
        self.root, self.leaves = Box(""), {}
        for name, node in self.nodes.items():
            path = self.paths[name] = self._path(name, depth)
            box = self.root
            for part in path:
                box = box.children.setdefault(part, Box(part))
                box.held += 1
            self.leaves[path[-1]] = box
            box.member = name
            box.node = node if path[-1] not in self.scopes else None

    def _path(self, name: str, depth: int) -> list[str]:
        own = name in self.scopes
        frames = [*_outer(name), *([name] if own else [])]
        if len(frames) > depth:
            return frames[: depth + 1]
        return [*frames, f"{name}/({name.rpartition('/')[2]})" if own else name]

    def svg(self) -> str:
        """The picture, as the text of an SVG element."""
        links = self._links()
        _lay_out(self.root)
        _move(self.root, (self.root.width / 2 + MARGIN, self.root.height / 2 + MARGIN))
        boxes = list(_inside(self.root))
        frames = [_drawn_box(box) for box in boxes if box.children]
        leaves = [_drawn_box(box) for box in boxes if not box.children]
        routes = {ends: self._route(*ends) for ends in links}
        lines = [_drawn_line(routes[ends], dashed=not flow) for ends, flow in links.items()]
        labels = _drawn_labels([(routes[ends], _flow_text(flow)) for ends, flow in links.items() if flow])
        return _document(self.root, [*frames, *lines, *leaves, *labels], len(self.nodes))

    def _links(self) -> dict[tuple[str, str], dict[str, str]]:
        """What flows between boxes: name -> shape of tensors. Each frame learns of its children's edges."""
        links: dict[tuple[str, str], dict[str, str]] = {}
        for target, node in self.nodes.items():
            for text in node.input:
                source, _, number = text.removeprefix("^").partition(":")
                if source not in self.nodes or self.paths[source][-1] == self.paths[target][-1]:
                    continue
                flow = links.setdefault((self.paths[source][-1], self.paths[target][-1]), {})
                if not text.startswith("^"):
                    flow[text] = _shape_text(self.nodes[source], int(number or 0))
                frame, ends = self._meeting(source, target)
                frame.edges.setdefault(ends, [])
        return links

    def _meeting(self, source: str, target: str) -> tuple[Box, tuple[str, str]]:
        """The innermost frame around two nodes, and its children that hold them."""
        frame = self.root
        for upper, lower in zip(self.paths[source], self.paths[target], strict=False):
            if upper != lower:
                return frame, (upper, lower)
            frame = frame.children[upper]
        raise AssertionError(f"{source} and {target} are in one box")

    def _route(self, source: str, target: str) -> list[Point]:
        """The points of the line between two boxes, from border to border."""
        first, last = self.leaves[source], self.leaves[target]
        frame, ends = self._meeting(first.member, last.member)
        down = first.middle[1] <= last.middle[1]
        start = (first.middle[0], first.middle[1] + first.height / (2 if down else -2))
        end = (last.middle[0], last.middle[1] - last.height / (2 if down else -2))
        return [start, *frame.edges[ends], end]


def svg(graph_def: Any, depth: int | None = None) -> str:
    """A picture of a GraphDef as SVG text: see `Picture`."""
    return Picture(graph_def, depth).svg()


def notebook(graph_def: Any) -> str:
    """A picture of a GraphDef for a notebook, or a line of text when the graph is too large for one."""
    picture = Picture(graph_def)
    if len(picture.leaves) > MAX_BOXES:
        return (
            f"<p>A graph of {len(picture.nodes)} nodes, too large for a picture: see it in TensorBoard.</p>"
        )
    return f'<div style="overflow:auto; max-height:60em">{picture.svg()}</div>'


def _outer(name: str) -> list[str]:
    """The scopes around a name, the outermost first."""
    parts = name.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


# Shapes


def _shape_text(node: Any, number: int) -> str:
    """The shape of one output of a NodeDef: `3×4`, `?` for what is not known."""
    shape = _shape(node, number)
    if shape.ndims is None:
        return "?"
    return "×".join("?" if size is None else str(size) for size in shape.as_list()) or "scalar"


def _shape(node: Any, number: int) -> TensorShape:
    known = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else []
    if number < len(known):
        return as_shape(known[number])
    if node.op == "Const":
        return as_shape(node.attr["value"].tensor.tensor_shape)
    if (node.op in VARIABLES or node.op == "Placeholder") and "shape" in node.attr:
        return as_shape(node.attr["shape"].shape)
    return TensorShape(None)


# Places


def _lay_out(box: Box) -> None:
    """Give a box its size and its children their places, seen from its middle."""
    if not box.children:
        box.width = max(len(line) for line in box.lines) * LETTER + PAD
        box.height = len(box.lines) * LINE + PAD / 2
        return
    for child in box.children.values():
        _lay_out(child)
    number = {name: i for i, name in enumerate(box.children)}
    edges = [(number[source], number[target]) for source, target in box.edges]
    plan = layers.arrange([(c.width, c.height) for c in box.children.values()], edges)
    title = LINE if box.name else 0.0
    border = PAD if box.name else 0.0
    box.width = max(plan.width, len(box.lines[0]) * LETTER) + 2 * border
    box.height = plan.height + title + 2 * border
    left, top = -plan.width / 2, title + border - box.height / 2
    for child, (x, y) in zip(box.children.values(), plan.centres, strict=True):
        child.middle = (x + left, y + top)
    for ends, bends in zip(box.edges, plan.bends, strict=True):
        box.edges[ends] = [(x + left, y + top) for x, y in bends]


def _move(box: Box, middle: Point) -> None:
    """Put a laid out box at a place of the picture, with all that is in it."""
    x, y = box.middle = middle
    box.edges = {ends: [(x + a, y + b) for a, b in bends] for ends, bends in box.edges.items()}
    for child in box.children.values():
        _move(child, (x + child.middle[0], y + child.middle[1]))


def _inside(box: Box) -> Iterator[Box]:
    for child in box.children.values():
        yield child
        yield from _inside(child)


# Text


def _document(root: Box, body: list[str], count: int) -> str:
    width, height = round(root.width + 2 * MARGIN), round(root.height + 2 * MARGIN)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    marker = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 1 8 4 0 7z" fill="#607d8b"/></marker></defs>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="11">'
    )
    title = f"<title>A graph of {count} nodes</title>"
    return "\n".join(
        [head, title, marker, '<rect width="100%" height="100%" fill="#fff"/>', *body, "</svg>\n"]
    )


def _drawn_box(box: Box) -> str:
    fill, border = COLOURS[box.kind]
    left, top = box.middle[0] - box.width / 2, box.middle[1] - box.height / 2
    round_corners = {"scope": 8, "frame": 8, "Const": 12}.get(box.kind, 3)
    place = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    texts = [
        f'<text x="{box.middle[0]:.1f}" y="{top + PAD / 4 + LINE * (i + 0.75):.1f}" text-anchor="middle" '
        f'fill="{"#212121" if i == 0 else "#757575"}">{_escaped(line)}</text>'
        for i, line in enumerate(box.lines)
    ]
    shape = f'<rect {place} rx="{round_corners}" fill="{fill}" stroke="{border}"/>'
    return f"<g><title>{_escaped(box.hint)}</title>{shape}{''.join(texts)}</g>"


def _drawn_line(points: list[Point], dashed: bool) -> str:
    """A curve through points that enters and leaves each of them upright."""
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        half = (y + to_y) / 2
        path.append(f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    dash = ' stroke-dasharray="2 3"' if dashed else ""
    return f'<path d="{" ".join(path)}" fill="none" stroke="#607d8b"{dash} marker-end="url(#tip)"/>'


def _flow_text(flow: dict[str, str]) -> str:
    """The shape of the tensor that flows along a line, or how many tensors do."""
    shapes = set(flow.values())
    if len(flow) == 1:
        return shapes.pop()
    return f"{len(flow)} tensors" + (f" {shapes.pop()}" if len(shapes) == 1 else "")


def _drawn_labels(labels: list[tuple[list[Point], str]]) -> list[str]:
    """Texts on the middles of their lines, or beneath where another text is there already."""
    taken: list[tuple[float, float, float]] = []
    drawn = []
    for points, text in labels:
        at = (len(points) - 1) // 2
        (x, y), (to_x, to_y) = points[at : at + 2]
        x, y, half = (x + to_x) / 2, (y + to_y) / 2 + 3, len(text) * LETTER * SMALL / 2
        while any(abs(y - b) < LINE * SMALL and abs(x - a) < half + h for a, b, h in taken):
            y += LINE * SMALL
        taken.append((x, y, half))
        drawn.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="9" fill="#37474f" '
            f'stroke="#fff" stroke-width="3" paint-order="stroke">{_escaped(text)}</text>'
        )
    return drawn


def _escaped(text: str) -> str:
    """Text for XML, which has no way to write control characters."""
    return html.escape("".join(c if c.isprintable() else "�" for c in text))

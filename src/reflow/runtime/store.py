"""A session's state: one cell for each variable, random counter or other stateful node."""

from __future__ import annotations

import weakref
from typing import Any

from reflow.graph.branches import MERGES
from reflow.graph.node import Operation, Tensor
from reflow.graph.registry import rule


class Cell:
    """The content of one slot: a NumPy or device array, a host object, or None while uninitialized."""

    __slots__ = ("name", "node", "value")

    def __init__(self, name: str, node: Operation, value: Any) -> None:
        self.name = name
        self.node = node
        self.value = value


class Store:
    """All cells of a session, by slot name."""

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        self.host_writes = 0  # how often an interpreted segment left NumPy arrays in cells
        self.functions: Any = None  # how host kernels call functions: runtime/functions.py
        # Dataset iterators by string handle. A thread of theirs must not keep them alive.
        self.iterators: weakref.WeakValueDictionary[bytes, Any] = weakref.WeakValueDictionary()
        self.root: Any = weakref.ref(self)  # of a function's own store: the session's

    def cell(self, name: str, node: Operation) -> Cell:
        """The cell of a slot, made on first use with the content that its op starts with."""
        found = self.cells.get(name)
        if found is None:
            own = rule(node.type)
            start = (own.slot or own.state) if own is not None else None
            new = Cell(name, node, start(node.attrs) if start is not None else None)
            found = self.cells.setdefault(name, new)  # atomic: another thread may have made it meanwhile
        return found

    def captured(self, tensor: Tensor, value: Any) -> Any:
        """What a function is given for a captured tensor: its value, or a variable's cell, which it reads
        when it is called.
        """
        owner = slot_node(tensor) if tensor.dtype.name == "resource" else None
        if owner is None or owner.type not in ("VarHandleOp", "Placeholder"):
            return value
        cell = self.cell(slot_name(owner), owner)
        return cell if cell.node.type == "VarHandleOp" else value

    def clear(self) -> None:
        """Drop all state; host objects that work in the background are told to end."""
        cells = list(self.cells.values())
        self.cells.clear()
        self.iterators.clear()
        for cell in cells:
            close = getattr(cell.value, "close", None)
            if close is not None:
                close()


def slot_name(node: Operation) -> str:
    """The slot that a stateful node owns. Nodes with one `shared_name` (and container) share it."""
    shared = node.attrs.get("shared_name") or ""
    container = node.attrs.get("container") or ""
    if node.type != "VariableV2" and shared in ("cd2c89b7-88b7-44c8-ad83-06c2a9158347", ""):
        shared = ""
    return f"{container}/{shared or node.name}" if container else (shared or node.name)


def slot_node(tensor: Tensor) -> Operation | None:
    """The node whose slot a reference or resource tensor stands for; None for other tensors."""
    while tensor.dtype.is_ref_dtype or tensor.dtype.name == "resource":
        node = tensor.op
        own = rule(node.type)
        if own is not None and own.slot is not None:
            return node
        if node.type == "Placeholder" and node in getattr(node.graph, "written_nodes", ()):
            return node
        if node.type in MERGES:
            owners = {slot_node(t) for t in node.inputs}
            return owners.pop() if len(owners) == 1 else None
        source = _passed_through(node)
        if source is None:
            return None
        tensor = source
    return None


def _passed_through(node: Operation) -> Tensor | None:
    """The reference (or resource) input that a node's reference output stands for."""
    for tensor in node.inputs:
        if tensor.dtype.is_ref_dtype or tensor.dtype.name == "resource":
            return tensor
    return None

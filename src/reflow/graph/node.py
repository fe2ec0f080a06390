"""Operations and tensors: the nodes and edges of a graph."""

from __future__ import annotations

import linecache
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import registry, scopes
from reflow.graph.operators import OVERLOADABLE, Operators

if TYPE_CHECKING:
    from reflow.graph.graph import Graph

PACKAGE = __file__[: -len("graph/node.py")]
RUNNERS = ("runpy.py", "<frozen runpy>", "importlib/__init__.py", "<frozen importlib._bootstrap>")
MAX_FRAMES = 12

Frame = tuple[CodeType, int]


def user_frames() -> tuple[Frame, ...]:
    """The calling frames outside Reflow, innermost first: where the user's program makes a node.

    Code objects and line numbers only: the text is looked up if an error needs it.
    """
    frames: list[Frame] = []
    frame = sys._getframe(2)
    while frame is not None and len(frames) < MAX_FRAMES:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            frames.append((code, frame.f_lineno))
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(frames)


class Tensor(Operators):
    """One output of an operation: a value that a session computes, with a type and a static shape.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.constant([1.0, 2.0]) * 3.0)
    Tensor("mul:0", shape=(2,), dtype=float32)
    """

    _is_sparse = False
    OVERLOADABLE_OPERATORS = OVERLOADABLE

    def __init__(self, op: Operation, value_index: int, dtype: Any) -> None:
        if not isinstance(op, Operation):
            raise TypeError(f"op needs to be an Operation: {op!r}")
        self.op = op
        self.value_index = value_index
        self.dtype = dtypes.as_dtype(dtype)
        self._shape = unknown_shape()
        self._consumers: list[Operation] = []

    def __getattr__(self, name: str) -> Any:
        hint = {
            "numpy": "; run it in a session: sess.run(tensor)",
            "ndim": "; its static rank is tensor.shape.ndims",
        }
        raise AttributeError(f"'Tensor' object has no attribute {name!r}{hint.get(name, '')}")

    @property
    def graph(self) -> Graph:
        """The graph that holds the tensor."""
        return self.op.graph

    @property
    def name(self) -> str:
        """The operation's name, a colon, and the output's number: `"MatMul:0"`."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def device(self) -> str:
        return self.op.device

    @property
    def shape(self) -> TensorShape:
        """The static shape; dimensions, or even the rank, may be unknown."""
        return self._shape

    def get_shape(self) -> TensorShape:
        """The static shape, as `shape`."""
        return self._shape

    def set_shape(self, shape: Any) -> None:
        """Add what is known about the shape. ValueError if it contradicts what is known already."""
        merged = self._shape.merge_with(as_shape(shape))
        if merged.ints != self._shape.ints:
            self._shape = merged
            self.graph.mutations += 1

    def consumers(self) -> list[Operation]:
        """The operations that take this tensor as an input, in creation order."""
        return list(dict.fromkeys(self._consumers))

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The tensor's value, computed in `session` or the default session."""
        return _session_for(session, self, "evaluate tensor using `eval()`").run(self, feed_dict)

    def _as_tensor(self, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Tensor:
        return self

    def _as_graph_element(self) -> Tensor:
        return self

    def _shape_tuple(self) -> tuple[int | None, ...] | None:
        return self._shape.ints

    def _rank(self) -> int | None:
        return self._shape.ndims

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self._shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self._shape.ndims is None else f", shape={self._shape}"
        device = f", device={self.device}" if self.device else ""
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name}{device})'

    def __bool__(self) -> bool:
        raise errors.OperatorNotAllowedInGraphError(
            f"{self}: using a `tf.Tensor` as a Python `bool` is not allowed: it has no value until a "
            f"session runs it. "
            "Write `if t is not None:` to test whether a tensor is given, and tf.cond or tf.where to "
            "choose by its value."
        )

    __nonzero__ = __bool__

    def __iter__(self) -> Any:
        raise errors.OperatorNotAllowedInGraphError(
            f"Tensor objects are only iterable when eager execution is enabled: {self}. "
            "Use tf.unstack(t) for its rows, or tf.map_fn to apply a function to each."
        )

    def __len__(self) -> int:
        raise TypeError(
            f"len is not well defined for symbolic Tensors ({self.name}): use its `shape` or tf.shape"
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array: run it in a session first"
        )

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: Any) -> Tensor:
        raise TypeError(f"A Tensor belongs to its graph and cannot be copied: {self}")


class Operation:
    """A node of a graph: an op type, its inputs and attributes, and the tensors it makes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.constant(3.0, name="c").op
    <tf.Operation 'c' type=Const>
    """

    def __init__(
        self, graph: Graph, op_type: str, name: str, inputs: list[Tensor], attrs: dict[str, Any]
    ) -> None:
        self.graph = graph
        self.type = op_type
        self.name = name
        self.inputs = inputs
        self.attrs = attrs
        self.definition = registry.definition(op_type)
        self.control_inputs: list[Operation] = []
        self.control_outputs: list[Operation] = []
        self.outputs: list[Tensor] = []
        self.device = ""
        self.colocation: list[bytes] = []
        self.frames: tuple[Frame, ...] = ()
        self._id = 0
        self._original_op: Operation | None = None
        self.stands_for: Tensor | None = None  # of a function's argument: the tensor outside that it captures
        self._control_flow_context: Any = None

    def values(self) -> tuple[Tensor, ...]:
        """The outputs, as a tuple."""
        return tuple(self.outputs)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run the operation in `session` or the default session."""
        _session_for(session, self, "execute operation using `run()`").run(self, feed_dict)

    def get_attr(self, name: str) -> Any:
        """The value of an attribute: types as DType, strings as bytes, shapes and tensors as TF's protocol
        buffers.
        """
        return self.graph.public_attr(self, name)

    def colocation_groups(self) -> list[bytes]:
        """The groups this operation is placed with; its own, when no other was asked for."""
        return list(self.colocation) or [b"loc:@" + self.name.encode()]

    @property
    def node_def(self) -> Any:
        """The node as TF's NodeDef message."""
        return self.graph.node_def_of(self)

    @property
    def op_def(self) -> Any:
        return self.definition

    @property
    def traceback(self) -> list[tuple[str, int, str, str]]:
        """Where the program made the node, outermost first: (file, line, function, text)."""
        return [
            (code.co_filename, line, code.co_name, linecache.getline(code.co_filename, line).strip())
            for code, line in reversed(self.frames)
        ]

    @property
    def traceback_line(self) -> str | None:
        """The user's line that made the node, as `file.py:12: y = tf.matmul(x, w)`."""
        rows = [row for row in reversed(self.traceback) if not row[0].endswith(RUNNERS)]
        return f"{rows[0][0]}:{rows[0][1]}: {rows[0][3]}" if rows else None

    @property
    def _gradient_function(self) -> Any:
        return None

    def _set_attr(self, name: str, value: Any) -> None:
        """Set an attribute from an AttrValue message or a plain value."""
        self.attrs[name] = self.graph.plain_attr(value)
        self.graph.mutations += 1

    def _get_control_flow_context(self) -> Any:
        return self._control_flow_context

    def _set_control_flow_context(self, context: Any) -> None:
        self._control_flow_context = context

    def _add_control_inputs(self, ops: list[Operation]) -> None:
        for op in ops:
            if op.graph is not self.graph:
                raise ValueError(f"Control input {op.name} of {self.name} is from another graph")
            if op not in self.control_inputs:
                self.control_inputs.append(op)
                op.control_outputs.append(self)
        self.graph.mutations += 1

    def _add_control_input(self, op: Operation) -> None:
        self._add_control_inputs([op])

    def _update_input(self, index: int, tensor: Tensor) -> None:
        """Make `tensor` the input number `index`."""
        if tensor.graph is not self.graph:
            raise ValueError(f"{tensor} must be from the same graph as {self}.")
        self.inputs[index]._consumers.remove(self)
        self.inputs[index] = tensor
        tensor._consumers.append(self)
        self.graph.mutations += 1

    def _set_device(self, device: Any) -> None:
        self.device = str(device or "")

    def _as_graph_element(self) -> Operation:
        return self

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"

    def __str__(self) -> str:
        from google.protobuf import text_format

        text: str = text_format.MessageToString(self.node_def)  # attributes in the order of their names
        return text

    def __deepcopy__(self, memo: Any) -> Operation:
        raise TypeError(f"An Operation belongs to its graph and cannot be copied: {self!r}")


def _session_for(session: Any, element: Any, verb: str) -> Any:
    """`session`, or the default one, checked to be of the element's graph."""
    call = "run" if isinstance(element, Operation) else "eval"
    if session is None:
        session = scopes.sessions.top
        if session is None:
            raise ValueError(
                f"Cannot {verb}: No default session is registered. "
                f"Use `with sess.as_default()` or pass an explicit session to `{call}(session=sess)`"
            )
        if session.graph is not element.graph:
            raise ValueError(
                f"Cannot use the default session to {verb}: {element.name}'s graph is different from "
                f"the session's "
                f"graph. Pass an explicit session to `{call}(session=sess)`."
            )
    elif session.graph is not element.graph:
        raise ValueError(
            f"Cannot use the given session to {verb}: {element.name}'s graph is different from its graph."
        )
    return session

"""`tf.py_function`: a Python function of tensors that have values, as an op with a gradient.

When the op runs, the function gets tensors of a scratch graph of its own. What it does with them adds nodes
there, whose values are computed as soon as they are asked for (`x.numpy()`, `if x > 0`). The scratch graph
also gives the gradient: it is an ordinary graph from the arguments to the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.autodiff import gradients
from reflow.base import dtypes
from reflow.graph import shapes
from reflow.graph.core import Graph
from reflow.graph.graph import control_dependencies, convert_to_tensor, emit, graph_of
from reflow.graph.node import Operation, Tensor
from reflow.graph.registry import register, rule
from reflow.ops import script
from reflow.runtime.session import Session


class EagerTensor(Tensor):
    """A tensor that has a value: what the function of a `tf.py_function` gets, and computes with."""

    def numpy(self) -> Any:
        """The value: an array, or a scalar of NumPy."""
        value = self.graph.values_of([self])[0]  # type: ignore[attr-defined]
        return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype)

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __float__(self) -> float:
        return float(self.numpy())

    def __index__(self) -> int:
        return int(self.numpy())

    def __len__(self) -> int:
        return len(self.numpy())

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __str__(self) -> str:
        value = self.numpy()
        return f"tf.Tensor({value}, shape={np.shape(value)}, dtype={self.dtype.name})"

    def __repr__(self) -> str:
        value = self.numpy()
        text = repr(value) if np.ndim(value) else str(value)
        return f"<tf.Tensor: shape={np.shape(value)}, dtype={self.dtype.name}, numpy={text}>"


class EagerGraph(Graph):
    """A graph whose tensors have values. An op with a state or an effect is run once."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[Tensor, Any] = {}
        self._waiting: list[Operation] = []  # ops with an effect, or random ones
        self._session = Session(graph=self, tier="interpret")

    def add(self, op_type: str, inputs: list[Tensor], attrs: dict[str, Any], name: str) -> Operation:
        op = super().add(op_type, inputs, attrs, name)
        for tensor in op.outputs:
            tensor.__class__ = EagerTensor
        if op.definition is not None and op.definition.stateful and op_type != "Placeholder":
            self._waiting.append(op)
        return op

    def argument(self, value: Any, dtype: dtypes.DType) -> Tensor:
        """A tensor of a known value."""
        attrs = {"dtype": dtype.base_dtype, "shape": np.shape(value)}
        tensor = self.emit("Placeholder", **attrs)
        self._values[tensor] = value
        return tensor  # type: ignore[no-any-return]

    def values_of(self, tensors: list[Tensor]) -> list[Any]:
        """The values of tensors, computed if they are not known; ops with effects that wait run before."""
        waiting, self._waiting = self._waiting, []
        random = [t for op in waiting for t in op.outputs if op._get_control_flow_context() is None]
        new = [t for t in dict.fromkeys([*random, *tensors]) if t not in self._values]
        effects = [op for op in waiting if not op.outputs]
        if new or effects:
            found, _ = self._session.run((new, effects), feed_dict=dict(self._values))
            self._values.update(zip(new, found, strict=True))
        return [self._values[t] for t in tensors]


class _EagerFunction:
    """The function of an op, and what its gradient needs of the last call: as TensorFlow's, of one run."""

    def __init__(self, function: Callable[..., Any], types: list[dtypes.DType]) -> None:
        self.function = function
        self.types = types
        self.last: tuple[EagerGraph, list[Tensor], list[Tensor]] | None = None

    def __call__(self, node: Operation, values: list[Any]) -> list[np.ndarray]:
        graph = EagerGraph()
        with graph.as_default():
            inputs = [graph.argument(v, t.dtype) for v, t in zip(values, node.inputs, strict=True)]
            returned = self.function(*inputs)
            if returned is None:
                returned = []
            parts = returned if isinstance(returned, (list, tuple)) else [returned]
            outputs = [_converted(x, t) for x, t in zip(parts, self.types, strict=False)]
            arrays = graph.values_of(outputs)
        self.last = graph, inputs, outputs
        return arrays

    def pull(self, cotangents: list[Any]) -> list[Any]:
        """The gradients of the arguments, zero where the results do not depend on one by ops."""
        assert self.last is not None, "the gradient runs after the function"
        (graph, inputs, outputs), self.last = self.last, None
        with graph.as_default():
            pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if _is_float(o)]
            seeds = [graph.argument(c, o.dtype) for o, c in pairs]
            found = gradients([o for o, _ in pairs], inputs, seeds) if pairs else [None] * len(inputs)
            known = [
                _zero(t) if g is None else convert_to_tensor(g) for t, g in zip(inputs, found, strict=True)
            ]
            return graph.values_of(known)


def _is_float(tensor: Tensor) -> bool:
    return bool(tensor.dtype.is_floating or tensor.dtype.is_complex)


def _zero(tensor: Tensor) -> Tensor:
    """A scalar 0, as TensorFlow gives where there is no gradient."""
    return convert_to_tensor(np.zeros((), tensor.dtype.as_numpy_dtype))


def _converted(value: Any, dtype: dtypes.DType) -> Tensor:
    if isinstance(value, Tensor):
        return convert_to_tensor(value, dtype)
    return convert_to_tensor(np.asarray(value, dtype.as_numpy_dtype), dtype)


def _call(ctx: Any, *inputs: Any, token: str, Tout: list[dtypes.DType]) -> Any:  # noqa: N803
    return script.call_token(ctx.node, token, Tout, list(inputs))


def _gradient(op: Operation, *grads: Any) -> Any:
    function = script.function_of_token(op.attrs["token"]).call
    if not isinstance(function, _EagerFunction):
        raise LookupError(f"The gradient of a tf.py_function ({op.name}) has no gradient itself")

    def pull(_node: Operation, values: list[Any]) -> list[Any]:
        return function.pull(values)

    types = [t.dtype.base_dtype for t in op.inputs]
    with control_dependencies(op.outputs):
        return emit("EagerPyFunc", list(grads), token=script.new_token(pull), Tout=types)


if rule("EagerPyFunc") is None:
    register("EagerPyFunc", shape=shapes.unknown, host=_call, gradient=_gradient)


def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:  # noqa: N803
    """The results of a Python function of tensors that have values, called when the graph runs.

    `func` may use TensorFlow's functions and operators on its arguments, ask for their values
    (`x.numpy()`, `float(x)`) and let them decide (`if x > 0`). It can't make or change variables.

    Args:
        func: the function; it returns a tensor or array, a list of them, or None.
        inp: a list of tensors.
        Tout: the type of the result, or a list of types; the results are converted to them.
        name: the operation's name.

    Returns: a tensor, or a list when `Tout` is one; an Operation when `Tout` is empty. Static shapes are
    unknown. The gradient is that of the ops that `func` used; 0 for what it computed by NumPy. As in
    TensorFlow 1.15, there is no second derivative.

    >>> import reflow as tf
    >>> def halved_if_large(x):
    ...     return x / 2.0 if x > 3.0 else tf.square(x)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [])
    ...     y = tf.py_function(halved_if_large, [x], tf.float32)
    ...     dx = tf.gradients(y, x)[0]
    ...     print(*sess.run([y, dx], {x: 8.0}), *sess.run([y, dx], {x: 3.0}))
    4.0 0.5 9.0 6.0
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    several = isinstance(Tout, (list, tuple))
    types = [dtypes.as_dtype(t) for t in (Tout if several else [Tout])]
    token = script.new_token(_EagerFunction(func, types))
    result = emit("EagerPyFunc", inp, token=token, Tout=types, name=name)
    if not types:
        return graph_of([inp]).get_operations()[-1]
    return result if several else result[0]

"""Python functions as ops: py_func and numpy_function."""

from __future__ import annotations

import traceback
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from reflow.base import dtypes, errors
from reflow.graph import scopes, shapes
from reflow.graph.checks import fail
from reflow.graph.graph import Operation, emit, get_default_graph, graph_of
from reflow.graph.registry import register

# What TensorFlow makes of an exception in the function; anything else is an UnknownError.
_ERRORS: tuple[tuple[type[Exception], type[errors.OpError]], ...] = (
    (ValueError, errors.InvalidArgumentError),
    (TypeError, errors.InvalidArgumentError),
    (StopIteration, errors.OutOfRangeError),
    (MemoryError, errors.ResourceExhaustedError),
    (NotImplementedError, errors.UnimplementedError),
)
_C_NAMES = {"float64": "double", "float32": "float", "float16": "half"}


class _Function:
    """A function behind a token. The graph holds it; the process knows it for as long as a graph does."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


def new_token(function: Callable[..., Any]) -> str:
    token = f"pyfunc_{scopes.process.next_number()}"
    holder = _Function(function)
    scopes.process.user_ops[token] = weakref.ref(holder, lambda _: scopes.process.user_ops.pop(token, None))
    get_default_graph().runtime.setdefault("python_functions", []).append(holder)
    return token


def function_of_token(token: str) -> Any:
    """What holds the function behind a token."""
    reference = scopes.process.user_ops.get(token)
    holder = None if reference is None else reference()
    if holder is None:
        return fail(f"callback {token} is not found: the function of a py_func is not part of a saved graph")
    return holder


def _call_host(ctx: Any, *inputs: Any, token: str, Tout: list[dtypes.DType]) -> Any:
    function = function_of_token(token).call
    return results_of(ctx.node, token, Tout, function, [_argument(x) for x in inputs])


def call_token(node: Operation, token: str, types: list[dtypes.DType], inputs: list[Any]) -> Any:
    """The results of the function of a `py_function`, which gets the node too."""
    return results_of(node, token, types, function_of_token(token).call, [node, inputs])


def results_of(
    node: Operation, token: str, Tout: list[dtypes.DType], function: Any, arguments: list[Any]
) -> Any:
    """The results of a call, one of each type; the errors are the op's."""
    results = _called(node, function, arguments)
    if len(results) != len(Tout):
        fail(f"{token} returns {len(results)} values, but expects to see {len(Tout)} values.")
    return tuple(_checked(r, t, i, token) for i, (r, t) in enumerate(zip(results, Tout, strict=True)))


def _argument(value: Any) -> Any:
    """An input as the function gets it: an array of its own to change, or a NumPy scalar."""
    array = np.asarray(value)
    return array[()] if array.ndim == 0 else array.copy()


def _called(node: Operation, function: Callable[..., Any], arguments: list[Any]) -> list[np.ndarray]:
    """The arrays that the function returns; its exception becomes the op's error, with its traceback."""
    try:
        returned = function(*arguments)
    except Exception as error:
        _raise_as_op_error(node, error)
    if returned is None:
        return []
    return [_array(x) for x in (returned if isinstance(returned, (list, tuple)) else [returned])]


def _raise_as_op_error(node: Operation, error: Exception) -> NoReturn:
    own = error.__traceback__.tb_next if error.__traceback__ is not None else None
    lines = "".join(traceback.format_exception(type(error), error, own))
    message = f"{type(error).__name__}: {error}\n{lines}"
    for kind, op_error in _ERRORS:
        if isinstance(error, kind):
            raise op_error(None, node, message) from error  # type: ignore[call-arg]
    raise errors.UnknownError(None, node, message) from error


def _array(value: Any) -> np.ndarray:
    array = np.array(value)  # a copy: the function may keep its own and change it
    if array.dtype.kind == "S" and not isinstance(value, np.ndarray):
        array = np.array(value, object)  # which keeps zero bytes at the end
    if array.dtype.kind not in "OSU":
        return array
    flat = [x.encode("utf-8") if isinstance(x, str) else x for x in array.reshape(-1)]
    odd = next((x for x in flat if not isinstance(x, bytes)), None)
    if odd is not None:
        fail(f"Unsupported object type {type(odd).__name__}", errors.InternalError)
    texts = np.empty(len(flat), object)
    texts[:] = flat
    return texts.reshape(array.shape)


def _checked(array: np.ndarray, wanted: dtypes.DType, position: int, token: str) -> np.ndarray:
    if array.dtype.type is not wanted.as_numpy_dtype and (found := dtypes.as_dtype(array.dtype)) != wanted:
        names = [_C_NAMES.get(t.name, t.name) for t in (found, wanted)]
        fail(f"{position}-th value returned by {token} is {names[0]}, but expects {names[1]}")
    return array


for _type in ("PyFunc", "PyFuncStateless"):
    register(_type, shape=shapes.unknown, host=_call_host, gradient=None)


def py_func(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """The results of a Python function of NumPy arrays, called when the graph runs.

    Args:
        func: the function. It gets NumPy arrays (scalars for 0-d tensors, bytes in place of strings) and
            returns an
            array, a list of arrays, or None.
        inp: a list of tensors.
        Tout: the type of the result, or a list of the types of its results. What `func` returns must be of
            these
            types: a Python float is a float64.
        stateful: whether the function may give other results for the same inputs.
        name: the operation's name.

    Returns: a tensor, or a list when `Tout` is one; an Operation when `Tout` is empty. Static shapes are
    unknown (use `set_shape`). There is no gradient. An exception in `func` is raised as an OpError
    (InvalidArgumentError for ValueError and TypeError, UnknownError for most) with its message and
    traceback.
    Raises ValueError if `func` is not callable.

    >>> import numpy as np
    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     y = tf.py_func(np.sinh, [tf.constant([0.0, 1.0])], tf.float32)
    ...     print(sess.run(y))
    [0.        1.1752012]
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    several = isinstance(Tout, (list, tuple))
    types = list(Tout) if several else [Tout]
    kind = "PyFunc" if stateful else "PyFuncStateless"
    result = emit(kind, inp, token=new_token(func), Tout=types, name=name)
    if not types:
        return graph_of([inp]).get_operations()[-1]
    return result if several else result[0]


def numpy_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """The results of a Python function of NumPy arrays: `py_func` under its newer name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.numpy_function(lambda x: x + 1, [tf.constant(1)], tf.int32)))
    2
    """
    return py_func(func, inp, Tout, stateful=True, name=name)

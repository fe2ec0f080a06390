"""The default graph, and the functions that build in it: `emit`, `convert_to_tensor`, `constant`, scopes,
collections.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reflow.graph import scopes
from reflow.graph.constant import constant_value as constant_value
from reflow.graph.constant import make_constant
from reflow.graph.conversion import convert
from reflow.graph.core import Graph as Graph
from reflow.graph.keys import GraphKeys as GraphKeys
from reflow.graph.node import Operation as Operation
from reflow.graph.node import Tensor as Tensor


def get_default_graph() -> Graph:
    """The graph that new nodes go to: the innermost `as_default` block's, or the process's own.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     print(tf.get_default_graph() is graph)
    True
    """
    top = scopes.graphs.top
    if top is not None:
        return top  # type: ignore[no-any-return]
    if scopes.process.root_graph is None:
        scopes.process.root_graph = Graph()
    return scopes.process.root_graph  # type: ignore[no-any-return]


def reset_default_graph() -> None:
    """Replace the process's default graph by an empty one.

    AssertionError inside a `graph.as_default()` block.
    """
    if scopes.graphs.items:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. "
            "If you need a cleared graph, exit the nesting and create a new graph."
        )
    scopes.process.root_graph = Graph()


def graph_of(values: Iterable[Any]) -> Graph:
    """The graph of the first tensor among `values`, else the default graph.

    ValueError when tensors' graphs differ. The body of a function that is being traced takes all of them.
    """
    body = scopes.function_graph()
    if body is not None:
        return body  # type: ignore[no-any-return]
    found, first = None, None
    for value in values:
        if isinstance(value, (list, tuple)):
            value = next((v for v in value if hasattr(v, "graph")), None)
        graph = getattr(value, "graph", None)
        if not isinstance(graph, Graph):
            continue
        if found is None:
            found, first = graph, value
        elif graph is not found:
            raise ValueError(f"{value} must be from the same graph as {first}.")
    return found if found is not None else get_default_graph()


def emit(op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
    """Add an op to the graph of its inputs, or the default graph: see `Graph.emit`."""
    return graph_of(inputs).emit(op_type, *inputs, name=name, **attrs)


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
) -> Tensor:
    """`value` as a tensor: tensors pass, variables give their value, other values become constants.

    Args:
        value: a Tensor, Variable, number, string, NumPy array, or nested lists of these.
        dtype: the type wanted; ValueError/TypeError when the value is not of it.
        name: the name of a constant that is made.
        preferred_dtype: a type to try when `dtype` is None; ignored when it does not fit.

    >>> import reflow as tf
    >>> tf.convert_to_tensor([[1, 2]]).shape
    TensorShape([Dimension(1), Dimension(2)])
    """
    hint = preferred_dtype if preferred_dtype is not None else dtype_hint
    return convert(graph_of([value]), value, dtype, name, preferred_dtype=hint)


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False
) -> Tensor:
    """A constant tensor.

    Args:
        value: a number, string, NumPy array, or nested lists of them. Python floats become float32,
            integers int32.
        dtype: the type, when it should not follow from the value.
        shape: the shape; a shorter value's last element is repeated to fill it.
        verify_shape: refuse values that are not of `shape` already.

    >>> import reflow as tf
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.constant(-1.0, shape=[2, 2])))
    [[-1. -1.]
     [-1. -1.]]
    """
    return make_constant(get_default_graph(), value, dtype, shape, name, verify_shape)


class name_scope:  # noqa: N801  (TF's name)
    """Context manager: names of nodes made inside begin with this scope's name, made unique.

    Args:
        name: the scope; None takes `default_name`; one that ends in "/" re-enters an existing scope.
        default_name: the scope when `name` is None.
        values: tensors whose graph is used (and which must be of one graph).

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.name_scope("layer"):
    ...     tf.constant(1.0).name
    'layer/Const:0'
    """

    def __init__(self, name: str | None, default_name: str | None = None, values: Any = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name for name_scope must be a string, got {name!r}")
        self._name = default_name if name is None else name
        self._default_name = default_name
        self._values = values
        self._given = name

    @property
    def name(self) -> str | None:
        return self._name

    def __enter__(self) -> str:
        if self._name is None and self._values is not None:
            raise ValueError(
                f"At least one of name ({self._given}) and default_name ({self._default_name}) must be "
                f"provided."
            )
        graph = graph_of(self._values or ())
        self._stack = contextlib.ExitStack()
        if graph is not get_default_graph():
            self._stack.enter_context(graph.as_default())
        return self._stack.enter_context(graph.name_scope(self._name))

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


def control_dependencies(control_inputs: Any) -> Any:
    """Context manager: nodes made inside run after `control_inputs`, operations or tensors.

    None clears the blocks around.

    >>> import reflow as tf
    >>> v = tf.Variable(1.0)
    >>> with tf.control_dependencies([v.assign(5.0)]):
    ...     after = v.read_value()
    >>> with tf.Session() as sess:
    ...     print(sess.run(after))
    5.0
    """
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> Any:
    """Context manager: the device that nodes made inside are asked to run on.

    The name is kept and saved; where a node runs is XLA's business.

    >>> import reflow as tf
    >>> with tf.device("/cpu:0"):
    ...     tf.constant(1).device
    '/device:CPU:0'
    """
    return get_default_graph().device(device_name_or_function)


def colocate_with(op: Any, ignore_existing: bool = False) -> Any:
    """Context manager: nodes made inside are placed with `op`.

    >>> import reflow as tf
    >>> a = tf.constant(1, name="a")
    >>> with tf.colocate_with(a):
    ...     tf.constant(2).op.colocation_groups()
    [b'loc:@a']
    """
    return get_default_graph().colocate_with(op, ignore_existing)


def container(container_name: str) -> Any:
    """Context manager: the resource container of stateful nodes made inside.

    >>> import reflow as tf
    >>> with tf.container("box"):
    ...     tf.Variable(1.0).op.get_attr("container")
    b'box'
    """
    return get_default_graph().container(container_name)


@contextlib.contextmanager
def op_scope(values: Any, name: str | None, default_name: str | None = None) -> Iterator[str]:
    """The older order of `name_scope`'s arguments.

    >>> import reflow as tf
    >>> with tf.op_scope([], None, "layer") as scope:
    ...     scope
    'layer/'
    """
    with name_scope(name, default_name, values) as scope:
        yield scope


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Lift nodes made inside out of functions, control-dependency and control-flow blocks, keeping the name
    scope.

    >>> import reflow as tf
    >>> with tf.control_dependencies([tf.no_op()]), tf.init_scope():
    ...     tf.constant(1).op.control_inputs
    []
    """
    graph = get_default_graph()
    scope = graph.get_name_scope()
    around: Any = graph
    while around.building_function:
        around = around.outer_graph
    lifted = around.as_default() if around is not graph else contextlib.nullcontext()
    with lifted, around.control_dependencies(None), around.name_scope(scope + "/" if scope else ""):
        yield


def add_to_collection(name: Any, value: Any) -> None:
    """Append `value` to a collection of the default graph.

    >>> import reflow as tf
    >>> tf.add_to_collection("numbers", 3)
    >>> tf.get_collection("numbers")
    [3]
    """
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append `value` to several collections of the default graph.

    >>> import reflow as tf
    >>> tf.add_to_collections(["a", "b"], 3)
    >>> tf.get_collection("b")
    [3]
    """
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """The items of a collection of the default graph whose names match `scope`.

    `scope` is a regular expression that names match from the start; None takes all items. The list is a copy.

    >>> import reflow as tf
    >>> tf.add_to_collection("tensors", tf.constant(1, name="layer1/x"))
    >>> [t.name for t in tf.get_collection("tensors", scope="layer1")]
    ['layer1/x:0']
    """
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """A collection of the default graph itself.

    >>> import reflow as tf
    >>> tf.get_collection_ref("numbers").append(3)
    >>> tf.get_collection("numbers")
    [3]
    """
    return get_default_graph().get_collection_ref(key)


def has_default_graph() -> bool:
    """Whether some graph is the default without one being made."""
    return bool(scopes.graphs.items) or scopes.process.root_graph is not None


RegisteredConversion = Callable[..., Any]


def register_tensor_conversion_function(
    base_type: Any, conversion_func: RegisteredConversion, priority: int = 100
) -> None:
    """Teach `convert_to_tensor` a type.

    `conversion_func(value, dtype, name, as_ref)` returns a Tensor or NotImplemented. Functions of a lower
    `priority` are asked first.

    >>> import reflow as tf
    >>> class Celsius:
    ...     degrees = 20.0
    >>> def kelvin(value, dtype=None, name=None, as_ref=False):
    ...     return tf.constant(value.degrees + 273.15, dtype, name=name)
    >>> tf.register_tensor_conversion_function(Celsius, kelvin)
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.constant(1.0) + Celsius()))
    294.15
    """
    scopes.process.conversions.append((priority, base_type, conversion_func))
    scopes.process.conversions.sort(key=lambda row: row[0])

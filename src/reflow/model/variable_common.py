"""What all variables have in common: facts, operators, slices, messages; and the parts that make them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from reflow.base import dtypes, protos
from reflow.graph import scopes
from reflow.graph.composite import IndexedSlices
from reflow.graph.graph import Graph, GraphKeys, device, get_default_graph, init_scope
from reflow.graph.node import Operation, Tensor
from reflow.graph.operators import Operators, SliceSpec
from reflow.model.initial_values import initialized_or_initial
from reflow.model.modes import VariableAggregation, VariableSynchronization

INSIDE_CONTROL_FLOW = (
    "Initializer for variable {} is from inside a control-flow construct, such as a loop or conditional. "
    "When creating "
    "a variable inside a loop or conditional, use a lambda as the initializer."
)


class SliceInfo:
    """Which part of a whole a variable is: the whole's name and shape, this part's offset and shape."""

    def __init__(
        self,
        full_name: str | None = None,
        full_shape: list[int] | None = None,
        var_offset: list[int] | None = None,
        var_shape: list[int] | None = None,
        save_slice_info_def: Any = None,
        import_scope: str | None = None,
    ) -> None:
        if save_slice_info_def is not None:
            full_name = with_scope(save_slice_info_def.full_name, import_scope)
            full_shape = list(save_slice_info_def.full_shape)
            var_offset = list(save_slice_info_def.var_offset)
            var_shape = list(save_slice_info_def.var_shape)
        self.full_name = full_name or ""
        self.full_shape = full_shape or []
        self.var_offset = var_offset or []
        self.var_shape = var_shape or []

    @property
    def spec(self) -> str:
        """The slice as checkpoints write it: the full shape, then offset and size along each axis."""
        whole = "".join(f"{size} " for size in self.full_shape)
        return whole + ":".join(f"{o},{s}" for o, s in zip(self.var_offset, self.var_shape, strict=True))

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The slice as a SaveSliceInfoDef message; None if the variable is not in `export_scope`."""
        if not in_scope(self.full_name, export_scope):
            return None
        return protos.SaveSliceInfoDef(
            full_name=without_scope(self.full_name, export_scope),
            full_shape=self.full_shape,
            var_offset=self.var_offset,
            var_shape=self.var_shape,
        )


class BaseVariable(Operators):
    """What the kinds of variables have in common. Each is a `tf.Variable` to `isinstance`."""

    SaveSliceInfo = SliceInfo

    _initial_value: Any
    _initializer_op: Any
    _trainable: bool
    _synchronization: VariableSynchronization
    _aggregation: VariableAggregation
    _constraint: Any
    _caching_device: Any = None
    _save_slice_info: SliceInfo | None = None

    # What each kind has of its own

    @property
    def name(self) -> str:
        """The name of the tensor that holds the variable, such as `"x:0"`."""
        raise NotImplementedError

    @property
    def op(self) -> Any:
        """The operation that holds the variable."""
        raise NotImplementedError

    @property
    def shape(self) -> Any:
        """The static shape."""
        raise NotImplementedError

    def value(self) -> Any:
        """The value as a tensor, read once for all uses where the kind allows it."""
        raise NotImplementedError

    def read_value(self) -> Any:
        """The value as a tensor, read by a new node: it comes after the control dependencies around."""
        raise NotImplementedError

    # Facts

    @property
    def graph(self) -> Graph:
        """The graph that holds the variable."""
        graph: Graph = self.op.graph
        return graph

    @property
    def device(self) -> str:
        return str(self.op.device)

    @property
    def _shared_name(self) -> str:
        return self.name.partition(":")[0]

    @property
    def initializer(self) -> Any:
        """The operation that gives the variable its initial value."""
        return self._initializer_op

    @property
    def initial_value(self) -> Any:
        """The tensor of the initial value. It may depend on other variables: see `initialized_value`."""
        return self._initial_value

    @property
    def trainable(self) -> bool:
        return self._trainable

    @property
    def synchronization(self) -> VariableSynchronization:
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        return self._aggregation

    @property
    def constraint(self) -> Any:
        """The function that optimizers apply to the value after each update, or None."""
        return self._constraint

    def get_shape(self) -> Any:
        """The static shape, as `shape`."""
        return self.shape

    def _shape_tuple(self) -> Any:
        return self.shape.ints

    def _set_save_slice_info(self, save_slice_info: SliceInfo | None) -> None:
        self._save_slice_info = save_slice_info

    def _get_save_slice_info(self) -> SliceInfo | None:
        return self._save_slice_info

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.get_shape()} dtype={self.dtype.name}>"

    def __iter__(self) -> NoReturn:
        raise TypeError("'Variable' object is not iterable.")

    # Values

    def eval(self, session: Any = None) -> Any:
        """The value in `session` or the default session, as a NumPy array or scalar."""
        return self._as_graph_element().eval(session=session)

    def _as_graph_element(self) -> Any:
        raise NotImplementedError

    def initialized_value(self) -> Any:
        """The value if the variable is initialized, else its initial value: for use in another's initial
        value.

        >>> import reflow as tf
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     a = tf.Variable(2.0)
        ...     b = tf.Variable(a.initialized_value() * 10.0)
        ...     sess.run(tf.global_variables_initializer())
        ...     print(sess.run(b))
        20.0
        """
        with init_scope():
            return initialized_or_initial(self._is_initialized(), self._initial_value, self._read_through)

    def _is_initialized(self) -> Any:
        raise NotImplementedError

    def _read_through(self, change: Callable[[Operation], None]) -> Any:
        """What `read_value` adds to the graph; `change` gets the node that reads, right after it is made."""
        raise NotImplementedError

    def load(self, value: Any, session: Any = None) -> None:
        """Set the variable's value in `session` or the default session, without adding to the graph.

        Raises ValueError when there is no session.

        >>> import reflow as tf
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     v = tf.Variable([1.0, 2.0])
        ...     v.load([3.0, 4.0], sess)
        ...     print(sess.run(v))
        [3. 4.]
        """
        session = session or scopes.sessions.top
        if session is None:
            raise ValueError(
                "Either session argument should be provided or default session should be established"
            )
        session.run(self.initializer, {self.initializer.inputs[1]: value})

    def _as_tensor(self, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
        """What stands for the variable where a tensor is wanted."""
        if dtype is not None and not dtypes.as_dtype(dtype).is_compatible_with(self.dtype):
            raise ValueError(
                f"Incompatible type conversion requested to type '{dtypes.as_dtype(dtype).name}' "
                f"for variable of type '{self.dtype.name}'"
            )
        return self._ref() if as_ref else self.value()

    def _ref(self) -> Any:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        """A slice of the value. Its method `assign(value, name=None)` changes that part of the variable."""
        part = self.value()[key]

        def assign(value: Any, name: str | None = None) -> Any:
            bounds, masks = part.op.inputs[1:], SliceSpec(key).masks
            return self._strided_slice_assign(bounds, value, name or part.op.name + "/_assign", masks)

        part.assign = assign
        return part

    def _strided_slice_assign(self, bounds: list[Any], value: Any, name: str, masks: dict[str, int]) -> Any:
        raise NotImplementedError

    # Messages

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef message; None if it is not in `export_scope`."""
        if not in_scope(self.name, export_scope):
            return None
        message = protos.VariableDef(
            variable_name=without_scope(self.name, export_scope),
            initializer_name=without_scope(self.initializer.name, export_scope),
            snapshot_name=without_scope(self._snapshot_name(), export_scope),
            trainable=self.trainable,
            synchronization=self.synchronization.value,
            aggregation=self.aggregation.value,
        )
        if self._initial_value is not None:
            message.initial_value_name = without_scope(self._initial_value.name, export_scope)
        if self._save_slice_info is not None:
            message.save_slice_info_def.MergeFrom(self._save_slice_info.to_proto(export_scope))
        return message

    def _snapshot_name(self) -> str:
        raise NotImplementedError


def _through_value(name: str) -> Callable[..., Any]:
    """An operator on the variable's value, which is read before the operator's own name scope is opened."""
    own = getattr(Tensor, name)

    @functools.wraps(own)
    def operator(self: BaseVariable, *others: Any) -> Any:
        return own(self.value(), *others)

    return operator


OVERLOADED = [
    name
    for name, member in vars(Operators).items()
    if name.startswith("__")
    and callable(member)
    and name not in ("__eq__", "__ne__", "__hash__", "__getitem__", "__pos__")
]
for _name in OVERLOADED:
    setattr(BaseVariable, _name, _through_value(_name))


# Making variables


def checked_collections(collections: Any, trainable: bool) -> Any:
    """The collections that a new variable is added to."""
    if collections is None:
        collections = [GraphKeys.GLOBAL_VARIABLES]
    if not isinstance(collections, (list, tuple, set)):
        raise ValueError(
            "collections argument to Variable constructor must be a list, tuple, or set. "
            f"Got {collections} of type {type(collections)}"
        )
    if trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
        collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
    return collections


def check_initial(initial_value: Any, constraint: Any) -> None:
    """ValueError for a missing initial value, or a constraint that cannot be called."""
    if initial_value is None:
        raise ValueError("initial_value must be specified.")
    if constraint is not None and not callable(constraint):
        raise ValueError("The `constraint` argument must be a callable.")


@contextlib.contextmanager
def placed_with(name: str) -> Iterator[None]:
    """As `colocate_with` a node that is yet to be made; the blocks that are open already come first."""
    graph = get_default_graph()
    outer = graph._colocation_stack
    graph._colocation_stack = outer or [[b"loc:@" + name.encode()]]
    try:
        yield
    finally:
        graph._colocation_stack = outer


@contextlib.contextmanager
def on_device_of(tensor: Any) -> Iterator[None]:
    """The device of `tensor`, for its reads and writes."""
    with device(tensor.device or None):
        yield


def checked_slices(sparse_delta: Any) -> IndexedSlices:
    """`sparse_delta`; TypeError unless it is IndexedSlices."""
    if not isinstance(sparse_delta, IndexedSlices):
        raise TypeError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
    return sparse_delta


# Names in a scope that is exported or imported


def in_scope(name: str, scope: str | None) -> bool:
    """Whether `name` is exported with `scope`."""
    return scope is None or name.startswith(scope)


def without_scope(name: str, scope: str | None) -> str:
    """`name` as it is inside `scope`."""
    prefix = (scope or "").rstrip("/") + "/"
    return name.removeprefix(prefix) if scope else name


def with_scope(name: str, scope: str | None) -> str:
    """`name` as it is when `scope` is put around it."""
    return f"{scope.rstrip('/')}/{name}" if scope else name

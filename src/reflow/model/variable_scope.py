"""`tf.variable_scope` and `tf.get_variable`: named variables with defaults from their surroundings, made once
and shared."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import GraphKeys, get_default_graph, graph_of, name_scope
from reflow.model.modes import AUTO_REUSE, VariableAggregation, VariableSynchronization
from reflow.model.scope_state import VariableScope, get_variable_scope, get_variable_scope_store
from reflow.model.variable_store import VariableStore

STORE_KEY = ("__variable_store",)  # not text: such collections are never exported
_log = logging.getLogger("tensorflow")

__all__ = [
    "AUTO_REUSE",
    "PureVariableScope",
    "VariableScope",
    "create_partitioned_variables",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "get_variable_store",
    "no_regularizer",
    "variable_creator_scope",
    "variable_op_scope",
    "variable_scope",
]


def get_variable_store() -> VariableStore:
    """The default graph's store of the variables that `get_variable` made."""
    held = get_default_graph().get_collection_ref(STORE_KEY)
    if not held:
        held.append(VariableStore())
    store: VariableStore = held[0]
    return store


def no_regularizer(_: Any) -> None:
    """A regularizer that adds nothing: it keeps a variable out of its scope's regularizer.

    >>> import reflow as tf
    >>> tf.no_regularizer("anything") is None
    True
    """
    return None


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = VariableSynchronization.AUTO,
    aggregation: Any = VariableAggregation.NONE,
) -> Any:
    """The variable `name` of the current variable scope: made by the first call, found by later ones.

    Whether a call may make a variable, find one, or do both is the scope's `reuse`. Settings that are None
    come from the scope; without an initializer, floating-point variables start with
    `glorot_uniform_initializer`, others with zeros. `initializer` may be a function of (shape, dtype), or a
    value, which then gives the shape.

    Returns a `Variable` of `shape` and `dtype` (float32 by default), or a `PartitionedVariable` if there is a
    partitioner. Raises ValueError when a variable exists and must not, or does not and must, or has another
    shape or type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     with tf.variable_scope("layer"):
    ...         w = tf.get_variable("w", [2, 3])
    ...     with tf.variable_scope("layer", reuse=True):
    ...         print(w.name, tf.get_variable("w") is w)
    layer/w:0 True
    """
    return get_variable_scope().get_variable(
        get_variable_store(),
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=collections,
        caching_device=caching_device,
        partitioner=partitioner,
        validate_shape=validate_shape,
        use_resource=use_resource,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def get_local_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = False,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = VariableSynchronization.AUTO,
    aggregation: Any = VariableAggregation.NONE,
) -> Any:
    """As `get_variable`, for a variable that is local (not saved) and never trained, whatever `trainable`
    says.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     count = tf.get_local_variable("count", [], tf.int32)
    ...     print(tf.local_variables() == [count], tf.global_variables())
    True []
    """
    return get_variable(
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=False,
        collections=[*(collections or ()), GraphKeys.LOCAL_VARIABLES],
        caching_device=caching_device,
        partitioner=partitioner,
        validate_shape=validate_shape,
        use_resource=use_resource,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def _around(custom_getter: Callable[..., Any], outer: Callable[..., Any] | None) -> Callable[..., Any]:
    """`custom_getter`, called with a getter that goes through the surrounding scope's own custom getter."""
    if outer is None:
        return custom_getter

    def getter_in_getter(getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return custom_getter(functools.partial(outer, getter), *args, **kwargs)

    return getter_in_getter


class PureVariableScope:
    """A variable scope that opens no name scope. `settings` are those of `variable_scope` (None: as the
    parent)."""

    def __init__(
        self,
        name_or_scope: str | VariableScope,
        reuse: Any = None,
        old_name_scope: str | None = None,
        **settings: Any,
    ) -> None:
        self._target = name_or_scope
        self._reuse = reuse
        self._old_name_scope = old_name_scope
        self._settings = settings
        self._store = get_variable_scope_store()
        self._entered: list[tuple[VariableScope, VariableScope, dict[str, int] | None]] = []
        # A scope object gives its settings as they are when the block is made, not when it is entered.
        self._fixed: VariableScope | None = None
        if isinstance(name_or_scope, VariableScope):
            self._fixed = self._derived(
                name_or_scope,
                name_or_scope.name,
                reuse or name_or_scope.reuse,
                name_or_scope.original_name_scope,
            )

    def _derived(self, parent: VariableScope, name: str, reuse: Any, name_scope: str) -> VariableScope:
        settings = self._settings
        scope = VariableScope(
            reuse,
            name=name,
            name_scope=name_scope,
            custom_getter=parent.custom_getter,
            constraint=settings.get("constraint"),  # the one setting that is not inherited
            **{
                key: getattr(parent, key) if settings.get(key) is None else settings[key]
                for key in (
                    "initializer",
                    "regularizer",
                    "caching_device",
                    "partitioner",
                    "dtype",
                    "use_resource",
                )
            },
        )
        getter = settings.get("custom_getter")
        if getter is not None:
            scope.set_custom_getter(_around(getter, parent.custom_getter))
        return scope

    def __enter__(self) -> VariableScope:
        store = self._store
        old, counts = store.current_scope, None
        scope = self._fixed
        if scope is not None:
            store.opened(scope.name)
            counts = dict(store.counts)
        else:
            target = str(self._target)
            self._reuse = self._reuse or old.reuse
            inner_names = target if self._old_name_scope is None else self._old_name_scope
            scope = self._derived(old, old.full_name(target), self._reuse, inner_names)
            store.opened(scope.name)
        self._entered.append((old, scope, counts))
        store.current_scope = scope
        return scope

    def __exit__(self, *_: object) -> None:
        store = self._store
        old, scope, counts = self._entered.pop()
        if store.current_scope is not scope:
            raise RuntimeError("Improper nesting of variable_scope.")
        if counts is not None:
            store.counts = counts
        else:
            store.close_below(scope.name)
        store.current_scope = old


class variable_scope:  # noqa: N801 (TensorFlow's name)
    """A `with` block whose variables are named after it and share its defaults; it opens a name scope as
    well.

    `name_or_scope` is a name, a scope object to enter again, or None to take a unique name made from
    `default_name`. `reuse` is True (only find variables), `tf.AUTO_REUSE` (find or make), or None or False
    (as the surrounding scope). The other arguments are defaults for `get_variable`; the inner scopes inherit
    them all but `constraint`. With `auxiliary_name_scope=False` no name scope is opened.

    Raises TypeError if neither a name nor a default name is given, ValueError for another `reuse`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     for step in range(2):
    ...         with tf.variable_scope("shared", reuse=tf.AUTO_REUSE):
    ...             print(tf.get_variable("w", []).name, tf.constant(1.0).name)
    shared/w:0 shared/Const:0
    shared/w:0 shared_1/Const:0
    """

    def __init__(
        self,
        name_or_scope: str | VariableScope | None,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if reuse is False:
            reuse = None
        if not (reuse is True or reuse is None or reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}"
            )
        self._target = name_or_scope
        self._default_name = default_name
        self._reuse = reuse
        self._auxiliary_name_scope = auxiliary_name_scope
        self._settings = {
            "initializer": initializer,
            "regularizer": regularizer,
            "caching_device": caching_device,
            "partitioner": partitioner,
            "custom_getter": custom_getter,
            "dtype": dtype,
            "use_resource": use_resource,
            "constraint": constraint,
        }
        self._graph = graph_of(values or [])
        self._pure: PureVariableScope | None = None  # kept, so that the block can be entered again
        self._names: str | None = None
        self._entered: list[contextlib.ExitStack] = []

    def __enter__(self) -> VariableScope:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._graph.as_default())
            if self._pure is None:
                self._pure = self._resolve(stack)
            elif self._names is not None:
                stack.enter_context(name_scope(self._names))
            scope = stack.enter_context(self._pure)
            self._entered.append(stack.pop_all())
        return scope

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)

    def _resolve(self, stack: contextlib.ExitStack) -> PureVariableScope:
        """Enter the name scope, and make the pure scope, on the first entry."""
        target = self._target
        if target is None:
            if self._reuse:
                raise ValueError("reuse=True cannot be used without a name_or_scope")
            entered = self._enter_names(stack, str(self._default_name))
            unique = get_variable_scope_store().unique(str(self._default_name))
            return PureVariableScope(unique, old_name_scope=entered, **self._settings)
        if not isinstance(target, (str, VariableScope)):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        names = target if isinstance(target, str) else target.name.split("/")[-1]
        old_name_scope = None
        if names or not self._auxiliary_name_scope:
            entered = self._enter_names(stack, names)
            old_name_scope = entered if isinstance(target, str) else target.original_name_scope
        return PureVariableScope(target, reuse=self._reuse, old_name_scope=old_name_scope, **self._settings)

    def _enter_names(self, stack: contextlib.ExitStack, name: str) -> str:
        """Open name scope `name`, or stay in the current one when no auxiliary name scope is wanted."""
        if self._auxiliary_name_scope:
            self._names = name
        else:
            current = get_default_graph().get_name_scope()
            self._names = current + "/" if current else ""
        entered: str = stack.enter_context(name_scope(self._names))
        return entered


@contextlib.contextmanager
def variable_op_scope(
    values: Any,
    name_or_scope: str | VariableScope | None,
    default_name: str | None = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
) -> Iterator[VariableScope]:
    """`variable_scope` with its arguments in an older order; deprecated.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.variable_op_scope([], None, "layer") as scope:
    ...     scope.name
    'layer'
    """
    _log.warning("tf.variable_op_scope(values, name, default_name) is deprecated: use tf.variable_scope.")
    with variable_scope(
        name_or_scope,
        default_name=default_name,
        values=values,
        initializer=initializer,
        regularizer=regularizer,
        caching_device=caching_device,
        partitioner=partitioner,
        custom_getter=custom_getter,
        reuse=reuse,
        dtype=dtype,
        use_resource=use_resource,
        constraint=constraint,
    ) as scope:
        yield scope


@contextlib.contextmanager
def variable_creator_scope(variable_creator: Callable[..., Any]) -> Iterator[None]:
    """A `with` block in which `variable_creator(next_creator, **kwargs)` makes the variables.

    `kwargs` are the arguments of `tf.Variable`, by name; creators of inner blocks are called first.

    >>> import reflow as tf
    >>> def untrained(next_creator, **kwargs):
    ...     return next_creator(**{**kwargs, "trainable": False})
    >>> with tf.Graph().as_default(), tf.variable_creator_scope(untrained):
    ...     tf.Variable(1.0).trainable
    False
    """
    store = get_variable_scope_store()
    outer = store.creators
    store.creators = [*outer, variable_creator]
    try:
        yield
    finally:
        store.creators = outer


def create_partitioned_variables(
    shape: Any,
    slicing: Any,
    initializer: Any,
    dtype: Any = dtypes.float32,
    trainable: bool = True,
    collections: Any = None,
    name: str | None = None,
    reuse: Any = None,
) -> list[Any]:
    """The slices of a variable of `shape`, cut along each axis into as many parts as `slicing` says.
    Deprecated.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     parts = tf.create_partitioned_variables([4, 2], [2, 1], tf.zeros_initializer(), name="v")
    ...     [part.name for part in parts]
    ['v/part_0:0', 'v/part_1:0']
    """
    if len(shape) != len(slicing):
        raise ValueError(
            "The 'shape' and 'slicing' of a partitioned Variable must have the length: "
            f"shape: {shape}, slicing: {slicing}"
        )
    if len(shape) < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1: shape: {shape}")
    with variable_scope(name, "PartitionedVariable", reuse=reuse) as scope:
        whole = scope._get_partitioned_variable(
            get_variable_store(),
            None,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            trainable=trainable,
            partitioner=lambda **_: slicing,
            collections=collections,
        )
        return list(whole)

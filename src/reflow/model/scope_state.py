"""Variable scopes: the defaults that `get_variable` takes from its surroundings, kept for each graph and
thread."""

from __future__ import annotations

import threading
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import GraphKeys, convert_to_tensor, get_default_graph, name_scope
from reflow.model.modes import VariableAggregation, VariableSynchronization

SCOPE_STORE_KEY = ("__varscope",)  # not text: such collections are never exported


class VariableScope:
    """The defaults of one variable scope, and the prefix of its variables' names.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.variable_scope("layer") as scope:
    ...     print(scope.name, tf.get_variable("w", [2]).name)
    layer layer/w:0
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = dtypes.float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        self._name = name
        self._initializer = initializer
        self._regularizer = regularizer
        self._reuse = reuse
        self._caching_device = caching_device
        self._partitioner = partitioner
        self._custom_getter = custom_getter
        self._name_scope = name_scope
        self._dtype = dtype
        self._use_resource = use_resource
        self._constraint = constraint

    @property
    def name(self) -> str:
        """The prefix of the names of the scope's variables, without a final slash."""
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened with this variable scope."""
        return self._name_scope

    @property
    def reuse(self) -> Any:
        """True, False, None or `tf.AUTO_REUSE`."""
        return self._reuse

    @property
    def initializer(self) -> Any:
        return self._initializer

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def use_resource(self) -> bool | None:
        return self._use_resource

    @property
    def regularizer(self) -> Any:
        return self._regularizer

    @property
    def caching_device(self) -> Any:
        return self._caching_device

    @property
    def partitioner(self) -> Any:
        return self._partitioner

    @property
    def custom_getter(self) -> Any:
        return self._custom_getter

    @property
    def constraint(self) -> Any:
        return self._constraint

    def reuse_variables(self) -> None:
        """From now on, and in the scopes opened inside, `get_variable` only finds variables and makes
        none."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the initializer of variables that are given none."""
        self._initializer = initializer

    def set_dtype(self, dtype: Any) -> None:
        """Set the type of variables that are given none."""
        self._dtype = dtype

    def set_use_resource(self, use_resource: bool | None) -> None:
        """Set whether the scope's variables are resource variables."""
        self._use_resource = use_resource

    def set_regularizer(self, regularizer: Any) -> None:
        """Set the regularizer of variables that are given none."""
        self._regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        """Set the device that keeps copies of the values read."""
        self._caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        """Set the partitioner of variables that are given none."""
        self._partitioner = partitioner

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Set the function that `get_variable` calls in place of its own."""
        self._custom_getter = custom_getter

    def get_collection(self, name: str) -> list[Any]:
        """The members of a graph collection whose names start with this scope's."""
        return get_default_graph().get_collection(name, self._name + "/" if self._name else "")

    def trainable_variables(self) -> list[Any]:
        """The scope's trainable variables."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """The scope's global variables."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """The scope's local variables."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def _defaults(self, given: dict[str, Any]) -> dict[str, Any]:
        """`given`, with the scope's own setting wherever it says None."""
        own = (
            "initializer",
            "regularizer",
            "caching_device",
            "partitioner",
            "dtype",
            "use_resource",
            "constraint",
        )
        filled = {key: getattr(self, "_" + key) for key in own if given.get(key) is None}
        return {**given, **filled}

    def get_variable(
        self,
        var_store: Any,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
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
        """The variable `name` of this scope, made or found by `var_store` with the scope's defaults."""
        with name_scope(None):
            if dtype is not None and initializer is not None and not callable(initializer):
                found = convert_to_tensor(initializer).dtype.base_dtype
                if found != dtype:
                    raise ValueError(f"Initializer type '{found}' and explicit dtype '{dtype}' don't match.")
            given = {
                "shape": shape,
                "dtype": dtype,
                "initializer": initializer,
                "regularizer": regularizer,
                "reuse": self._reuse if reuse is None else reuse,
                "trainable": trainable,
                "collections": collections,
                "caching_device": caching_device,
                "partitioner": partitioner,
                "validate_shape": validate_shape,
                "use_resource": use_resource,
                "custom_getter": self._custom_getter if custom_getter is None else custom_getter,
                "constraint": constraint,
                "synchronization": synchronization,
                "aggregation": aggregation,
            }
            return var_store.get_variable(self.full_name(name), **self._defaults(given))

    def full_name(self, name: str | None) -> str:
        """`name` behind this scope's prefix. The slots of optimizers have the name "": the scope's own, "
        "re-entered."""
        return f"{self._name}/{name or ''}" if self._name else name or ""

    def _get_partitioned_variable(self, var_store: Any, name: str | None, **given: Any) -> Any:
        """A variable in slices, for `create_partitioned_variables`."""
        if self._custom_getter is not None:
            raise ValueError(
                "Private access to _get_partitioned_variable is not allowed when a custom getter is set.  "
                "Current "
                f"Current custom getter: {self._custom_getter}.  It is likely that you're using "
                "create_partitioned_variables."
                "  If so, consider instead using get_variable with a non-empty partitioner parameter instead."
            )
        settings = self._defaults(given)
        if settings.get("partitioner") is None:
            raise ValueError("No partitioner was specified")
        with name_scope(None):
            full_name = self.full_name(name) if name else self._name
            return var_store.get_partitioned_variable(full_name, reuse=self._reuse, **settings)


class ScopeStore(threading.local):
    """The current variable scope of a graph in this thread, and how often each scope name was opened."""

    def __init__(self) -> None:
        self.current_scope = VariableScope(False)
        self.counts: dict[str, int] = {}
        self.creators: list[Any] = []  # of `tf.variable_creator_scope`, the innermost last

    def opened(self, name: str) -> None:
        """Count an opening of scope `name`."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def close_below(self, name: str | None) -> None:
        """Forget the openings of all scopes inside `name`."""
        for other in self.counts:
            if name is None or other.startswith(name + "/"):
                self.counts[other] = 0

    def unique(self, prefix: str) -> str:
        """`prefix`, with a number if the current scope has a subscope of that name."""
        name = self.current_scope.full_name(prefix)
        if not self.counts.get(name):
            return prefix
        number = 1
        while self.counts.get(f"{name}_{number}"):
            number += 1
        return f"{prefix}_{number}"


def get_variable_scope_store() -> ScopeStore:
    """The default graph's store of scopes."""
    held = get_default_graph().get_collection_ref(SCOPE_STORE_KEY)
    if not held:
        held.append(ScopeStore())
    store: ScopeStore = held[0]
    return store


def get_variable_scope() -> VariableScope:
    """The current variable scope.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.variable_scope("a"), tf.variable_scope("b"):
    ...     tf.get_variable_scope().name
    'a/b'
    """
    return get_variable_scope_store().current_scope

"""`tf.make_template`: a function that makes its variables on the first call and shares them on later ones."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any

from reflow.graph.graph import GraphKeys, get_collection, get_collection_ref
from reflow.model.scope_state import VariableScope, get_variable_scope_store
from reflow.model.variable_scope import PureVariableScope, variable_scope

_log = logging.getLogger("tensorflow")
_HINT = (
    "created when calling a template after the first time, "
    "perhaps you used tf.Variable when you meant tf.get_variable"
)


def make_template(
    name_: str,
    func_: Callable[..., Any],
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> Template:
    """`func_` as a function whose `get_variable` calls make variables on the first call and find them on
    later ones.

    Args:
        name_: the name of the variable scope, made unique.
        func_: the function.
        create_scope_now_: take the name now and not at the first call.
        unique_name_: the exact name of the scope; variables then are shared with everything of that name.
        custom_getter_: a custom getter for the variables.
        **kwargs: arguments of `func_` that are the same in all calls.

    Raises ValueError if `name_` is None; calls raise it if a later one makes a trainable variable.

    >>> import reflow as tf
    >>> def scaled(x):
    ...     return x * tf.get_variable("scale", [])
    >>> with tf.Graph().as_default():
    ...     layer = tf.make_template("layer", scaled)
    ...     y, z = layer(1.0), layer(2.0)
    ...     print([v.name for v in tf.global_variables()], z.name)
    ['layer/scale:0'] layer_1/mul:0
    """
    if kwargs:
        func_ = functools.wraps(func_)(functools.partial(func_, **kwargs))
    return Template(name_, func_, create_scope_now_, unique_name_, custom_getter_)


class Template:
    """The function that `make_template` returns, with the variables that it made."""

    def __init__(
        self,
        name: str,
        func: Callable[..., Any],
        create_scope_now: bool = False,
        unique_name: str | None = None,
        custom_getter: Callable[..., Any] | None = None,
    ) -> None:
        if name is None:
            raise ValueError("name cannot be None.")
        self._func = func
        self._made_at = traceback.format_stack(limit=6)[:-2]
        self._name = name
        self._unique_name = unique_name
        self._custom_getter = custom_getter
        self._variable_scope: VariableScope | None = None
        self._variables_created = False
        self._first_call = True
        if create_scope_now:
            unique = unique_name or get_variable_scope_store().unique(name)
            with PureVariableScope(unique, custom_getter=custom_getter) as scope:
                self._variable_scope = scope

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._variable_scope is not None:
            with variable_scope(self._variable_scope, reuse=not self._first_call):
                return self._located(args, kwargs)
        with variable_scope(self._unique_name, self._name, custom_getter=self._custom_getter) as scope:
            self._variable_scope = scope
            return self._located(args, kwargs)

    def _located(self, args: Any, kwargs: Any) -> Any:
        """Call the function; an error says where the template was made."""
        try:
            return self._call(args, kwargs)
        except Exception as error:
            start = error.args[0] if error.args else ""
            error.args = (f"{start}\n\noriginally defined at:\n{''.join(self._made_at)}", *error.args[1:])
            raise

    def _call(self, args: Any, kwargs: Any) -> Any:
        if self._variables_created:
            return self._call_again(args, kwargs)
        if not self._first_call:  # a call inside the first one
            return self._func(*args, **kwargs)
        self._first_call = False
        try:
            result = self._func(*args, **kwargs)
        except BaseException:
            self._first_call = True
            raise
        self._variables_created = True
        return result

    def _call_again(self, args: Any, kwargs: Any) -> Any:
        variables = get_collection_ref(GraphKeys.GLOBAL_VARIABLES)
        trainable = get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)
        known, known_trainable = len(variables), len(trainable)
        result = self._func(*args, **kwargs)
        if len(trainable) != known_trainable:
            raise ValueError(f"Trainable variable {_HINT}: {trainable[known_trainable:]}")
        if len(variables) != known:
            _log.info("New variables %s: %s", _HINT, variables[known:])
        return result

    @property
    def name(self) -> str:
        """The name that was given."""
        return self._name

    @property
    def func(self) -> Callable[..., Any]:
        """The function that is called."""
        return self._func

    @property
    def variable_scope(self) -> VariableScope | None:
        """The scope of the variables; None before the first call."""
        return self._variable_scope

    @property
    def var_scope(self) -> VariableScope | None:
        """`variable_scope` by its older name."""
        return self._variable_scope

    @property
    def variable_scope_name(self) -> str | None:
        """The scope's name with a final slash; None before the first call."""
        if self._variable_scope is None:
            return None
        name = self._variable_scope.name
        return name if not name or name.endswith("/") else name + "/"

    def _own(self, key: str) -> list[Any]:
        return get_collection(key, self.variable_scope_name) if self._variables_created else []

    @property
    def variables(self) -> list[Any]:
        """The global and local variables that the template made."""
        return self.global_variables + self.local_variables

    @property
    def trainable_variables(self) -> list[Any]:
        return self._own(GraphKeys.TRAINABLE_VARIABLES)

    @property
    def non_trainable_variables(self) -> list[Any]:
        trainable = set(self.trainable_variables)
        return [v for v in self.global_variables if v not in trainable]

    @property
    def global_variables(self) -> list[Any]:
        return self._own(GraphKeys.GLOBAL_VARIABLES)

    @property
    def local_variables(self) -> list[Any]:
        return self._own(GraphKeys.LOCAL_VARIABLES)

    weights = variables
    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables

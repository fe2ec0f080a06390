"""Argument scopes: default arguments for the calls of some functions within a `with` block."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.graph import scopes

Settings = dict[str, dict[str, Any]]


def current_arg_scope() -> Settings:
    """The settings in force: for each function (by its key) its default arguments.

    >>> current_arg_scope()
    {}
    """
    return scopes.arg_scopes.top or {}


def arg_scope_func_key(op: Any) -> str:
    """The key of a function in the dict of an `arg_scope`.

    >>> import reflow as tf
    >>> with tf.contrib.framework.arg_scope([tf.contrib.layers.conv2d], stride=2) as settings:
    ...     settings[tf.contrib.framework.arg_scope_func_key(tf.contrib.layers.conv2d)]
    {'stride': 2}
    """
    return getattr(op, "_key_op", str(op))


def has_arg_scope(func: Any) -> bool:
    """Whether a function takes part in argument scopes: whether it was decorated with `add_arg_scope`.

    >>> import reflow as tf
    >>> has_arg_scope(tf.contrib.layers.conv2d), has_arg_scope(print)
    (True, False)
    """
    return hasattr(func, "_key_op")


def arg_scoped_arguments(func: Any) -> tuple[str, ...]:
    """The names of the arguments of a function that a scope may set: those with a default.

    >>> @add_arg_scope
    ... def scaled(x, by=2.0):
    ...     return x * by
    >>> arg_scoped_arguments(scaled)
    ('by',)
    """
    if not has_arg_scope(func):
        raise AssertionError(f"{_described(func)} is not decorated with @add_arg_scope")
    parameters = inspect.signature(func).parameters.values()
    return tuple(p.name for p in parameters if p.default is not inspect.Parameter.empty)


def add_arg_scope(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that `arg_scope` can set its arguments; those of a call go before them.

    >>> @add_arg_scope
    ... def scaled(x, by=2.0):
    ...     return x * by
    >>> with arg_scope([scaled], by=10.0):
    ...     scaled(1.0), scaled(1.0, by=3.0)
    (10.0, 3.0)
    """
    key = arg_scope_func_key(func)

    @functools.wraps(func)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **{**current_arg_scope().get(key, {}), **kwargs})

    for each in (func, scoped):
        with contextlib.suppress(AttributeError):  # a bound method takes no attributes
            each._key_op = key  # type: ignore[attr-defined]
    return scoped


@contextlib.contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[Settings]:
    """Set default arguments of some functions for the calls within a `with` block.

    Args:
        list_ops_or_scope: a list of functions decorated with `add_arg_scope`; or the settings that an earlier
            `arg_scope` gave, which then are all that hold.
        kwargs: the arguments.

    Raises:
        TypeError: neither a list nor a dict is given.
        ValueError: a function isn't decorated; arguments are given along with a dict.

    >>> import reflow as tf
    >>> layers = tf.contrib.layers
    >>> with tf.Graph().as_default(), arg_scope([layers.conv2d], padding="VALID"):
    ...     layers.conv2d(tf.zeros([1, 5, 5, 1]), 2, 3).shape.as_list()
    [1, 3, 3, 2]
    """
    if isinstance(list_ops_or_scope, dict):
        if kwargs:
            raise ValueError(
                "When attempting to re-use a scope by suppling a dictionary, kwargs must be empty: "
                f"{sorted(kwargs)}"
            )
        settings = dict(list_ops_or_scope)
    else:
        settings = _merged(list_ops_or_scope, kwargs)
    with scopes.arg_scopes.pushed(settings, what="arg_scope"):
        yield settings


def _merged(functions: Sequence[Any], arguments: dict[str, Any]) -> Settings:
    """The settings in force, and some more of some functions."""
    if not isinstance(functions, (list, tuple)):
        raise TypeError(
            f"list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict), not {functions!r}"
        )
    settings = dict(current_arg_scope())
    for function in functions:
        if not has_arg_scope(function):
            raise ValueError(f"{_described(function)} is not decorated with @add_arg_scope")
        key = arg_scope_func_key(function)
        settings[key] = {**settings.get(key, {}), **arguments}
    return settings


def _described(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', function)}"

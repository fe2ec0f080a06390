"""Functions of single ops, as programs import them from `tensorflow.python.ops.gen_*` and `training_ops`.

`raw.apply_adam` adds one `ApplyAdam` node: its arguments are the op's inputs, its attributes that are not
inferred, and a name. Any op that Reflow has can be had so, by its name in small letters.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from reflow.graph import registry
from reflow.graph.graph import emit

_ARGUMENT = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _snake(name: str) -> str:
    """An op's name as a function's name.

    >>> _snake("ResourceApplyAdam"), _snake("BiasAddGrad")
    ('resource_apply_adam', 'bias_add_grad')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


@functools.cache
def _op_types() -> dict[str, str]:
    return {_snake(name): name for name in registry.known_types()}


def _signature(definition: registry.Definition) -> inspect.Signature:
    attrs = [a for name, a in definition.attrs.items() if name not in definition.inferred_attrs]
    needed = [inspect.Parameter(i.name, _ARGUMENT) for i in definition.inputs]
    needed += [inspect.Parameter(a.name, _ARGUMENT) for a in attrs if not a.has_default]
    given = [inspect.Parameter(a.name, _ARGUMENT, default=a.default) for a in attrs if a.has_default]
    return inspect.Signature([*needed, *given, inspect.Parameter("name", _ARGUMENT, default=None)])


def function_of(op_type: str) -> Callable[..., Any]:
    """A function that adds one op of a type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(function_of("BiasAddGrad")([[1.0, 2.0], [3.0, 4.0]])))
    [4. 6.]
    """
    definition = registry.definition(op_type)
    if definition is None:
        raise AttributeError(f"There is no op of type {op_type!r}")
    signature = _signature(definition)
    inputs = [i.name for i in definition.inputs]

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        return emit(op_type, *[given.pop(i) for i in inputs], name=given.pop("name"), **given)

    call.__name__ = call.__qualname__ = _snake(op_type)
    call.__doc__ = f"Add one {op_type} node."
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def __getattr__(name: str) -> Any:
    op_type = _op_types().get(name)
    if op_type is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return function_of(op_type)

"""`tf.custom_gradient`: a function that brings its own gradient."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from reflow.graph import scopes
from reflow.graph.graph import Graph, GraphKeys, convert_to_tensor, emit, get_default_graph
from reflow.model.resource_variables import is_resource_variable
from reflow.model.variable_scope import get_variable_scope
from reflow.platform import nest
from reflow.platform.logging import warning

READS = ("ReadVariableOp", "ResourceGather", "ResourceGatherNd")
REFERENCE_USED = (
    "All variables used by a function wrapped with @custom_gradient must be `ResourceVariable`s. "
    "Ensure that no `variable_scope` is created with `use_resource=False`."
)
NO_ARGUMENT = (
    "If using @custom_gradient with a function that uses variables, then grad_fn must accept a 'variables' "
    "keyword argument."
)
NO_RESOURCES = (
    "If using @custom_gradient with a function that uses variables, the enclosing variable scope must have "
    "use_resource=True."
)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of tensors that returns its result and a function for the gradient of it.

    Args:
        f: takes tensors; returns `(y, grad_fn)`, where `y` is a tensor or a nested structure of tensors.
            `grad_fn(*dys)` takes the gradients of the tensors of `y` and returns those of `f`'s arguments.
            When `f` uses resource variables that are not among its arguments, `grad_fn` takes them as
            `variables=` too, and returns the pair (gradients of the arguments, list of the gradients of the
            variables).

    Returns:
        A function that returns `y`; gradients of it are those of `grad_fn`.

    Raises:
        ValueError: the function is called with keyword arguments.
        TypeError: it uses reference variables, or variables that `grad_fn` does not take.

    >>> import reflow as tf
    >>> @tf.custom_gradient
    ... def clipped(x):
    ...     return x * x, lambda dy: tf.clip_by_value(dy * 2.0 * x, -1.0, 1.0)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant([0.25, 8.0])
    ...     print(sess.run(tf.gradients(clipped(x), x)[0]))
    [0.5 1. ]
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise ValueError(
                "The custom_gradient decorator currently supports keywords arguments only when eager "
                "execution is enabled."
            )
        return _call(f, [convert_to_tensor(x) for x in args], args)

    return decorated


def _call(f: Callable[..., Any], inputs: list[Any], given: tuple[Any, ...]) -> Any:
    """Build the function's nodes, and behind them one `IdentityN` that has the gradient."""
    graph = get_default_graph()
    start, before = graph.version, set(_scope_variables())
    result, grad_fn = f(*inputs)
    if any(v not in before and not is_resource_variable(v) for v in _scope_variables()):
        raise TypeError(REFERENCE_USED)
    used = [v for v in _variables_read(graph, start) if not any(v is x for x in given)]
    _check_signature(grad_fn, used)
    flat = nest.flatten(result)
    for tensor in flat:  # TensorFlow makes these nodes too; nothing uses them
        emit("Identity", tensor)
    rule = f"CustomGradient-{scopes.process.next_number()}"
    scopes.process.gradient_rules[rule] = _rule(grad_fn, used, len(flat))
    with graph.gradient_override_map({"IdentityN": rule}):
        outputs = emit("IdentityN", [*flat, *inputs, *used])
    for variable in used:
        convert_to_tensor(variable)
    return nest.pack_sequence_as(result, outputs[: len(flat)])


def _scope_variables() -> list[Any]:
    scope = get_variable_scope()
    return [*scope.global_variables(), *scope.local_variables()]


def _variables_read(graph: Graph, start: int) -> list[Any]:
    """The trainable resource variables that the nodes since number `start` read, in the order of the
    reads."""
    by_handle = {
        v.handle: v for v in graph.get_collection(GraphKeys.TRAINABLE_VARIABLES) if is_resource_variable(v)
    }
    handles = [op.inputs[0] for op in graph.get_operations()[start:] if op.type in READS]
    return list(dict.fromkeys(by_handle[h] for h in handles if h in by_handle))


def _check_signature(grad_fn: Callable[..., Any], variables: list[Any]) -> None:
    """TypeError unless `grad_fn` takes the variables that its function uses."""
    signature = inspect.getfullargspec(grad_fn)
    takes = "variables" in (*signature.args, *signature.kwonlyargs) or signature.varkw is not None
    if variables and not takes:
        raise TypeError(NO_ARGUMENT)
    if takes and not variables:
        if not get_variable_scope().use_resource:
            raise TypeError(NO_RESOURCES)
        warning(
            "@custom_gradient grad_fn has 'variables' in signature, but no ResourceVariables were used on "
            "the forward pass."
        )


def _rule(grad_fn: Callable[..., Any], variables: list[Any], results: int) -> Callable[..., Any]:
    """The gradient rule of the `IdentityN`: nothing flows into the function's own nodes."""

    def rule(op: Any, *grads: Any) -> list[Any]:
        if not variables:
            return [None] * results + nest.flatten(grad_fn(*grads[:results]))
        of_inputs, of_variables = grad_fn(*grads[:results], variables=variables)
        if len(of_variables) != len(variables):
            raise ValueError("Must return gradient for each variable from @custom_gradient grad_fn.")
        return [None] * results + nest.flatten(of_inputs) + list(of_variables)

    return rule

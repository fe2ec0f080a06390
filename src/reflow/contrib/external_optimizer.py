"""Optimizers outside the graph: they ask for losses and gradients, and the variables get what they find."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reflow.autodiff import gradients
from reflow.graph.graph import Tensor
from reflow.model.variables import trainable_variables
from reflow.ops.array import placeholder, zeros_like
from reflow.ops.joining import concat
from reflow.ops.shaping import reshape
from reflow.platform.logging import info
from reflow.runtime.session import get_default_session

Evaluate = Callable[[Any], Any]


def _sizes(variable: Any) -> tuple[int, ...]:
    return tuple(variable.get_shape().as_list())


def _gradients(loss: Any, variables: Sequence[Any]) -> list[Any]:
    found = gradients(loss, variables)
    return [zeros_like(v) if g is None else g for g, v in zip(found, variables, strict=True)]


def _first(function: Evaluate) -> Evaluate:
    return lambda x: function(x)[0]


def _packed(tensors: Sequence[Any]) -> Tensor | None:
    """Tensors as one vector, one after the other."""
    flat = [reshape(t, [-1]) for t in tensors]
    if len(flat) > 1:
        return concat(flat, 0)
    return flat[0] if flat else None


class ExternalOptimizerInterface:
    """A base class for optimizers that run outside the graph: a subclass has `_minimize`.

    Args:
        loss: the scalar to make small.
        var_list: the variables to change; all trainable ones by default.
        equalities: tensors to hold at 0.
        inequalities: tensors to hold at 0 or above.
        var_to_bounds: the least and the greatest value of some variables, as pairs of numbers or arrays.
        **optimizer_kwargs: what `_minimize` gets.
    """

    def __init__(
        self,
        loss: Any,
        var_list: Sequence[Any] | None = None,
        equalities: Sequence[Any] | None = None,
        inequalities: Sequence[Any] | None = None,
        var_to_bounds: Mapping[Any, Any] | None = None,
        **optimizer_kwargs: Any,
    ) -> None:
        self._loss = loss
        self._vars = trainable_variables() if var_list is None else list(var_list)
        self._equalities = list(equalities or ())
        self._inequalities = list(inequalities or ())
        self._packed_bounds = None if var_to_bounds is None else self._bounds(var_to_bounds)
        self.optimizer_kwargs = optimizer_kwargs
        self._build()

    def _build(self) -> None:
        """The nodes: new values go in through placeholders, gradients come out as one vector each."""
        self._update_placeholders = [placeholder(v.dtype) for v in self._vars]
        pairs = zip(self._vars, self._update_placeholders, strict=True)
        self._var_updates = [v.assign(reshape(new, _sizes(v))) for v, new in pairs]
        conditions = (*self._equalities, *self._inequalities)
        of_loss = _gradients(self._loss, self._vars)
        of_conditions = [_gradients(c, self._vars) for c in conditions]
        self._packed_var = _packed(self._vars)
        self._packed_loss_grad = _packed(of_loss)
        vectors = [_packed(g) for g in of_conditions]
        self._packed_equality_grads = vectors[: len(self._equalities)]
        self._packed_inequality_grads = vectors[len(self._equalities) :]
        ends = list(itertools.accumulate((math.prod(_sizes(v)) for v in self._vars), initial=0))
        self._packing_slices = [slice(a, b) for a, b in itertools.pairwise(ends)]

    def _bounds(self, given: Mapping[Any, Any]) -> list[tuple[float, float]]:
        pairs: list[tuple[float, float]] = []
        for variable in self._vars:
            low, high = given.get(variable, (-np.inf, np.inf))
            shape = _sizes(variable)
            pairs += zip(np.broadcast_to(low, shape).flat, np.broadcast_to(high, shape).flat, strict=True)
        return pairs

    def minimize(
        self,
        session: Any = None,
        feed_dict: Mapping[Any, Any] | None = None,
        fetches: Sequence[Any] | None = None,
        step_callback: Callable[..., Any] | None = None,
        loss_callback: Callable[..., Any] | None = None,
        **run_kwargs: Any,
    ) -> None:
        """Minimize the loss and assign the variables; they change once, when the optimizer has ended.

        Args:
            session: the session that has the variables; the default one by default.
            feed_dict: what to feed in each evaluation.
            fetches: what to fetch in each evaluation of the loss, for `loss_callback(*values)`.
            step_callback: called with the vector of all variables at each step.
            **run_kwargs: for the `session.run` that assigns the variables.
        """
        session = session or get_default_session()
        extra = list(fetches or [])
        feeds = dict(feed_dict or {})

        def function(tensors: list[Any], callback: Any = None) -> Evaluate:
            return self._function(session, feeds, tensors, extra, callback)

        def functions(tensors: Sequence[Any]) -> list[Evaluate]:
            return [_first(function([t])) for t in tensors]

        found = self._minimize(
            initial_val=session.run(self._packed_var),
            loss_grad_func=function([self._loss, self._packed_loss_grad], loss_callback),
            equality_funcs=functions(self._equalities),
            equality_grad_funcs=functions(self._packed_equality_grads),
            inequality_funcs=functions(self._inequalities),
            inequality_grad_funcs=functions(self._packed_inequality_grads),
            packed_bounds=self._packed_bounds,
            step_callback=step_callback or (lambda xk: None),
            optimizer_kwargs=self.optimizer_kwargs,
        )
        new = dict(zip(self._update_placeholders, (found[s] for s in self._packing_slices), strict=True))
        session.run(self._var_updates, feed_dict=new, **run_kwargs)

    def _function(
        self, session: Any, feeds: dict[Any, Any], tensors: list[Any], extra: list[Any], callback: Any
    ) -> Evaluate:
        """A function of the packed variables: the values of `tensors` there."""

        def evaluate(x: Any) -> list[Any]:
            pairs = zip(self._vars, self._packing_slices, strict=True)
            given = {v: x[part].reshape(_sizes(v)) for v, part in pairs}
            values = session.run(tensors + extra, feed_dict={**given, **feeds})
            if callback is not None:
                callback(*values[len(tensors) :])
            return list(values[: len(tensors)])

        return evaluate

    def _minimize(
        self,
        initial_val: Any,
        loss_grad_func: Evaluate,
        equality_funcs: list[Evaluate],
        equality_grad_funcs: list[Evaluate],
        inequality_funcs: list[Evaluate],
        inequality_grad_funcs: list[Evaluate],
        packed_bounds: list[tuple[float, float]] | None,
        step_callback: Callable[..., Any],
        optimizer_kwargs: dict[str, Any],
    ) -> Any:
        """The vector at which the loss is least; a subclass computes it.

        Functions take such a vector: `loss_grad_func` gives the loss and its gradient, the others one array.
        """
        raise NotImplementedError(
            "To use ExternalOptimizerInterface, subclass from it and implement the _minimize() method."
        )


class ScipyOptimizerInterface(ExternalOptimizerInterface):
    """Minimizes with `scipy.optimize.minimize`, by L-BFGS-B or the `method` given.

    Other keyword arguments (`options`, `tol`) go to SciPy.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable([7.0, 7.0])
    ...     loss = tf.reduce_sum(tf.square(x - 3.0))
    ...     optimizer = tf.contrib.opt.ScipyOptimizerInterface(loss, var_to_bounds={x: (-5.0, [2.0, 9.0])})
    ...     sess.run(tf.global_variables_initializer())
    ...     optimizer.minimize(sess)
    ...     print(sess.run(x).round(4))
    [2. 3.]
    """

    _DEFAULT_METHOD = "L-BFGS-B"

    def _minimize(
        self,
        initial_val: Any,
        loss_grad_func: Evaluate,
        equality_funcs: list[Evaluate],
        equality_grad_funcs: list[Evaluate],
        inequality_funcs: list[Evaluate],
        inequality_grad_funcs: list[Evaluate],
        packed_bounds: list[tuple[float, float]] | None,
        step_callback: Callable[..., Any],
        optimizer_kwargs: dict[str, Any],
    ) -> Any:
        import scipy.optimize

        equalities = zip(equality_funcs, equality_grad_funcs, strict=True)
        inequalities = zip(inequality_funcs, inequality_grad_funcs, strict=True)
        constraints = [{"type": "eq", "fun": f, "jac": g} for f, g in equalities]
        constraints += [{"type": "ineq", "fun": f, "jac": g} for f, g in inequalities]
        own = {"jac": True, "callback": step_callback, "constraints": constraints, "bounds": packed_bounds}
        options = dict(optimizer_kwargs)
        _refuse_own(options, own)
        method = options.pop("method", self._DEFAULT_METHOD)

        def loss_and_gradient(x: Any) -> tuple[float, Any]:
            loss, gradient = loss_grad_func(x)
            return float(loss), gradient.astype(np.float64)

        result = scipy.optimize.minimize(
            loss_and_gradient, initial_val.astype(np.float64), method=method, **own, **options
        )
        _report(result)
        return result.x


def _refuse_own(options: dict[str, Any], own: dict[str, Any]) -> None:
    if "bounds" in options:
        raise ValueError("Bounds must be set using the var_to_bounds argument")
    for name in own:
        if name in options:
            raise ValueError(
                f"Optimizer keyword arg '{name}' is set automatically and cannot be injected manually"
            )


def _report(result: Any) -> None:
    lines = ["Optimization terminated with:", f"  Message: {_text(result.message)}"]
    lines.append(f"  Objective function value: {result.fun:f}")
    if hasattr(result, "nit"):
        lines.append(f"  Number of iterations: {result.nit}")
    if hasattr(result, "nfev"):
        lines.append(f"  Number of functions evaluations: {result.nfev}")
    info("%s", "\n".join(lines))


def _text(message: Any) -> str:
    return message.decode() if isinstance(message, bytes) else str(message)

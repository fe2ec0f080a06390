"""The optimizers' steps as ops: for each formula a dense and a row-wise form, on reference and on resource
variables.

A formula takes the inputs of the op by the names of its signature and returns the new contents of its slots,
in order. The row-wise (`Sparse`) form applies the same formula to the rows that `indices` name and leaves the
others alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base.shape import unknown_shape
from reflow.graph.checks import absent, any_absent, committed, kept, require
from reflow.graph.registry import definition, known_types, register
from reflow.ops import parts
from reflow.ops.state import handle_shape

Formula = Callable[..., Any]


def gradient_descent(xp: Any, var: Any, alpha: Any, delta: Any) -> Any:
    return (var - alpha * delta,)


def momentum(xp: Any, var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, *, use_nesterov: bool) -> Any:
    accum = kept(xp, accum * momentum + grad, accum)
    step = grad * lr + accum * momentum * lr if use_nesterov else accum * lr
    return var - step, accum


def adam(
    xp: Any,
    var: Any,
    m: Any,
    v: Any,
    beta1_power: Any,
    beta2_power: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    grad: Any,
    *,
    use_nesterov: bool,
) -> Any:
    """Kingma & Ba 2015 in the form before their section 2.1: epsilon is added to the uncorrected root
    ("epsilon hat")."""
    rate = lr * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
    m = kept(xp, m + (grad - m) * (1 - beta1), m)
    v = kept(xp, v + (grad * grad - v) * (1 - beta2), v)
    direction = grad * (1 - beta1) + beta1 * m if use_nesterov else m
    return var - rate * direction / (xp.sqrt(v) + epsilon), m, v


def adamax(
    xp: Any,
    var: Any,
    m: Any,
    v: Any,
    beta1_power: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    grad: Any,
) -> Any:
    m = kept(xp, m + (grad - m) * (1 - beta1), m)
    v = kept(xp, xp.maximum(beta2 * v, xp.abs(grad)), v)
    return var - lr / (1 - beta1_power) * (m / (v + epsilon)), m, v


def adagrad(xp: Any, var: Any, accum: Any, lr: Any, grad: Any, *, update_slots: bool) -> Any:
    """Duchi et al. 2011."""
    accum = kept(xp, accum + grad * grad, accum) if update_slots else accum
    return var - grad * lr / xp.sqrt(accum), accum


def adagrad_v2(xp: Any, var: Any, accum: Any, lr: Any, epsilon: Any, grad: Any, *, update_slots: bool) -> Any:
    accum = kept(xp, accum + grad * grad, accum) if update_slots else accum
    return var - grad * lr / (xp.sqrt(accum) + epsilon), accum


def adadelta(
    xp: Any, var: Any, accum: Any, accum_update: Any, lr: Any, rho: Any, epsilon: Any, grad: Any
) -> Any:
    """Zeiler 2012."""
    accum = kept(xp, accum * rho + grad * grad * (1 - rho), accum)
    update = xp.sqrt(accum_update + epsilon) / xp.sqrt(accum + epsilon) * grad
    return var - update * lr, accum, accum_update * rho + update * update * (1 - rho)


def rms_prop(
    xp: Any, var: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any
) -> Any:
    ms = kept(xp, ms + (grad * grad - ms) * (1 - rho), ms)
    mom = kept(xp, mom * momentum + grad * lr / xp.sqrt(ms + epsilon), mom)
    return var - mom, ms, mom


def centered_rms_prop(
    xp: Any, var: Any, mg: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any
) -> Any:
    ms = kept(xp, ms + (grad * grad - ms) * (1 - rho), ms)
    mg = kept(xp, mg + (grad - mg) * (1 - rho), mg)
    mom = kept(xp, mom * momentum + grad * lr / xp.sqrt(ms - mg * mg + epsilon), mom)
    return var - mom, mg, ms, mom


def ftrl(
    xp: Any, var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, lr_power: Any
) -> Any:
    """McMahan et al. 2013."""
    return _ftrl(xp, var, accum, linear, grad, grad, lr, l1, l2, lr_power)


def ftrl_v2(
    xp: Any,
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    l2_shrinkage: Any,
    lr_power: Any,
) -> Any:
    return _ftrl(xp, var, accum, linear, grad, grad + 2 * l2_shrinkage * var, lr, l1, l2, lr_power)


def _ftrl(
    xp: Any,
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    shrunk: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    lr_power: Any,
) -> Any:
    total = accum + grad * grad
    new_root, old_root = xp.power(total, -lr_power), xp.power(accum, -lr_power)
    linear = linear + shrunk - (new_root - old_root) / lr * var
    quadratic = new_root / lr + 2 * l2
    solved = (l1 * xp.sign(linear) - linear) / quadratic
    return xp.where(xp.abs(linear) > l1, solved, xp.zeros_like(var)), total, linear


def _shrunk(xp: Any, value: Any, rate: Any, l1: Any, l2: Any) -> Any:
    """The proximal step of l1 and l2 regularization (Duchi & Singer 2009)."""
    thresholded = xp.sign(value) * xp.maximum(xp.abs(value) - rate * l1, xp.zeros_like(value))
    return xp.where(l1 > 0, thresholded, value) / (1 + l2 * rate)


def proximal_gradient_descent(
    xp: Any, var: Any, alpha: Any, l1: Any, l2: Any, delta: Any = None, grad: Any = None
) -> Any:
    return (_shrunk(xp, var - alpha * (grad if delta is None else delta), alpha, l1, l2),)


def proximal_adagrad(xp: Any, var: Any, accum: Any, lr: Any, l1: Any, l2: Any, grad: Any) -> Any:
    accum = kept(xp, accum + grad * grad, accum)
    rate = lr / xp.sqrt(accum)
    return _shrunk(xp, var - grad * rate, rate, l1, l2), accum


def adagrad_da(
    xp: Any,
    var: Any,
    gradient_accumulator: Any,
    gradient_squared_accumulator: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    global_step: Any,
) -> Any:
    """Adagrad with dual averaging (Duchi et al. 2011, section 5)."""
    steps = xp.asarray(global_step).astype(var.dtype)
    total, squares = gradient_accumulator + grad, gradient_squared_accumulator + grad * grad
    thresholded = xp.sign(total) * xp.maximum(xp.abs(total) - l1 * steps, xp.zeros_like(total))
    numerator = xp.where(l1 > 0, thresholded, total)
    return -lr * numerator / (l2 * steps * lr + xp.sqrt(squares)), total, squares


FORMULAS: dict[str, tuple[Formula, int]] = {  # name in the op types, formula and number of slots
    "GradientDescent": (gradient_descent, 1),
    "Momentum": (momentum, 2),
    "Adam": (adam, 3),
    "AdaMax": (adamax, 3),
    "Adagrad": (adagrad, 2),
    "AdagradV2": (adagrad_v2, 2),
    "Adadelta": (adadelta, 3),
    "RMSProp": (rms_prop, 3),
    "CenteredRMSProp": (centered_rms_prop, 4),
    "Ftrl": (ftrl, 3),
    "FtrlV2": (ftrl_v2, 3),
    "ProximalGradientDescent": (proximal_gradient_descent, 1),
    "ProximalAdagrad": (proximal_adagrad, 2),
    "AdagradDA": (adagrad_da, 3),
}


def _dense_kernel(formula: Formula, names: list[str]) -> Formula:
    gradient = "delta" if "delta" in names else "grad"

    @functools.wraps(formula)  # the attributes that the formula names stay visible
    def kernel(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        given = dict(zip(names, arrays, strict=True))
        var, grad = given["var"], given[gradient]
        same = np.bool_(var.shape == grad.shape)
        require(xp, same, f"var and {gradient} do not have the same shape{{}} {{}}", _text(var), _text(grad))
        made = parts.in_one_loop(xp, functools.partial(formula, xp, **attrs), given)
        new = tuple(_typed(xp, n, var.dtype) for n in made)
        return new if len(new) > 1 else new[0]

    return kernel


def _typed(xp: Any, array: Any, dtype: Any) -> Any:
    """The array itself, by which a step knows what is `kept`, unless a scalar of another type widened it."""
    return array if array.dtype == dtype else xp.asarray(array, dtype)


def _text(array: Any) -> str:
    return "[" + ",".join(str(size) for size in array.shape) + "]"


def _sparse_kernel(formula: Formula, names: list[str], slots: int) -> Formula:
    """The formula for the rows that `indices` name. Each row is named once, as the optimizers see to."""

    @functools.wraps(formula)
    def kernel(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        given = dict(zip(names, arrays, strict=True))
        indices = given.pop("indices")
        wholes = [given[n] for n in names[:slots]]
        _check_rows(xp, indices, given["grad"], wholes[0])
        given.update(zip(names, _rows(xp, wholes, indices), strict=False))
        rows = formula(xp, **given, **attrs)
        new = tuple(_with_rows(xp, w, indices, r) for w, r in zip(wholes, rows, strict=True))
        return new if len(new) > 1 else new[0]

    return kernel


def _check_rows(xp: Any, indices: Any, grad: Any, whole: Any) -> None:
    same = np.bool_(indices.shape[0] == grad.shape[0])
    require(xp, same, "grad must be the same size as indices in the first dimension.")
    if indices.shape[0]:
        indices = xp.asarray(indices)
        outside = (indices < 0) | (indices >= whole.shape[0])
        if any_absent():
            outside = outside & ~absent(xp, indices)
        at = xp.argmax(outside)
        message = "Index {} at offset {} in indices is out of range"
        require(xp, xp.logical_not(xp.any(outside)), message, indices[at], at)


def _rows(xp: Any, wholes: list[Any], indices: Any) -> list[Any]:
    """The rows of each slot."""
    if xp is np:
        return [whole[indices] for whole in wholes]
    return [whole.at[indices].get(mode="clip") for whole in wholes]


def _with_rows(xp: Any, whole: Any, indices: Any, rows: Any) -> Any:
    if xp is np:
        whole = whole.copy()
        whole[indices] = rows
        return whole
    places = committed(xp, xp.asarray(indices), whole.shape[0])
    return whole.at[places].set(rows.astype(whole.dtype))


def _step_shape(slots: int) -> Callable[[Any], Any]:
    """The shape rule of a step: the variables have one shape, the gradient that shape or, for some rows, such
    rows."""

    def shape(node: Any) -> Any:
        names = [a.name for a in node.definition.inputs]
        gradient = node.inputs[names.index("delta" if "delta" in names else "grad")].shape
        var = unknown_shape()
        for tensor in node.inputs[:slots]:
            var = var.merge_with(handle_shape(tensor) if tensor.dtype.name == "resource" else tensor.shape)
        if "indices" not in names:
            var = var.merge_with(gradient)
        elif var.ndims is not None and gradient.ndims is not None:
            count = node.inputs[names.index("indices")].shape.with_rank(1)
            gradient.merge_with(count.concatenate(var[1:]))
        return [var] * len(node.outputs)

    return shape


def _register_all() -> None:
    known = set(known_types())
    for name, (formula, slots) in FORMULAS.items():
        for prefix in ("Apply", "ResourceApply", "SparseApply", "ResourceSparseApply"):
            signature = definition(prefix + name) if prefix + name in known else None
            if signature is None:
                continue
            names = [a.name for a in signature.inputs]
            sparse = "indices" in names
            kernel = _sparse_kernel(formula, names, slots) if sparse else _dense_kernel(formula, names)
            written = tuple(range(slots))
            register(prefix + name, shape=_step_shape(slots), kernel=kernel, updates=written, gradient=None)


_register_all()

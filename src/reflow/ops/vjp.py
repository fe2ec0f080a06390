"""The generic gradient: one node whose kernel is `jax.vjp` of another op's kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reflow.graph import registry, scopes
from reflow.graph.graph import Operation, Tensor, get_default_graph

OP = "ReflowVjp"


@dataclass(frozen=True)
class Forward:
    """The op that a generic gradient node is of: its type and attributes."""

    name: str
    attrs: dict[str, Any] = field(hash=False)
    inputs: int = 0
    wanted: tuple[int, ...] = ()  # inputs whose gradients the node gives
    seeded: tuple[int, ...] = ()  # outputs whose gradients flow in


def vjp_gradients(op: Operation, *grads: Any) -> list[Any]:
    """Gradients of an op that has no hand-written rule."""
    wanted = tuple(i for i, t in enumerate(op.inputs) if t.dtype.is_floating or t.dtype.is_complex)
    seeded = tuple(i for i, g in enumerate(grads) if g is not None and _is_float(op.outputs[i]))
    if not wanted or not seeded:
        return [None] * len(op.inputs)
    graph = get_default_graph()
    cotangents = [graph.convert(grads[i]) for i in seeded]
    forward = Forward(op.type, dict(op.attrs), len(op.inputs), wanted, seeded)
    inputs = [*op.inputs, *cotangents]
    attrs = {
        "forward": forward,
        "Tin": [t.dtype.base_dtype for t in inputs],
        "Tout": [op.inputs[i].dtype.base_dtype for i in wanted],
    }
    node = graph.add(OP, inputs, attrs, OP)
    result: list[Any] = [None] * len(op.inputs)
    for i, tensor in zip(wanted, node.outputs, strict=True):
        result[i] = tensor
    return result


def _is_float(tensor: Tensor) -> bool:
    return bool(tensor.dtype.base_dtype.is_floating or tensor.dtype.base_dtype.is_complex)


def _vjp_shape(node: Operation) -> list[Any]:
    return [node.inputs[i].shape for i in node.attrs["forward"].wanted]


def _vjp_kernel(jnp: Any, *arrays: Any, forward: Forward) -> tuple[Any, ...]:
    import jax

    inputs, cotangents = list(arrays[: forward.inputs]), arrays[forward.inputs :]
    rule = registry.rule(forward.name)
    kernel = None if rule is None else rule.bound("xla" if rule.xla is not None else "kernel", forward.attrs)
    if kernel is None:
        raise TypeError(f"Op {forward.name} has no kernel that can be differentiated")

    def outputs(*floats: Any) -> tuple[Any, ...]:
        for i, value in zip(forward.wanted, floats, strict=True):
            inputs[i] = value
        result = kernel(jnp, *inputs)
        result = result if isinstance(result, (tuple, list)) else (result,)
        return tuple(result[i] for i in forward.seeded)

    with scopes.foreign.pushed(None):  # JAX cannot differentiate what a library computes
        _, pull = jax.vjp(outputs, *[jnp.asarray(inputs[i]) for i in forward.wanted])
    # JAX's transpose for complex values is the conjugate of TensorFlow's convention.
    seeds = tuple(jnp.conj(c) if np.iscomplexobj(c) else jnp.asarray(c) for c in cotangents)
    return tuple(jnp.conj(g) if np.iscomplexobj(g) else g for g in pull(seeds))


registry.register(OP, shape=_vjp_shape, xla=_vjp_kernel)

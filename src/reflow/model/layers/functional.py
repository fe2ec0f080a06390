"""Functions that apply a layer once: `tf.layers.conv2d(x, 32, 3)` is `tf.layers.Conv2D(32, 3)(x)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from reflow.model.layers.base import Layer

ALWAYS = ("self", "kwargs")
KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _signature(layer: type[Layer], call: list[inspect.Parameter], after_reuse: Sequence[str]) -> Any:
    own = [p for p in inspect.signature(layer.__init__).parameters.values() if p.name not in ALWAYS]
    late = [p for p in own if p.name in after_reuse]
    own = [p for p in own if p not in late]
    shared = "trainable" in {p.name for p in own}
    place = len(own) - (2 if shared else 1)
    own[place:place] = call
    reuse = [inspect.Parameter("reuse", KEYWORD, default=None)] if shared else []
    return inspect.Signature([inspect.Parameter("inputs", KEYWORD), *own, *reuse, *late])


def functional(
    layer: type[Layer], name: str, example: str, after_reuse: Sequence[str] = ()
) -> Callable[..., Any]:
    """The function form of a layer class.

    It takes the inputs, then the arguments of the class; a layer with variables takes `reuse` besides, to use
    the variables of an earlier layer of the same `name`, and after it the arguments named in `after_reuse`.
    `example` becomes its doctest.
    """
    call = [p for p in inspect.signature(layer.call).parameters.values() if p.name not in ("self", "inputs")]
    signature = _signature(layer, call, after_reuse)
    shared = "reuse" in signature.parameters
    of_call = {p.name for p in call}

    def apply(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        given = dict(bound.arguments)
        inputs, reuse = given.pop("inputs"), given.pop("reuse", None)
        options = {k: given.pop(k) for k in list(given) if k in of_call}
        if shared:
            given.update(_scope=given.get("name"), _reuse=reuse)
        return layer(**given).apply(inputs, **options)

    apply.__name__ = apply.__qualname__ = name
    apply.__signature__ = signature  # type: ignore[attr-defined]
    apply.__doc__ = f"Apply a new `{layer.__name__}` to `inputs`: see there for the arguments.\n\n{example}"
    apply.__module__ = layer.__module__
    return apply

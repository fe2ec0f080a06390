"""Computations that are to be one part of a program: what XLA makes of them, and when they are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reflow.graph import scopes
from reflow.graph.calls import Calls
from reflow.ops import parts
from reflow.runtime import backend

NUMBERS = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.int32)


def distinct(x: Any) -> Any:
    """How many different numbers there are: a loop with a look-up and a sum in it."""
    lax = backend.jax().lax

    def one(number: Any, count: Any) -> Any:
        earlier = (x == x[number]) & (np.arange(len(NUMBERS)) < number)
        return count + (earlier.sum() == 0)

    return lax.fori_loop(0, len(NUMBERS), one, np.int32(0))


@pytest.mark.parametrize("in_program", [False, True])
def test_a_loop_becomes_one_part(in_program: bool) -> None:
    """Were it not, this version of XLA has lost what `parts` relies on, and programs are slower."""

    def program(x: Any) -> Any:
        with scopes.foreign.pushed(Calls() if in_program else None):
            return parts.as_one(backend.jnp(), distinct, x) + x

    compiled = backend.jax().jit(program).lower(NUMBERS).compile()
    main = compiled.as_text().split("ENTRY")[1]
    assert ('inlineable="false"' in main) == in_program  # XLA outlines so small a loop in any case
    assert main.count(" call(") == 1
    assert np.array_equal(compiled(NUMBERS), NUMBERS + 7)


def test_numpy_calls_the_function() -> None:
    with scopes.foreign.pushed(Calls()):
        assert parts.as_one(np, lambda x: x.tolist(), NUMBERS) == NUMBERS.tolist()

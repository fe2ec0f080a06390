"""Kernels of the ops that change variables: whole values, rows, single elements and slices."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.graph.checks import absent, any_absent, committed, fail, require

# How one update is put into a place: the name of NumPy's ufunc, and of the method of JAX's `array.at[...]`.
UPDATES: dict[str, tuple[str | None, str]] = {
    "Update": (None, "set"),
    "Add": ("add", "add"),
    "Sub": ("subtract", "add"),
    "Mul": ("multiply", "multiply"),
    "Div": ("divide", "multiply"),
    "Min": ("minimum", "min"),
    "Max": ("maximum", "max"),
}


LINE = 64  # bytes: shorter rows are not worth a loop
SHARED = 1 << 18  # bytes: what XLA holds for enough work for a second thread


def _shown(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _module_of(xp: Any, array: Any) -> Any:
    """NumPy for an array whose values are known, also while the rest of a kernel is traced."""
    return np if isinstance(array, np.ndarray) else xp


def same_shape(xp: Any, ref: Any, value: Any, message: str) -> None:
    """Refuse `value` unless it has the shape of `ref`."""
    require(xp, np.shape(ref) == np.shape(value), message, _shown(np.shape(ref)), _shown(np.shape(value)))


def first_bad(xp: Any, ok: Any, shape: tuple[int, ...]) -> tuple[Any, list[Any]]:
    """Where `ok`, of `shape`, is first false: its position in the flattened array, and along each axis."""
    position = xp.argmin(ok.reshape(-1).astype("int8"))
    return position, list(xp.unravel_index(position, shape)) if shape else []


def check_rows(xp: Any, indices: Any, limit: int) -> None:
    """Refuse `indices` outside of [0, limit), naming the first."""
    if indices.size == 0:
        return
    xp = _module_of(xp, indices)
    # In the words of the check of a lookup of the same rows: XLA makes one of both.
    wrong = (indices < 0) | (indices >= limit)
    if any_absent():
        wrong = wrong & ~absent(xp, indices)
    position = xp.argmax(wrong.reshape(-1))
    shape = np.shape(indices)
    place = xp.unravel_index(position, shape) if shape else ()
    where = "[" + ",".join("{}" for _ in place) + "]" if place else ""
    message = f"indices{where} = {{}} is not in [0, {limit})"
    require(xp, ~xp.any(wrong), message, *place, indices.reshape(-1)[position])


def check_places(xp: Any, indices: Any, shape: tuple[int, ...]) -> None:
    """Refuse rows of `indices` that are not the place of an element (or slice) in an array of `shape`."""
    depth = np.shape(indices)[-1]
    if indices.size == 0:
        return
    xp = _module_of(xp, indices)
    ok = xp.all((indices >= 0) & (indices < xp.asarray(shape[:depth], dtype=indices.dtype)), axis=-1)
    position, place = first_bad(xp, ok, np.shape(indices)[:-1])
    where = "[" + ",".join("{}" for _ in place) + "]" if place else ""
    row = "[" + ", ".join("{}" for _ in range(depth)) + "]"
    bad = indices.reshape(-1, depth)[position]
    message = f"indices{where} = {row} does not index into shape {_shown(shape)}"
    require(xp, xp.all(ok), message, *place, *(bad[i] for i in range(depth)))


def _truncated(x: Any, y: Any) -> Any:
    """Integer division towards zero, as C's; NumPy's rounds down."""
    quotient = abs(x) // abs(y)
    return np.where((x < 0) != (y < 0), -quotient, quotient).astype(x.dtype)


def _put_numpy(array: np.ndarray, places: Any, updates: Any, how: str) -> np.ndarray:
    """A copy of `array` with `updates` put in; places that are named twice get both, in order."""
    new = array.copy()
    if how == "Update":
        new[places] = updates
    elif how == "Div" and new.dtype.kind in "iu":
        divisor = np.ones_like(new)
        np.multiply.at(divisor, places, updates)
        new = _truncated(new, divisor)
    else:
        getattr(np, str(UPDATES[how][0])).at(new, places, updates)
    return new


def _put_xla(jnp: Any, array: Any, places: Any, updates: Any, how: str) -> Any:
    array, updates = jnp.asarray(array), jnp.asarray(updates)
    if how == "Sub":
        updates = -updates
    target = jnp.ones_like(array) if how == "Div" else array
    if how != "Div":
        places = _committed(jnp, places, array.shape[0]) if array.ndim else places
    new = getattr(target.at[places], UPDATES[how][1])(updates)
    if how != "Div":
        return new
    if not jnp.issubdtype(array.dtype, jnp.integer):
        return array / new
    quotient = abs(array) // abs(new)
    return jnp.where((array < 0) != (new < 0), -quotient, quotient)


def _committed(jnp: Any, places: Any, limit: int) -> Any:
    """The index, of which no place is in the array when the step is not to count."""
    parts = places if isinstance(places, tuple) else (places,)
    if any(isinstance(p, slice) for p in parts):
        return places  # the whole array is selected instead
    if not isinstance(places, tuple):
        return committed(jnp, jnp.asarray(places), limit)
    return (committed(jnp, jnp.asarray(places[0]), limit), *places[1:]) if places else places


def put(xp: Any, array: Any, places: Any, updates: Any, how: str) -> Any:
    """`array` with `updates` put into `places` (an index), in the way that `how`, a key of UPDATES, says."""
    return _put_numpy(array, places, updates, how) if xp is np else _put_xla(xp, array, places, updates, how)


def scatter_rows(xp: Any, ref: Any, indices: Any, updates: Any, how: str, message: str) -> Any:
    """Put row i of `updates` into row `indices[i]` of `ref`; a scalar goes into every one of these rows."""
    shapes = [np.shape(a) for a in (updates, indices, ref)]
    if shapes[0] not in ((), shapes[1] + shapes[2][1:]):
        fail(message.format(*map(_shown, shapes)))
    check_rows(xp, indices, shapes[2][0])
    return put(xp, ref, indices, updates, how)


def scatter_places(xp: Any, ref: Any, indices: Any, updates: Any, how: str) -> Any:
    """Put slice i of `updates` into the element or slice of `ref` that row i of `indices` names."""
    depth, outer = np.shape(indices)[-1], np.shape(indices)[:-1]
    if np.shape(updates)[: len(outer)] != outer:
        fail(
            "The outermost dimension of updates and indices must match. "
            f"Got indices.shape {_shown(np.shape(indices))}, updates.shape {_shown(np.shape(updates))}"
        )
    if np.shape(updates)[len(outer) :] != np.shape(ref)[depth:]:
        fail(
            f"The inner {np.ndim(ref) - depth} dimensions of output.shape={_shown(np.shape(ref))} must "
            "match the "
            f"inner {np.ndim(updates) - len(outer)} dimensions of updates.shape={_shown(np.shape(updates))}"
        )
    check_places(xp, indices, np.shape(ref))
    return put(xp, ref, places_index(xp, indices), updates, how)


def places_index(xp: Any, indices: Any) -> tuple[Any, ...]:
    """The rows of `indices` as a NumPy index."""
    xp = _module_of(xp, indices)
    return tuple(xp.moveaxis(indices, -1, 0)[i] for i in range(np.shape(indices)[-1]))


def _is_divided(value: Any, indices: Any) -> bool:
    """Whether XLA would let two threads gather what is too little for two."""
    rows, each = np.size(indices), int(np.prod(np.shape(value)[1:])) * value.dtype.itemsize
    return rows >= 4 and each >= LINE and rows * each <= SHARED < np.shape(value)[0] * each


def rows_of(xp: Any, value: Any, indices: Any) -> Any:
    """The rows of `value` that `indices` name; XLA takes those at the ends for indices outside."""
    if xp is np:
        return np.asarray(value)[indices]
    if _is_divided(value, indices):
        return _rows_in_turn(xp, value, indices)
    return xp.asarray(value).at[indices].get(mode="clip")


def _rows_in_turn(jnp: Any, value: Any, indices: Any) -> Any:
    """Rows of a large `value`, one half after the other.

    XLA judges a gather by the size of all that it gathers from, and divides it among threads; what is divided
    so waits for another thread to wake, which takes longer than some hundred rows. The body of a loop that
    writes a part of an array is not divided.
    """
    import jax

    value, places = jnp.asarray(value), jnp.asarray(indices).reshape(-1)
    count = places.shape[0]
    half = -(-count // 2)

    def put(number: Any, rows: Any) -> Any:
        start = jnp.minimum(number * half, count - half)  # the halves of an odd number overlap
        some = value.at[jax.lax.dynamic_slice_in_dim(places, start, half)].get(mode="clip")
        return jax.lax.dynamic_update_slice_in_dim(rows, some, start, 0)

    rows = jax.lax.fori_loop(0, 2, put, jnp.zeros((count, *value.shape[1:]), value.dtype))
    return rows.reshape(np.shape(indices) + value.shape[1:])


def gather_rows(xp: Any, value: Any, indices: Any, batch_dims: int) -> Any:
    """Rows of `value` by number; the first `batch_dims` axes of both go together."""
    check_rows(xp, indices, np.shape(value)[batch_dims])
    if batch_dims == 0:
        return rows_of(xp, value, indices)
    batch, inner = np.shape(indices)[:batch_dims], np.shape(indices)[batch_dims:]
    flat = xp.reshape(value, (-1, *np.shape(value)[batch_dims:]))
    rows = xp.reshape(indices, (int(np.prod(batch)), -1))
    found = flat[xp.arange(rows.shape[0])[:, None], rows]
    return xp.reshape(found, (*batch, *inner, *np.shape(value)[batch_dims + 1 :]))

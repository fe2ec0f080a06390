"""Systems and products of tridiagonal matrices, whose diagonals are given in one of three formats."""

from __future__ import annotations

from typing import Any

from reflow.graph.graph import convert_to_tensor, emit
from reflow.ops import blocks

FORMATS = ("compact", "sequence", "matrix")


def _size(shape: Any, axis: int) -> int | None:
    return None if shape.ndims is None else shape.as_list()[axis]


def _check_format(diagonals_format: str) -> None:
    if diagonals_format not in FORMATS:
        raise ValueError(f"Unrecognized diagonals_format: {diagonals_format}")


def _matrix_size(diagonals: Any, need_both: bool) -> int:
    sizes = [_size(diagonals.shape, -1), _size(diagonals.shape, -2)]
    if all(sizes) and sizes[0] != sizes[1]:
        raise ValueError(
            f"Expected last two dimensions of diagonals to be same, got {sizes[0]} and {sizes[1]}"
        )
    known = sizes[0] or sizes[1]
    if not known or (need_both and not all(sizes)):
        raise ValueError('The size of the matrix needs to be known for diagonals_format="matrix"')
    return known


def tridiagonal_solve(
    diagonals: Any,
    rhs: Any,
    diagonals_format: str = "compact",
    transpose_rhs: bool = False,
    conjugate_rhs: bool = False,
    name: str | None = None,
    partial_pivoting: bool = True,
) -> Any:
    """The solutions of linear systems whose matrices have three diagonals only.

    Args:
        diagonals: a tensor [..., 3, m] with the upper (its last element is not used), the main, and the lower
            diagonals (its first is not used) if the format is "compact"; a list of the three for "sequence";
            the matrices [..., m, m] for "matrix".
        rhs: [..., m] or [..., m, k].
        transpose_rhs, conjugate_rhs: what to do with `rhs` first; the result is transposed back.
        partial_pivoting: exchange rows when it helps accuracy. (Done in any case.)

    Raises:
        ValueError: another format, or shapes that do not fit.
        InvalidArgumentError: when run, if a matrix is singular.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     bands = tf.constant([[0.0, 0.0], [2.0, 4.0], [0.0, 0.0]])
    ...     print(sess.run(tf.linalg.tridiagonal_solve(bands, tf.constant([1.0, 1.0]))))
    [0.5  0.25]
    """
    _check_format(diagonals_format)
    if diagonals_format == "sequence":
        diagonals = _stacked(diagonals)
    elif diagonals_format == "matrix":
        diagonals = _bands_of(convert_to_tensor(diagonals))
    diagonals, rhs = convert_to_tensor(diagonals), convert_to_tensor(rhs)
    as_vectors = _check_ranks(diagonals, rhs)
    if as_vectors:
        rhs = blocks.expand_dims(blocks.conj(rhs) if conjugate_rhs else rhs, -1)
    elif transpose_rhs:
        rhs = blocks.matrix_transpose(rhs, conjugate=conjugate_rhs)
    elif conjugate_rhs:
        rhs = blocks.conj(rhs)
    _check_sizes(diagonals, rhs)
    result = emit("TridiagonalSolve", diagonals, rhs, partial_pivoting=partial_pivoting, name=name)
    if as_vectors:
        return blocks.squeeze(result, -1)
    return blocks.matrix_transpose(result) if transpose_rhs else result


def _check_ranks(diagonals: Any, rhs: Any) -> bool:
    """Whether each system has one right-hand side, a vector."""
    rank, rhs_rank = len(diagonals.shape), len(rhs.shape)
    if rank < 2:
        raise ValueError(f"Expected diagonals to have rank at least 2, got {rank}")
    if rhs_rank not in (rank, rank - 1):
        raise ValueError(f"Expected the rank of rhs to be {rank - 1} or {rank}, got {rhs_rank}")
    count = _size(diagonals.shape, -2)
    if count and count != 3:
        raise ValueError(f"Expected 3 diagonals got {count}")
    batch, rhs_batch = diagonals.shape[:-2], rhs.shape[: rank - 2]
    if not batch.is_compatible_with(rhs_batch):
        raise ValueError(f"Batch shapes {batch} and {rhs_batch} are incompatible")
    return rhs_rank == rank - 1


def _check_sizes(diagonals: Any, rhs: Any) -> None:
    left, right = _size(diagonals.shape, -1), _size(rhs.shape, -2)
    if left and right and left != right:
        raise ValueError(
            f"Expected number of left-hand sided and right-hand sides to be equal, got {left} and {right}"
        )


def _stacked(diagonals: Any) -> Any:
    """The compact format of three separate diagonals; the outer ones may be one shorter."""
    if not isinstance(diagonals, (tuple, list)) or len(diagonals) != 3:
        raise ValueError("Expected diagonals to be a sequence of length 3.")
    above, main, below = (convert_to_tensor(d) for d in diagonals)
    if not all(d.shape[:-1].is_compatible_with(main.shape[:-1]) for d in (above, below)):
        raise ValueError(
            "Tensors representing the three diagonals must have the same shape, except for the last "
            f"dimension, got {below.shape}, {main.shape}, {above.shape}"
        )
    size = _size(main.shape, -1)
    below = _lengthened(below, "subdiagonal", size, [1, 0])
    above = _lengthened(above, "superdiagonal", size, [0, 1])
    return blocks.stack([above, main, below], axis=-2)


def _lengthened(diagonal: Any, name: str, size: int | None, padding: list[int]) -> Any:
    own = _size(diagonal.shape, -1)
    if not own or own == size:
        return diagonal
    if size is None or own != size - 1:
        raise ValueError(f"Expected {name} to be have length {size} or {(size or 0) - 1}, got {own}.")
    return emit("Pad", diagonal, [[0, 0]] * (len(diagonal.shape) - 1) + [padding])


def _bands_of(matrices: Any) -> Any:
    """The compact format of whole matrices."""
    size = _matrix_size(matrices, need_both=False)
    unused = [0, 0]
    places = [[[1, 0], [0, 0], unused]]
    places += [[[i + 1, i], [i, i], [i - 1, i]] for i in range(1, size - 1)]
    places += [[unused, [size - 1, size - 1], [size - 2, size - 1]]]
    return blocks.transpose(emit("GatherNd", blocks.transpose(matrices), places))


def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None
) -> Any:
    """The products of matrices that have three diagonals only with matrices `rhs` [..., m, k].

    Args:
        diagonals: as for `tridiagonal_solve`; in "sequence" format all three are of length m.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     bands = tf.constant([[1.0, 0.0], [2.0, 4.0], [0.0, 0.0]])
    ...     print(sess.run(tf.linalg.tridiagonal_matmul(bands, tf.constant([[1.0], [1.0]]))))
    [[3.]
     [4.]]
    """
    _check_format(diagonals_format)
    if diagonals_format == "sequence":
        above, main, below = diagonals
    elif diagonals_format == "compact":
        diagonals = convert_to_tensor(diagonals)
        above, main, below = (diagonals[..., i, :] for i in range(3))
    else:
        above, main, below = _separate_bands(convert_to_tensor(diagonals))
    above, main, below = (blocks.expand_dims(d, -2) for d in (above, main, below))
    return emit("TridiagonalMatMul", above, main, below, rhs, name=name)


def _separate_bands(matrices: Any) -> tuple[Any, Any, Any]:
    size = _matrix_size(matrices, need_both=True)
    main = blocks.diagonal_of(matrices)
    columns_first = blocks.transpose(matrices)
    unused = [0, 0]
    above_places = [[i + 1, i] for i in range(size - 1)] + [unused]
    below_places = [unused] + [[i - 1, i] for i in range(1, size)]
    above = blocks.transpose(emit("GatherNd", columns_first, above_places))
    below = blocks.transpose(emit("GatherNd", columns_first, below_places))
    return above, main, below

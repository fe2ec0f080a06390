"""Static shapes. Values and texts are recorded from TensorFlow 1.15."""

import copy
import operator
import pickle
import re

import numpy as np
import pytest

from reflow.base import dtypes, protos
from reflow.base.shape import (
    Dimension,
    TensorShape,
    as_dimension,
    as_shape,
    broadcast_static_shape,
    dimension_at_index,
    dimension_value,
    matrix,
    scalar,
    unknown_shape,
    vector,
)

N = None
UNKNOWN = TensorShape(None)
D, S = Dimension, TensorShape


@pytest.mark.parametrize(
    ("dims", "ints"),
    [
        (N, N),
        ([], ()),
        ([2, N], (2, N)),
        ((D(2), 3), (2, 3)),
        (5, (5,)),
        (D(5), (5,)),
        (D(N), (N,)),
        (["5", b"6"], (5, 6)),
        ([1.0, True], (1, 1)),
        (np.array([2, 3]), (2, 3)),
        (np.array(2), (2,)),
        (np.int64(3), (3,)),
        (range(3), (0, 1, 2)),
        (iter([1, 2]), (1, 2)),
        ({1: 2}, (1,)),
        ([np.array(3)], (3,)),
        ([2**40], (2**40,)),
        (TensorShape([2, N]), (2, N)),
    ],
)
def test_construction(dims, ints):
    shape = TensorShape(dims)
    assert shape.ints == ints
    assert all(type(size) in (int, type(None)) for size in shape.ints or ())


ERRORS = [
    (lambda: S(-1), ValueError, "Dimension -1 must be >= 0"),
    (lambda: S([2, -1]), ValueError, "Dimension -1 must be >= 0"),
    (lambda: S([1.5]), ValueError, "Ambiguous dimension: 1.5"),
    (
        lambda: S("5"),
        TypeError,
        "A string has ambiguous TensorShape, please wrap in a list or convert to an int: 5",
    ),
    (lambda: S(["a"]), ValueError, "invalid literal for int() with base 10: 'a'"),
    (lambda: S([[1]]), TypeError, "int() argument must be "),
    (lambda: S([S([1])]), TypeError, "int() argument must be "),
    (lambda: S(dtypes.float32), TypeError, "Cannot convert <dtype: 'float32'> to Dimension"),
    (lambda: D(dtypes.float32), TypeError, "Cannot convert <dtype: 'float32'> to Dimension"),
    (lambda: D(-1), ValueError, "Dimension -1 must be >= 0"),
    (lambda: S([2, 3]).merge_with(S([3])), ValueError, "Shapes (2, 3) and (3,) are not compatible"),
    (lambda: S([2, 3]).merge_with([2, 4]), ValueError, "Shapes (2, 3) and (2, 4) are not compatible"),
    (lambda: S([2, 3]).assert_is_compatible_with([3]), ValueError, "Shapes (2, 3) and [3] are incompatible"),
    (lambda: D(2).merge_with(3), ValueError, "Dimensions 2 and 3 are not compatible"),
    (lambda: D(2).assert_is_compatible_with(3), ValueError, "Dimensions 2 and 3 are not compatible"),
    (lambda: S([N, 3]).with_rank(1), ValueError, "Shape (?, 3) must have rank 1"),
    (lambda: S([N, 3]).assert_has_rank(1), ValueError, "Shape (?, 3) must have rank 1"),
    (lambda: S([N, 3]).with_rank_at_least(3), ValueError, "Shape (?, 3) must have rank at least 3"),
    (lambda: S([N, 3]).with_rank_at_most(1), ValueError, "Shape (?, 3) must have rank at most 1"),
    (lambda: S([1, 2]).assert_same_rank([1]), ValueError, "Shapes (1, 2) and (1,) must have the same rank"),
    (lambda: S([1, N]).assert_is_fully_defined(), ValueError, "Shape (1, ?) is not fully defined"),
    (lambda: UNKNOWN.assert_is_fully_defined(), ValueError, "Shape <unknown> is not fully defined"),
    (lambda: len(UNKNOWN), ValueError, "Cannot take the length of shape with unknown rank."),
    (lambda: list(UNKNOWN), ValueError, "Cannot iterate over a shape with unknown rank."),
    (lambda: UNKNOWN.as_list(), ValueError, "as_list() is not defined on an unknown TensorShape."),
    (lambda: S([2, 3])[5], IndexError, "list index out of range"),
    (lambda: S([2, 3])["a"], TypeError, "list indices must be integers or slices, not str"),
    (lambda: UNKNOWN[1:3:2], ValueError, "Steps are not yet handled"),
    (lambda: S(N) != S(N), ValueError, "The inequality of unknown TensorShapes is undefined."),
    (lambda: S([2]) != N, ValueError, "The inequality of unknown TensorShapes is undefined."),
    (lambda: S([2]) == 1.5, ValueError, "Ambiguous dimension: 1.5"),
    (lambda: hash(S([2])), TypeError, "unhashable type: 'TensorShape'"),
    (lambda: hash(D(2)), TypeError, "unhashable type: 'Dimension'"),
    (lambda: int(D(N)), TypeError, "__int__ returned non-int (type NoneType)"),
    (lambda: D(3) - 4, ValueError, "Dimension -1 must be >= 0"),
    (lambda: D(3) // 0, ZeroDivisionError, "integer division or modulo by zero"),
    (lambda: D(2) * 1.5, TypeError, "unsupported operand type(s) for *: 'Dimension' and 'float'"),
    (lambda: D(2) + -1, TypeError, "unsupported operand type(s) for +: 'Dimension' and 'int'"),
    (lambda: D(2) > 1.5, ValueError, "Ambiguous dimension: 1.5"),
    (lambda: D(2) < "a", ValueError, "invalid literal for int() with base 10: 'a'"),
    (
        lambda: D(7) / 2,
        TypeError,
        "unsupported operand type(s) for /: 'Dimension' and 'int', please use // instead",
    ),
    (
        lambda: 7.0 / D(2),
        TypeError,
        "unsupported operand type(s) for /: 'float' and 'Dimension', please use // instead",
    ),
    (lambda: dimension_at_index(S([2, 3]), 5), IndexError, "list index out of range"),
    (lambda: dimension_at_index([2, 3], 1), TypeError, "dimension_at_index() needs a TensorShape"),
    (
        lambda: broadcast_static_shape([2, 3], [4]),
        ValueError,
        "Incompatible shapes for broadcasting: (2, 3) and (4,)",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind, match="^" + re.escape(message)):
        call()


TEXTS = [
    ([2], "(2,)", "TensorShape([Dimension(2)])"),
    ([], "()", "TensorShape([])"),
    ([N], "(?,)", "TensorShape([Dimension(None)])"),
    (N, "<unknown>", "TensorShape(None)"),
    ([2, N, 3], "(2, ?, 3)", "TensorShape([Dimension(2), Dimension(None), Dimension(3)])"),
]


@pytest.mark.parametrize(("dims", "text", "representation"), TEXTS)
def test_texts(dims, text, representation):
    assert (str(S(dims)), repr(S(dims))) == (text, representation)


@pytest.mark.parametrize(
    ("shape", "key", "ints"),
    [
        ([2, 3], slice(1, N), (3,)),
        ([2, 3], slice(N, N, 2), (2,)),
        ([2, 3, 4], slice(N, N, -1), (4, 3, 2)),
        ([2, 3], slice(0, D(1)), (2,)),
        (N, slice(1, N), N),
        (N, slice(1, 3), (N, N)),
        (N, slice(N, 3), (N, N, N)),
        (N, slice(-2, N), N),
        (N, slice(N, -1), N),
        (N, slice(1, -1), N),
        (N, slice(3, 1), ()),
        (N, slice(N, N), N),
    ],
)
def test_slices(shape, key, ints):
    assert S(shape)[key].ints == ints


@pytest.mark.parametrize(("key", "size"), [(0, 2), (-1, 3), (D(1), 3), (np.int64(1), 3)])
def test_index(key, size):
    item = S([2, 3])[key]
    assert isinstance(item, Dimension) and item.value == size
    assert S(N)[key].value is None


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ([2, 3], [2, 3], True),
        ([2, 3], (2, 3), True),
        ([2], 2, True),
        ([2], D(2), True),
        ([2, 3], [2, 4], False),
        ([2, N], [2, N], False),
        ([2, N], [2, 3], False),
        ([2], "a", False),
    ],
)
def test_equality(a, b, equal):
    assert (S(a) == b, S(a) != b) == (equal, not equal)


def test_equality_of_unknown_ranks_and_of_a_shape_with_itself():
    pairs = [(S(N), S(N)), (S(N), N), (S(N), []), (S([2]), N)]
    assert [operator.eq(a, b) for a, b in pairs] == [True, True, False, False]
    partly = S([2, N])
    assert operator.eq(partly, partly) and not operator.ne(partly, partly)


@pytest.mark.parametrize(
    ("a", "b", "merged", "common", "joined"),
    [
        ([2, N], [N, 4], (2, 4), (N, N), (2, N, N, 4)),
        (N, [1], (1,), N, N),
        ([1], N, (1,), N, N),
        ([2, N], [2, 3], (2, 3), (2, N), (2, N, 2, 3)),
        ([2, 3], [2, 3], (2, 3), (2, 3), (2, 3, 2, 3)),
        ([], [], (), (), ()),
    ],
)
def test_combinations(a, b, merged, common, joined):
    assert S(a).is_compatible_with(b)
    assert S(a).merge_with(b).ints == merged
    assert S(a).most_specific_compatible_shape(b).ints == common
    assert S(a).concatenate(b).ints == (S(a) + b).ints == joined


def test_combinations_of_incompatible_shapes():
    assert S([2, 3]).most_specific_compatible_shape([5, 3]).ints == (N, 3)
    assert S([2, 3]).most_specific_compatible_shape([5]).ints is None
    assert not S([2, N]).is_compatible_with([3, 3]) and not S([2, N]).is_compatible_with([1])
    left = [4] + S([2, 3])  # noqa: RUF005  (a list on the left of a shape gives a shape)
    assert left.ints == (4, 2, 3) and S([2]).concatenate(5).ints == (2, 5)


@pytest.mark.parametrize(
    ("dims", "elements", "full"),
    [([2, 3], 6, True), ([], 1, True), ([0, 3], 0, True), ([2, N], N, False), (N, N, False)],
)
def test_elements(dims, elements, full):
    assert (S(dims).num_elements(), S(dims).is_fully_defined()) == (elements, full)


def test_rank():
    assert (S([1, 2]).rank, S([1, 2]).ndims, S(N).rank, S(N).ndims) == (2, 2, N, N)
    assert S(N).with_rank(2).ints == (N, N) and S([2, 3]).with_rank(N).ints == (2, 3)
    assert S(N).with_rank_at_least(2).ints is None and S([2]).with_rank_at_most(1).ints == (2,)
    S([2, 3]).assert_same_rank(N)
    S(N).assert_has_rank(3)


def test_as_a_sequence():
    shape = S([2, 3])
    assert [type(d) for d in shape] == [Dimension, Dimension] and list(shape) == [2, 3] and len(shape) == 2
    assert shape.dims == [2, 3] and S(N).dims is None and shape.as_list() == [2, 3] and 2 in shape
    assert bool(S([])) and not S(N) and sum(shape) == 5
    assert np.zeros(shape).shape == (2, 3) and np.prod(list(shape)) == 6


@pytest.mark.parametrize("dims", [N, [], [2, N, 0]])
def test_proto_and_copies(dims):
    shape = S(dims)
    proto = shape.as_proto()
    assert isinstance(proto, protos.TensorShapeProto) and proto.unknown_rank == (dims is N)
    assert [d.size for d in proto.dim] == [-1 if d is N else d for d in dims or []]
    for other in (S(proto), copy.copy(shape), copy.deepcopy(shape), pickle.loads(pickle.dumps(shape))):
        assert other.ints == shape.ints


def test_makers():
    assert as_shape(shape := S([2])) is shape and as_dimension(size := D(2)) is size
    made = [scalar(), vector(3), matrix(2, N), unknown_shape(), unknown_shape(2), unknown_shape(ndims=1)]
    assert [s.ints for s in made] == [(), (3,), (2, N), N, (N, N), (N,)]
    assert S.of((2, N)).ints == (2, N) and S.of(N).rank is None
    assert [dimension_value(d) for d in (D(3), D(N), 3, N)] == [3, N, 3, N]
    assert dimension_at_index(S([2, 3]), 1).value == 3 and dimension_at_index(S(N), 1).value is None


@pytest.mark.parametrize(
    ("a", "b", "ints"),
    [
        ([2, 3], [1], (2, 3)),
        ([2, N], [4], (2, 4)),
        ([2, N], [1], (2, N)),
        ([N], [0], (N,)),
        ([1], [0], (0,)),
        ([N], [N], (N,)),
        ([2, 1], [2], (2, 2)),
        ([1, 3], [2, 1], (2, 3)),
        ([2, 1], N, N),
        ([], [2, N], (2, N)),
        ([], [], ()),
    ],
)
def test_broadcast(a, b, ints):
    assert broadcast_static_shape(S(a), S(b)).ints == ints
    assert broadcast_static_shape(b, a).ints == ints


@pytest.mark.parametrize(
    ("result", "size"),
    [
        (D(3) + 4, 7),
        (3 + D(4), 7),
        (D(3) - 1, 2),
        (4 - D(3), 1),
        (D(3) * 2, 6),
        (2 * D(3), 6),
        (D(7) // 2, 3),
        (7 // D(2), 3),
        (D(7) % 2, 1),
        (7 % D(4), 3),
        (np.int64(7) * D(2), 14),
        (np.int64(7) + D(2), 9),
        (D(2) * np.int64(7), 14),
        (D(N) + 1, N),
        (2 * D(N), N),
        (D(2) - D(N), N),
        (D(N) // 0, N),
        (D("3"), 3),
        (D(D(2)), 2),
        (D(N).merge_with(2), 2),
        (D(2).merge_with(N), 2),
    ],
)
def test_dimension_arithmetic(result, size):
    assert isinstance(result, Dimension) and result.value == size


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (D(2) == 2.0, True),
        (D(2) == 1.5, False),
        (D(2) == "2", True),
        (D(2) == "a", False),
        (D(2) != "a", True),
        (D(2) == D(N), N),
        (D(N) == D(N), N),
        (D(2) != D(N), N),
        (D(2) != 3, True),
        (D(2) < 3, True),
        (D(2) <= 2, True),
        (D(2) > D(3), False),
        (D(2) >= 3, False),
        (D(2) < N, N),
        (D(2).is_compatible_with("a"), NotImplemented),
        (D(2).is_compatible_with(N), True),
        (D(2).is_compatible_with(3), False),
    ],
)
def test_dimension_comparison(result, expected):
    assert result is expected


def test_dimension_as_an_int():
    assert int(D(3)) == 3 and range(D(2)) == range(2) and [1, 2, 3][D(1)] == 2
    assert (str(D(N)), repr(D(3)), f"{D(2)}") == ("?", "Dimension(3)", "2")
    assert pickle.loads(pickle.dumps(D(3))).value == 3 and np.zeros([D(2), 3]).shape == (2, 3)
    assert bool(D(0)) and bool(D(N))

"""Files, logging, flags, nested structures and the test case: what TensorFlow 1.15 does, recorded by hand."""

from __future__ import annotations

import collections
import logging as python_logging
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reflow.python.platform import gfile
from reflow.python.util import nest

import reflow as tf

Pair = collections.namedtuple("Pair", "a b")


# Nested structures


@pytest.mark.parametrize(
    ("structure", "flat"),
    [
        ({"b": 1, "a": [2, (3,)]}, [2, 3, 1]),
        (Pair(1, {"z": 1}), [1, 1]),
        (5, [5]),
        ("abc", ["abc"]),
        ([], []),
        ({"a": 1}.keys(), ["a"]),
        (range(3), [0, 1, 2]),
    ],
)
def test_flatten(structure: Any, flat: list[Any]) -> None:
    assert nest.flatten(structure) == flat


def test_an_array_is_an_element() -> None:
    array = np.arange(3)
    assert nest.flatten([array])[0] is array


@pytest.mark.parametrize(
    ("structure", "flat", "packed"),
    [
        ({"b": 1, "a": [2, (3,)]}, [1, 2, 3], {"b": 3, "a": [1, (2,)]}),
        (
            collections.OrderedDict([("b", 1), ("a", 2)]),
            [5, 6],
            collections.OrderedDict([("b", 6), ("a", 5)]),
        ),
        (collections.defaultdict(list, a=1), [5], collections.defaultdict(list, a=5)),
        (Pair(1, (2,)), [3, 4], Pair(3, (4,))),
    ],
)
def test_pack(structure: Any, flat: list[Any], packed: Any) -> None:
    result = nest.pack_sequence_as(structure, flat)
    assert result == packed and type(result) is type(packed) and list(result) == list(packed)


def test_composite_tensors_are_structures_of_their_tensors() -> None:
    sparse = tf.SparseTensor([[0]], [1.0], [3])
    slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    structure = {"a": sparse, "b": [slices, 5]}
    assert nest.flatten(structure) == [sparse, slices, 5]
    flat = nest.flatten(structure, expand_composites=True)
    assert flat == [sparse.indices, sparse.values, sparse.dense_shape, slices.values, slices.indices, 5]
    packed = nest.pack_sequence_as(structure, flat, expand_composites=True)
    assert packed["a"].values is sparse.values and packed["b"][0].dense_shape is None
    doubled = nest.map_structure(lambda t: tf.identity(t), sparse, expand_composites=True)
    assert isinstance(doubled, tf.SparseTensor) and doubled.values.op.type == "Identity"
    nest.assert_same_structure(sparse, sparse, expand_composites=True)
    with pytest.raises(ValueError, match="is a sequence"):
        nest.assert_same_structure(sparse, 1, expand_composites=True)


def test_newer_names_of_file_functions(tmp_path: Path) -> None:
    tf.io.gfile.makedirs(path=str(tmp_path / "a" / "b"))
    tf.io.gfile.GFile(str(tmp_path / "a" / "x"), "w").write("1")
    tf.io.gfile.copy(src=str(tmp_path / "a" / "x"), dst=str(tmp_path / "y"))
    assert tf.io.gfile.exists(str(tmp_path / "y")) and tf.io.gfile.isdir(path=str(tmp_path / "a"))
    assert [Path(p).name for p in tf.io.gfile.glob(pattern=str(tmp_path / "*"))] == ["a", "y"]
    with pytest.raises(TypeError, match="'path'"):
        tf.io.gfile.exists(filename="x")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: nest.pack_sequence_as([1, 2], [1]),
            ValueError,
            "Structure had 2 elements, but flat_sequence had 1",
        ),
        (lambda: nest.pack_sequence_as(1, [1, 2]), ValueError, "Structure is a scalar but"),
        (lambda: nest.pack_sequence_as([1, 2], 5), TypeError, "flat_sequence must be a sequence"),
        (lambda: nest.assert_same_structure([1, 2], (1, 2)), TypeError, "type list|type"),
        (lambda: nest.assert_same_structure([1, 2], [1]), ValueError, "same number of elements"),
        (lambda: nest.assert_same_structure([1, 2], 3), ValueError, "don't have the same nested structure"),
        (lambda: nest.assert_same_structure({"a": 1}, {"b": 1}), ValueError, "same set of keys"),
        (lambda: nest.assert_same_structure([1, [2]], [[1], 2]), ValueError, "is a sequence"),
        (lambda: nest.assert_same_structure(Pair(1, 2), (1, 2)), TypeError, "Pair"),
        (lambda: nest.map_structure(1, [1]), TypeError, "func must be callable, got: 1"),
        (lambda: nest.map_structure(len), ValueError, "Must provide at least one structure"),
        (lambda: nest.map_structure(len, [1], foo=2), ValueError, "not: `foo`"),
        (
            lambda: nest.flatten_up_to([1, 2], [3]),
            ValueError,
            "length 1, while shallow structure has length 2",
        ),
        (lambda: nest.flatten_up_to([1], 3), TypeError, "Input has type: <class 'int'>"),
        (lambda: nest.flatten_up_to({"a": 1}, {"b": 2}), ValueError, r"not in the input_tree: \['a'\]"),
        (lambda: nest.flatten_up_to([1], (1,)), TypeError, "same sequence type"),
        (lambda: nest.flatten({1: 2, "a": 3}), TypeError, "sortable"),
        (lambda: nest.flatten_dict_items({("a", "b"): (1,)}), ValueError, "Key had 2 elements"),
    ],
)
def test_nest_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_same_structure() -> None:
    nest.assert_same_structure({"a": 1}, collections.OrderedDict(a=1))
    nest.assert_same_structure(Pair(1, 2), collections.namedtuple("Pair", "a b")(3, 4))
    nest.assert_same_structure([1, 2], (1, 2), check_types=False)


def test_paths() -> None:
    assert nest.flatten_with_tuple_paths({"a": [1, (2, 3)]}) == [
        (("a", 0), 1),
        (("a", 1, 0), 2),
        (("a", 1, 1), 3),
    ]
    assert nest.map_structure_with_tuple_paths(lambda p, x: (p, x), {"a": [1]}) == {"a": [(("a", 0), 1)]}
    assert nest.flatten_with_tuple_paths_up_to([1], [(2, 3)]) == [((0,), (2, 3))]


# Files


def test_read_and_write(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    with gfile.GFile(path, "w") as f:
        f.write("é\n")
        f.write(b"b\n")
    f = gfile.Open(path, "rb")
    assert (f.read(2), f.size(), f.tell()) == (b"\xc3\xa9", 5, 2)
    f.seek(3)
    assert (f.readline(), f.readline()) == (b"b\n", b"")
    f.close()
    with gfile.GFile(path, "a") as f:
        f.write("c")
    with gfile.FastGFile(path) as f:
        assert f.readlines() == ["é\n", "b\n", "c"]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda d: gfile.Remove(d / "no"), tf.errors.NotFoundError, "no; No such file or directory"),
        (lambda d: gfile.Remove(d), tf.errors.OpError, "Is a directory|Operation not permitted"),
        (lambda d: gfile.Open(d / "no").read(), tf.errors.NotFoundError, "no; No such file or directory"),
        (lambda d: gfile.ListDirectory(d / "no"), tf.errors.NotFoundError, "Could not find directory"),
        (lambda d: gfile.Copy(d / "f", d / "f"), tf.errors.AlreadyExistsError, "file already exists"),
        (lambda d: gfile.Rename(d / "f", d / "g"), tf.errors.AlreadyExistsError, "file already exists"),
        (lambda d: gfile.Rename(d / "no", d / "h"), tf.errors.NotFoundError, "No such file"),
        (lambda d: gfile.DeleteRecursively(d / "no"), tf.errors.NotFoundError, "no"),
        (lambda d: gfile.Stat(d / "no"), tf.errors.NotFoundError, "No such file"),
        (lambda d: gfile.GFile(d / "f", "q"), tf.errors.InvalidArgumentError, "mode is not 'r' or 'w'"),
        (
            lambda d: gfile.GFile(d / "f").write("x"),
            tf.errors.PermissionDeniedError,
            "isn't open for writing",
        ),
        (
            lambda d: gfile.GFile(d / "f", "w").read(),
            tf.errors.PermissionDeniedError,
            "isn't open for reading",
        ),
        (lambda d: gfile.GFile(d).read(), tf.errors.FailedPreconditionError, "Is a directory"),
        (lambda d: gfile.GFile(d / "no" / "f", "w").write("x"), tf.errors.NotFoundError, "No such file"),
    ],
)
def test_file_errors(call: Any, error: type[Exception], text: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a")
    (tmp_path / "g").write_text("b")
    with pytest.raises(error, match=text):
        call(tmp_path)


def test_folders(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    gfile.MakeDirs(deep)
    gfile.MakeDirs(deep)
    gfile.MkDir(tmp_path / "c")
    tf.python.lib.io.file_io.write_string_to_file(deep / "f", "text")
    gfile.Copy(deep / "f", tmp_path / "g")
    assert gfile.ListDirectory(tmp_path) == ["a", "c", "g"]
    assert gfile.Glob(str(tmp_path / "*")) == [str(tmp_path / n) for n in "acg"]
    assert list(gfile.Walk(tmp_path / "a")) == [(str(tmp_path / "a"), ["b"], []), (str(deep), [], ["f"])]
    assert list(tf.io.gfile.walk(tmp_path / "no")) == []
    assert gfile.Stat(tmp_path / "g").length == 4
    gfile.DeleteRecursively(tmp_path / "a")
    assert not gfile.Exists(deep) and gfile.IsDirectory(tmp_path / "c")


# Logging, flags, app


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_log_format() -> None:
    code = """if True:
        import reflow as tf
        tf.logging.warn('hi %d', 3); tf.logging.info('no')
        tf.logging.set_verbosity(tf.logging.INFO)
        tf.logging.info('yes'); tf.logging.fatal('f'); tf.logging.log(tf.logging.INFO, 'a %s', 'b')
        for i in range(3): tf.logging.log_every_n(tf.logging.INFO, 'every %d', 2, i)
        for i in range(3): tf.logging.log_first_n(tf.logging.INFO, 'first %d', 2, i)
    """
    lines = "WARNING hi 3|INFO yes|CRITICAL f|INFO a b|INFO every 0|INFO every 2|INFO first 0|INFO first 1"
    wanted = [line.replace(" ", ":tensorflow:", 1) for line in lines.split("|")]
    assert run(code).stderr.splitlines() == wanted


def test_log_reaches_the_handlers_of_the_program(caplog: pytest.LogCaptureFixture) -> None:
    tf.logging.error("seen")
    assert [(r.name, r.levelno) for r in caplog.records] == [("tensorflow", python_logging.ERROR)]


FLAG_PROGRAM = """if True:
    import reflow as tf
    flags = tf.app.flags
    flags.DEFINE_string(flag_name='name', default_value='x', docstring='A name.')
    tf.flags.DEFINE_integer('steps', 10, 'Steps.')
    tf.flags.DEFINE_bool('quick', False, 'Quick.')
    FLAGS = flags.FLAGS
    def main(argv):
        print(FLAGS.name, FLAGS.steps, FLAGS.quick, argv[1:])
        return 3
"""


def test_flags_and_app_run() -> None:
    result = run(FLAG_PROGRAM + "    tf.app.run()", "--name=y", "--steps", "5", "--quick", "rest")
    assert (result.stdout, result.returncode) == ("y 5 True ['rest']\n", 3), result.stderr


def test_flags_parse_themselves() -> None:
    result = run(
        FLAG_PROGRAM + "    print(FLAGS.steps); FLAGS.steps = 7; print(FLAGS.steps, 'name' in FLAGS)",
        "-f",
        "x",
    )
    assert result.stdout == "10\n7 True\n", result.stderr


def test_bad_flag_and_help() -> None:
    bad = run(FLAG_PROGRAM + "    tf.app.run()", "--steps=many")
    assert bad.returncode == 1 and "--steps=many" in bad.stdout + bad.stderr


def test_help_lists_the_flags_of_the_program(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(FLAG_PROGRAM + "    tf.app.run()")
    helped = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert "--steps: Steps." in helped.stdout + helped.stderr


# The test case


def outcome(test: Any) -> bool:
    result = unittest.TestResult()
    test.run(result)
    return result.wasSuccessful()


def test_test_case() -> None:
    class Case(tf.test.TestCase):
        def test_sessions(self) -> None:
            with self.test_session() as sess:
                x = tf.constant([1.0, 2.0])
                self.assertEqual(x.device, "/device:CPU:0")
                self.assertAllClose(sess.run(x), [1.0, 2.0])
            with self.cached_session() as again:
                self.assertIs(again, sess)
            self.assertAllEqual(self.evaluate(x), x)
            self.assertShapeEqual(np.zeros(2), x)
            self.assertEqual(tf.get_default_graph().seed, 87654321)

        def test_fails(self) -> None:
            self.assertAllClose([1.0], [2.0])

    assert outcome(Case("test_sessions"))
    assert not outcome(Case("test_fails"))


def test_comparisons() -> None:
    case = tf.test.TestCase()
    case.assertAllClose({"a": [1.0, (2.0, [3.0])]}, {"a": [1.0 + 1e-7, (2.0, [3.0])]})
    case.assertAllEqual([float("nan"), 1.0], [float("nan"), 1.0])
    case.assertAllEqual(["a", "b"], [b"a", b"b"])
    case.assertNotAllClose([1.0], [1.1])
    case.assertAllInRange([1, 2], 1, 2)
    case.assertNear(1.0, 1.01, 0.1)
    case.assertArrayNear([1.0], [1.01], 0.1)
    case.assertDeviceEqual("/cpu:0", "/device:CPU:0")
    case.assertAllCloseAccordingToType(np.float16([1.0]), np.float16([1.001]))
    for call in (
        lambda: case.assertAllEqual([1, 2], [1, 3]),
        lambda: case.assertAllEqual([1, 2], [[1, 2]]),
        lambda: case.assertAllInRange([1, 2], 1, 2, open_upper_bound=True),
        lambda: case.assertAllClose({"a": 1}, {"b": 1}),
        lambda: case.assertStartsWith("abc", "b"),
    ):
        with pytest.raises(AssertionError):
            call()
    with case.assertRaisesWithPredicateMatch(ValueError, "bad"):
        raise ValueError("a bad value")
    with case.assertRaisesOpError("gone"):
        raise tf.errors.NotFoundError(None, None, "gone")
    thread = case.checkedThread(lambda: 1 / 0)
    thread.start()
    with pytest.raises(AssertionError, match="division"):
        thread.join()

"""Ops that save tensors to files and restore them, and the names of sharded files.

A row writes a file of its own and restores from it; TensorFlow and Reflow each read what they wrote.
"""

import os
import tempfile

from .table import Rows, f32, given, i32, strings

rows = Rows("saving")


def case(name, build, **inputs_and_options):
    """Files are the host's business: nothing is compiled or differentiated."""
    options = {"grad": False, "xla": False, "unknown": "whole tensors are saved"}
    rows.case(name, build, **dict(options, **inputs_and_options))


def fresh():
    return os.path.join(tempfile.mkdtemp(), "model")


def io(tf):
    """The module of the ops: TensorFlow and Reflow have it under one name."""
    if hasattr(tf, "raw_ops"):
        from tensorflow.python.ops import gen_io_ops, io_ops

        return gen_io_ops, io_ops._save
    from reflow.ops import saving

    return saving, saving.save


def round_trip(names, slices, wanted):
    """Save tensors, then restore others from the same file."""

    def build(tf, **tensors):
        ops, _ = io(tf)
        path = fresh()
        with tf.control_dependencies([ops.save_v2(path, names, slices, list(tensors.values()))]):
            return ops.restore_v2(path, *wanted(tf))

    return build


def version_1(slices):
    def build(tf, x):
        ops, save = io(tf)
        path = fresh()
        with tf.control_dependencies([save(path, ["v"], [x], slices)]):
            return ops.restore(path, "v", tf.float32)

    return build


def restore_slice(tf, x):
    ops, save = io(tf)
    path = fresh()
    with tf.control_dependencies([save(path, ["v"], [x], [""])]):
        if hasattr(ops, "restore_slice"):
            return ops.restore_slice(path, "v", "4 2 1,2:-", tf.float32)
        from reflow.graph.graph import emit

        return emit("RestoreSlice", path, "v", "4 2 1,2:-", dt=tf.float32)


def merged(tf, x):
    ops, _ = io(tf)
    path = fresh()
    parts = [path + "_parts/%d" % i for i in range(2)]
    saves = [
        ops.save_v2(p, ["a%d" % i, "v"], ["", "4 2 %d,2:-" % (2 * i)], [i, x]) for i, p in enumerate(parts)
    ]
    with tf.control_dependencies(saves):
        merge = ops.merge_v2_checkpoints(parts, path)
    with tf.control_dependencies([merge]):
        return ops.restore_v2(path, ["v", "a1"], ["", ""], [tf.float32, tf.int32])


case("save", round_trip(["v"], [""], lambda tf: (["v"], [""], [tf.float32])), x=f32(3, 2))
case(
    "save_types",
    round_trip(["a", "b", "c"], ["", "", ""], lambda tf: (["c", "a"], ["", ""], [tf.bool, tf.string])),
    a=strings(["x", "", "yz"]),
    b=i32(2),
    c=given([True, False], "bool"),
)
case(
    "save_slices",
    round_trip(
        ["v", "v"], ["4 2 0,1:-", "4 2 1,3:-"], lambda tf: (["v"] * 2, ["", "4 2 0,2:1,1"], [tf.float32] * 2)
    ),
    a=f32(1, 2),
    b=f32(3, 2),
)
case("save_version_1", version_1(None), x=f32(4, 2))
case("save_version_1_slice", version_1(["4 2 -:-"]), x=f32(4, 2))
case("restore_slice", restore_slice, x=f32(4, 2))
case("merge", merged, x=f32(2, 2))
case("sharded_filename", lambda tf, x: io(tf)[0].sharded_filename(x, 3, 12), x=strings("model"))
case("sharded_filespec", lambda tf, x: io(tf)[0].sharded_filespec(x, 12), x=strings("model"))

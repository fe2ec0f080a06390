"""Small models that are saved by one system and restored by the other.

Shared with `tools/record_checkpoints.py`, which runs under the Python 3.7 of TensorFlow 1.15: nothing here
imports either system. Each model is a function of `tf` that returns the tensor whose value is compared; what
it needs is constant, so that an imported graph computes it without feeds.
"""

import os

import numpy as np


def grid(*shape):
    """Numbers that are not all alike, exact in float32."""
    return (np.arange(np.prod(shape)).reshape(shape) % 17 / 8.0 - 1).astype(np.float32)


def dense(tf):
    w = tf.get_variable("dense/kernel", initializer=tf.constant(grid(4, 3)))
    b = tf.get_variable("dense/bias", initializer=tf.constant(grid(3)))
    return tf.nn.relu(tf.matmul(tf.constant(grid(2, 4)), w) + b)


def convnet(tf):
    w = tf.Variable(grid(3, 3, 1, 2), name="conv/weights")
    x = tf.nn.conv2d(tf.constant(grid(1, 6, 6, 1)), w, strides=[1, 1, 1, 1], padding="SAME")
    x = tf.nn.max_pool(tf.nn.relu(x), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
    v = tf.Variable(grid(18, 2), name="out/weights")
    return tf.nn.softmax(tf.matmul(tf.reshape(x, [1, 18]), v))


def embedding(tf):
    table = tf.get_variable("embeddings", initializer=tf.constant(grid(7, 4)))
    return tf.reduce_sum(tf.nn.embedding_lookup(table, tf.constant([1, 5, 1])), 1)


def partitioned(tf):
    table = tf.get_variable(
        "table", shape=[5, 2], initializer=tf.zeros_initializer(), partitioner=tf.fixed_size_partitioner(2)
    )
    for part in table:
        shape = part.get_shape().as_list()
        part._initializer_op = tf.assign(part, tf.constant(grid(*shape) + shape[0])).op
    return tf.nn.embedding_lookup(table, tf.constant([0, 2, 3]), partition_strategy="div")


def resource(tf):
    v = tf.get_variable("v", initializer=tf.constant(grid(3, 2)), use_resource=True)
    w = tf.get_variable("w", initializer=tf.constant(2.0), use_resource=True)
    return v * w


def optimizer_slots(tf):
    w = tf.Variable(grid(3), name="w")
    step = tf.Variable(0, name="global_step", trainable=False)
    loss = tf.reduce_sum(tf.square(w - 1.0))
    train = tf.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
    tf.add_to_collection("train_op", train)
    with tf.control_dependencies([train]):
        return w.read_value() if hasattr(w, "read_value") else tf.identity(w)


def momentum(tf):
    w = tf.Variable(grid(2, 2), name="layer/w")
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(w * w))
    tf.add_to_collection("train_op", train)
    return tf.reduce_sum(w)


def integers(tf):
    a = tf.Variable(np.array([1, -2, 3], np.int64), name="a")
    b = tf.Variable(np.array([1, 200, 3], np.uint8), name="b")
    c = tf.Variable(np.array([True, False, True]), name="c")
    return tf.where(c, a, tf.cast(b, tf.int64))


def strings(tf):
    v = tf.Variable(tf.constant(["alpha", "", "gamma"]), name="words")
    found = tf.reduce_sum(tf.cast(tf.equal(v, "alpha"), tf.int32))
    return tf.string_to_number(tf.constant(["1"])) + tf.cast(found, tf.float32)


def halves(tf):
    h = tf.Variable(grid(4).astype(np.float16), name="half")
    d = tf.Variable(grid(4).astype(np.float64), name="double")
    z = tf.Variable(np.array([1 + 2j, 3 - 1j], np.complex64), name="complex")
    return tf.cast(h, tf.float64) * d + tf.cast(tf.reduce_sum(tf.abs(z)), tf.float64)


def conditional(tf):
    v = tf.Variable(grid(3), name="v")
    return tf.cond(tf.less(tf.constant(1.0), 2.0), lambda: v * 2.0, lambda: v - 1.0)


def scoped(tf):
    with tf.variable_scope("outer"):
        with tf.variable_scope("inner"):
            a = tf.get_variable("a", initializer=tf.constant(grid(2)))
        with tf.variable_scope("inner", reuse=True):
            b = tf.get_variable("a")
    with tf.name_scope("scores"):
        return tf.nn.softmax(a + b, name="softmax")


def moving_average(tf):
    v = tf.Variable(grid(3), name="v")
    average = tf.train.ExponentialMovingAverage(0.5)
    update = average.apply([v])
    with tf.control_dependencies([update]):
        return tf.identity(v)


def sharded(tf):
    with tf.device("/job:localhost/replica:0/task:0/cpu:0"):
        a = tf.Variable(grid(3), name="a")
    b = tf.Variable(grid(3) + 1, name="b")
    return a * b


def batch_norm(tf):
    scale = tf.Variable(grid(2) + 2, name="bn/gamma")
    mean = tf.Variable(grid(2), name="bn/moving_mean", trainable=False)
    return tf.nn.batch_normalization(
        tf.constant(grid(3, 2)), mean, tf.constant([1.0, 4.0]), None, scale, 1e-3
    )


MODELS = {
    f.__name__: f
    for f in (
        batch_norm,
        conditional,
        convnet,
        dense,
        embedding,
        halves,
        integers,
        momentum,
        moving_average,
        optimizer_slots,
        partitioned,
        resource,
        scoped,
        sharded,
        strings,
    )
}


def _saver(tf, name):
    return tf.train.Saver(sharded=name == "sharded")


def _value(sess, tensor):
    return np.asarray(sess.run(tensor)).astype(np.float64).reshape(-1).tolist()


def save(tf, name, path):
    """Build a model, save it with its graph, and return what it then computes."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        out = tf.identity(MODELS[name](tf), name="answer")
        saver = _saver(tf, name)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            saver.save(sess, path, write_state=False)
            return _value(sess, out)


def restore(tf, name, path):
    """Build a model, restore it, and return what it computes."""
    with tf.Graph().as_default(), tf.Session() as sess:
        out = tf.identity(MODELS[name](tf), name="answer")
        _saver(tf, name).restore(sess, path)
        return _value(sess, out)


def import_and_restore(tf, name, path):
    """Take a model from its `.meta` file, restore it, and return what it computes."""
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.train.import_meta_graph(path + ".meta", clear_devices=True).restore(sess, path)
        return _value(sess, "answer:0")


# Tensors of every type, without a graph


TYPES = (
    "float32",
    "float64",
    "int32",
    "uint8",
    "int16",
    "int8",
    "complex64",
    "int64",
    "bool",
    "uint16",
    "complex128",
    "float16",
    "uint32",
    "uint64",
)


def tensors():
    """Names and values, in the order in which they are saved."""
    found = []
    for kind in TYPES:
        found.append((kind, (grid(3, 4) * 20 + 30).astype(kind)))
    found.append(("string", np.array([[b"a", b"", b"xyz" * 50], [b"\0\xff", b"1", b"2"]], object)))
    found.append(("string_scalar", np.array(b"hello", object)))
    found.append(("string_empty", np.zeros([0], object)))
    found.append(("scalar", np.float32(3)))
    found.append(("empty", np.zeros([0, 3], np.float32)))
    return found


SLICED = [  # name, slice, value: two tensors in parts (TensorFlow cannot read the strings back itself)
    ("w", "5 2 0,2:-", grid(2, 2)),
    ("w", "5 2 2,1:0,2", grid(1, 2) + 1),
    ("w", "5 2 3,2:0,2", grid(2, 2) + 2),
    ("s", "3 0,1", np.array([b"p"], object)),
    ("s", "3 1,2", np.array([b"q", b"r"], object)),
]
OLD_TYPES = (*TYPES[:9], "string", "scalar", "empty")


def _constant(tf, value):
    value = np.asarray(value)
    return tf.constant(value, tf.string if value.dtype == object else tf.as_dtype(value.dtype))


def _ops(tf):
    """The functions that make saving nodes: TensorFlow has them elsewhere."""
    if hasattr(tf, "raw_ops"):
        raw = tf.raw_ops
        return (
            lambda p, n, s, t: raw.SaveV2(prefix=p, tensor_names=n, shape_and_slices=s, tensors=t),
            lambda p, n, s, t: raw.SaveSlices(filename=p, tensor_names=n, shapes_and_slices=s, data=t),
        )
    from reflow.ops import saving

    return saving.save_v2, lambda p, n, s, t: saving.save(p, n, t, s)


def save_tensors(tf, folder):
    """Save tensors of every type, whole and in slices, in both formats."""
    save_v2, save_v1 = _ops(tf)
    rows = tensors()
    old = [(n, v) for n, v in rows if n in OLD_TYPES]
    with tf.Graph().as_default(), tf.Session() as sess:
        for path, save_op, kept in (("all", save_v2, rows), ("old", save_v1, old)):
            values = [_constant(tf, v) for _, v in kept]
            sess.run(save_op(os.path.join(folder, path), [n for n, _ in kept], [""] * len(kept), values))
        names = [name for name, _, _ in SLICED]
        slices = [part for _, part, _ in SLICED]
        parts = [_constant(tf, value) for _, _, value in SLICED]
        sess.run(save_v2(os.path.join(folder, "sliced"), names, slices, parts))
        big = [f"n{i:05d}/some/long/name/of/a/variable" for i in range(0, 3000, 10)]
        values = [tf.constant(i) for i in range(len(big))]
        sess.run(save_v2(os.path.join(folder, "many"), big, [""] * len(big), values))
        values = [tf.zeros([500]), tf.range(300)]
        sess.run(save_v1(os.path.join(folder, "old_two"), ["z", "r"], ["", ""], values))


def _restored(tf, path, name):
    """A tensor, as the op that restores gives it."""
    with tf.Graph().as_default(), tf.Session() as sess:
        if hasattr(tf, "raw_ops"):
            kind = tf.as_dtype(name)
            row = tf.raw_ops.RestoreV2(prefix=path, tensor_names=[name], shape_and_slices=[""], dtypes=[kind])
        else:
            from reflow.ops.saving import restore_v2

            row = restore_v2(path, [name], [""], [tf.as_dtype(name)])
        return sess.run(row[0])


def whole(name):
    """What the slices of a tensor come to."""
    return np.concatenate([v for n, _, v in SLICED if n == name])


def check_tensors(tf, folder):
    """Read the tensors back through `tf.train.NewCheckpointReader`: the name and whether it is the same."""
    for path, kept in (("all", None), ("old", OLD_TYPES)):
        reader = tf.train.NewCheckpointReader(os.path.join(folder, path))
        for name, value in tensors():
            if kept is None or name in kept:
                try:
                    found = reader.get_tensor(name)
                except tf.errors.UnimplementedError:  # TensorFlow's reader lacks some types that its op has
                    found = _restored(tf, os.path.join(folder, path), name)
                found = np.array(found, object) if isinstance(found, bytes) else np.asarray(found)
                same = found.shape == np.shape(value) and found.dtype == np.asarray(value).dtype
                yield path + "/" + name, bool(same and np.array_equal(found, value))
    reader = tf.train.NewCheckpointReader(os.path.join(folder, "sliced"))
    yield "sliced/w", bool(np.array_equal(reader.get_tensor("w"), whole("w")))
    reader = tf.train.NewCheckpointReader(os.path.join(folder, "many"))
    shapes = reader.get_variable_to_shape_map()
    last = max(shapes)
    yield "many", len(shapes) == 300 and int(reader.get_tensor(last)) == 299
    reader = tf.train.NewCheckpointReader(os.path.join(folder, "old_two"))
    zeros = not np.any(reader.get_tensor("z")) and np.array_equal(reader.get_tensor("r"), np.arange(300))
    yield "old_two", bool(zeros)

"""Queues and readers, as far as one run can show them: threads are tested in ``tests/train``."""

import os
import tempfile

from .table import Rows, f32, strings

rows = Rows("queues")
error = rows.error
FOLDER = os.path.join(tempfile.gettempdir(), "op-table-queues")


def case(name, build, **inputs_and_options):
    """Queues are the host's business: nothing is compiled or differentiated."""
    rows.case(name, build, **dict({"grad": False, "xla": False}, **inputs_and_options))


def after(tf, operations, build):
    """What ``build`` makes, run after the operations."""
    with tf.control_dependencies(operations):
        return build()


def fifo(tf, x):
    queue = tf.FIFOQueue(10, tf.float32, shapes=[[2]])
    put = after(tf, [queue.enqueue_many(x)], lambda: queue.enqueue([[7.0, 8.0]]))
    first = after(tf, [put], queue.dequeue)
    many = after(tf, [first], lambda: queue.dequeue_many(2))
    size = after(tf, [many], queue.size)
    rest = after(tf, [size], lambda: queue.dequeue_up_to(1))
    return [first, many, size, rest, queue.is_closed()]


def closed(tf, x):
    queue = tf.FIFOQueue(10, [tf.float32, tf.int32], shapes=[[], []], name="numbers")
    close = after(tf, [queue.enqueue_many([x, [1, 2, 3]])], queue.close)
    is_closed = after(tf, [close], queue.is_closed)
    rest = after(tf, [is_closed], lambda: queue.dequeue_up_to(5))
    return [is_closed, rest, after(tf, rest, queue.size)]


def named(tf, x):
    queue = tf.FIFOQueue(3, [tf.float32, tf.string], names=["x", "label"], shared_name="shared")
    element = after(
        tf, [queue.enqueue({"label": "here", "x": x}, name="put")], lambda: queue.dequeue(name="get")
    )
    return element["x"], element["label"]


def nothing(tf):
    queue = tf.queue.FIFOQueue(3, [tf.int64, tf.string], [[2], []])
    return queue.dequeue_many(0), queue.dequeue_up_to(0)


def shuffle(tf):
    queue = tf.RandomShuffleQueue(100, 3, tf.int32, shapes=[[]], seed=3)
    many = after(tf, [queue.enqueue_many([list(range(20))])], lambda: queue.dequeue_many(12))
    more = after(tf, [many], queue.dequeue)
    return [many, more, after(tf, [after(tf, [more], queue.close)], lambda: queue.dequeue_up_to(50))]


def shuffle_graph_seed(tf):
    tf.set_random_seed(5)
    queue = tf.queue.RandomShuffleQueue(100, 0, tf.int32, shapes=[[]], shared_name="pool")
    return after(tf, [queue.enqueue_many([list(range(10))])], lambda: queue.dequeue_many(10))


def padding(tf, x):
    queue = tf.PaddingFIFOQueue(10, [tf.float32, tf.string], [[None], [None, 1]])
    first = queue.enqueue([x, [["a"]]])
    second = after(tf, [first], lambda: queue.enqueue([x[:1], [["b"], ["c"]]]))
    many = after(tf, [second], lambda: queue.dequeue_many(2))
    return [many, after(tf, many, queue.size)]


def priority(tf):
    queue = tf.PriorityQueue(10, tf.string, [[]])
    put = queue.enqueue_many([[3, 1, 2, 1], ["c", "a", "b", "also a"]])
    return after(tf, [put], lambda: queue.dequeue_many(4))


case("fifo", fifo, x=f32(3, 2))
case("closed", closed, x=f32(3))
case("named", named, x=f32(2))
case("nothing", nothing)
case("shuffle", shuffle)
case("shuffle_graph_seed", shuffle_graph_seed)
case("padding", padding, x=f32(2))
case("priority", priority)

# --- readers ------------------------------------------------------------------------------------------


def reading(make, data, count=2):
    """Reads of a file with these bytes: one record, some more, then the numbers of records and files."""

    def build(tf, path):
        queue = tf.FIFOQueue(10, tf.string, shapes=[[]])
        put = after(tf, [tf.write_file(path, data)], lambda: queue.enqueue_many([[path, path]]))
        reader = make(tf)
        key, value = after(tf, [put], lambda: reader.read(queue))
        keys, values = after(tf, [value], lambda: reader.read_up_to(queue, count))
        numbers = after(
            tf, [values], lambda: [reader.num_records_produced(), reader.num_work_units_completed()]
        )
        again = after(tf, [after(tf, numbers, reader.reset)], reader.num_records_produced)
        names = [tf.regex_replace(k, ".*/", "") for k in (key, keys)]
        return [names, value, values, numbers, again]

    return build


def file(name):
    return strings(os.path.join(FOLDER, name))


LINES = b"a\nbb\r\n\nlast"
TWO_RECORDS = (
    b"\x03\x00\x00\x00\x00\x00\x00\x00\xb0\x99I\x0eone\x01@U\x08"
    b"\x00\x00\x00\x00\x00\x00\x00\x00)\x03\x98\x07\xd8\xea\x82\xa2"
)
case(
    "records",
    reading(lambda tf: tf.TFRecordReader(), TWO_RECORDS),
    path=file("records"),
    unknown="paths are scalars",
)
case("lines", reading(lambda tf: tf.TextLineReader(), LINES), path=file("lines"), unknown="paths are scalars")
case(
    "lines_header",
    reading(lambda tf: tf.TextLineReader(skip_header_lines=2, name="reader"), LINES, 5),
    path=file("header"),
    unknown="paths are scalars",
)
case(
    "pieces",
    reading(lambda tf: tf.FixedLengthRecordReader(2, 2, 1), b"HHaabbccFddF"),
    path=file("pieces"),
    unknown="paths are scalars",
)
case(
    "pieces_hop",
    reading(lambda tf: tf.FixedLengthRecordReader(4, hop_bytes=3), b"abcdefghijk"),
    path=file("hop"),
    unknown="paths are scalars",
)


def state(tf):
    queue = tf.FIFOQueue(10, tf.string, shapes=[[]])
    reader = tf.IdentityReader()
    key, value = after(tf, [queue.enqueue_many([["p", "q", "r"]])], lambda: reader.read(queue))
    _, values = after(tf, [value], lambda: reader.read_up_to(queue, 1))
    saved = after(tf, [values], reader.serialize_state)
    reset = after(tf, [saved], reader.reset)
    restored = after(tf, [reset], lambda: reader.restore_state(saved))
    return [key, value, values, saved, after(tf, [restored], reader.num_records_produced)]


def whole(tf, path):
    queue = tf.FIFOQueue(10, tf.string, shapes=[[]])
    put = after(tf, [tf.write_file(path, LINES)], lambda: queue.enqueue(path))
    return after(tf, [put], lambda: tf.WholeFileReader().read(queue))[1]


case("identity", state)
case("whole", whole, path=file("whole"))

# --- errors -------------------------------------------------------------------------------------------

INVALID = {"raises": "InvalidArgumentError", "when": "run"}
error(
    "insufficient",
    lambda tf: after(
        tf,
        [tf.FIFOQueue(3, tf.int32, [[]], shared_name="q").close()],
        tf.FIFOQueue(3, tf.int32, [[]], shared_name="q").dequeue,
    ),
    raises="OutOfRangeError",
    when="run",
    match=r"is closed and has insufficient elements \(requested 1, current size 0\)",
)
error(
    "closed",
    lambda tf: after(
        tf,
        [tf.FIFOQueue(3, tf.int32, [[]], shared_name="q").close()],
        lambda: tf.FIFOQueue(3, tf.int32, [[]], shared_name="q").enqueue(1),
    ),
    raises="CancelledError",
    when="run",
    match="is closed.",
)
error(
    "shape",
    lambda tf, x: tf.FIFOQueue(3, tf.float32, [[2]]).enqueue(x),
    x=f32(3),
    match=r"Shape mismatch in tuple component 0. Expected \[2\], got \[3\]",
    **INVALID,
)
error(
    "rows",
    lambda tf, x, y: tf.FIFOQueue(9, [tf.float32] * 2, [[], []]).enqueue_many([x, y]),
    x=f32(2),
    y=f32(1),
    match=r"Shape mismatch in tuple component 1. Expected \[2\], got \[1\]",
    **INVALID,
)
error(
    "no_shapes",
    lambda tf: tf.FIFOQueue(3, tf.int32).dequeue_many(1),
    match="to have specified shapes",
    **INVALID,
)
error(
    "negative",
    lambda tf: tf.FIFOQueue(3, tf.int32, [[]]).dequeue_many(-1),
    raises="ValueError",
    match="must be >= 0",
)
error(
    "static_shape",
    lambda tf, x: tf.FIFOQueue(3, tf.float32, [[2]]).enqueue(x),
    x=f32(3),
    raises="ValueError",
    match="incompatible",
)
error(
    "partial",
    lambda tf: tf.FIFOQueue(3, tf.int32, [[None]]),
    raises="ValueError",
    match="must be fully defined",
)
error(
    "no_list",
    lambda tf: tf.PaddingFIFOQueue(3, tf.int32, [None]),
    raises="ValueError",
    match="a list of shapes",
)
error(
    "names",
    lambda tf: tf.FIFOQueue(3, [tf.int32], names=["a"]).enqueue([1]),
    raises="ValueError",
    match="with names",
)
error(
    "keys",
    lambda tf: tf.FIFOQueue(3, [tf.int32], names=["a"]).enqueue({"b": 1}),
    raises="ValueError",
    match="Keys in dictionary",
)
error(
    "no_names",
    lambda tf: tf.FIFOQueue(3, [tf.int32]).enqueue({"a": 1}),
    raises="ValueError",
    match="have names",
)
error(
    "type", lambda tf, x: tf.FIFOQueue(3, tf.int32).enqueue(x), x=f32(2), raises="ValueError", match="int32"
)
error(
    "serialize",
    lambda tf: tf.TextLineReader().serialize_state(),
    raises="UnimplementedError",
    when="run",
    match="Reader SerializeState",
)
error(
    "restore", lambda tf: tf.IdentityReader().restore_state("\x07"), match="Could not parse state", **INVALID
)

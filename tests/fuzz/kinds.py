"""The kinds of files that are damaged: a small one of each, with what reads it."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import reflow as tf
from fuzz.mutation import Kind, framed, mutated, mutated_records, mutated_table, mutated_text
from reflow.base import dtypes, protos
from reflow.base.bundle import BundleReader, BundleWriter
from reflow.base.checkpoint_v1 import CheckpointV1, WriterV1
from reflow.base.pipeline.files import chunks
from reflow.base.records import read_records
from reflow.base.slices import TensorSlice
from reflow.contrib import mnist
from reflow.exchange import inspection
from reflow.ops import image_files
from reflow.saved_model.loader import SavedModelLoader
from reflow.summary.graph_file import read_graph
from reflow.train.exact_state import SavedState, captured
from reflow.train.restoring import object_names

RECORDED = Path(__file__).parent.parent / "train" / "data" / "checkpoints" / "tf1"
TEXT = 2  # protobuf's parser of texts takes a line, and shows it in its error: a file may be one long line
IMAGE_ROOM = 8 << 20  # bytes: some pixels in the forms that decoding takes them through
GIF_ROOM = 1 << 27  # a code of twelve bits may stand for 4,096 pixels, each of which takes some bytes
FULL = 50  # every so many SavedModels are loaded with their variables


def consumed(items: Any) -> None:
    for _ in items:
        pass


# Checkpoints


def _read_all(reader: Any) -> None:
    for name in reader.names():
        reader.read(name)
        reader.shape(name), reader.dtype(name)
    reader.close()


def _checkpoint(folder: Path) -> Path:
    rows = {
        "numbers": np.arange(12, dtype=np.float32).reshape(3, 4),
        "words": np.array([b"one", b"", b"three"], object),
        "scalar": np.int64(5),
        "large": np.arange(5000, dtype=np.int64),
    }
    old = WriterV1(str(folder / "old"))
    with BundleWriter(str(folder / "m")) as writer:
        for name, value in rows.items():
            kind = dtypes.string if np.asarray(value).dtype == object else dtypes.as_dtype(value.dtype)
            writer.add(name, value, kind)
            old.add_slice(name, np.shape(value), TensorSlice.whole(np.ndim(value)), value, kind)
        for start in (0, 2):
            part = TensorSlice((start, 0), (2, -1))
            writer.add_slice("parts", (4, 2), part, np.ones((2, 2)), dtypes.float64)
    old.finish()
    return folder / "m"


def index(folder: Path) -> Kind:
    prefix = str(_checkpoint(folder))
    return Kind(
        Path(prefix + ".index"), lambda _: _read_all(BundleReader(prefix)), mutated_table, inflated=20
    )


def shard(folder: Path) -> Kind:
    prefix = str(_checkpoint(folder))
    return Kind(Path(prefix + ".data-00000-of-00001"), lambda _: _read_all(BundleReader(prefix)), same=True)


def version_1(folder: Path) -> Kind:
    _checkpoint(folder)
    path = folder / "old"
    return Kind(path, lambda _: _read_all(CheckpointV1(str(path))), mutated_table)


def version_1_compressed(folder: Path) -> Kind:
    """As TensorFlow writes it, with Snappy: a block may hold up to 21 times its size."""
    path = folder / "old_two"
    path.write_bytes((RECORDED / "old_two").read_bytes())
    return Kind(path, lambda _: _read_all(CheckpointV1(str(path))), mutated_table, inflated=21)


def state_file(folder: Path) -> Kind:
    """The file `checkpoint`: what makes no sense is told of in the log and ignored."""
    for number in (1, 2):
        tf.train.update_checkpoint_state(str(folder), str(folder / f"model-{number}"), [str(folder / "m-0")])
    return Kind(
        folder / "checkpoint",
        lambda _: tf.train.get_checkpoint_state(str(folder)) is not None,
        mutated_text,
        least=0.2,
    )


def exact_state(folder: Path) -> Kind:
    graph = tf.Graph()
    with graph.as_default(), tf.Session() as sess:
        sess.run(tf.random_uniform([], seed=1, name="random"))
        (folder / "state").write_bytes(captured(sess))
    path = folder / "state"
    return Kind(path, lambda _: SavedState(path.read_bytes(), graph, "m"), mutated_text, least=0.2)


def object_graph(folder: Path) -> Kind:
    """The graph of objects in a checkpoint of `tf.train.Checkpoint`."""
    path = folder / "objects"
    attribute = {"name": "VARIABLE_VALUE", "full_name": "v", "checkpoint_key": "v/.ATTRIBUTES/VARIABLE_VALUE"}
    node = {"children": [{"node_id": 1, "local_name": "v"}], "attributes": [attribute]}
    message = protos.TrackableObjectGraph(nodes=[node, node])
    path.write_bytes(message.SerializeToString())

    def attempt(_: int) -> None:
        with BundleWriter(str(folder / "o")) as writer:
            writer.add("_CHECKPOINTABLE_OBJECT_GRAPH", np.array(path.read_bytes(), object), dtypes.string)
        object_names(str(folder / "o"))

    return Kind(path, attempt, least=0.2)


# Graphs


def meta_graph(folder: Path) -> Kind:
    path = folder / "m.meta"
    with tf.Graph().as_default():
        v = tf.Variable([1.0, 2.0], name="v")
        tf.add_to_collection("out", tf.multiply(v, 2.0, name="y"))
        message = tf.train.Saver([v]).export_meta_graph()
    message.meta_info_def.ClearField("stripped_op_list")
    path.write_bytes(message.SerializeToString())

    def attempt(_: int) -> None:
        with tf.Graph().as_default():
            tf.train.import_meta_graph(str(path))

    return Kind(path, attempt)


def _graph() -> Any:
    """A graph with constants of all the forms that a TensorProto has."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        y = tf.add(x, tf.constant([1.0, 2.0, 3.0]), name="y")
        tf.unstack(tf.reshape(y, [-1, 3]), 3, axis=1)
        for kind in (tf.float16, tf.int8, tf.int64, tf.bool, tf.complex64):
            tf.cast(tf.constant([1, 0]), kind)
        for kind in (tf.float16, tf.complex128, tf.float64, tf.uint8):
            tf.constant(1, kind)
        tf.constant(["a", "bb"])
    message = graph.as_graph_def()
    for node in message.node:
        if node.op == "Const" and node.attr["value"].tensor.dtype == tf.float32.as_datatype_enum:
            tensor = node.attr["value"].tensor  # two values of which the last is to be repeated
            tensor.ClearField("tensor_content")
            tensor.float_val.extend([1.0, 2.0])
    return message


def _import(message: Any) -> None:
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(message)
        graph.as_graph_def(add_shapes=True)


def _graph_file(folder: Path, name: str) -> Kind:
    """Read, imported, written again, and shown by `reflow inspect`."""
    tf.train.write_graph(_graph(), str(folder), name, as_text=name.endswith("txt"))
    path = folder / name

    def attempt(_: int) -> None:
        model = inspection.find_model(path)
        consumed(inspection._graph_parts(model.graphs[0], False))
        _import(model.graphs[0].graph_def)

    if name.endswith("txt"):
        return Kind(path, attempt, mutated_text, inflated=TEXT)
    return Kind(path, attempt)


def graph(folder: Path) -> Kind:
    return _graph_file(folder, "graph.pb")


def graph_as_text(folder: Path) -> Kind:
    return _graph_file(folder, "graph.pbtxt")


def graph_to_draw(folder: Path) -> Kind:
    """A graph that is looked for in a file of any kind."""
    tf.train.write_graph(_graph(), str(folder), "graph.pbtxt")
    return Kind(
        folder / "graph.pbtxt", lambda _: read_graph(folder / "graph.pbtxt"), mutated_text, inflated=TEXT
    )


# SavedModels


def _model(folder: Path, as_text: bool) -> Path:
    """A small model with a variable, a file and a main op."""
    asset = folder / "words.txt"
    asset.write_text("a\nb\n")
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None], name="x")
        v = tf.Variable(2.0, name="v")
        sess.run(v.initializer)
        builder = tf.saved_model.builder.SavedModelBuilder(str(folder / "model"))
        signature = tf.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": x * v})
        more = {} if as_text else {"assets_collection": [tf.constant(str(asset))]}
        if not as_text:
            more["main_op"] = tf.group(tf.assign(v, 3.0))
        builder.add_meta_graph_and_variables(
            sess, ["serve"], {"serving_default": signature}, strip_default_attrs=True, **more
        )
        builder._saved_model.meta_graphs[0].meta_info_def.ClearField("stripped_op_list")
        builder.save(as_text=as_text)
    return folder / "model"


def _load(folder: Path, full: bool) -> None:
    """Load the model, whatever tags it has by now."""
    loader = SavedModelLoader(str(folder))
    for graph in loader.saved_model.meta_graphs:
        with tf.Graph().as_default() as target, tf.Session() as sess:
            tags = list(graph.meta_info_def.tags)
            if full:
                loader.load(sess, tags)
            else:
                loader.load_graph(target, tags)


def saved_model(folder: Path) -> Kind:
    path = _model(folder, False)
    return Kind(path / "saved_model.pb", lambda number: _load(path, number % FULL == 0))


def saved_model_as_text(folder: Path) -> Kind:
    path = _model(folder, True)
    return Kind(
        path / "saved_model.pbtxt",
        lambda number: _load(path, number % FULL == 0),
        mutated_text,
        inflated=TEXT,
    )


def inspected_model(folder: Path) -> Kind:
    path = _model(folder, False)
    return Kind(path / "saved_model.pb", lambda _: consumed(inspection.report(path)), least=0.3)


# Records


def events(folder: Path) -> Kind:
    path = folder / "events"
    message = tf.Event(step=3, wall_time=1.0)
    message.summary.value.add(tag="loss", simple_value=0.5)
    message.summary.value.add(tag="h", histo={"min": 0, "max": 1, "num": 2, "bucket": [1, 1]})
    path.write_bytes(framed(message.SerializeToString()) * 2)
    return Kind(path, lambda _: consumed(tf.train.summary_iterator(str(path))), mutated_records)


def _records(folder: Path, compression: str) -> Kind:
    path = folder / "records"
    data = b"".join(framed(r) for r in (b"one", b"two" * 200, bytes(range(256)) * 8))
    pack: dict[str, Callable[[bytes], bytes]] = {"": bytes, "ZLIB": zlib.compress, "GZIP": gzip.compress}
    path.write_bytes(pack[compression](data))

    def mutate(whole: bytes, dice: Any) -> bytes:
        if compression and dice.random() < 0.5:
            return pack[compression](mutated_records(data, dice))
        return (mutated if compression else mutated_records)(whole, dice)

    attempt = lambda _: consumed(read_records(str(path), compression))  # noqa: E731
    return Kind(path, attempt, mutate, inflated=20 if compression else 1)


def records(folder: Path) -> Kind:
    return _records(folder, "")


def records_zlib(folder: Path) -> Kind:
    return _records(folder, "ZLIB")


def records_gzip(folder: Path) -> Kind:
    return _records(folder, "GZIP")


def _chunks(folder: Path, compression: str) -> Kind:
    path = folder / "text"
    pack = {"ZLIB": zlib.compress, "GZIP": gzip.compress}[compression]
    path.write_bytes(pack(b"a line\n" * 500))
    return Kind(path, lambda _: consumed(chunks(str(path), compression)), inflated=1100)


def text_zlib(folder: Path) -> Kind:
    return _chunks(folder, "ZLIB")


def text_gzip(folder: Path) -> Kind:
    return _chunks(folder, "GZIP")


def digits(folder: Path) -> Kind:
    path = folder / "images-idx3-ubyte.gz"
    plain = struct.pack(">4I", 2051, 3, 4, 5) + bytes(range(60))
    path.write_bytes(gzip.compress(plain))

    def mutate(whole: bytes, dice: Any) -> bytes:
        if dice.random() < 0.5:
            return gzip.compress(mutated(plain, dice))
        return mutated(whole, dice)

    def attempt(_: int) -> None:
        with open(path, "rb") as file, contextlib.redirect_stdout(io.StringIO()):
            mnist.extract_images(file)

    return Kind(path, attempt, mutate)


# Images


def _mutated_image(data: bytes, dice: Any) -> bytes:
    """A file with changed bytes; of a PNG file, the checksums are right again."""
    if data.startswith(image_files.PNG_SIGNATURE) and dice.random() < 0.5:
        at, parts = len(image_files.PNG_SIGNATURE), [image_files.PNG_SIGNATURE]
        target = dice.randrange(2)
        while at + 12 <= len(data):
            (length,) = struct.unpack_from(">I", data, at)
            kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
            content = mutated(content, dice)[:length] if len(parts) == 1 + target else content
            parts.append(image_files._chunk(kind, content))
            at += 12 + length
        return b"".join(parts)
    return mutated(data, dice)


def _image(
    folder: Path, name: str, read: Callable[[bytes], Any], data: bytes, room: int = IMAGE_ROOM
) -> Kind:
    path = folder / name
    path.write_bytes(data)
    return Kind(path, lambda _: read(path.read_bytes()), _mutated_image, least=0.1, resident=True, room=room)


def png(folder: Path) -> Kind:
    return _image(folder, "i.png", image_files.read_png, image_files.write_png(_pixels(3)))


def png_deep(folder: Path) -> Kind:
    data = image_files.write_png(_pixels(3).astype(np.uint16) * 257)
    return _image(folder, "i.png", lambda c: image_files.read_png(c, deep=True), data)


def jpeg(folder: Path) -> Kind:
    return _image(folder, "i.jpg", image_files.read_jpeg, image_files.write_jpeg(_pixels(3)))


def gif(folder: Path) -> Kind:
    from PIL import Image

    frames = [Image.fromarray(_pixels(3) + np.uint8(i)) for i in range(2)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return _image(folder, "i.gif", image_files.read_gif, stream.getvalue(), GIF_ROOM)


def bmp(folder: Path) -> Kind:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(_pixels(3)).save(stream, "BMP")
    return _image(folder, "i.bmp", image_files.read_bmp, stream.getvalue())


def _pixels(channels: int) -> Any:
    y, x = np.mgrid[0:24, 0:40]
    return np.stack([(6 * x + 3 * y * i) % 256 for i in range(channels)], -1).astype(np.uint8)


KINDS: dict[str, Callable[[Path], Kind]] = {
    f.__name__: f
    for f in (
        index,
        shard,
        version_1,
        version_1_compressed,
        state_file,
        exact_state,
        object_graph,
        meta_graph,
        graph,
        graph_as_text,
        graph_to_draw,
        saved_model,
        saved_model_as_text,
        inspected_model,
        events,
        records,
        records_zlib,
        records_gzip,
        text_zlib,
        text_gzip,
        digits,
        png,
        png_deep,
        jpeg,
        gif,
        bmp,
    )
}

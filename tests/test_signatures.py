"""Functions and classes take the arguments that TensorFlow 1.15's take: names, order and defaults."""

from __future__ import annotations

import gzip
import inspect
from pathlib import Path

import pytest

import reflow as tf
import signatures

EXTENSION = "Reflow takes one more, after the others"
INTERNAL = "programs do not make such objects themselves"
KERAS = "layers have no Keras model around them"
OTHERS = {
    "DType.__init__": "it takes the same number",
    "Graph.switch_to_thread_local": "scopes are of the thread always",
    "InteractiveSession.__init__": EXTENSION,
    "Operation.__init__": INTERNAL,
    "OptionalSpec.from_value": INTERNAL,
    "Session.__init__": EXTENSION,
    "contrib.data.bucket_by_sequence_length": EXTENSION,
    "contrib.training.HParams.from_proto": "there is no HParamDef",
    "contrib.training.HParams.to_proto": "there is no HParamDef",
    "data.Dataset.__init__": INTERNAL,
    "data.DatasetSpec.from_value": INTERNAL,
    "flags.FLAGS": "absl's own; TensorFlow wraps it",
    "layers.InputSpec.from_config": KERAS,
    "layers.InputSpec.get_config": KERAS,
    "layers.Layer.call": "a subclass may take more",
    "python.data.ops.dataset_ops.DatasetV1Adapter.__init__": INTERNAL,
    "python.data.ops.dataset_ops.DatasetV2.__init__": INTERNAL,
    "python.data.util.nest.map_structure": "its one option by its name",
    "test.TestCase.assertProtoEqualsVersion": "for TensorFlow's own tests",
    "test.TestCase.captureWritesToStream": "for TensorFlow's own tests",
    "train.Saver.__init__": EXTENSION,
}
OF_KERAS = [
    "add_metric",
    "compute_mask",
    "compute_output_signature",
    "from_config",
    "get_config",
    "get_input_mask_at",
    "get_input_shape_at",
    "get_output_mask_at",
    "get_output_shape_at",
    "get_weights",
    "set_weights",
    "with_name_scope",
]


def is_other(name: str) -> bool:
    """Whether a signature is known to differ, with a reason."""
    room, _, member = name.rpartition(".")
    if room.startswith("layers.") and member in OF_KERAS:
        return True
    return name in OTHERS or room == "Variable"  # which stands for two classes


def recorded() -> dict[str, str]:
    text = gzip.decompress((Path(__file__).parent / "signatures.txt.gz").read_bytes()).decode()
    pairs = (line.partition("(") for line in text.splitlines())
    return {name: "(" + rest for name, _, rest in pairs}


RECORDED = recorded()


def found(name: str) -> str | None:
    owner = signatures.find(tf, name.rpartition(".")[0])
    if inspect.isclass(owner) and not hasattr(owner, name.rpartition(".")[2]):
        return "missing"
    return signatures.parameters(signatures.find(tf, name))


@pytest.mark.parametrize("room", sorted({name.split(".")[0] if "." in name else "." for name in RECORDED}))
def test_signatures(room: str) -> None:
    mine = {n: s for n, s in RECORDED.items() if (n.split(".")[0] if "." in n else ".") == room}
    different = {n: f"{n}\n  wanted {s}\n  found  {f}" for n, s in mine.items() if (f := found(n)) != s}
    odd = [text for n, text in different.items() if not is_other(n)]
    assert not odd, "\n".join(odd)


def test_the_exceptions_are_exceptions() -> None:
    assert not [name for name in OTHERS if found(name) == RECORDED[name]]

"""What a new user does wrong ends in TensorFlow 1.15's errors, in both tiers."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bad_input
import reflow as tf

RECORDED = json.loads((Path(__file__).parent / "bad_input.json").read_text())

# Where Reflow says more, or the same in other words: what its text has at least.
OTHER_WORDS = {
    "ragged_constant": "Argument must be a dense tensor: its rows differ in shape",
    "reshape_count": "Cannot reshape a tensor with 6 elements to shape [4] (4 elements) for 'Reshape'",
    "concat_shapes": "Dimension 0 in both shapes must be equal, but are 3 and 4",
    "set_shape": "Shapes (2,) and (3,) are not compatible",
    "placeholder_in_if": "using a `tf.Tensor` as a Python `bool` is not allowed",
    "iterate": "only iterable when eager execution is enabled",
    "length": "len is not well defined for symbolic Tensors",
    "index_out_of_range": "slice index 5 of dimension 0 out of bounds. for 'strided_slice'",
    "argmax_axis": "Invalid reduction dimension 5 for input with 2 dimensions. for 'Sum'",
    "uninitialized": "Attempting to use uninitialized value weight: run its initializer first",
    "uninitialized_resource": "Attempting to use uninitialized value weight: run its initializer first",
    "uninitialized_update": "Attempting to use uninitialized value weight: run its initializer first",
    "feed_text": "Cannot feed 'abc' for Tensor 'x:0' of float32: could not convert string to float: 'abc'",
    "feed_tensor": "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include",
    "feed_ragged": "for Tensor 'x:0' of float32: setting an array element with a sequence",
    "feed_large_int": "is not compatible with Tensor type int32 (of 'x:0')",
    "feed_list": "feed_dict must be a dict from tensors to values, got <class 'list'>",
    "fetch_none": "Fetch argument None has invalid type <class 'NoneType'>",
    "fetch_none_in_list": "Fetch argument None has invalid type <class 'NoneType'>",
    "fetch_missing_name": "The operation, 'b', does not exist in the graph.",
    "fetch_missing_output": "The operation, 'a', exists but only has 1 outputs.",
    "fetch_missing_operation": "The name 'nothing' refers to an Operation not in the graph.",
    "fetch_array": "has invalid type <class 'numpy.ndarray'>",
    "run_without_session": "No default session is registered. Use `with sess.as_default()`",
    "run_labels": "Received a label value of 3 which is outside the valid range of [0, 3).  Label values: ",
    "split_uneven": "Dimension size must be evenly divisible by 2 but is 5",
    "stack_shapes": "Shapes (2,) and (3,) are not compatible",
}


@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("name", sorted(bad_input.PROGRAMS))
def test_errors(name: str, tier: str) -> None:
    build = bad_input.PROGRAMS[name]
    kind, text = bad_input.answer(tf, build, lambda: tf.Session(tier=tier))
    assert kind == RECORDED[name][0], text
    if name in OTHER_WORDS:
        assert OTHER_WORDS[name] in text
    else:
        assert text == RECORDED[name][1]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize(
    "name", sorted(n for n in bad_input.PROGRAMS if n.startswith("run_") and n != "run_without_session")
)
def test_the_users_line_is_named_and_nothing_changes(name: str, tier: str) -> None:
    """A step that also writes variables: none of them changes when the step fails."""
    with tf.Graph().as_default() as graph:
        steps = tf.Variable(5, name="steps"), tf.Variable(5, name="more", use_resource=True)
        made: list[tf.Session] = []

        class Stepping(tf.Session):  # type: ignore[misc]
            def run(self, fetches: Any, feed_dict: Any = None, **options: Any) -> Any:
                with graph.control_dependencies([t.op for t in tf.contrib.framework.nest.flatten(fetches)]):
                    late = tf.assign_add(steps[0], 1)
                early = steps[1].assign_add(1)
                return super().run([early, fetches, late], feed_dict, **options)

        def session() -> Any:
            made.append(Stepping(tier=tier))
            tf.Session.run(made[0], tf.global_variables_initializer())
            return made[0]

        with pytest.raises(tf.errors.OpError) as caught:
            bad_input.PROGRAMS[name](tf, session)
        assert "bad_input.py" in str(caught.value), traceback.format_exception(caught.value)
        assert np.array_equal(tf.Session.run(made[0], list(steps)), [5, 5])

"""Names that programs import from `tensorflow.python`, and small public ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.ops import raw
from reflow.platform.benchmark import benchmarks_main


def test_raw_ops_make_one_node() -> None:
    """Names and types are those of TensorFlow 1.15's `training_ops.apply_adam`."""
    var, m, v = (tf.Variable([1.0, 2.0], name=n) for n in ("var", "m", "v"))
    scalars = (0.9, 0.999, 0.1, 0.9, 0.999, 1e-8)
    update = tf.python.training.training_ops.apply_adam(var, m, v, *scalars, [0.5, 0.5], name="adam")
    assert (update.name, update.op.type, update.op.get_attr("use_locking")) == ("adam:0", "ApplyAdam", False)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        np.testing.assert_allclose(sess.run(update), [0.9699473, 1.9586149], rtol=1e-5)
    with pytest.raises(TypeError, match="missing a required argument: 'grad'"):
        tf.python.training.training_ops.apply_adam(var, m, v, *scalars)
    with pytest.raises(AttributeError, match="no_such_op"):
        _ = raw.no_such_op


def test_raw_scatter() -> None:
    table = tf.Variable([1.0, 2.0, 3.0], use_resource=True)
    added = tf.python.ops.resource_variable_ops.resource_scatter_add(table.handle, [2, 0], [10.0, 20.0])
    with tf.Session() as sess:
        sess.run(table.initializer)
        sess.run(added)
        assert sess.run(table).tolist() == [21.0, 2.0, 13.0]


def test_addresses() -> None:
    assert tf.python.ops.nn is tf.nn
    assert tf.python.ops.array_ops.reverse_v2 is tf.reverse
    assert tf.python.framework.device.DeviceSpec is tf.DeviceSpec
    assert (tf.python.tf2.enabled(), tf.control_flow_v2_enabled()) == (False, False)
    utils = tf.python.layers.utils
    assert utils.normalize_tuple(3, 2, "strides") == (3, 3)
    sizes = [utils.conv_output_length(10, 3, p, 2, 2) for p in ("same", "valid", "full")]
    assert sizes == [5, 3, 7]


def test_is_tensor() -> None:
    kinds: list[Any] = [tf.constant(1), tf.Variable(1), tf.SparseTensor([[0]], [1], [2]), 1, np.ones(2), None]
    assert [tf.is_tensor(x) for x in kinds] == [True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("old", "new"),
    [("select", "where"), ("batch_matmul", "matmul"), ("AdamOptimizer", "train.AdamOptimizer")],
)
def test_names_of_before_1_0(old: str, new: str) -> None:
    with pytest.raises(AttributeError, match=rf"TensorFlow 1.0 renamed it: use tf.{new}$"):
        getattr(tf, old)


class Sums(tf.test.Benchmark):  # type: ignore[misc]
    ran: list[str] = []  # noqa: RUF012  (a log of the test)

    def benchmark_sum(self) -> None:
        with tf.Graph().as_default(), tf.Session() as sess:
            total = tf.reduce_sum(tf.ones([8]))
            found = self.run_op_benchmark(sess, total, min_iters=3, mbs=2.0, extras={"size": 8})
        self.ran.append("sum")
        assert found["iters"] == 3 and found["throughput"] == 2.0 / found["wall_time"]

    def benchmark_other(self) -> None:
        self.ran.append("other")


def test_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_REPORT_FILE_PREFIX", str(tmp_path / "report_"))
    monkeypatch.setattr(Sums, "ran", [])
    with pytest.raises(SystemExit):
        benchmarks_main(lambda: Sums.ran.append("tests"), ["program", "--benchmarks=Sums.benchmark_sum"])
    benchmarks_main(lambda: Sums.ran.append("tests"), ["program"])
    assert Sums.ran == ["sum", "tests"]
    entry = json.loads((tmp_path / "report_Sums.benchmark_sum").read_text())
    assert (entry["name"], entry["iters"], entry["extras"]) == ("Sums.benchmark_sum", 3, {"size": 8})
    with pytest.raises(ValueError, match="Unable to determine calling Benchmark class"):
        Sums().report_benchmark()
    with tf.Session() as sess, pytest.raises(NotImplementedError, match="RunOptions"):
        Sums().run_op_benchmark(sess, tf.constant(1), store_trace=True, name="traced")


def test_a_benchmark_config() -> None:
    config = tf.test.benchmark_config()
    assert tf.core.protobuf.rewriter_config_pb2.RewriterConfig.OFF == 2
    assert config.graph_options.rewrite_options.dependency_optimization == 2

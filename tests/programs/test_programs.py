"""Whole programs, run as a user runs them: `python -m reflow run program.py` in a new process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(tmp_path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(text))
    command = [sys.executable, "-m", "reflow", "run", str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)


def output(tmp_path: Path, text: str) -> list[str]:
    done = run(tmp_path, text)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_first_graph(tmp_path: Path) -> None:
    lines = output(
        tmp_path,
        """
        import tensorflow as tf

        x = tf.Variable(3, name="x")
        y = tf.Variable(4, name="y")
        f = x * x * y + y + 2
        print(repr(x), f)
        with tf.Session() as sess:
            x.initializer.run()
            y.initializer.run()
            print(f.eval())
        """,
    )
    assert lines == [
        "<tf.Variable 'x:0' shape=() dtype=int32_ref> Tensor(\"add_1:0\", shape=(), dtype=int32)",
        "42",
    ]


def test_seeds_are_those_of_tensorflow_1(tmp_path: Path) -> None:
    lines = output(
        tmp_path,
        """
        import tensorflow as tf

        tf.set_random_seed(2)
        a, b = tf.random_uniform([], -10, 10), tf.random_uniform([], -10, 10)
        with tf.Session() as sess:
            print("%.6f %.6f" % tuple(sess.run([a, b])))
        """,
    )
    assert lines == ["-4.007516 -2.983394"]


def test_linear_regression_finds_the_line(tmp_path: Path) -> None:
    lines = output(
        tmp_path,
        """
        import numpy as np
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
        random = np.random.RandomState(0)
        xs = random.rand(64, 1).astype(np.float32)
        x, y = tf.placeholder(tf.float32, [None, 1]), tf.placeholder(tf.float32, [None, 1])
        with tf.variable_scope("line"):
            w = tf.get_variable("w", [1, 1], initializer=tf.zeros_initializer())
            b = tf.get_variable("b", [1], initializer=tf.zeros_initializer())
        loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
        step_count = tf.train.get_or_create_global_step()
        rate = tf.train.exponential_decay(0.5, step_count, 1000, 0.9)
        train = tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step_count)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(1000):
                sess.run(train, feed_dict={x: xs, y: 3.0 * xs + 2.0})
            print("%.2f %.2f %d" % (sess.run(w)[0, 0], sess.run(b)[0], sess.run(step_count)))
            print([v.name for v in tf.trainable_variables()])
        """,
    )
    assert lines == ["3.00 2.00 1000", "['line/w:0', 'line/b:0']"]


def test_xor_is_learned(tmp_path: Path) -> None:
    lines = output(
        tmp_path,
        """
        import numpy as np
        import tensorflow as tf

        xs, ys = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
        x, y = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 1])
        w1 = tf.Variable(tf.random_normal([2, 8], seed=1))
        b1 = tf.Variable(tf.zeros([8]))
        w2 = tf.Variable(tf.random_normal([8, 1], seed=2))
        b2 = tf.Variable(tf.zeros([1]))
        guess = tf.sigmoid(tf.matmul(tf.tanh(tf.matmul(x, w1) + b1), w2) + b2)
        cost = -tf.reduce_mean(y * tf.log(guess) + (1 - y) * tf.log(1 - guess))
        train = tf.train.AdamOptimizer(0.05).minimize(cost)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(500):
                sess.run(train, {x: xs, y: ys})
            print(np.round(sess.run(guess, {x: xs})).ravel().astype(int).tolist())
        """,
    )
    assert lines == ["[0, 1, 1, 0]"]


def test_sharing_variables(tmp_path: Path) -> None:
    lines = output(
        tmp_path,
        """
        import tensorflow as tf

        def layer(x):
            with tf.variable_scope("layer", reuse=tf.AUTO_REUSE):
                return x * tf.get_variable("w", [], initializer=tf.ones_initializer())

        a, b = layer(tf.constant(1.0)), layer(tf.constant(2.0))
        print(a.op.name, b.op.name, len(tf.global_variables()))
        try:
            tf.get_variable("v", [2]); tf.get_variable("v", [2])
        except ValueError as error:
            print(str(error).split(" Originally")[0])
        """,
    )
    assert lines == [
        "layer/mul layer_1/mul 1",
        "Variable v already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE "
        "in VarScope?",
    ]


def test_an_error_shows_the_user_s_line_and_node(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        import tensorflow as tf

        rate = tf.Variable(0.1, name="rate")
        with tf.Session() as sess:
            sess.run(rate * 2.0)
        """,
    )
    assert done.returncode == 1
    assert "FailedPreconditionError" in done.stderr
    assert "uninitialized value rate" in done.stderr
    assert 'rate = tf.Variable(0.1, name="rate")' in done.stderr
    assert "program.py" in done.stderr and "cli.py" not in done.stderr


def test_a_missing_name_says_what_is_near(tmp_path: Path) -> None:
    done = run(tmp_path, "import tensorflow as tf\ntf.reduce_meen")
    assert done.returncode == 1
    assert "reduce_mean" in done.stderr.splitlines()[-1]


def test_arguments_and_exit_status_reach_the_program(tmp_path: Path) -> None:
    done = run(tmp_path, "import sys\nprint(sys.argv[1:])\nsys.exit(3)", "--depth", "2")
    assert (done.returncode, done.stdout) == (3, "['--depth', '2']\n")


def test_digits_example_reaches_95_percent(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    example = ROOT / "examples" / "digits.py"
    command = [sys.executable, "-m", "reflow", "run", str(example), "--epochs", "15"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    accuracy = float(done.stdout.strip().splitlines()[-1].rsplit(" ", 1)[1].rstrip("%"))
    assert accuracy >= 95.0

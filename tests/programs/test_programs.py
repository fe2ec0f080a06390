"""Whole TensorFlow 1 programs, run unmodified by `reflow run` in a process of their own."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    script = folder / "program.py"
    script.write_text(textwrap.dedent(text).lstrip(), encoding="utf8")
    command = [sys.executable, "-m", "reflow", "run", str(script), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def output(folder: Path, text: str) -> str:
    result = run(folder, text)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def test_the_first_program(tmp_path: Path) -> None:
    text = """
        import tensorflow as tf

        x = tf.Variable(3, name="x")
        y = tf.Variable(4, name="y")
        f = x*x*y + y + 2
        print(f)
        with tf.Session() as sess:
            x.initializer.run()
            y.initializer.run()
            result = f.eval()
        print(result)
        for op in tf.get_default_graph().get_operations()[:4]:
            print(op.name)
        """
    wanted = """
        Tensor("add_1:0", shape=(), dtype=int32)
        42
        x/initial_value
        x
        x/Assign
        x/read
        """
    assert output(tmp_path, text) == textwrap.dedent(wanted).lstrip()


def test_linear_regression(tmp_path: Path) -> None:
    text = """
        import numpy as np
        import tensorflow as tf

        tf.set_random_seed(42)
        random = np.random.RandomState(0)
        data = random.rand(200, 3).astype(np.float32)
        targets = data @ np.array([[1.0], [-2.0], [0.5]], np.float32) + 3

        X = tf.placeholder(tf.float32, [None, 3], name="X")
        y = tf.placeholder(tf.float32, [None, 1], name="y")
        with tf.name_scope("model"):
            W = tf.Variable(tf.random_uniform([3, 1], -1.0, 1.0), name="W")
            b = tf.Variable(tf.zeros([1]), name="b")
            prediction = tf.add(tf.matmul(X, W), b, name="prediction")
        with tf.name_scope("loss"):
            error = prediction - y
            mse = tf.reduce_mean(tf.square(error), name="mse")
        optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.3)
        training_op = optimizer.minimize(mse)
        init = tf.global_variables_initializer()

        with tf.Session() as sess:
            sess.run(init)
            for epoch in range(60):
                for start in range(0, 200, 50):
                    batch = {X: data[start:start + 50], y: targets[start:start + 50]}
                    sess.run(training_op, feed_dict=batch)
            loss, weights, bias = sess.run([mse, W, b], {X: data, y: targets})
        print("loss below 1e-4:", bool(loss < 1e-4))
        print("weights:", np.round(weights.ravel(), 1), np.round(bias, 1))
        print([v.name for v in tf.trainable_variables()], mse.name, training_op.name)
        """
    wanted = """
        loss below 1e-4: True
        weights: [ 1.  -2.   0.5] [3.]
        ['model/W:0', 'model/b:0'] loss/mse:0 GradientDescent
        """
    assert output(tmp_path, text) == textwrap.dedent(wanted).lstrip()


def test_xor(tmp_path: Path) -> None:
    text = """
        from __future__ import print_function
        import tensorflow as tf
        import numpy as np

        tf.set_random_seed(777)
        x_data = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
        y_data = np.array([[0], [1], [1], [0]], dtype=np.float32)
        X = tf.placeholder(tf.float32, [None, 2])
        Y = tf.placeholder(tf.float32, [None, 1])
        W1 = tf.Variable(tf.random_normal([2, 10]), name='weight1')
        b1 = tf.Variable(tf.random_normal([10]), name='bias1')
        layer1 = tf.sigmoid(tf.matmul(X, W1) + b1)
        W2 = tf.Variable(tf.random_normal([10, 1]), name='weight2')
        b2 = tf.Variable(tf.random_normal([1]), name='bias2')
        hypothesis = tf.sigmoid(tf.matmul(layer1, W2) + b2)
        cost = -tf.reduce_mean(Y * tf.log(hypothesis) + (1 - Y) * tf.log(1 - hypothesis))
        train = tf.train.AdamOptimizer(learning_rate=0.05).minimize(cost)
        predicted = tf.cast(hypothesis > 0.5, dtype=tf.float32)
        accuracy = tf.reduce_mean(tf.cast(tf.equal(predicted, Y), dtype=tf.float32))
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for step in range(601):
                _, c = sess.run([train, cost], feed_dict={X: x_data, Y: y_data})
            h, p, a = sess.run([hypothesis, predicted, accuracy], feed_dict={X: x_data, Y: y_data})
            print(p.tolist(), "Accuracy:", a, c < 0.05)
        """
    assert output(tmp_path, text) == "[[0.0], [1.0], [1.0], [0.0]] Accuracy: 1.0 True\n"


def test_a_training_loop_of_ones_own(tmp_path: Path) -> None:
    text = """
        import tensorflow as tf

        global_step = tf.train.get_or_create_global_step()
        rate = tf.train.exponential_decay(0.1, global_step, decay_steps=10, decay_rate=0.5, staircase=True)
        v = tf.get_variable("v", shape=[2], initializer=tf.constant_initializer([4.0, -2.0]))
        loss = tf.reduce_sum(v ** 2) / 2
        optimizer = tf.train.MomentumOptimizer(rate, 0.5)
        pairs = optimizer.compute_gradients(loss)
        clipped = [(tf.clip_by_norm(g, 1.0), var) for g, var in pairs]
        train = optimizer.apply_gradients(clipped, global_step=global_step)
        average = tf.train.ExponentialMovingAverage(0.9)
        with tf.control_dependencies([train]):
            both = average.apply([v])
        with tf.Session() as sess:
            tf.global_variables_initializer().run()
            while True:
                _, step, r = sess.run([both, global_step, rate])
                if step >= 25:
                    break
            print(step, "%.3f" % sess.run(rate), tf.train.global_step(sess, global_step))
            print(" ".join("%.4f" % x for x in list(v.eval()) + list(average.average(v).eval())))
        print(sorted(x.op.name for x in tf.global_variables()))
        """
    wanted = """
        25 0.025 25
        1.2719 -0.6360 1.9478 -0.9739
        ['global_step', 'v', 'v/ExponentialMovingAverage', 'v/Momentum']
        """
    assert output(tmp_path, text) == textwrap.dedent(wanted).lstrip()


def test_shared_variables(tmp_path: Path) -> None:
    text = """
        import tensorflow as tf

        def layer(x):
            w = tf.get_variable("w", [3, 2], initializer=tf.ones_initializer())
            b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
            return tf.matmul(x, w) + b

        x1, x2 = tf.ones([1, 3]), tf.ones([4, 3]) * 2
        with tf.variable_scope("net") as scope:
            y1 = layer(x1)
            scope.reuse_variables()
            y2 = layer(x2)
        with tf.variable_scope(scope, reuse=True):
            y3 = layer(x1)
        try:
            with tf.variable_scope("net"):
                layer(x1)
        except ValueError as error:
            print(str(error).split(".")[0])
        print([v.name for v in tf.global_variables()], y2.name, y3.name)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            print(sess.run([y1, y3]), sess.run(y2)[0])
        """
    wanted = """
        Variable net/w already exists, disallowed
        ['net/w:0', 'net/b:0'] net/add_1:0 net_1/add:0
        [array([[3., 3.]], dtype=float32), array([[3., 3.]], dtype=float32)] [6. 6.]
        """
    assert output(tmp_path, text) == textwrap.dedent(wanted).lstrip()


def test_seeds(tmp_path: Path) -> None:
    text = """
        import tensorflow as tf

        c = tf.random_uniform([], -10, 10, seed=2)
        with tf.Session() as sess:
            print("%.6f %.6f" % (sess.run(c), sess.run(c)))
        with tf.Session() as sess:
            print("%.6f" % sess.run(c))
        tf.reset_default_graph()
        tf.set_random_seed(2)
        c, d = tf.random_uniform([], -10, 10), tf.random_uniform([], -10, 10)
        with tf.Session() as sess:
            print("%.6f %.6f" % tuple(sess.run([c, d])))
        """
    assert output(tmp_path, text) == "3.574932 -5.973186\n3.574932\n-4.007516 -2.983394\n"


@pytest.mark.parametrize(
    ("text", "error", "line"),
    [
        (
            "a = tf.ones([2, 3])\nb = tf.matmul(a, a)",
            "ValueError: Dimensions must be equal, but are 3 and 2",
            3,
        ),
        (
            "x = tf.placeholder(tf.float32)\ns = tf.Session()\ns.run(x)",
            "You must feed a value for placeholder",
            4,
        ),
        (
            "v = tf.Variable(1.)\ns = tf.Session()\ns.run(v)",
            "Attempting to use uninitialized value Variable",
            4,
        ),
        ("def f():\n    return tf.constant(1) + 2.5\nf()", "TypeError: ", 3),
        ("tf.no_such_thing", "AttributeError: .*no_such_thing", 2),
    ],
)
def test_uncaught_errors_show_the_programs_lines(tmp_path: Path, text: str, error: str, line: int) -> None:
    result = run(tmp_path, "import tensorflow as tf\n" + text)
    assert result.returncode == 1 and result.stdout == ""
    files = [x for x in result.stderr.splitlines() if x.lstrip().startswith("File ")]
    own = [f for f in files if "program.py" in f]
    assert own[-1].startswith(f'  File "{tmp_path / "program.py"}", line {line}'), result.stderr
    assert files[0] is own[0] and "direct cause" not in result.stderr, result.stderr
    assert re.search(error, result.stderr), result.stderr


def test_the_digits_example() -> None:
    command = [sys.executable, "-m", "reflow", "run", str(ROOT / "examples" / "digits.py")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found = re.search(r"held-out accuracy ([\d.]+)%", result.stdout.splitlines()[-1])
    assert found is not None and float(found[1]) >= 95.0, result.stdout

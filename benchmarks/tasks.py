"""The timed tasks: each is written once as a TF 1 program (for Reflow and TensorFlow) and once as raw JAX.

A builder returns a function that performs one step and fetches its result.
"""

import numpy as np

XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_Y = np.array([[0], [1], [1], [0]], np.float32)


def _data(rows=20640, columns=9):
    random = np.random.RandomState(0)
    x = np.c_[np.ones(rows), random.randn(rows, columns - 1)].astype(np.float32)
    y = (x @ random.randn(columns, 1) + 0.1 * random.randn(rows, 1)).astype(np.float32)
    return x, y


def _session(tf, init=True):
    session = tf.Session()
    if init:
        session.run(tf.global_variables_initializer())
    return session


def tiny_tf(tf):
    """Fetch one small sum of a fed vector."""
    x = tf.placeholder(tf.float32, [3])
    y = x * 2.0 + 1.0
    session, value = _session(tf, init=False), np.ones(3, np.float32)
    return lambda: session.run(y, {x: value})


def tiny_jax(jax, jnp):
    step = jax.jit(lambda x: x * 2.0 + 1.0)
    value = np.ones(3, np.float32)
    return lambda: np.asarray(step(value))


def minibatch_tf(tf):
    """One step of gradient descent on a fed batch of 100 rows, fed as float64, as NumPy makes them."""
    x_all, y_all = _data()
    batch_x, batch_y = x_all[:100].astype(np.float64), y_all[:100].astype(np.float64)
    x, y = tf.placeholder(tf.float32, [None, 9]), tf.placeholder(tf.float32, [None, 1])
    theta = tf.Variable(tf.random_uniform([9, 1], -1.0, 1.0, seed=42))
    mse = tf.reduce_mean(tf.square(tf.matmul(x, theta) - y))
    step = tf.train.GradientDescentOptimizer(0.01).minimize(mse)
    session = _session(tf)
    return lambda: session.run([step, mse], {x: batch_x, y: batch_y})


def _linear_step(jax, jnp):
    def loss(theta, x, y):
        return jnp.mean(jnp.square(x @ theta - y))

    def step(theta, x, y):
        value, gradient = jax.value_and_grad(loss)(theta, x, y)
        return theta - 0.01 * gradient, value

    return jax.jit(step, donate_argnums=0)


def minibatch_jax(jax, jnp):
    x_all, y_all = _data()
    batch_x, batch_y = x_all[:100].astype(np.float64), y_all[:100].astype(np.float64)
    step, state = _linear_step(jax, jnp), [jnp.ones((9, 1), jnp.float32)]

    def run():
        x, y = np.asarray(batch_x, np.float32), np.asarray(batch_y, np.float32)
        state[0], value = step(state[0], x, y)
        return np.asarray(value)

    return run


def fullbatch_tf(tf):
    """One step of gradient descent on all 20,640 rows, which are constants of the graph."""
    x_all, y_all = _data()
    x, y = tf.constant(x_all), tf.constant(y_all)
    theta = tf.Variable(tf.random_uniform([9, 1], -1.0, 1.0, seed=42))
    mse = tf.reduce_mean(tf.square(tf.matmul(x, theta) - y))
    step = tf.train.GradientDescentOptimizer(0.01).minimize(mse)
    session = _session(tf)
    return lambda: session.run([step, mse])


def fullbatch_jax(jax, jnp):
    x, y = [jnp.asarray(a) for a in _data()]
    step, state = _linear_step(jax, jnp), [jnp.ones((9, 1), jnp.float32)]

    def run():
        state[0], value = step(state[0], x, y)
        return np.asarray(value)

    return run


def xor_tf(tf):
    """The XOR network of the lecture: two sigmoid layers, Adam, fed with four rows."""
    x, y = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 1])
    w1 = tf.Variable(tf.random_normal([2, 2], seed=1))
    b1 = tf.Variable(tf.random_normal([2], seed=2))
    layer = tf.sigmoid(tf.matmul(x, w1) + b1)
    w2 = tf.Variable(tf.random_normal([2, 1], seed=3))
    b2 = tf.Variable(tf.random_normal([1], seed=4))
    hypothesis = tf.sigmoid(tf.matmul(layer, w2) + b2)
    cost = -tf.reduce_mean(y * tf.log(hypothesis) + (1 - y) * tf.log(1 - hypothesis))
    train = tf.train.AdamOptimizer(learning_rate=0.01).minimize(cost)
    session = _session(tf)
    return lambda: session.run([train, cost], {x: XOR_X, y: XOR_Y})


def xor_jax(jax, jnp):
    def loss(parameters, x, y):
        w1, b1, w2, b2 = parameters
        hypothesis = jax.nn.sigmoid(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2)
        return -jnp.mean(y * jnp.log(hypothesis) + (1 - y) * jnp.log(1 - hypothesis))

    def step(parameters, m, v, power1, power2, x, y):
        value, gradients = jax.value_and_grad(loss)(parameters, x, y)
        rate = 0.01 * jnp.sqrt(1 - power2) / (1 - power1)
        m = [a + (g - a) * 0.1 for a, g in zip(m, gradients, strict=True)]
        v = [a + (g * g - a) * 0.001 for a, g in zip(v, gradients, strict=True)]
        parameters = [p - rate * a / (jnp.sqrt(b) + 1e-8) for p, a, b in zip(parameters, m, v, strict=True)]
        return (parameters, m, v, power1 * 0.9, power2 * 0.999), value

    step = jax.jit(step, donate_argnums=(0, 1, 2, 3, 4))
    shapes = [(2, 2), (2,), (2, 1), (1,)]
    random = np.random.RandomState(1)
    state = [
        (
            [jnp.asarray(random.randn(*s), jnp.float32) for s in shapes],
            [jnp.zeros(s, jnp.float32) for s in shapes],
            [jnp.zeros(s, jnp.float32) for s in shapes],
            jnp.asarray(0.9, jnp.float32),
            jnp.asarray(0.999, jnp.float32),
        )
    ]

    def run():
        state[0], value = step(*state[0], XOR_X, XOR_Y)
        return np.asarray(value)

    return run


TASKS = {
    "tiny fetch": (tiny_tf, tiny_jax, 2000),
    "mini-batch step, float64 feeds": (minibatch_tf, minibatch_jax, 1000),
    "full-batch linear regression": (fullbatch_tf, fullbatch_jax, 300),
    "XOR Adam step": (xor_tf, xor_jax, 1000),
}

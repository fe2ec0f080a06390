"""The networks of `nets.py` in plain JAX, as a user writes them: `lax` convolutions and `reduce_window`."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")


class Parameters:
    """Makes the parameters on the first pass, in the order in which they are asked for."""

    def __init__(self, values=None):
        self.values, self.made, self.place = values, [], 0
        self.random = np.random.RandomState(1)

    def get(self, shape, deviation=None):
        if self.values is None:
            size = deviation if deviation is not None else (2.0 / np.prod(shape[:-1])) ** 0.5
            value = self.random.normal(size=shape) * size
            self.made.append(jnp.asarray(value, jnp.float32))
            return self.made[-1]
        self.place += 1
        return self.values[self.place - 1]


def dense(p, x, units):
    return x @ p.get((x.shape[1], units)) + p.get((units,), 0.0)


def conv(p, x, size, filters, stride=1, bias=True):
    w = p.get((size, size, x.shape[3], filters))
    y = lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=LAYOUT)
    return y + p.get((filters,), 0.0) if bias else y


def deconv(p, x, size, filters):
    w = p.get((size, size, x.shape[3], filters), 0.05)
    return lax.conv_transpose(x, w, (2, 2), "SAME", dimension_numbers=LAYOUT) + p.get((filters,), 0.0)


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")


def cross_entropy(logits, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1))


def convnet(p, x, y, key):
    x = x.reshape(-1, 28, 28, 1)
    for filters in (32, 64):
        x = max_pool(jax.nn.relu(conv(p, x, 5, filters)))
    x = jax.nn.relu(dense(p, x.reshape(-1, 7 * 7 * 64), 1024))
    x = jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x / 0.5, 0.0)
    return cross_entropy(dense(p, x, 10), y), ()


def batch_norm(p, x, moments):
    mean, variance = jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))
    moments += [mean, variance]
    scale, offset = p.get((x.shape[3],), 0.0) + 1.0, p.get((x.shape[3],), 0.0)
    return (x - mean) * (lax.rsqrt(variance + 1e-3) * scale) + offset


def block(p, x, filters, stride, moments):
    y = jax.nn.relu(batch_norm(p, conv(p, x, 3, filters, stride, False), moments))
    y = batch_norm(p, conv(p, y, 3, filters, 1, False), moments)
    if stride > 1:
        x = conv(p, x, 1, filters, stride, False)
    return jax.nn.relu(x + y)


def resnet(p, x, y, key):
    moments = []
    x = jax.nn.relu(batch_norm(p, conv(p, x, 3, 16, 1, False), moments))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        x = block(p, x, filters, stride, moments)
    return cross_entropy(dense(p, jnp.mean(x, (1, 2)), 10), y), tuple(moments)


def vae(p, x, y, key):
    images = x.reshape(-1, 28, 28, 1)
    h = jax.nn.relu(conv(p, images, 3, 32, 2))
    h = jax.nn.relu(conv(p, h, 3, 64, 2)).reshape(-1, 7 * 7 * 64)
    mean, gamma = dense(p, h, 20), dense(p, h, 20)
    code = mean + jnp.exp(0.5 * gamma) * jax.random.normal(key, mean.shape)
    h = jax.nn.relu(dense(p, code, 7 * 7 * 64)).reshape(-1, 7, 7, 64)
    logits = deconv(p, jax.nn.relu(deconv(p, h, 3, 32)), 3, 1)
    errors = jax.nn.relu(logits) - logits * images + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    latent = 0.5 * jnp.sum(jnp.exp(gamma) + mean**2 - 1 - gamma)
    return (jnp.sum(errors) + latent) / 128.0, ()


def mlp(p, x, y, key):
    for units in (512, 256):
        x = jax.nn.relu(dense(p, x, units))
    return cross_entropy(dense(p, x, 10), y), ()


NETS = {"convnet": convnet, "resnet": resnet, "vae": vae, "mlp": mlp}


def adam(count, weight, grad, slots):
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    first, second = 0.9 * slots[0] + 0.1 * grad, 0.999 * slots[1] + 0.001 * grad * grad
    return weight - rate * first / (jnp.sqrt(second) + 1e-8), (first, second)


def momentum(count, weight, grad, slots):
    moved = 0.9 * slots[0] + grad
    return weight - 0.1 * moved, (moved,)


def build(net, x, y):
    """A function that takes one training step on a batch and returns the loss."""
    function, update = NETS[net], momentum if net == "resnet" else adam
    first = Parameters()
    _, moments = function(first, x, y, jax.random.key(0))
    slots = 1 if net == "resnet" else 2
    state = (
        first.made,
        [tuple(jnp.zeros_like(w) for _ in range(slots)) for w in first.made],
        [jnp.zeros_like(m) for m in moments],
        jnp.zeros((), jnp.float32),
    )

    def step(state, x, y):
        values, slots, moving, count = state
        key = jax.random.fold_in(jax.random.key(1), count.astype(jnp.int32))

        def loss_of(values):
            return function(Parameters(values), x, y, key)

        (loss, moments), grads = jax.value_and_grad(loss_of, has_aux=True)(values)
        pairs = [update(count + 1, *each) for each in zip(values, grads, slots, strict=True)]
        moving = [m - 0.1 * (m - now) for m, now in zip(moving, moments, strict=True)]
        return ([w for w, _ in pairs], [s for _, s in pairs], moving, count + 1), loss

    jitted = jax.jit(step, donate_argnums=0)

    def run():
        nonlocal state
        state, loss = jitted(state, x, y)
        return float(loss)

    return run

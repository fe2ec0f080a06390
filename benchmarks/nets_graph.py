"""The networks of `nets.py` in TensorFlow 1's API: for Reflow, and for TensorFlow's `compat.v1`."""

import numpy as np


def weights(tf, name, shape):
    fan_in = int(np.prod(shape[:-1]))
    start = tf.truncated_normal(shape, stddev=(2.0 / fan_in) ** 0.5, seed=1)
    return tf.get_variable(name, initializer=start)


def biases(tf, name, count):
    return tf.get_variable(name, initializer=tf.zeros([count]))


def dense(tf, x, units, name):
    with tf.variable_scope(name):
        w = weights(tf, "w", [int(x.shape[1]), units])
        return tf.nn.bias_add(tf.matmul(x, w), biases(tf, "b", units))


def conv(tf, x, size, filters, name, stride=1, bias=True):
    with tf.variable_scope(name):
        w = weights(tf, "w", [size, size, int(x.shape[3]), filters])
        y = tf.nn.conv2d(x, w, strides=[1, stride, stride, 1], padding="SAME")
        return tf.nn.bias_add(y, biases(tf, "b", filters)) if bias else y


def deconv(tf, x, size, filters, name):
    with tf.variable_scope(name):
        depth, side = int(x.shape[3]), 2 * int(x.shape[1])
        w = tf.get_variable(
            "w", initializer=tf.truncated_normal([size, size, filters, depth], stddev=0.05, seed=1)
        )
        shape = tf.stack([tf.shape(x)[0], side, side, filters])
        y = tf.nn.conv2d_transpose(x, w, shape, strides=[1, 2, 2, 1], padding="SAME")
        return tf.nn.bias_add(y, biases(tf, "b", filters))


def cross_entropy(tf, logits, labels):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_mean(each)


def convnet(tf, x, y):
    x = tf.reshape(x, [-1, 28, 28, 1])
    for i, filters in enumerate((32, 64)):
        x = tf.nn.relu(conv(tf, x, 5, filters, f"conv{i}"))
        x = tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    x = tf.nn.relu(dense(tf, tf.reshape(x, [-1, 7 * 7 * 64]), 1024, "dense"))
    x = tf.nn.dropout(x, keep_prob=0.5, seed=1)
    loss = cross_entropy(tf, dense(tf, x, 10, "logits"), y)
    return loss, tf.train.AdamOptimizer(1e-3).minimize(loss)


def batch_norm(tf, x, name):
    depth = int(x.shape[3])
    with tf.variable_scope(name):
        scale = tf.get_variable("scale", initializer=tf.ones([depth]))
        y, mean, variance = tf.nn.fused_batch_norm(x, scale, biases(tf, "offset", depth))
        for key, now in (("mean", mean), ("variance", variance)):
            moving = tf.get_variable(key, initializer=tf.zeros([depth]), trainable=False)
            tf.add_to_collection("updates", tf.assign_sub(moving, 0.1 * (moving - now)))
    return y


def block(tf, x, filters, stride, name):
    with tf.variable_scope(name):
        y = tf.nn.relu(batch_norm(tf, conv(tf, x, 3, filters, "conv1", stride, False), "norm1"))
        y = batch_norm(tf, conv(tf, y, 3, filters, "conv2", 1, False), "norm2")
        if stride > 1:
            x = conv(tf, x, 1, filters, "shortcut", stride, False)
        return tf.nn.relu(x + y)


def resnet(tf, x, y):
    x = tf.nn.relu(batch_norm(tf, conv(tf, x, 3, 16, "conv", 1, False), "norm"))
    for i, (filters, stride) in enumerate(((16, 1), (32, 2), (64, 2))):
        x = block(tf, x, filters, stride, f"block{i}")
    loss = cross_entropy(tf, dense(tf, tf.reduce_mean(x, [1, 2]), 10, "logits"), y)
    with tf.control_dependencies(tf.get_collection("updates")):
        return loss, tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)


def vae(tf, x, y):
    images = tf.reshape(x, [-1, 28, 28, 1])
    h = tf.nn.relu(conv(tf, images, 3, 32, "conv0", 2))
    h = tf.nn.relu(conv(tf, h, 3, 64, "conv1", 2))
    h = tf.reshape(h, [-1, 7 * 7 * 64])
    mean, gamma = dense(tf, h, 20, "mean"), dense(tf, h, 20, "gamma")
    code = mean + tf.exp(0.5 * gamma) * tf.random_normal(tf.shape(mean), seed=1)
    h = tf.nn.relu(dense(tf, code, 7 * 7 * 64, "decode"))
    h = tf.nn.relu(deconv(tf, tf.reshape(h, [-1, 7, 7, 64]), 3, 32, "deconv0"))
    logits = deconv(tf, h, 3, 1, "deconv1")
    errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    latent = 0.5 * tf.reduce_sum(tf.exp(gamma) + tf.square(mean) - 1 - gamma)
    loss = (tf.reduce_sum(errors) + latent) / 128.0
    return loss, tf.train.AdamOptimizer(1e-3).minimize(loss)


def mlp(tf, x, y):
    for i, units in enumerate((512, 256)):
        x = tf.nn.relu(dense(tf, x, units, f"dense{i}"))
    loss = cross_entropy(tf, dense(tf, x, 10, "logits"), y)
    return loss, tf.train.AdamOptimizer(1e-3).minimize(loss)


NETS = {"convnet": convnet, "resnet": resnet, "vae": vae, "mlp": mlp}


def build(tf, net, x, y):
    """A function that takes one training step on a batch and returns the loss."""
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, *x.shape[1:]])
        labels = tf.placeholder(tf.int32, [None])
        loss, train = NETS[net](tf, images, labels)
        session = tf.Session()
        session.run(tf.global_variables_initializer())
    feed = {images: x, labels: y}
    return lambda: session.run([loss, train], feed)[0]

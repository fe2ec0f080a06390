"""Word vectors: embeddings trained with sampled losses, by every optimizer that has sparse steps."""

import numpy as np

from .harness import Plan, Scenarios

scenarios = Scenarios("words")

WORDS, SIZE, BATCH, SAMPLED = 30, 3, 6, 4
OPTIMIZERS = {
    "sgd": lambda tf: tf.train.GradientDescentOptimizer(1.0),
    "momentum": lambda tf: tf.train.MomentumOptimizer(0.5, 0.9),
    "nesterov": lambda tf: tf.train.MomentumOptimizer(0.5, 0.9, use_nesterov=True),
    "adagrad": lambda tf: tf.train.AdagradOptimizer(0.5),
    "adam": lambda tf: tf.train.AdamOptimizer(0.1),
    "rmsprop": lambda tf: tf.train.RMSPropOptimizer(0.1),
    "adadelta": lambda tf: tf.train.AdadeltaOptimizer(1.0),
    "ftrl": lambda tf: tf.train.FtrlOptimizer(0.5),
}


def spread(count, *shape):
    """Numbers in [-1, 1) that look drawn and are the same everywhere."""
    numbers = np.arange(count * int(np.prod(shape)), dtype=np.int64)
    return ((numbers * 7919 % 1024) / 512.0 - 1).astype(np.float32).reshape(count, *shape)


def model(tf, optimizer, loss, resource=False, **options):
    """Skip-gram over a few words that come several times, its loss and both matrices after each step."""
    tf.set_random_seed(5)
    centers = tf.constant([1, 7, 1, 29, 0, 7])
    targets = tf.constant([[7], [1], [0], [3], [7], [7]], tf.int64)
    with tf.variable_scope("words", use_resource=resource):
        vectors = tf.get_variable("vectors", initializer=tf.constant(spread(WORDS, SIZE)))
        weights = tf.get_variable("weights", initializer=tf.constant(spread(WORDS, SIZE)[::-1].copy()))
        biases = tf.get_variable("biases", initializer=tf.zeros([WORDS]))
    inputs = tf.nn.embedding_lookup(vectors, centers)
    each = getattr(tf.nn, loss)(
        weights, biases, targets, inputs, num_sampled=SAMPLED, num_classes=WORDS, **options
    )
    mean = tf.reduce_mean(each)
    step = OPTIMIZERS[optimizer](tf).minimize(mean)
    return Plan([vectors, weights, biases, mean], step, steps=4)


for each in sorted(OPTIMIZERS):
    scenarios.add("nce_" + each, lambda tf, each=each: model(tf, each, "nce_loss"))
for each in ("sgd", "momentum", "adam"):
    scenarios.add("nce_resource_" + each, lambda tf, each=each: model(tf, each, "nce_loss", True))
for each in ("sgd", "adagrad"):
    scenarios.add("softmax_" + each, lambda tf, each=each: model(tf, each, "sampled_softmax_loss"))
scenarios.add("nce_hits", lambda tf: model(tf, "momentum", "nce_loss", remove_accidental_hits=True))


@scenarios
def learned_candidates(tf):
    """A sampler that counts what it has seen, in one program with the step that it is drawn for."""
    targets = tf.constant([[7], [1], [0], [3], [7], [7]], tf.int64)
    drawn = tf.nn.learned_unigram_candidate_sampler(targets, 1, SAMPLED, True, WORDS, seed=3)
    return model(tf, "sgd", "nce_loss", sampled_values=drawn)

"""Training steps: every optimizer on reference and resource variables, with dense and sparse gradients."""

from .harness import Plan, Scenarios

scenarios = Scenarios("optimizers")

ROWS = [0, 2, 0]

MAKERS = {
    "sgd": lambda tf, rate=0.1, **k: tf.train.GradientDescentOptimizer(rate, **k),
    "momentum": lambda tf, rate=0.1, **k: tf.train.MomentumOptimizer(rate, 0.9, **k),
    "nesterov": lambda tf, rate=0.1, **k: tf.train.MomentumOptimizer(rate, 0.9, use_nesterov=True, **k),
    "adam": lambda tf, rate=0.1, **k: tf.train.AdamOptimizer(rate, **k),
    "adagrad": lambda tf, rate=0.1, **k: tf.train.AdagradOptimizer(rate, **k),
    "adadelta": lambda tf, rate=0.1, **k: tf.train.AdadeltaOptimizer(rate, **k),
    "rmsprop": lambda tf, rate=0.1, **k: tf.train.RMSPropOptimizer(rate, momentum=0.5, **k),
    "rmsprop_centered": lambda tf, rate=0.1, **k: tf.train.RMSPropOptimizer(rate, centered=True, **k),
    "ftrl": lambda tf, rate=0.1, **k: tf.train.FtrlOptimizer(
        rate, l1_regularization_strength=0.01, l2_regularization_strength=0.02, **k
    ),
    "ftrl_shrinkage": lambda tf, rate=0.1, **k: tf.train.FtrlOptimizer(
        rate, learning_rate_power=-0.4, l2_shrinkage_regularization_strength=0.1, **k
    ),
    "proximal_sgd": lambda tf, rate=0.1, **k: tf.train.ProximalGradientDescentOptimizer(
        rate, l1_regularization_strength=0.01, l2_regularization_strength=0.02, **k
    ),
    "proximal_adagrad": lambda tf, rate=0.1, **k: tf.train.ProximalAdagradOptimizer(
        rate, l1_regularization_strength=0.01, l2_regularization_strength=0.02, **k
    ),
    "adagrad_da": lambda tf, rate=0.1, **k: tf.train.AdagradDAOptimizer(
        rate, tf.train.get_or_create_global_step(), l1_regularization_strength=0.01, **k
    ),
}


def variables(tf, resource=False, dtype="float32"):
    """A vector and a table of four rows."""
    x = tf.get_variable("x", initializer=tf.constant([1.0, -2.0], dtype), use_resource=resource)
    table = [[1.0, 2.0], [3.0, -4.0], [-0.5, 0.25], [0.0, 1.0]]
    z = tf.get_variable("z", initializer=tf.constant(table, dtype), use_resource=resource)
    return x, z


def dense_loss(tf, x, z):
    return tf.reduce_sum(x * x) + tf.reduce_sum(z * z, name="all")


def sparse_loss(tf, x, z):
    rows = tf.gather(z, ROWS)
    return tf.reduce_sum(x * x) + tf.reduce_sum(rows * rows)


def everything(tf):
    return [v.value() for v in tf.global_variables()]


def trained(tf, maker, resource=False, dtype="float32", loss=sparse_loss, **minimize):
    """A plan of five steps of an optimizer."""
    x, z = variables(tf, resource, dtype)
    total = loss(tf, x, z)
    optimizer = MAKERS[maker](tf)
    step = optimizer.minimize(total, **minimize)
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


def slot_facts(tf, optimizer, trained_variables):
    slots = {
        name: [getattr(optimizer.get_slot(v, name), "name", None) for v in trained_variables]
        for name in optimizer.get_slot_names()
    }
    return {
        "name": optimizer.get_name(),
        "slots": slots,
        "variables": [v.name for v in optimizer.variables()],
        "train_op": [op.name for op in tf.get_collection(tf.GraphKeys.TRAIN_OP)],
        "global": [v.name for v in tf.global_variables()],
        "trainable": [v.name for v in tf.trainable_variables()],
    }


for _maker in sorted(MAKERS):
    for _resource in (False, True):
        for _dtype in ("float32", "float64"):
            for _loss in (dense_loss, sparse_loss):
                scenarios.add(
                    "_".join([_maker, "resource" if _resource else "ref", _dtype, _loss.__name__.split("_")[0]]),
                    lambda tf, m=_maker, r=_resource, d=_dtype, ls=_loss: trained(tf, m, r, d, ls),
                )

"""Training steps: every optimizer on reference and resource variables, with dense and sparse gradients."""

from .harness import Plan, Scenarios

scenarios = Scenarios("optimizers")

ROWS = [0, 2, 0]
NUMBERS_ONLY = ("adagrad_da", "ftrl", "ftrl_shrinkage", "proximal_adagrad", "proximal_sgd")

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
                if _maker.startswith("proximal") and _dtype == "float64":
                    continue  # TensorFlow 1.15 does not convert their rate, and refuses
                scenarios.add(
                    "_".join(
                        [_maker, "resource" if _resource else "ref", _dtype, _loss.__name__.split("_")[0]]
                    ),
                    lambda tf, m=_maker, r=_resource, d=_dtype, ls=_loss: trained(tf, m, r, d, ls),
                )


RATES = {
    "tensor": lambda tf: tf.constant(0.1),
    "placeholder": lambda tf: tf.placeholder_with_default(0.1, [], name="rate"),
    "callable": lambda tf: lambda: 0.1,
    "callable_tensor": lambda tf: lambda: tf.constant(0.1) * 2.0,
    "integer": lambda tf: 1,
    "variable": lambda tf: tf.Variable(0.1, trainable=False, name="rate"),
    "decay": lambda tf: 0.1 / (1.0 + tf.cast(tf.train.get_or_create_global_step(), tf.float32)),
}


def with_rate(tf, maker, kind, resource=False):
    x, z = variables(tf, resource)
    optimizer = MAKERS[maker](tf, RATES[kind](tf))
    step = optimizer.minimize(dense_loss(tf, x, z), global_step=tf.train.get_or_create_global_step())
    return Plan(everything(tf), step, steps=3)


for _maker in sorted(MAKERS):
    for _kind in sorted(RATES):
        if _kind.startswith("callable") and _maker in NUMBERS_ONLY:
            continue  # TensorFlow 1.15 refuses functions here
        if _kind == "integer" and _maker.startswith("proximal"):
            continue
        scenarios.add("_".join([_maker, "rate", _kind]), lambda tf, m=_maker, k=_kind: with_rate(tf, m, k))

for _maker in sorted(MAKERS):
    for _gate in (0, 2):
        scenarios.add(
            "_".join([_maker, "gate", str(_gate)]),
            lambda tf, m=_maker, g=_gate: trained(tf, m, gate_gradients=g),
        )
    scenarios.add(
        _maker + "_count",
        lambda tf, m=_maker: trained(
            tf, m, global_step=tf.train.get_or_create_global_step(), name="training"
        ),
    )
    scenarios.add(
        _maker + "_resource_count",
        lambda tf, m=_maker: trained(
            tf, m, True, global_step=tf.Variable(0, trainable=False, name="n", use_resource=True)
        ),
    )


def half(tf, maker, resource):
    x = tf.get_variable("x", initializer=tf.constant([1.0, -2.0], "float16"), use_resource=resource)
    return Plan([*everything(tf), x], MAKERS[maker](tf).minimize(tf.reduce_sum(x * x)), steps=2)


for _maker in ("sgd", "momentum", "adam", "adagrad", "rmsprop"):
    for _resource in (False, True):
        scenarios.add(
            "_".join([_maker, "resource" if _resource else "ref", "float16"]),
            lambda tf, m=_maker, r=_resource: half(tf, m, r),
        )


def shapeless(tf, maker, resource):
    """A variable whose static shape is not known."""
    start = tf.placeholder_with_default([1.0, -2.0], [None])
    x = tf.Variable(start, validate_shape=False, name="x", use_resource=resource)
    return Plan(everything(tf), MAKERS[maker](tf).minimize(tf.reduce_sum(x * x)), steps=3)


for _maker in ("sgd", "momentum", "adam", "adagrad", "adadelta", "rmsprop", "rmsprop_centered"):
    for _resource in (False, True):
        if _resource and _maker in ("adagrad", "rmsprop", "rmsprop_centered"):
            continue  # TensorFlow initializes the slot from the variable, in no sure order
        scenarios.add(
            "_".join([_maker, "shapeless", "resource" if _resource else "ref"]),
            lambda tf, m=_maker, r=_resource: shapeless(tf, m, r),
        )

for _maker in sorted(MAKERS):
    scenarios.add(_maker + "_locking", lambda tf, m=_maker: locking(tf, m))


def locking(tf, maker):
    x, z = variables(tf)
    step = MAKERS[maker](tf, use_locking=True, name="mine").minimize(sparse_loss(tf, x, z))
    lockers = [op.name for op in tf.get_default_graph().get_operations() if _locks(op)]
    return Plan(everything(tf), step, steps=2, facts={"locking": lockers})


def _locks(op):
    try:
        return bool(op.get_attr("use_locking")) and op.type != "Assign"
    except ValueError:
        return False

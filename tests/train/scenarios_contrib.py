"""The optimizers of tf.contrib.opt."""

from .harness import Plan, Scenarios
from .scenarios_optimizers import dense_loss, everything, slot_facts, sparse_loss, variables

scenarios = Scenarios("contrib")

MAKERS = {
    "adamax": lambda tf: tf.contrib.opt.AdaMaxOptimizer(0.1),
    "lazy_adam": lambda tf: tf.contrib.opt.LazyAdamOptimizer(0.1),
    "nadam": lambda tf: tf.contrib.opt.NadamOptimizer(0.1),
    "momentum_w": lambda tf: tf.contrib.opt.MomentumWOptimizer(0.01, 0.1, 0.9),
    "adam_w": lambda tf: tf.contrib.opt.AdamWOptimizer(weight_decay=0.01, learning_rate=0.1),
    "sgd_w": lambda tf: tf.contrib.opt.extend_with_decoupled_weight_decay(tf.train.GradientDescentOptimizer)(
        weight_decay=0.01, learning_rate=0.1
    ),
}


def trained(tf, maker, resource, dtype, loss, **minimize):
    x, z = variables(tf, resource, dtype)
    optimizer = MAKERS[maker](tf)
    step = optimizer.minimize(loss(tf, x, z), **minimize)
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


for _maker in sorted(MAKERS):
    for _resource in (False, True):
        for _dtype in ("float32", "float64"):
            for _loss in (dense_loss, sparse_loss):
                if _maker == "sgd_w" and _loss is sparse_loss:
                    continue  # plain gradient descent leaves out the method that decays rows
                if _maker.endswith("_w") and not _resource:
                    continue  # the forward pass reads the reference while it decays: no value is sure
                scenarios.add(
                    "_".join(
                        [_maker, "resource" if _resource else "ref", _dtype, _loss.__name__.split("_")[0]]
                    ),
                    lambda tf, m=_maker, r=_resource, d=_dtype, ls=_loss: trained(tf, m, r, d, ls),
                )


@scenarios
def decay_of_some(tf):
    x, z = variables(tf, True)
    optimizer = tf.contrib.opt.AdamWOptimizer(0.01, 0.1)
    step = optimizer.minimize(dense_loss(tf, x, z), decay_var_list=[z])
    return Plan(everything(tf), step)


@scenarios
def averaged(tf):
    x, z = variables(tf, True)
    optimizer = tf.contrib.opt.MovingAverageOptimizer(tf.train.AdamOptimizer(0.1), 0.5)
    step = optimizer.minimize(dense_loss(tf, x, z), global_step=tf.train.get_or_create_global_step())
    return Plan(everything(tf), step)


@scenarios
def averaged_before(tf):
    x, z = variables(tf, True)
    base = tf.train.GradientDescentOptimizer(0.1)
    optimizer = tf.contrib.opt.MovingAverageOptimizer(base, 0.5, num_updates=3, sequential_update=False)
    return Plan([], optimizer.minimize(sparse_loss(tf, x, z)))

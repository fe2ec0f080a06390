"""Learning-rate decays and moving averages, the scalars and updates around a training step."""

from .table import Rows, given

rows = Rows("decay")

STEPS = (0, 1, 250, 1000, 1500)


def decay(row, function, *args, **keywords):
    """The rate at several steps: one row for each."""
    options = {k: keywords.pop(k) for k in ("nodes", "seed") if k in keywords}
    for step in STEPS:
        rows.case(
            f"{row}_at_{step}",
            lambda tf, step: getattr(tf.train, function)(0.1, step, *args, **keywords),
            step=given(step, "int64"),
            rtol=2e-6,
            **options,
        )


decay("exponential", "exponential_decay", 1000, 0.96)
decay("exponential_stairs", "exponential_decay", 300, 0.96, staircase=True, name="rate")
decay("natural_exp", "natural_exp_decay", 1000, 0.5)
decay("inverse_time", "inverse_time_decay", 1000, 0.5)
decay("inverse_time_stairs", "inverse_time_decay", 400, 0.5, staircase=True)
decay("polynomial", "polynomial_decay", 1000)
decay("polynomial_root", "polynomial_decay", 1000, end_learning_rate=0.01, power=0.5)
decay("polynomial_cycle", "polynomial_decay", 1000, cycle=True)
decay("cosine", "cosine_decay", 1000, alpha=0.2)
decay("cosine_restarts", "cosine_decay_restarts", 200, m_mul=0.5)
decay("cosine_restarts_even", "cosine_decay_restarts", 200, t_mul=1.0)
decay("linear_cosine", "linear_cosine_decay", 1000, num_periods=2.5)
decay("noisy_linear_cosine", "noisy_linear_cosine_decay", 1000, seed=3)

for each in (99, 100, 101, 200, 201):
    rows.case(
        f"piecewise_constant_at_{each}",
        lambda tf, step: tf.train.piecewise_constant(step, [100, 200], [1.0, 0.5, 0.1]),
        step=given(each, "int64"),
    )
rows.error(
    "piecewise_constant_types",
    lambda tf, step: tf.train.piecewise_constant(step, [100.0], [1.0, 0.5]),
    step=given(1, "int64"),
    raises="ValueError",
    match="same dtype as x",
)
rows.error(
    "piecewise_constant_count",
    lambda tf, step: tf.train.piecewise_constant(step, [100], [1.0, 0.5, 0.1]),
    step=given(1, "int64"),
    raises="ValueError",
    match="length of boundaries",
)


# --- moving averages ------------------------------------------------------------------------------


def averaged(tf, resource, **keywords):
    """A variable that moves by 1 in each step, and its average, updated before."""
    x = tf.Variable([1.0, 2.0], name="x", use_resource=resource)
    average = tf.train.ExponentialMovingAverage(0.75, **keywords)
    with tf.control_dependencies([average.apply([x])]):
        moved = x.assign_add([1.0, 1.0])
    with tf.control_dependencies([moved]):
        return average.average(x).read_value()


def averaged_after(tf, resource):
    """The same, updated after: what programs do around an optimizer's step."""
    x = tf.Variable([1.0, 2.0], name="x", use_resource=resource)
    average = tf.train.ExponentialMovingAverage(0.75)
    with tf.control_dependencies([x.assign_add([1.0, 1.0])]):
        update = average.apply([x])
    with tf.control_dependencies([update]):
        return average.average(x).read_value()


def averaged_tensor(tf, x, **keywords):
    average = tf.train.ExponentialMovingAverage(0.75, **keywords)
    with tf.control_dependencies([average.apply([x])]):
        return average.average(x).read_value()


OPTIONS = {
    "steps": 3,
    "grad": False,
    "nodes": "the initial value of a slot is a condition in TensorFlow 1.15",
}
for kind, is_resource in (("reference", False), ("resource", True)):
    rows.case(f"average_{kind}_after", lambda tf, r=is_resource: averaged_after(tf, r), **OPTIONS)
    rows.case(f"average_{kind}", lambda tf, r=is_resource: averaged(tf, r), **OPTIONS)
    rows.case(f"average_{kind}_counted", lambda tf, r=is_resource: averaged(tf, r, num_updates=5), **OPTIONS)
rows.case("average_tensor", averaged_tensor, x=given([1.0, 2.0]), unknown="it needs a shape", **OPTIONS)
rows.case(
    "average_tensor_debiased",
    lambda tf, x: averaged_tensor(tf, x, zero_debias=True),
    x=given([1.0, 2.0]),
    unknown="it needs a shape",
    **OPTIONS,
)

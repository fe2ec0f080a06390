"""How programs use optimizers: scopes, devices, constraints, clipping, several optimizers, optimizers of
their own."""

from .harness import Plan, Scenarios
from .scenarios_optimizers import dense_loss, everything, slot_facts, sparse_loss, variables

scenarios = Scenarios("training")


@scenarios
def constraint(tf):
    x = tf.get_variable(
        "x", initializer=tf.constant([1.0, -2.0]), constraint=lambda v: tf.clip_by_norm(v, 1.0)
    )
    y = tf.get_variable("y", initializer=tf.constant([1.0, -2.0]))
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(tf.square(x - y)))
    return Plan(everything(tf), step)


@scenarios
def constraint_resource(tf):
    x = tf.get_variable(
        "x", initializer=tf.constant([1.0, -2.0]), constraint=lambda v: tf.maximum(v, 0.0), use_resource=True
    )
    return Plan(everything(tf), tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(tf.square(x))))


@scenarios.error
def constraint_sparse(tf):
    x = tf.get_variable(
        "x", initializer=tf.constant([[1.0], [-2.0]]), constraint=lambda v: tf.maximum(v, 0.0)
    )
    tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(tf.gather(x, [0])))


@scenarios
def var_list(tf):
    x, z = variables(tf)
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(dense_loss(tf, x, z), var_list=[z])
    return Plan(everything(tf), step)


@scenarios
def var_list_one(tf):
    x, z = variables(tf)
    pairs = tf.train.GradientDescentOptimizer(0.1).compute_gradients(dense_loss(tf, x, z), var_list=x)
    return Plan([g for g, _ in pairs], facts={"pairs": [[g.name, v.name] for g, v in pairs]})


@scenarios
def var_list_of_scope(tf):
    with tf.variable_scope("generator"):
        x = tf.get_variable("x", initializer=tf.constant([1.0, -2.0]))
    with tf.variable_scope("critic"):
        y = tf.get_variable("y", initializer=tf.constant([3.0]))
    loss = tf.reduce_sum(tf.square(x - y))
    own = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="critic")
    one = tf.train.AdamOptimizer(0.1, beta1=0.5).minimize(loss, var_list=own)
    own = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="generator")
    two = tf.train.AdamOptimizer(0.1, beta1=0.5).minimize(-loss, var_list=own)
    return Plan(everything(tf), [one, two][0], steps=3, facts={"second": two.name})


@scenarios
def unused_variable(tf):
    x, z = variables(tf)
    optimizer = tf.train.AdamOptimizer(0.1)
    step = optimizer.minimize(tf.reduce_sum(x * x))
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


@scenarios.error
def no_gradients(tf):
    variables(tf)
    tf.train.AdamOptimizer(0.1).minimize(tf.constant(1.0))


@scenarios.error
def no_variables(tf):
    tf.train.AdamOptimizer(0.1).minimize(tf.constant(1.0))


@scenarios.error
def apply_nothing(tf):
    tf.train.AdamOptimizer(0.1).apply_gradients([])


@scenarios.error
def apply_none(tf):
    x, _ = variables(tf)
    tf.train.AdamOptimizer(0.1).apply_gradients([(None, x)])


@scenarios.error
def apply_to_tensor(tf):
    tf.train.AdamOptimizer(0.1).apply_gradients([(tf.constant(1.0), tf.constant(1.0))])


@scenarios.error
def integer_loss(tf):
    x = tf.Variable(1)
    tf.train.GradientDescentOptimizer(1).minimize(x * x)


@scenarios.error
def bad_gate(tf):
    x, z = variables(tf)
    tf.train.GradientDescentOptimizer(1).minimize(dense_loss(tf, x, z), gate_gradients=5)


@scenarios.error
def tensor_in_var_list(tf):
    x, z = variables(tf)
    tf.train.GradientDescentOptimizer(1).minimize(dense_loss(tf, x, z), var_list=[tf.constant(1.0)])


@scenarios
def tensor_among_variables(tf):
    x, _z = variables(tf)
    middle = tf.square(x)
    pairs = tf.train.AdamOptimizer(0.1).compute_gradients(tf.reduce_sum(middle), [x, middle])
    return Plan([g for g, _ in pairs])


@scenarios
def nested_var_list(tf):
    x, z = variables(tf)
    pairs = tf.train.AdamOptimizer(0.1).compute_gradients(dense_loss(tf, x, z), {"b": [x], "a": (z,)})
    return Plan([g for g, _ in pairs])


@scenarios.error
def negative_accumulator(tf):
    tf.train.AdagradOptimizer(0.1, initial_accumulator_value=0.0)


@scenarios.error
def positive_power(tf):
    tf.train.FtrlOptimizer(0.1, learning_rate_power=0.5)


@scenarios
def two_optimizers(tf):
    x, z = variables(tf)
    loss = dense_loss(tf, x, z)
    one = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    two = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)
    with tf.control_dependencies([one]):
        step = tf.group(two, name="both")
    return Plan(everything(tf), step)


@scenarios
def used_twice(tf):
    x, z = variables(tf)
    optimizer = tf.train.AdamOptimizer(0.1)
    one = optimizer.minimize(tf.reduce_sum(x * x))
    two = optimizer.minimize(tf.reduce_sum(z * z) + tf.reduce_sum(x))
    return Plan(everything(tf), one, steps=2, facts=dict(slot_facts(tf, optimizer, (x, z)), second=two.name))


@scenarios
def in_variable_scope(tf):
    with tf.variable_scope("model"):
        x, z = variables(tf)
        loss = dense_loss(tf, x, z)
        with tf.variable_scope("train"):
            step = tf.train.AdamOptimizer(0.1).minimize(loss)
    return Plan(everything(tf), step)


@scenarios
def in_reusing_scope(tf):
    with tf.variable_scope("model"):
        x, z = variables(tf)
    with tf.variable_scope("model", reuse=tf.AUTO_REUSE):
        step = tf.train.AdamOptimizer(0.1).minimize(dense_loss(tf, x, z))
    return Plan(everything(tf), step)


@scenarios
def in_name_scope(tf):
    x, z = variables(tf)
    with tf.name_scope("train"):
        optimizer = tf.train.AdamOptimizer(0.1)
        step = optimizer.minimize(dense_loss(tf, x, z), name="go")
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


@scenarios
def in_name_scope_resource(tf):
    x, z = variables(tf, True)
    with tf.name_scope("train"):
        optimizer = tf.train.RMSPropOptimizer(0.1)
        step = optimizer.minimize(sparse_loss(tf, x, z), global_step=tf.train.get_or_create_global_step())
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


@scenarios
def on_device(tf):
    with tf.device("/cpu:0"):
        x, z = variables(tf)
        step = tf.train.AdamOptimizer(0.1).minimize(dense_loss(tf, x, z), colocate_gradients_with_ops=True)
    return Plan(everything(tf), step)


@scenarios
def variable_on_device(tf):
    with tf.device("/cpu:0"):
        x, z = variables(tf)
    step = tf.train.MomentumOptimizer(0.1, 0.5).minimize(sparse_loss(tf, x, z))
    return Plan(everything(tf), step)


@scenarios
def colocated(tf):
    x, z = variables(tf)
    loss = dense_loss(tf, x, z)
    with tf.get_default_graph().colocate_with(z.op):
        step = tf.train.AdamOptimizer(0.1).minimize(loss)
    return Plan(everything(tf), step)


@scenarios
def colocated_gradients(tf):
    x, z = variables(tf)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(
        sparse_loss(tf, x, z), colocate_gradients_with_ops=True
    )
    return Plan(everything(tf), step)


@scenarios
def under_control_dependencies(tf):
    x, z = variables(tf)
    loss = dense_loss(tf, x, z)
    with tf.control_dependencies([tf.constant(1.0, name="before")]):
        step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    return Plan(everything(tf), step)


@scenarios
def update_ops(tf):
    x, z = variables(tf)
    mean = tf.get_variable("mean", initializer=0.0, trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, mean.assign(0.9 * mean + 0.1 * tf.reduce_mean(x)))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.GradientDescentOptimizer(0.1).minimize(dense_loss(tf, x, z))
    return Plan(everything(tf), step)


@scenarios
def clipped_by_global_norm(tf):
    x, z = variables(tf)
    optimizer = tf.train.AdamOptimizer(0.1)
    grads, found = zip(*optimizer.compute_gradients(sparse_loss(tf, x, z)))
    grads, norm = tf.clip_by_global_norm(grads, 1.0)
    return Plan([norm, *everything(tf)], optimizer.apply_gradients(zip(grads, found)))


@scenarios
def clipped_each(tf):
    x, z = variables(tf)
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    pairs = optimizer.compute_gradients(dense_loss(tf, x, z))
    capped = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in pairs]
    step = optimizer.apply_gradients(capped, global_step=tf.train.get_or_create_global_step(), name="capped")
    return Plan(everything(tf), step)


@scenarios
def given_gradients(tf):
    import numpy as np

    x, z = variables(tf)
    pairs = [(np.array([1.0, 2.0], np.float32), x), (None, z)]
    return Plan(everything(tf), tf.train.AdamOptimizer(0.1).apply_gradients(pairs))


@scenarios
def accumulated_gradients(tf):
    x, z = variables(tf)
    held = [tf.Variable(tf.zeros_like(v.initialized_value()), trainable=False) for v in (x, z)]
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    pairs = optimizer.compute_gradients(dense_loss(tf, x, z), [x, z])
    add = [a.assign_add(g) for a, (g, _) in zip(held, pairs)]
    with tf.control_dependencies(add):
        step = optimizer.apply_gradients([(a.read_value(), v) for a, (_, v) in zip(held, pairs)])
    return Plan(everything(tf), step)


@scenarios
def gradient_of_loss_given(tf):
    x, _z = variables(tf)
    loss = x * 2.0
    step = tf.train.GradientDescentOptimizer(0.1).minimize(
        loss, grad_loss=tf.constant([1.0, 3.0]), var_list=[x]
    )
    return Plan(everything(tf), step)


@scenarios
def tree_sum(tf):
    x, _z = variables(tf)
    loss = tf.reduce_sum(x * x) + tf.reduce_sum(x) + tf.reduce_sum(tf.exp(x))
    method = tf.AggregationMethod.EXPERIMENTAL_TREE
    return Plan(everything(tf), tf.train.AdamOptimizer(0.1).minimize(loss, aggregation_method=method))


@scenarios
def two_graphs(tf):
    optimizer = tf.train.AdamOptimizer(0.1)
    with tf.Graph().as_default():
        x, z = variables(tf)
        optimizer.minimize(dense_loss(tf, x, z))
    x, z = variables(tf)
    step = optimizer.minimize(dense_loss(tf, x, z))
    return Plan(everything(tf), step, facts={"variables": [v.name for v in optimizer.variables()]})


@scenarios
def partitioned(tf):
    w = tf.get_variable(
        "w", [4, 2], initializer=tf.ones_initializer(), partitioner=tf.fixed_size_partitioner(2)
    )
    loss = tf.reduce_sum(tf.square(tf.convert_to_tensor(w)))
    return Plan(everything(tf), tf.train.AdamOptimizer(0.1).minimize(loss))


@scenarios
def read_after_step(tf):
    """An average of the variables as they are after the step, by new reads."""
    x, z = variables(tf)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(dense_loss(tf, x, z))
    mean = tf.Variable(tf.zeros([2]), trainable=False, name="mean")
    with tf.control_dependencies([step]):
        moved = mean.assign_sub(0.1 * (mean - x.read_value()))
    return Plan(everything(tf), moved)


@scenarios
def old_read_after_step(tf):
    """The one read that a reference variable has, used after the step: it gives the new value."""
    x, z = variables(tf)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(dense_loss(tf, x, z))
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([step]):
        both = average.apply([x, z])
        doubled = x * 2.0
    with tf.control_dependencies([both]):
        after = [tf.identity(doubled), average.average(x).read_value()]
    return Plan(after)


def own_optimizer(tf, base):
    """An optimizer as programs write one: a sign-momentum method with slots of its own."""

    class Own(base):
        def __init__(self, learning_rate=0.1, beta=0.5, use_locking=False, name="Own"):
            super().__init__(use_locking, name)
            self._lr = learning_rate
            self._beta = beta
            self._lr_t = None
            self._beta_t = None

        def _prepare(self):
            self._lr_t = tf.convert_to_tensor(self._lr, name="learning_rate")
            self._beta_t = tf.convert_to_tensor(self._beta, name="beta")

        def _create_slots(self, var_list):
            for v in var_list:
                self._zeros_slot(v, "m", self._name)
            for v in var_list:
                self._get_or_make_slot(v, tf.ones_like(v.initialized_value()), "scale", self._name)

        def _apply_dense(self, grad, var):
            lr_t = tf.cast(self._lr_t, var.dtype.base_dtype)
            beta_t = tf.cast(self._beta_t, var.dtype.base_dtype)
            m = self.get_slot(var, "m")
            m_t = m.assign(m * beta_t + tf.sign(grad) * (1.0 - beta_t))
            var_update = tf.assign_sub(var, lr_t * m_t * self.get_slot(var, "scale"))
            return tf.group(*[var_update, m_t])

        def _resource_apply_dense(self, grad, var):
            return self._apply_dense(grad, var)

        def _apply_sparse(self, grad, var):
            lr_t = tf.cast(self._lr_t, var.dtype.base_dtype)
            return tf.scatter_sub(var, grad.indices, lr_t * grad.values, use_locking=self._use_locking).op

        def _resource_apply_sparse(self, grad, var, indices):
            return tf.scatter_sub(var, indices, self._lr_t * grad).op

    return Own


@scenarios
def own_optimizer_dense(tf):
    x, z = variables(tf)
    optimizer = own_optimizer(tf, tf.train.Optimizer)()
    step = optimizer.minimize(dense_loss(tf, x, z), global_step=tf.train.get_or_create_global_step())
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


@scenarios
def own_optimizer_sparse(tf):
    x, z = variables(tf)
    return Plan(everything(tf), own_optimizer(tf, tf.train.Optimizer)().minimize(sparse_loss(tf, x, z)))


@scenarios
def own_optimizer_resource(tf):
    x, z = variables(tf, True)
    return Plan(everything(tf), own_optimizer(tf, tf.train.Optimizer)().minimize(dense_loss(tf, x, z)))


@scenarios
def own_optimizer_apply(tf):
    """An optimizer that overrides apply_gradients itself, as BERT's does."""

    class Decayed(tf.train.Optimizer):
        def __init__(self, learning_rate, name="Decayed"):
            super().__init__(False, name)
            self.learning_rate = learning_rate

        def apply_gradients(self, grads_and_vars, global_step=None, name=None):
            assignments = []
            for grad, param in grads_and_vars:
                if grad is None or param is None:
                    continue
                m = tf.get_variable(
                    name=param.op.name + "/m",
                    shape=param.shape.as_list(),
                    dtype=tf.float32,
                    trainable=False,
                    initializer=tf.zeros_initializer(),
                )
                next_m = tf.multiply(0.9, m) + tf.multiply(0.1, grad)
                next_param = param - self.learning_rate * (next_m + 0.01 * param)
                assignments.extend([param.assign(next_param), m.assign(next_m)])
            return tf.group(*assignments, name=name)

    x, z = variables(tf)
    loss = dense_loss(tf, x, z)
    grads = tf.gradients(loss, tf.trainable_variables())
    grads, _ = tf.clip_by_global_norm(grads, clip_norm=1.0)
    step = Decayed(0.1).apply_gradients(zip(grads, tf.trainable_variables()))
    count = tf.train.get_or_create_global_step()
    return Plan(everything(tf), tf.group(step, [count.assign(count + 1)]))


@scenarios
def adam_with_decay(tf):
    """A subclass of a ready optimizer that uses its tensors and slots."""

    class WithDecay(tf.train.AdamOptimizer):
        def _apply_dense(self, grad, var):
            with tf.control_dependencies([grad]):
                decayed = var.assign_sub(0.01 * self._lr_t * var)
            with tf.control_dependencies([decayed]):
                return super()._apply_dense(grad + self._beta1_t * self.get_slot(var, "m"), var)

    x, z = variables(tf)
    return Plan(everything(tf), WithDecay(0.1).minimize(dense_loss(tf, x, z)))


@scenarios
def sgd_subclass(tf):
    class Scaled(tf.train.GradientDescentOptimizer):
        def compute_gradients(self, loss, *args, **kwargs):
            pairs = super().compute_gradients(loss, *args, **kwargs)
            return [(g * 0.5, v) for g, v in pairs]

        def _apply_dense(self, grad, var):
            return var.assign_sub(grad * self._learning_rate_tensor)

    x, z = variables(tf)
    return Plan(everything(tf), Scaled(0.1).minimize(dense_loss(tf, x, z)))


@scenarios
def slot_of_another_shape(tf):
    class Rows(tf.train.Optimizer):
        def _create_slots(self, var_list):
            for v in var_list:
                shape = v.get_shape()[:1]
                self._get_or_make_slot_with_initializer(
                    v, tf.constant_initializer(0.5), shape, tf.float32, "rows", self._name
                )

        def _apply_dense(self, grad, var):
            rows = self.get_slot(var, "rows")
            new = rows.assign_add(tf.reshape(tf.reduce_sum(grad), [-1])[0] * tf.ones_like(rows))
            with tf.control_dependencies([new]):
                return var.assign_sub(0.1 * grad).op

    x, z = variables(tf)
    optimizer = Rows(False, "Rows")
    step = optimizer.minimize(dense_loss(tf, x, z))
    return Plan(everything(tf), step, facts=slot_facts(tf, optimizer, (x, z)))


@scenarios
def duplicate_rows(tf):
    z = tf.get_variable("z", initializer=tf.ones([4, 2]))
    pairs = [(tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([1, 1])), z)]
    return Plan(everything(tf), tf.train.AdagradOptimizer(0.1).apply_gradients(pairs))


@scenarios
def dense_and_sparse_uses(tf):
    _x, z = variables(tf)
    loss = tf.reduce_sum(tf.square(tf.gather(z, [0, 2]))) + tf.reduce_sum(tf.square(z))
    return Plan(everything(tf), tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, var_list=[z]))


@scenarios
def two_gathers(tf):
    _x, z = variables(tf)
    loss = tf.reduce_sum(tf.square(tf.gather(z, [0, 2]))) + tf.reduce_sum(tf.gather(z, [1, 0]))
    return Plan(everything(tf), tf.train.AdamOptimizer(0.1).minimize(loss, var_list=[z]))


@scenarios
def two_gathers_resource(tf):
    _x, z = variables(tf, True)
    loss = tf.reduce_sum(tf.square(tf.gather(z, [0, 2]))) + tf.reduce_sum(tf.gather(z, [1, 0]))
    return Plan(everything(tf), tf.train.AdamOptimizer(0.1).minimize(loss, var_list=[z]))

"""`tf.contrib.training` and `slim.learning`: the operation that trains, changes of gradients, the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from reflow.graph.composite import IndexedSlices
from reflow.graph.graph import (
    GraphKeys,
    control_dependencies,
    convert_to_tensor,
    get_collection,
    get_collection_ref,
    name_scope,
)
from reflow.model.global_step import get_or_create_global_step
from reflow.model.variables import trainable_variables
from reflow.ops.clip import clip_by_norm, global_norm
from reflow.ops.control import no_op, with_dependencies
from reflow.ops.numerics import check_numerics as checked
from reflow.ops.summary import histogram, scalar
from reflow.train.monitored import MonitoredTrainingSession
from reflow.train.optimizer import Optimizer

GradsAndVars = list[tuple[Any, Any]]
log = logging.getLogger("tensorflow")
USE_GLOBAL_STEP = 0


def with_values(grad: Any, change: Callable[[Any], Any]) -> Any:
    """A gradient, its values changed: those of slices keep their places.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(with_values(tf.constant([1.0, 2.0]), lambda values: values * 2.0)))
    [2. 4.]
    """
    if isinstance(grad, IndexedSlices):
        return IndexedSlices(change(grad.values), grad.indices, grad.dense_shape)
    return change(grad)


def _values(grad: Any) -> Any:
    return grad.values if isinstance(grad, IndexedSlices) else grad


def add_gradients_summaries(grads_and_vars: GradsAndVars) -> list[Any]:
    """A histogram and the norm of each gradient, as summaries `<variable>_gradient`,
    `<variable>_gradient_norm`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.Variable(1.0, name="x")
    ...     [s.op.type for s in tf.contrib.training.add_gradients_summaries([(tf.constant(2.0), x)])]
    ['HistogramSummary', 'ScalarSummary']
    """
    return _gradients_summaries(grads_and_vars, "_")


def _gradients_summaries(grads_and_vars: GradsAndVars, separator: str) -> list[Any]:
    summaries = []
    for grad, var in grads_and_vars:
        if grad is None:
            log.info("Var %s has no gradient", var.op.name)
            continue
        stem = f"{var.op.name}{separator}gradient"
        summaries.append(histogram(stem, _values(grad)))
        summaries.append(scalar(f"{stem}_norm", global_norm([_values(grad)])))
    return summaries


def clip_gradient_norms(gradients_to_variables: GradsAndVars, max_norm: Any) -> GradsAndVars:
    """Pairs of gradient and variable, each gradient scaled down to a norm of `max_norm` at most.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     pairs = tf.contrib.training.clip_gradient_norms([(tf.constant([3.0, 4.0]), None)], 1.0)
    ...     print(sess.run(pairs[0][0]))
    [0.6 0.8]
    """
    return [
        (None if grad is None else with_values(grad, lambda g: clip_by_norm(g, max_norm)), var)
        for grad, var in gradients_to_variables
    ]


def clip_gradient_norms_fn(max_norm: Any) -> Callable[[GradsAndVars], GradsAndVars]:
    """`clip_gradient_norms` as a function of the pairs, for `create_train_op`.

    >>> clip_gradient_norms_fn(1.0)([(None, "x")])
    [(None, 'x')]
    """
    return lambda pairs: clip_gradient_norms(pairs, max_norm)


def multiply_gradients(grads_and_vars: GradsAndVars, gradient_multipliers: dict[Any, Any]) -> GradsAndVars:
    """Pairs of gradient and variable, some gradients multiplied.

    Args:
        grads_and_vars: a list of pairs.
        gradient_multipliers: a number or scalar tensor for a variable, or for the name of its operation.

    ValueError when a gradient to multiply is None, and for other types.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0, name="x")
    ...     pairs = tf.contrib.training.multiply_gradients([(tf.constant(2.0), x)], {"x": 3.0})
    ...     print(sess.run(pairs[0][0]))
    6.0
    """
    if not isinstance(grads_and_vars, list):
        raise ValueError("`grads_and_vars` must be a list.")
    if not gradient_multipliers:
        raise ValueError("`gradient_multipliers` is empty.")
    if not isinstance(gradient_multipliers, dict):
        raise ValueError("`gradient_multipliers` must be a dict.")
    return [(_multiplied(grad, var, gradient_multipliers), var) for grad, var in grads_and_vars]


def _multiplied(grad: Any, var: Any, multipliers: dict[Any, Any]) -> Any:
    key = var if var in multipliers else var.op.name
    if key not in multipliers:
        return grad
    if grad is None:
        raise ValueError(f"Requested multiple of `None` gradient: that of {var.op.name}.")
    if isinstance(grad, IndexedSlices):
        return with_values(grad, lambda g: g * convert_to_tensor(multipliers[key], dtype=grad.dtype))
    return grad * convert_to_tensor(multipliers[key], dtype=grad.dtype)


def create_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = USE_GLOBAL_STEP,
    update_ops: Any = None,
    variables_to_train: Sequence[Any] | None = None,
    transform_grads_fn: Callable[[GradsAndVars], GradsAndVars] | None = None,
    summarize_gradients: bool = False,
    gate_gradients: int = Optimizer.GATE_OP,
    aggregation_method: Any = None,
    colocate_gradients_with_ops: bool = False,
    check_numerics: bool = True,
) -> Any:
    """A tensor that makes a training step when it is run, and gives the loss.

    Args:
        total_loss: the loss.
        optimizer: an optimizer.
        global_step: the counter of steps; the graph's own by default; None for none.
        update_ops: operations to run before; those of the collection UPDATE_OPS by default.
        variables_to_train: the variables; the trainable ones by default.
        transform_grads_fn: a function from the pairs of gradient and variable to changed ones.
        summarize_gradients: whether there are summaries of the gradients.
        gate_gradients, aggregation_method, colocate_gradients_with_ops: as of `Optimizer.compute_gradients`.
        check_numerics: whether a loss that is infinite or not a number is an error.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0)
    ...     step = tf.contrib.training.create_train_op(x * x, tf.train.GradientDescentOptimizer(0.25))
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(step), sess.run(x))
    1.0 0.5
    """
    step = get_or_create_global_step() if global_step is USE_GLOBAL_STEP else global_step
    total_loss = _after_updates(total_loss, update_ops)
    variables = trainable_variables() if variables_to_train is None else list(variables_to_train)
    if not variables:
        raise AssertionError("create_train_op: there are no variables to train")
    grads = optimizer.compute_gradients(
        total_loss,
        variables,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )
    if transform_grads_fn:
        grads = transform_grads_fn(grads)
    if summarize_gradients:
        with name_scope("summarize_grads"):
            add_gradients_summaries(grads)
    updates = optimizer.apply_gradients(grads, global_step=step)
    with name_scope("train_op"):
        if check_numerics:
            total_loss = checked(total_loss, "LossTensor is inf or nan")
        train_op = with_dependencies([updates], total_loss)
    known = get_collection_ref(GraphKeys.TRAIN_OP)
    if all(train_op is not other for other in known):
        known.append(train_op)
    return train_op


def _after_updates(total_loss: Any, update_ops: Any) -> Any:
    """The loss, computed when the updates have run."""
    collected = get_collection(GraphKeys.UPDATE_OPS)
    wanted = list(dict.fromkeys(collected if update_ops is None else update_ops))
    if not set(collected) <= set(wanted):
        log.warning(
            "update_ops in create_train_op does not contain all the update_ops in GraphKeys.UPDATE_OPS"
        )
    if not wanted:
        return total_loss
    with control_dependencies(wanted):
        barrier = no_op(name="update_barrier")
    return with_dependencies([barrier], total_loss)


def train(
    train_op: Any,
    logdir: str | None,
    master: str = "",
    is_chief: bool = True,
    scaffold: Any = None,
    hooks: Any = None,
    chief_only_hooks: Any = None,
    save_checkpoint_secs: Any = 600,
    save_summaries_steps: Any = 100,
    config: Any = None,
    max_wait_secs: int = 7200,
    run_metadata: Any = None,
) -> Any:
    """Run a training operation until a hook asks to stop, or the inputs end; gives the last loss.

    Args:
        train_op: what `create_train_op` gave.
        logdir: the folder of checkpoints and summaries; None when neither is written.
        master, is_chief, scaffold, hooks, chief_only_hooks, save_checkpoint_secs, save_summaries_steps,
        config,
            max_wait_secs: as of `tf.train.MonitoredTrainingSession`.
        run_metadata: what to fill with what is known of each run.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.Variable(1.0)
    ...     step = tf.contrib.training.create_train_op(x * x, tf.train.GradientDescentOptimizer(0.25))
    ...     hooks = [tf.train.StopAtStepHook(3)]
    ...     quiet = {"save_checkpoint_secs": None, "save_summaries_steps": None}
    ...     print(tf.contrib.training.train(step, None, hooks=hooks, **quiet))
    0.0625
    """
    if logdir is None and is_chief:
        for name, value in (
            ("save_summaries_steps", save_summaries_steps),
            ("save_checkpoint_secs", save_checkpoint_secs),
        ):
            if value:
                raise ValueError(f"logdir cannot be None when {name} is not None")
    with MonitoredTrainingSession(
        master=master,
        is_chief=is_chief,
        checkpoint_dir=logdir,
        scaffold=scaffold,
        hooks=hooks,
        chief_only_hooks=chief_only_hooks,
        save_checkpoint_secs=save_checkpoint_secs,
        save_summaries_steps=save_summaries_steps,
        config=config,
        max_wait_secs=max_wait_secs,
    ) as session:
        loss = None
        while not session.should_stop():
            loss = session.run(train_op, run_metadata=run_metadata)
    return loss


# slim.learning


def slim_add_gradients_summaries(grads_and_vars: GradsAndVars) -> list[Any]:
    """`slim.learning.add_gradients_summaries`: the names end in `/gradient`, `/gradient_norm`.

    >>> slim_add_gradients_summaries([])
    []
    """
    return _gradients_summaries(grads_and_vars, "/")


def slim_create_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = USE_GLOBAL_STEP,
    update_ops: Any = None,
    variables_to_train: Sequence[Any] | None = None,
    clip_gradient_norm: float = 0,
    summarize_gradients: bool = False,
    gate_gradients: int = Optimizer.GATE_OP,
    aggregation_method: Any = None,
    colocate_gradients_with_ops: bool = False,
    gradient_multipliers: dict[Any, Any] | None = None,
    check_numerics: bool = True,
) -> Any:
    """`slim.learning.create_train_op`: `create_train_op` with two changes of gradients built in.

    Args:
        clip_gradient_norm: the largest norm of a gradient; 0 for any.
        gradient_multipliers: a number for some variables, or names of variables.

    The other arguments are those of `create_train_op`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0, name="x")
    ...     optimizer = tf.train.GradientDescentOptimizer(0.25)
    ...     step = tf.contrib.slim.learning.create_train_op(x * x, optimizer, clip_gradient_norm=1.0)
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(step), sess.run(x))
    1.0 0.75
    """

    def changed(grads: GradsAndVars) -> GradsAndVars:
        if gradient_multipliers:
            with name_scope("multiply_grads"):
                grads = multiply_gradients(grads, gradient_multipliers)
        if clip_gradient_norm > 0:
            with name_scope("clip_grads"):
                grads = clip_gradient_norms(grads, clip_gradient_norm)
        return grads

    return create_train_op(
        total_loss,
        optimizer,
        global_step=global_step,
        update_ops=update_ops,
        variables_to_train=variables_to_train,
        transform_grads_fn=changed,
        summarize_gradients=summarize_gradients,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
        check_numerics=check_numerics,
    )

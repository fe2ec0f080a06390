"""Seeds of random ops: the graph's own seed, an op's own, and what TensorFlow 1 makes of the two."""

from __future__ import annotations

from reflow.graph.graph import get_default_graph

DEFAULT_GRAPH_SEED = 87654321
_LIMIT = 2**31 - 1


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The two seed attributes of a random op that is about to be made with `op_seed`.

    With a graph seed and no op seed, the second is the number of operations that the graph has at this
    moment, so that every op draws numbers of its own, the same ones each time the program runs. With an op
    seed only,
    the first is a fixed number. `(None, None)`, for a seed from the system, when there is neither.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(get_seed(None), get_seed(5))
    ...     tf.set_random_seed(7)
    ...     print(get_seed(None), get_seed(5), get_seed(-1))
    (None, None) (87654321, 5)
    (7, 0) (7, 5) (7, 2147483646)
    """
    graph = get_default_graph()
    if graph.seed is not None:
        own = graph.version if op_seed is None else op_seed
        seeds = graph.seed % _LIMIT, own % _LIMIT
    elif op_seed is not None:
        seeds = DEFAULT_GRAPH_SEED, op_seed % _LIMIT
    else:
        return None, None
    # As attributes, two zeros would ask for a seed from the system.
    return seeds if seeds != (0, 0) else (0, _LIMIT)


def set_random_seed(seed: int | None) -> None:
    """Set the seed of the default graph, from which its random ops made from now on derive theirs.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     tf.set_random_seed(2)
    ...     print(sess.run(tf.random_uniform([], -10, 10)))
    -4.007516
    """
    get_default_graph().seed = seed

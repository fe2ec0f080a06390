"""Where a pipeline ends: the nodes that an iterator adds to it, and the function of a one-shot iterator."""

from __future__ import annotations

import base64
import hashlib
import warnings
from typing import Any

from reflow.base import dtypes
from reflow.data.options import Options
from reflow.data.structure import count_tensor
from reflow.graph.function import ByValueGraph
from reflow.graph.graph import convert_to_tensor
from reflow.graph.node import Operation
from reflow.ops.random_seed import get_seed, set_random_seed

HILL_CLIMB = 0
SEED_SPREAD = 87654321
ONE_SHOT_MESSAGE = (
    "Failed to create a one-shot iterator for a dataset. `Dataset.make_one_shot_iterator()` does not support "
    "datasets that capture stateful objects, such as a `Variable` or `LookupTable`. In these cases, use "
    "`Dataset.make_initializable_iterator()`. (Original error: {})"
)
VARIABLES_MESSAGE = (
    "tf.data static optimizations are not compatible with tf.Variable. The following optimizations will be "
    "disabled: {}. To enable optimizations, use resource variables instead by calling "
    "`tf.enable_resource_variables()` at the start of the program."
)


def with_options_applied(dataset: Any) -> Any:
    """The dataset behind the nodes that TensorFlow adds where a pipeline ends."""
    options = dataset.options()
    threading = options.experimental_threading
    settings = options.experimental_optimization
    uses_variables = has_captured_ref(dataset)
    for op_type, name, value in (
        ("MaxIntraOpParallelismDataset", "max_intra_op_parallelism", threading.max_intra_op_parallelism),
        ("PrivateThreadPoolDataset", "num_threads", threading.private_threadpool_size),
    ):
        if value is not None:
            dataset = dataset._unary(op_type, count_tensor(value, name))
    dataset = _optimized(dataset, options, uses_variables)
    if settings.autotune is not False:
        algorithm, budget = settings.autotune_algorithm or HILL_CLIMB, settings.autotune_cpu_budget or 0
        dataset = dataset._unary("ModelDataset", algorithm=algorithm, cpu_budget=budget)
    return dataset


def _optimized(dataset: Any, options: Options, uses_variables: bool) -> Any:
    names = options._static_optimizations()
    if not names:
        return dataset
    if uses_variables:
        warnings.warn(VARIABLES_MESSAGE.format(", ".join(names)), stacklevel=5)
        return dataset
    wanted = convert_to_tensor(names, dtypes.string, name="optimizations")
    configs = options._static_optimization_configs()
    return dataset._unary("OptimizeDataset", wanted, optimization_configs=configs)


def has_captured_ref(dataset: Any) -> bool:
    """Whether a function of the pipeline uses a reference variable."""
    captured = [t for d in all_datasets(dataset) for f in d._element_functions for t in f.captured]
    seen: set[Any] = set()
    while captured:
        tensor = captured.pop()
        if tensor.dtype.is_ref_dtype:
            return True
        if tensor.op not in seen:
            seen.add(tensor.op)
            captured.extend(tensor.op.inputs)
    return False


def one_shot_factory(dataset: Any) -> ByValueGraph:
    """The function that makes the dataset, without any tensor from outside. ValueError if it needs one."""
    graph_seed, op_seed = get_seed(None)
    body = ByValueGraph("_make_dataset", _dataset_ops(dataset._variant_tensor.op))
    try:
        with body.as_default():
            if graph_seed is not None and op_seed is not None:
                set_random_seed((graph_seed + SEED_SPREAD * op_seed) % (2**63 - 1))
            body.outputs = [body.capture(with_options_applied(dataset)._variant_tensor)]
    except ValueError as error:
        if "Cannot capture a stateful node" not in str(error):
            raise
        raise ValueError(ONE_SHOT_MESSAGE.format(error)) from None
    body.name = f"_make_dataset_{_digest(body)}"
    body.add_to_outer()
    return body


def _dataset_ops(op: Operation) -> list[Operation]:
    """The operations of a pipeline: those that an op's variant tensors come from."""
    found: dict[Operation, None] = {}
    todo = [op]
    while todo:
        one = todo.pop()
        if one not in found:
            found[one] = None
            todo.extend(t.op for t in one.inputs if t.dtype == dtypes.variant)
    return list(found)


def all_datasets(dataset: Any) -> list[Any]:
    """A dataset and all that it is made of."""
    found: dict[int, Any] = {}
    todo = [dataset]
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            todo.extend(one._inputs())
    return list(found.values())


def _digest(body: ByValueGraph) -> str:
    """Eleven letters that say what is in a function."""
    text = body.as_function_def().SerializeToString(deterministic=True)
    letters = base64.b64encode(hashlib.sha256(text).digest(), b"AB")
    return letters[:11].decode()

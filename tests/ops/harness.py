"""Builds a row of the table with a given ``tf`` module, and describes what it built.

Used by the recorder (TensorFlow 1.15, Python 3.7) and by the tests (Reflow): imports neither.
"""

import numpy as np

FEEDS = ("known", "dims", "rank")  # placeholders of known shape, of unknown dimensions, of unknown rank


class Built:
    """A row built in a graph of its own.

    ``tensors``: the outputs, flattened; ``operations``: results without a value, to be run; ``python``: the
    text of results that are no tensors; ``nodes``: what the build added to the graph; ``feed``: the feed.
    """

    def __init__(self, tf, row, how="known", double=False, graph=None):
        self.tf, self.row, self.double = tf, row, double
        self.graph = graph or tf.Graph()
        self.tensors, self.operations, self.python = [], [], []
        values = row.values()
        if double:
            values = {k: widen(v) for k, v in values.items()}
        with self.graph.as_default():
            if row.seed is not None:
                tf.set_random_seed(row.seed)
            self.inputs = {k: placeholder(tf, k, v, row.inputs[k], how) for k, v in values.items()}
            self.feed = {self.inputs[k]: v for k, v in values.items()}
            before = len(self.graph.get_operations())
            self._flatten(row.build(tf, **self.inputs))
            self.nodes = describe(self.graph.get_operations()[before:])
            with tf.name_scope("init"):
                self.init = tf.group(tf.global_variables_initializer(), tf.local_variables_initializer())

    def _flatten(self, result):
        tf = self.tf
        if result is None:
            return
        if isinstance(result, (list, tuple)):  # SparseTensorValue and other named tuples too
            for item in result:
                self._flatten(item)
        elif isinstance(result, dict):
            for key in sorted(result):
                self._flatten(result[key])
        elif isinstance(result, tf.SparseTensor):
            self.tensors += [result.indices, result.values, result.dense_shape]
        elif isinstance(result, tf.IndexedSlices):
            self.tensors += [result.values, result.indices]
        elif isinstance(result, tf.Operation):
            self.operations.append(result)
        elif isinstance(result, tf.Tensor):
            self.tensors.append(result)
        elif isinstance(result, tf.Variable):
            self.tensors.append(result.value())
        else:
            self.python.append(str(result))

    def run(self, session):
        """Every step's output arrays, after initializing the variables."""
        session.run(self.init)
        fetches = [self.tensors, self.operations]
        return [session.run(fetches, self.feed)[0] for _ in range(self.row.steps)]

    def sources(self):
        """The inputs to differentiate for, in the row's order."""
        if self.row.grad is False:
            return []
        wanted = self.row.wrt or [k for k, v in self.row.inputs.items() if v.differentiable]
        return [self.inputs[k] for k in wanted]

    def targets(self):
        """Positions of the outputs that have a gradient."""
        return [i for i, t in enumerate(self.tensors) if is_differentiable(t.dtype)]

    def weights(self, arrays):
        """A fixed random weight for each target; ``arrays`` are all outputs' values."""
        found = []
        for i in self.targets():
            rng, value = self.row.rng(f"weight{i}"), np.asarray(arrays[i])
            weight = rng.uniform(0.5, 1.5, size=value.shape) * rng.choice([-1.0, 1.0], size=value.shape)
            if value.dtype.kind == "c":
                weight = weight + 1j * rng.uniform(0.5, 1.5, size=value.shape)
            found.append(weight.astype(value.dtype))
        return found

    def gradients(self, arrays):
        """``(gradients, nodes)`` of sum(output * weight) for ``sources``: dense tensors or None."""
        tf = self.tf
        with self.graph.as_default():
            before = len(self.graph.get_operations())
            outputs = [self.tensors[i] for i in self.targets()]
            found = tf.gradients(outputs, self.sources(), grad_ys=self.weights(arrays))
            nodes = describe(self.graph.get_operations()[before:])
            return [g if g is None else tf.convert_to_tensor(g) for g in found], nodes

    def shapes(self):
        return [t.shape.as_list() if t.shape.ndims is not None else None for t in self.tensors]


def placeholder(tf, name, value, spec, how):
    shape = {"known": list(value.shape), "dims": [None] * value.ndim, "rank": None}[how]
    dtype = spec.dtype if spec.dtype == "string" else value.dtype.name
    return tf.placeholder(dtype, shape, name=name)


def widen(value):
    """Reals in double precision; everything else as it is."""
    return value.astype(np.float64) if value.dtype.kind == "f" else value


def is_differentiable(dtype):
    return dtype.base_dtype.name in ("float16", "float32", "float64", "complex64", "complex128")


def describe(operations):
    """One line for each node: its name, op type, inputs and control inputs."""
    lines = []
    for op in operations:
        inputs = [t.name for t in op.inputs] + sorted("^" + c.name for c in op.control_inputs)
        lines.append(" ".join([op.name, op.type, *inputs]))
    return lines

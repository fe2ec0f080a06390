"""What all layers share: scopes and names, variables, regularizers, checks of the inputs.

A layer makes its variables in a variable scope of its own name when it is first called, and uses them again
in every later call. Names of variables and nodes, and their order, are those of TensorFlow 1.15's
`tf.layers`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.graph import (
    Graph,
    GraphKeys,
    Operation,
    Tensor,
    convert_to_tensor,
    get_collection,
    get_collection_ref,
    get_default_graph,
    name_scope,
)
from reflow.model import variable_scope as scopes
from reflow.model.modes import VariableAggregation, VariableSynchronization
from reflow.model.partitioned import PartitionedVariable
from reflow.model.variable_base import Variable
from reflow.ops import blocks
from reflow.platform import nest

BOOKS = ("_trainable_weights", "_non_trainable_weights", "_losses", "_loss_functions", "_updates", "_calls")


class InputSpec:
    """What a layer wants of an input: its rank, its type, the sizes of some dimensions.

    Args:
        dtype: the type.
        shape: the whole shape; sets `ndim`, and None in it leaves a dimension open.
        ndim, max_ndim, min_ndim: the rank, or bounds of it.
        axes: sizes of dimensions, by their number (negative ones count from the end).

    >>> InputSpec(ndim=4, axes={-1: 3})
    InputSpec(ndim=4, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ) -> None:
        self.dtype = dtype
        self.shape = None if shape is None else tuple(as_shape(shape).as_list())
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = dict(axes or {})

    def __repr__(self) -> str:
        fields = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        shown = [(name, getattr(self, name)) for name in fields]
        if self.shape is not None:
            shown = [(name, value) for name, value in shown if name != "ndim"]
        return f"InputSpec({', '.join(f'{n}={v!s}' for n, v in shown if v not in (None, {}))})"

    def check(self, tensor: Any, position: int, layer: str) -> None:
        """ValueError unless a tensor is as wanted; dimensions that are not known pass."""
        ints = tensor.shape.ints
        says = f"Input {position} of layer {layer} is incompatible with the layer: "
        ranked = any(v is not None for v in (self.ndim, self.min_ndim, self.max_ndim))
        if ranked and ints is None:
            raise ValueError(f"{says}its rank is undefined, but the layer requires a defined rank.")
        if ints is None:
            return
        shown = f"Full shape received: {list(ints)}"
        if self.ndim is not None and len(ints) != self.ndim:
            raise ValueError(f"{says}expected ndim={self.ndim}, found ndim={len(ints)}. {shown}")
        if self.max_ndim is not None and len(ints) > self.max_ndim:
            raise ValueError(f"{says}expected max_ndim={self.max_ndim}, found ndim={len(ints)}")
        if self.min_ndim is not None and len(ints) < self.min_ndim:
            raise ValueError(f"{says}: expected min_ndim={self.min_ndim}, found ndim={len(ints)}. {shown}")
        if self.dtype is not None and tensor.dtype != dtypes.as_dtype(self.dtype):
            raise ValueError(f"{says}expected dtype={self.dtype}, found dtype={tensor.dtype}")
        self._check_sizes(ints, says)

    def _check_sizes(self, ints: Sequence[int | None], says: str) -> None:
        for axis, value in self.axes.items():
            if value is not None and ints[axis] not in (value, None):
                raise ValueError(
                    f"{says}expected axis {axis} of input shape to have value {value} but received input "
                    f"with shape {list(ints)}"
                )
        for wanted, found in zip(self.shape or (), ints, strict=False):
            if wanted is not None and found is not None and wanted != found:
                raise ValueError(f"{says}expected shape={self.shape}, found shape={list(ints)}")


def to_snake_case(name: str) -> str:
    """`MaxPooling2D` -> `max_pooling2d`: the default name of a layer's scope."""
    partly = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    result = re.sub("([a-z])([A-Z])", r"\1_\2", partly).lower()
    return "private" + result if result.startswith("_") else result


def _unique_name(graph: Graph, base: str) -> str:
    """The name of the next layer of a kind in a graph: `dense_1`, `dense_2` ..."""
    counts = graph.runtime.setdefault("layer_names", {})
    counts[base] = counts.get(base, 0) + 1
    return f"{base}_{counts[base]}"


class Layer:
    """The base class of layers, for those of `tf.layers` and for a program's own.

    A subclass makes its variables in `build(input_shape)`, with `add_weight`, and computes in `call(inputs)`.

    Args:
        trainable: whether the variables go into the collection of trainable variables.
        name: the name of the layer and its scope; the class's name by default.
        dtype: the type of the variables; that of the first input by default.

    >>> import reflow as tf
    >>> class Scale(tf.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight("factor", [], initializer=tf.ones_initializer())
    ...         super().build(input_shape)
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> with tf.Graph().as_default():
    ...     layer = Scale()
    ...     layer(tf.zeros([2])).name, layer.factor.name
    ('scale/mul:0', 'scale/factor:0')
    """

    def __init__(
        self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        scope, self._reuse = kwargs.pop("_scope", None), kwargs.pop("_reuse", None)
        self._activity_regularizer = kwargs.pop("activity_regularizer", None)
        kwargs.pop("input_shape", None)
        for word in kwargs:
            raise TypeError("Keyword argument not understood:", word)
        self.trainable = trainable
        self.built = False
        self.input_spec: InputSpec | list[InputSpec] | None = None
        self.stateful = False
        self._dtype = None if dtype is None else dtypes.as_dtype(dtype).name
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []
        self._losses: list[tuple[Any, Any]] = []  # (tensor, inputs it depends on or None)
        self._loss_functions: list[tuple[Any, Any]] = []
        self._updates: list[Any] = []
        self._calls: list[tuple[Any, Any]] = []  # (inputs, outputs)
        self._graph: Graph | None = None
        self._scope: Any = None
        self._current_scope: Any = None
        self._base_name: str = (
            to_snake_case(type(self).__name__) if not name else str(getattr(name, "name", name))
        )
        self._name = (
            str(name)
            if isinstance(name, str) and name
            else _unique_name(get_default_graph(), self._base_name)
        )
        if scope:
            with scopes.variable_scope(scope) as captured:
                self._scope = captured

    # Naming

    @property
    def name(self) -> str:
        """The layer's name."""
        return self._name

    @property
    def scope_name(self) -> str:
        """The name of the variable scope; ValueError before the first call."""
        if not self._scope:
            raise ValueError(
                f'No name available for layer scope because the layer "{self._name}" has not been used yet. '
                "The scope name is determined the first time the layer instance is called. "
                "You must therefore call the layer before querying `scope_name`."
            )
        return self._scope.name  # type: ignore[no-any-return]

    def _set_scope(self, scope: Any = None) -> None:
        if self._scope is not None:
            return
        if self._reuse:
            opened = scopes.variable_scope(scope if scope is not None else self._base_name)
        else:
            opened = scopes.variable_scope(scope, default_name=self._base_name)
        with opened as captured:
            self._scope = captured

    def _name_scope(self) -> str:
        return self._current_scope.original_name_scope  # type: ignore[no-any-return]

    # Calling

    def build(self, input_shape: Any) -> None:
        """Make the variables for inputs of a shape; a subclass's ends with `super().build(input_shape)`."""
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; the base class passes the inputs through."""
        return inputs

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply the layer: make the variables if this is the first call, then `call`."""
        self._set_scope(kwargs.pop("scope", None))
        inputs = nest.map_structure(convert_to_tensor, inputs) if not _is_composite(inputs) else inputs
        self._check_graph(inputs)
        reuse = True if self.built else self._reuse
        with scopes.variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope:
            self._current_scope = scope
            self._check_inputs(inputs)
            with name_scope(self._name_scope()):
                self._maybe_build(inputs)
                outputs = self.call(inputs, *args, **kwargs)
                if outputs is None:
                    raise ValueError(
                        f"A layer's `call` method should return a Tensor or a list of Tensors, not None "
                        f"(layer: "
                        f"{self.name})."
                    )
                self._regularize_activity(inputs, outputs)
        _collect(self.updates, GraphKeys.UPDATE_OPS)
        self._calls.append((inputs, outputs))
        return outputs

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the layer."""
        return self.__call__(inputs, *args, **kwargs)

    def _check_graph(self, inputs: Any) -> None:
        tensors = [t for t in nest.flatten(inputs) if isinstance(t, Tensor)]
        if not tensors:
            return
        if self._graph is None:
            self._graph = tensors[0].graph
        for tensor in tensors:
            if tensor.graph is not self._graph:
                raise ValueError(
                    f"Input graph and Layer graph are not the same: {tensor} is not from the graph of the "
                    f"layer "
                    f"{self.name}."
                )

    def _check_inputs(self, inputs: Any) -> None:
        if self.input_spec is None:
            return
        tensors = nest.flatten(inputs)
        specs = self.input_spec if isinstance(self.input_spec, (list, tuple)) else [self.input_spec]
        if len(specs) != len(tensors):
            raise ValueError(
                f"Layer {self.name} expects {len(specs)} inputs, but it received {len(tensors)} input "
                f"tensors. "
                f"Inputs received: {inputs}"
            )
        for i, (spec, tensor) in enumerate(zip(specs, tensors, strict=True)):
            if spec is not None:
                spec.check(tensor, i, self.name)

    def _maybe_build(self, inputs: Any) -> None:
        if self.built:
            return
        tensors = nest.flatten(inputs)
        if self._dtype is None and tensors and hasattr(tensors[0], "dtype"):
            self._dtype = tensors[0].dtype.base_dtype.name
        self.build(
            nest.map_structure(lambda t: t.shape, inputs) if not _is_composite(inputs) else inputs.shape
        )
        self.built = True

    def _regularize_activity(self, inputs: Any, outputs: Any) -> None:
        if self._activity_regularizer is None:
            return
        with name_scope("ActivityRegularizer"):
            for output in nest.flatten(outputs):
                loss = self._activity_regularizer(output)
                count = blocks.cast(blocks.shape_of(output)[0], loss.dtype)
                self.add_loss(loss / count, inputs=inputs)

    # Variables, losses, updates

    def add_weight(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Callable[..., Any] | None = None,
        trainable: bool | None = None,
        constraint: Any = None,
        use_resource: bool | None = None,
        synchronization: Any = VariableSynchronization.AUTO,
        aggregation: Any = VariableAggregation.NONE,
        partitioner: Any = None,
        **kwargs: Any,
    ) -> Any:
        """A variable of the layer, made or found by `tf.get_variable` in the layer's scope.

        Args:
            name: its name in the layer's scope.
            shape: its shape.
            dtype: its type; that of the layer by default.
            initializer: how it begins; the scope's default (Glorot's uniform one) when None.
            regularizer: a function of the variable whose value is added to the regularization losses.
            trainable: whether it is trainable; a layer that is not trainable has no trainable variables.
            constraint: a function that optimizers apply to the new value.
            use_resource: whether it is a resource variable.
            synchronization, aggregation: accepted as in TensorFlow.
            partitioner: how it is cut into parts.
        """
        for word in kwargs:
            if word not in ("getter", "experimental_autocast"):
                raise TypeError("Unknown keyword argument:", word)
        trainable = True if trainable is None else trainable
        wanted = dtypes.as_dtype(dtype if dtype is not None else self._dtype or dtypes.float32)
        before = set(map(id, _existing_variables()))
        self._set_scope(None)
        reuse = True if self.built else self._reuse
        options = {"synchronization": synchronization, "aggregation": aggregation}
        with scopes.variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope:
            self._current_scope = scope
            with name_scope(self._name_scope()):
                variable = scopes.get_variable(
                    name,
                    shape=shape,
                    dtype=wanted,
                    initializer=scope.initializer if initializer is None else initializer,
                    trainable=trainable and self.trainable,
                    constraint=constraint,
                    partitioner=partitioner,
                    use_resource=use_resource or None,
                    **{k: v for k, v in options.items() if v is not None},
                )
                if regularizer is not None and any(id(v) not in before for v in _parts(variable)):
                    self._regularize(name, variable, regularizer)
        (self._trainable_weights if trainable else self._non_trainable_weights).append(variable)
        return variable

    def add_variable(self, *args: Any, **kwargs: Any) -> Any:
        """An older name of `add_weight`."""
        return self.add_weight(*args, **kwargs)

    def _regularize(self, name: str, variable: Any, regularizer: Callable[..., Any]) -> None:
        def made(part: Any) -> Any:
            with name_scope(f"{name}/Regularizer"):
                return regularizer(part)

        for part in _parts(variable):
            self.add_loss(functools.partial(made, part))

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add losses to the layer, and to the collection REGULARIZATION_LOSSES.

        Args:
            losses: a tensor, a function without arguments that makes one, or a list of these. A function is
                called for the collection, and again whenever `losses` is read.
            inputs: the inputs that the losses depend on; None when they depend on none.
        """
        added = [(loss, inputs) for loss in nest.flatten(losses) if loss is not None]
        tensors = [loss for loss in added if not _is_function(loss[0])]
        functions = [loss for loss in added if _is_function(loss[0])]
        self._losses += tensors
        self._loss_functions += functions
        _collect([loss for loss, _ in tensors + _called(functions)], GraphKeys.REGULARIZATION_LOSSES)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Add operations that must run with each training step; a call puts them into UPDATE_OPS.

        Args:
            updates: an operation, a tensor (its operation counts), a function that makes one, or a list of
                these.
            inputs: accepted as in TensorFlow; what an update depends on is found in the graph.
        """
        self._updates += [_operation(update) for update in _as_list(updates)]

    @property
    def activity_regularizer(self) -> Any:
        """The function of the outputs that is added to the losses."""
        return self._activity_regularizer

    @activity_regularizer.setter
    def activity_regularizer(self, regularizer: Any) -> None:
        self._activity_regularizer = regularizer

    @property
    def losses(self) -> list[Any]:
        """The losses of the variables and of all calls."""
        return [loss for loss, _ in self._all_losses()]

    def _all_losses(self) -> list[tuple[Any, Any]]:
        own = self._losses + _called(self._loss_functions)
        return own + [loss for layer in self._sublayers() for loss in layer._all_losses()]

    @property
    def updates(self) -> list[Any]:
        """The update operations of all calls; none for a layer that is not trainable."""
        if not self.trainable and not self.stateful:
            return []
        return self._updates + [update for layer in self._sublayers() for update in layer.updates]

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The losses that depend on certain inputs; with None, those that depend on none."""
        losses = self._all_losses()
        if inputs is None:
            return [loss for loss, own in losses if own is None]
        return _depending([loss for loss, own in losses if own is not None], inputs)

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """The updates that depend on certain inputs; with None, those that depend on no inputs of a call."""
        if inputs is not None:
            return _depending(self.updates, inputs)
        dependent = _depending(self.updates, [own for own, _ in self._calls])
        return [update for update in self.updates if update not in dependent]

    @property
    def trainable_weights(self) -> list[Any]:
        """The trainable variables, in the order in which they were made."""
        if not self.trainable:
            return []
        inner = [w for layer in self._sublayers() for w in layer.trainable_weights]
        return _distinct(self._trainable_weights + self._held_variables(True) + inner)

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other variables."""
        own = self._non_trainable_weights + self._held_variables(False)
        inner = self._sublayers()
        if self.trainable:
            return _distinct(own + [w for layer in inner for w in layer.non_trainable_weights])
        trained = self._trainable_weights + self._held_variables(True)
        return _distinct(trained + own + [w for layer in inner for w in layer.weights])

    def _sublayers(self) -> list[Layer]:
        """The layers that are attributes of this one, or elements of lists and dicts that are."""
        return [v for v in _leaves(self) if isinstance(v, Layer)]

    def _held_variables(self, trainable: bool) -> list[Any]:
        """The variables that are attributes without having been made by `add_weight`."""
        held = [v for v in _leaves(self) if isinstance(v, Variable) and bool(v.trainable) is trainable]
        made = set(map(id, self._trainable_weights + self._non_trainable_weights))
        return [v for v in held if id(v) not in made]

    @property
    def weights(self) -> list[Any]:
        """All variables, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def trainable_variables(self) -> list[Any]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Any]:
        return self.non_trainable_weights

    @property
    def variables(self) -> list[Any]:
        return self.weights

    @property
    def dtype(self) -> str | None:
        """The name of the type of the variables; None before it is known."""
        return self._dtype

    @property
    def graph(self) -> Graph | None:
        """The graph of the inputs."""
        return self._graph

    def count_params(self) -> int:
        """The number of elements of all variables; ValueError before they are made."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on {self.name}, but the layer isn't built. You can build "
                f"it "
                f"manually via: `{self.name}.build(batch_input_shape)`."
            )
        return sum(math.prod(w.shape.as_list()) for w in self.weights)

    # What it was called on

    def _of_call(self, index: int, what: int, kind: str) -> Any:
        if not self._calls:
            raise AttributeError(f"Layer {self.name} is not connected, no {kind} to return.")
        return self._calls[index][what]

    @property
    def input(self) -> Any:
        """The inputs of the only call."""
        self._only_call("input")
        return self._of_call(0, 0, "input")

    @property
    def output(self) -> Any:
        """The outputs of the only call."""
        self._only_call("output")
        return self._of_call(0, 1, "output")

    def _only_call(self, kind: str) -> None:
        if len(self._calls) > 1:
            raise AttributeError(
                f'Layer "{self.name}" has multiple inbound nodes, hence the notion of "layer {kind}" is '
                f"ill-defined. Use `get_{kind}_at(node_index)` instead."
            )

    def get_input_at(self, node_index: int) -> Any:
        """The inputs of a call, by its number."""
        return self._of_call(node_index, 0, "input")

    def get_output_at(self, node_index: int) -> Any:
        """The outputs of a call, by its number."""
        return self._of_call(node_index, 1, "output")

    @property
    def input_shape(self) -> Any:
        """The shape of the input, as a tuple."""
        return nest.map_structure(lambda t: tuple(t.shape.as_list()), self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, as a tuple."""
        return nest.map_structure(lambda t: tuple(t.shape.as_list()), self.output)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the outputs for inputs of a shape."""
        raise NotImplementedError(f"{type(self).__name__} does not say its output shape")

    def __deepcopy__(self, memo: Any) -> Layer:
        """A layer with the same settings and the same variables."""
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__dict__.update(self.__dict__)
        return copy


def _is_composite(value: Any) -> bool:
    return hasattr(value, "_components")


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _parts(variable: Any) -> list[Any]:
    """A variable, or the parts of a partitioned one."""
    return list(variable) if isinstance(variable, PartitionedVariable) else [variable]


def _is_function(loss: Any) -> bool:
    return callable(loss) and not isinstance(loss, Tensor)


def _called(functions: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    made = [(function(), inputs) for function, inputs in functions]
    return [(loss, inputs) for loss, inputs in made if loss is not None]


def _distinct(elements: Iterable[Any]) -> list[Any]:
    return list({id(e): e for e in elements}.values())


def _leaves(layer: Layer) -> list[Any]:
    """The values of a layer's public and private attributes, without its own books."""
    held = [value for name, value in vars(layer).items() if name not in BOOKS]
    plain = [v for v in held if isinstance(v, (Layer, Variable, list, tuple, dict))]
    return _distinct(nest.flatten(plain))


def _existing_variables() -> Iterable[Any]:
    return [*get_collection(GraphKeys.GLOBAL_VARIABLES), *get_collection(GraphKeys.LOCAL_VARIABLES)]


def _operation(update: Any) -> Any:
    made = update() if callable(update) else update
    return made if isinstance(made, Operation) else getattr(made, "op", made)


def _depending(elements: Sequence[Any], inputs: Any) -> list[Any]:
    """Those of some tensors and operations that some inputs lead to."""
    sources = {tensor.op for tensor in nest.flatten(inputs)}
    return [element for element in elements if _leads_to(sources, _operation(element))]


def _leads_to(sources: set[Any], op: Any) -> bool:
    seen, waiting = set(), [op]
    while waiting:
        current = waiting.pop()
        if current in sources:
            return True
        if current not in seen:
            seen.add(current)
            waiting += [t.op for t in current.inputs] + list(current.control_inputs)
    return False


def _collect(elements: Iterable[Any], key: str) -> None:
    """Put elements into a collection that does not have them yet."""
    collection = get_collection_ref(key)
    known = set(map(id, collection))
    collection.extend(e for e in elements if id(e) not in known)

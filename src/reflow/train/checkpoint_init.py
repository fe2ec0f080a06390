"""Initial values of variables taken from a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from reflow.graph.graph import device
from reflow.model.variable_common import BaseVariable
from reflow.model.variable_scope import get_variable_store
from reflow.ops.saving import restore_v2
from reflow.train.checkpoint_reader import checkpoint_filename, load_checkpoint
from reflow.train.saveable import by_name, saveables_of

_log = logging.getLogger("tensorflow")


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Mapping[str, Any]) -> None:
    """Let variables take their initial values from a checkpoint: their initializers then read it.

    Args:
        ckpt_dir_or_file: the checkpoint, or a folder, for its newest one.
        assignment_map: what goes where: `"scope/": "other/"` takes all variables that `tf.get_variable` made
            in the scope `other` from the names in `scope`, `"/"` being the root; `"name": "variable"` takes
            one, named in full; the value may also be a variable, or a list of the slices of one.

    Raises:
        TypeError: a value is none of these.
        ValueError: a variable is not in the graph or not in the checkpoint, or its shape is another one.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(3.0, name="old/v")
    ...     sess.run(v.initializer)
    ...     path = tf.train.Saver().save(sess, path)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     with tf.variable_scope("new"):
    ...         v = tf.get_variable("v", [])
    ...     tf.train.init_from_checkpoint(path, {"old/": "new/"})
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(v))
    3.0
    """
    source = _Source(ckpt_dir_or_file)
    made = get_variable_store().variables
    for key, target in sorted(assignment_map.items()):
        if isinstance(target, BaseVariable) or _is_slices(target):
            source.give(key, target)
        elif not isinstance(target, str):
            raise TypeError(
                f"The target of {key!r} must be a name, a scope, a variable or a list of the slices of one; "
                f"got {target!r} (of a partitioned variable give list(variable))"
            )
        elif (found := _found(target, made)) is not None:
            source.give(key, found)
        else:
            _give_scope(source, key, target, made)


def _is_slices(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, BaseVariable) for v in value)


def _found(name: str, made: Mapping[str, Any]) -> Any:
    """The variable of that full name, or the list of its slices; None when there is none."""
    if name in made:
        return made[name]
    slices: list[Any] = []
    while f"{name}/part_{len(slices)}" in made:
        slices.append(made[f"{name}/part_{len(slices)}"])
    return slices or None


def _give_scope(source: _Source, key: str, target: str, made: Mapping[str, Any]) -> None:
    scope = target.rpartition("/")[0]
    if not key.endswith("/"):
        raise ValueError(
            f"Assignment map with scope only name {scope} should map to scope only {key}. "
            "Should be 'scope/': 'other_scope/'."
        )
    inside = {n.partition("/part_")[0] for n in made if not scope or n.startswith(scope + "/")}
    for name in sorted(inside):
        rest = (
            name[len(scope) :] if target == "/" else name[len(scope) :].removeprefix("/") if scope else name
        )
        stored = (rest if key == "/" else key + rest.removeprefix("/")).rstrip("/")
        if not source.has(stored):
            raise ValueError(f"Tensor {stored} ({rest} in {key}) is not found in {source.name} checkpoint")
        source.give(stored, _found(name, made))


class _Source:
    """The checkpoint that the values come from."""

    def __init__(self, ckpt_dir_or_file: Any) -> None:
        self.name = ckpt_dir_or_file
        self._shapes = load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map()
        self._path = checkpoint_filename(ckpt_dir_or_file)

    def has(self, key: str) -> bool:
        return key in self._shapes

    def give(self, key: str, target: Any) -> None:
        """Let a variable, or the slices of one, begin with what is stored as `key`."""
        if not self.has(key):
            raise ValueError(f"Tensor {key} is not found in {self.name} checkpoint {self._shapes}")
        slices = target if isinstance(target, (list, tuple)) else None
        if slices is None:
            self._check_shape(key, target)
            self._initialize(target, key, "")
            return
        infos = [v._get_save_slice_info() for v in slices]
        for variable, info in zip(slices, infos, strict=True):
            if info.full_name != infos[0].full_name:
                raise ValueError(
                    f"Slices must all be from the same tensor: {infos[0].full_name} != {info.full_name}"
                )
            self._initialize(variable, key, info.spec)

    def _check_shape(self, key: str, variable: Any) -> None:
        if not variable.get_shape().is_compatible_with(self._shapes[key]):
            raise ValueError(
                f"Shape of variable {variable.name} ({variable.get_shape()}) doesn't match with shape of "
                f"tensor {key} ({self._shapes[key]}) from checkpoint reader."
            )

    def _initialize(self, variable: Any, key: str, spec: str) -> None:
        """Give the variable an initializer that reads the checkpoint."""
        with device(variable.device or None), device("/cpu:0"):
            kind = variable.dtype.base_dtype
            value = restore_v2(self._path, [key], [spec], [kind], name="checkpoint_initializer")[0]
            ((name, held),) = by_name([variable]).items()
            (saveable,) = saveables_of(held, name)
        assigned = saveable.restore([value], None)
        variable._initializer_op = getattr(assigned, "op", assigned)
        value.set_shape(variable.shape)
        variable._initial_value = value
        _log.debug("Initialize variable %s from checkpoint %s with %s", variable.name, self.name, key)

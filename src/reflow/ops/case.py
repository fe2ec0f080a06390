"""The first of several conditions that holds: `case`, a chain of `cond`s."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import Operation, Tensor, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.ops.check import Assert
from reflow.ops.control_flow import Branch, cond, smart_cond
from reflow.ops.reduction import reduce_sum
from reflow.platform import logging


def case(
    pred_fn_pairs: Any,
    default: Branch | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The function of the first condition that holds: pairs of a boolean scalar tensor and a function.

    Args:
        pred_fn_pairs: a list of pairs (or a dict: then in the order of the tensors' names).
        default: the function when no condition holds; without one that is an InvalidArgumentError.
        exclusive: fail when more than one condition holds.
        strict: keep a list of one tensor a list.
        name: the name scope of the nodes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.int32)
    ...     size = tf.case([(x < 10, lambda: tf.constant("small")), (x < 100, lambda: tf.constant("middle"))],
    ...                    default=lambda: tf.constant("large"))
    ...     print(sess.run(size, {x: 50}))
    b'middle'
    """
    return _case(cond, pred_fn_pairs, default, exclusive, name, False, strict=strict)


def smart_case(
    pred_fn_pairs: Any, default: Branch | None = None, exclusive: bool = False, name: str = "smart_case"
) -> Any:
    """`case` with `smart_cond`: conditions may be Python bools, and known ones are decided while building.

    >>> smart_case([(False, lambda: 1), (True, lambda: 2)], default=lambda: 3)
    2
    """
    return _case(smart_cond, pred_fn_pairs, default, exclusive, name, True)


def _case(
    choose: Any, pairs: Any, default: Any, exclusive: bool, name: str, python_preds: bool, **options: Any
) -> Any:
    preds, actions = _checked_pairs(pairs, exclusive, name, python_preds)
    with name_scope(name, "case", [list(preds)]):
        if default is None:
            default, preds, actions = _last_as_default(preds, actions)
        chain = default
        for pred, action in reversed(list(zip(preds, actions, strict=True))):
            chain = functools.partial(choose, pred, true_fn=action, false_fn=chain, **options)
        if not exclusive:
            return chain()
        with control_dependencies([_at_most(preds, 1, "Input error: exclusive=True")]):
            return chain()


def _checked_pairs(
    pairs: Any, exclusive: bool, name: str, python_preds: bool
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not isinstance(pairs, (list, tuple, dict)):
        raise TypeError("fns must be a list, tuple, or dict")
    if isinstance(pairs, dict):
        ordered = isinstance(pairs, OrderedDict)
        rows = list(pairs.items()) if ordered else sorted(pairs.items(), key=lambda item: item[0].name)
        if not ordered and not exclusive:
            logging.warn(
                "%s: conditions in a dict with exclusive=False are tried in the order of their names", name
            )
    else:
        rows = list(pairs)
    for row in rows:
        if not isinstance(row, tuple) or len(row) != 2:
            raise TypeError("Each entry in pred_fn_pairs must be a 2-tuple")
        _check_pair(*row, python_preds)
    return tuple(r[0] for r in rows), tuple(r[1] for r in rows)


def _check_pair(pred: Any, function: Any, python_preds: bool) -> None:
    if isinstance(pred, Tensor):
        if pred.dtype != dtypes.bool:
            raise TypeError(f"pred must be Tensor of type bool: {pred.name}")
    elif not (python_preds and isinstance(pred, bool)):
        wanted = "Tensor or bool" if python_preds else "Tensor"
        raise TypeError(f"pred must be a {wanted}, got: {pred}")
    if not callable(function):
        raise TypeError(f"fn for pred {getattr(pred, 'name', pred)} must be callable.")


def _last_as_default(preds: Any, actions: Any) -> tuple[Branch, Any, Any]:
    """The last action as the default one, which checks that its condition alone holds."""
    *others, last = preds
    wrong = f"Implementation error: selected default action #{len(others)} was called, but some of other "
    wrong += "predicates are True: "

    def default() -> Any:
        shown = emit("Pack", list(preds), axis=0, name="preds_c")
        missing = ("Input error: None of conditions evaluated as True:", shown)
        with control_dependencies([_at_most(others, 0, wrong), Assert(last, missing)]):
            return actions[-1]()

    return default, tuple(others), actions[:-1]


def _at_most(preds: Sequence[Any], n: int, message: str) -> Operation:
    """An assertion that no more than `n` conditions hold."""
    stacked = emit("Pack", list(preds), axis=0, name="preds_c")
    ones = emit("Cast", stacked, DstT=dtypes.int32, name="Cast")
    count = reduce_sum(ones, name="num_true_conds")
    limit = convert_to_tensor(n, name="n_true_conds")
    shown = ", ".join(getattr(p, "name", str(p)) for p in preds)
    data = [f"{message}: more than {n} conditions ({shown}) evaluated as True:", stacked]
    return Assert(emit("LessEqual", count, limit), data, summarize=len(preds))

"""What a run computes: the nodes that the fetches need, in order, as steps over one list of values.

Order: nodes with no write among their ancestors come first, in creation order, so that reads see the state
at the start of the run unless an edge says otherwise; then the rest in creation order.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.shape import as_shape
from reflow.graph.branches import MERGES, SWITCHES
from reflow.graph.node import Operation, Tensor
from reflow.graph.registry import Rule, rule
from reflow.runtime.evaluate import Step, evaluate
from reflow.runtime.guards import Guard, Guards, Places
from reflow.runtime.snapshots import add_snapshots
from reflow.runtime.store import slot_name, slot_node

# Ops that take a slot whether or not it has content yet.
OPTIONAL_CONTENT = frozenset(
    (
        "Assign",
        "IsVariableInitialized",
        "AssignVariableOp",
        "VarIsInitializedOp",
        "DestroyResourceOp",
    )
)
FOLD_LIMIT = (
    1024  # elements: larger results of constants are made in the run, where XLA fuses them with their users
)


def _constant_of(node: Operation) -> np.ndarray:
    """The value of a Const node. ResourceExhaustedError when a file told of it and memory cannot hold it."""
    try:
        return np.asarray(node.attrs["value"])
    except MemoryError as error:
        shape = list(node.attrs["value"].shape)
        raise errors.ResourceExhaustedError(
            None, node, f"There is no memory for the constant {node.name!r} of shape {shape}: {error}"
        ) from None


class Plan:
    """The steps of a run and the layout of its values.

    `index` maps tensors, and the names of slots, to their place in the list of values; `constants` are the
    places whose
    values are known beforehand; `cells` are the slots, `needed` those whose content must be there at the
    start.
    """

    def __init__(self, fetches: list[Tensor], targets: list[Operation], feeds: list[Tensor]) -> None:
        self.feeds = feeds
        self.index: dict[Any, int] = {}
        self.constants: dict[int, np.ndarray] = {}
        self.slots: dict[str, tuple[int, Operation]] = {}
        self.slot_places: set[int] = set()
        self.steps: list[Step] = []
        self._fed = set(feeds)
        self._wanted = set(fetches)
        self._step_of: dict[Operation, int] = {}
        self._guards = Guards(self._fed)
        nodes = self._needed_nodes(fetches, targets)
        # A condition is one value for the whole run, even if it is a variable that the run changes.
        self._conditions = {node.inputs[1] for node in nodes if node.type in SWITCHES}
        for node in self._ordered(nodes):
            self._add(node)
        for t in dict.fromkeys(fetches):
            if t not in self._fed:
                self._add_snapshot(t)
        for t in feeds:
            self._place(t)
        self.fetched = [self._place_fetch(t) for t in fetches]
        self._fold()
        add_snapshots(self)
        self._link_slots()
        self.needed = self._needed_slots(guarded=False)
        self.maybe_needed = self._needed_slots(guarded=True)
        self.feed_places = [self.index[t] for t in feeds]
        self.size = len(self.index)

    # Which nodes, in which order

    def _needed_nodes(self, fetches: list[Tensor], targets: list[Operation]) -> set[Operation]:
        found: set[Operation] = set()
        todo = [t.op for t in fetches if t not in self._fed] + list(targets)
        while todo:
            node = todo.pop()
            if node in found:
                continue
            found.add(node)
            todo.extend(self._parents(node))
        return found

    def _parents(self, node: Operation) -> list[Operation]:
        """The operations that a node waits for; one whose outputs are all fed has nothing to do."""
        controls = [c for c in node.control_inputs if not c.outputs or not self._fed.issuperset(c.outputs)]
        return [t.op for t in node.inputs if t not in self._fed] + controls

    def _ordered(self, nodes: set[Operation]) -> list[Operation]:
        """Nodes in schedule order. InvalidArgumentError when they wait for each other in a circle."""
        waiting = {n: len(set(self._parents(n))) for n in nodes}
        children: dict[Operation, list[Operation]] = {n: [] for n in nodes}
        for n in nodes:
            for p in set(self._parents(n)):
                children[p].append(n)
        written = {n: _writes(n) for n in nodes}
        ready = [(written[n], n._id, n) for n, count in waiting.items() if count == 0]
        heapq.heapify(ready)
        order: list[Operation] = []
        while ready:
            after_write, _, node = heapq.heappop(ready)
            order.append(node)
            for child in children[node]:
                written[child] = written[child] or after_write
                waiting[child] -= 1
                if waiting[child] == 0:
                    heapq.heappush(ready, (written[child], child._id, child))
        if len(order) < len(nodes):
            stuck = min((n for n in nodes if waiting[n]), key=lambda n: n._id)
            raise errors.InvalidArgumentError(
                None, stuck, f"The graph has a cycle: {stuck.name!r} ({stuck.type}) waits for its own result"
            )
        return order

    # Steps

    def _place(self, key: Any) -> int:
        return self.index.setdefault(key, len(self.index))

    def _place_input(self, tensor: Tensor) -> int:
        if tensor not in self._fed:
            owner = slot_node(tensor.op.inputs[0] if self._is_alias(tensor.op) else tensor)
            if owner is not None:
                return self._place_slot(owner)
        return self._place(tensor)

    def _is_alias(self, node: Operation) -> bool:
        """Whether a node stands for its variable itself: a plain read, of a variable that is not fed."""
        return is_plain_read(node) and node.inputs[0] not in self._fed

    def _place_slot(self, owner: Operation, own_state: bool = False) -> int:
        name = ("state of " + owner.name) if own_state else slot_name(owner)
        place = self._place(name)
        self.slots.setdefault(name, (place, owner))
        self.slot_places.add(place)
        return place

    def _place_fetch(self, tensor: Tensor) -> int:
        return self._place(tensor)

    def _add(self, node: Operation) -> None:
        own = rule(node.type)
        guard = self._guards.add(node)
        if node.type == "Placeholder":
            if slot_node(node.outputs[0]) is None:
                raise _unfed(node)
            self._place_slot(node)  # a variable that a function changes
            return
        if own is None:
            raise errors.UnimplementedError(
                None, node, f"Op type {node.type} (node {node.name!r}) has no kernel in Reflow"
            )
        if node.type == "Const":
            self.constants[self._place(node.outputs[0])] = _constant_of(node)
        elif own.slot is not None:
            self._place_slot(node)
        elif self._is_alias(node) and node.outputs[0] not in self._wanted | self._conditions:
            pass  # its users look at the variable itself
        elif node.type in (*SWITCHES, *MERGES) and slot_node(node.outputs[0]) is not None:
            pass  # so do those of a reference that passes through a conditional
        elif own.kernel is not None or own.xla is not None or own.host is not None:
            self._add_step(node, own, guard)

    def _add_step(self, node: Operation, own: Rule, guard: Guard) -> None:
        inputs = [self._place_input(t) for t in node.inputs]
        outputs: list[int] = []
        writes = [inputs[i] for i in own.updates]
        if own.state is not None:
            place = self._place_slot(node, own_state=True)
            inputs.insert(0, place)
            writes.append(place)
            outputs.append(place)
        outputs += [inputs[i + (own.state is not None)] for i in own.updates]
        outputs += [self._place(t) for t in node.outputs if slot_node(t) is None]
        slots = self.slot_places
        optional = node.type in OPTIONAL_CONTENT
        reads = tuple(i for i in dict.fromkeys(inputs) if i in slots and not optional)
        if _holds_function(node):  # it hands variables on, which need no value yet
            handed = {i for i, t in zip(inputs, node.inputs, strict=True) if t.dtype.name == "resource"}
            reads = tuple(i for i in reads if i not in handed)
        step = Step(node, own, tuple(inputs), tuple(outputs), own.host_only, reads, tuple(writes))
        step.declared = _declared_shape(node)
        step.guard = self._places_of(guard)
        if guard:
            owner_of = dict(self.slots.values())
            step.owners = tuple(owner_of[place] for place in reads)
        if node.type in MERGES:
            step.choices = tuple(self._places_of(self._guards.choice(t)) for t in node.inputs)
        lists = any(a.is_list for a in (node.definition.outputs if node.definition else ()))
        step.several = len(outputs) > 1 or (lists and bool(outputs))
        self._push(step, node)

    def _places_of(self, guard: Guard) -> Places:
        return tuple((self._place(tensor), wanted) for tensor, wanted in guard)

    def _add_snapshot(self, tensor: Tensor) -> None:
        """A fetched reference has the value that the run leaves in the variable.

        So `run([train, global_step])` shows the new step, as in TensorFlow, where the variable's own memory
        is fetched. What nodes read, and a fetched resource variable, follow the rules of the schedule.
        """
        owner = slot_node(tensor)
        identity = rule("Identity")
        if owner is None or identity is None or tensor.dtype.name == "resource":
            return
        source, place = self._place_slot(owner), self._place(tensor)
        self._push(Step(tensor.op, identity, (source,), (place,), False, (source,)), tensor.op)

    def _push(self, step: Step, node: Operation) -> None:
        step.after = {self._step_of[p] for p in self._ancestors_with_steps(node) if p in self._step_of}
        if node in self._step_of:
            step.after.add(self._step_of[node])
        self.steps.append(step)
        self._step_of[node] = len(self.steps) - 1

    def _ancestors_with_steps(self, node: Operation) -> list[Operation]:
        """The nearest ancestors that compute something (control edges pass through nodes that do not)."""
        found, seen, todo = [], set(), self._parents(node)
        while todo:
            parent = todo.pop()
            if parent in seen:
                continue
            seen.add(parent)
            if parent in self._step_of:
                found.append(parent)
            else:
                todo.extend(self._parents(parent))
        return found

    def _fold(self) -> None:
        """Compute the steps that depend on small constants only, once and for all."""
        kept: list[Step] = []
        moved: dict[int, int] = {}
        for number, step in enumerate(self.steps):
            if self._foldable(step) and self._fold_one(step):
                continue
            moved[number] = len(kept)
            kept.append(step)
        for step in kept:
            step.after = self._carried(step.after, moved)
        self.steps = kept

    def _carried(self, after: set[int], moved: dict[int, int]) -> set[int]:
        """Dependencies in the new numbering; a folded step hands on its own."""
        result, todo, seen = set(), list(after), set()
        while todo:
            number = todo.pop()
            if number in moved:
                result.add(moved[number])
            elif number not in seen:
                seen.add(number)
                todo.extend(self.steps[number].after)
        return result

    def _foldable(self, step: Step) -> bool:
        own = step.rule
        pure = own.kernel is not None and own.state is None and not own.updates and not step.reads
        stateful = step.node.definition is not None and step.node.definition.stateful
        if not pure or stateful or not step.inputs or step.guard or step.choices is not None:
            return False
        if step.node.type in SWITCHES:
            return False
        return all(i in self.constants and self.constants[i].size <= FOLD_LIMIT for i in step.inputs)

    def _fold_one(self, step: Step) -> bool:
        ints = [t.shape.num_elements() for t in step.node.outputs]
        if any(n is None or n > FOLD_LIMIT for n in ints):
            return False
        env: list[Any] = [None] * len(self.index)
        for i in step.inputs:
            env[i] = self.constants[i]
        try:
            evaluate([step], env)
        except errors.OpError:
            return False  # it fails in the run, where the error belongs
        self.constants.update({i: env[i] for i in step.outputs})
        return True

    # Slots

    def _link_slots(self) -> None:
        """Order the accesses of each slot: a write after the reads before it, a read after the write before
        it.
        """
        last_write: dict[int, int] = {}
        readers: dict[int, list[int]] = {}
        places = self.slot_places
        for number, step in enumerate(self.steps):
            for place in {*step.inputs, *step.writes} & places:
                if place in last_write:
                    step.after.add(last_write[place])
                if place in step.writes:
                    step.after.update(readers.pop(place, []))
                    last_write[place] = number
                else:
                    readers.setdefault(place, []).append(number)
            step.after.discard(number)

    def _needed_slots(self, guarded: bool) -> list[tuple[int, str, Operation]]:
        """Slots that are read before the plan writes them; or those of steps that may not run."""
        written: set[int] = set()
        first: dict[int, None] = {}
        for step in self.steps:
            if bool(step.guard) == guarded:
                places = (*step.reads, *step.writes) if guarded else step.reads
                first.update(dict.fromkeys(i for i in places if i not in written))
            if not step.guard:
                written.update(step.writes)
        return [(place, name, node) for name, (place, node) in self.slots.items() if place in first]


def _declared_shape(node: Operation) -> tuple[int | None, ...] | None:
    """The shape that the value of an assignment must have, where it is not known to have it."""
    if node.type not in ("Assign", "AssignVariableOp") or not node.attrs.get("validate_shape", True):
        return None
    owner = slot_node(node.inputs[0])
    if owner is not None and owner.stands_for is not None:
        owner = slot_node(owner.stands_for)
    known = owner is not None and owner.type != "Placeholder"
    ints = as_shape(owner.attrs["shape"]).ints if owner is not None and known else None
    return None if node.inputs[1].shape.is_fully_defined() else ints


def is_plain_read(node: Operation) -> bool:
    """Whether a node is the `x/read` of a reference variable, which waits for nothing.

    TensorFlow's shares the variable's buffer: an op that uses it sees the value at the time it runs
    itself. Programs rely
    on it: a moving average made under `control_dependencies([train_op])` averages the values after the step.
    """
    if node.type != "Identity" or node.control_inputs or not node.inputs[0].dtype.is_ref_dtype:
        return False
    own = rule(node.inputs[0].op.type)
    return own is not None and own.slot is not None


def _writes(node: Operation) -> bool:
    own = rule(node.type)
    return own is not None and bool(own.updates)


def _holds_function(node: Operation) -> bool:
    attrs = node.definition.attrs.values() if node.definition is not None else ()
    return any(a.type == "func" for a in attrs)


def _unfed(node: Operation) -> errors.OpError:
    ints, dtype = node.outputs[0].shape.ints, node.outputs[0].dtype.name
    dtype = {"float16": "half", "float32": "float", "float64": "double"}.get(
        dtype, dtype
    )  # C++'s names, as TF
    known = "" if ints is None else f" and shape [{','.join('?' if d is None else str(d) for d in ints)}]"
    return errors.InvalidArgumentError(
        None, node, f"You must feed a value for placeholder tensor '{node.name}' with dtype {dtype}{known}"
    )

"""All of Reflow's process-wide mutable state, in one place.

Stacks are thread-local, as TensorFlow's are: a thread that enters `graph.as_default()` or a session
changes nothing for
other threads. What belongs to one graph (its name scope, device and control stacks, its collections) is
that graph's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Stack(threading.local, Generic[T]):
    """A stack of one kind of context, with its own contents in every thread."""

    def __init__(self) -> None:
        self.items: list[T] = []

    @property
    def top(self) -> T | None:
        return self.items[-1] if self.items else None

    def pushed(self, item: T, *, what: str = "context") -> Pushed[T]:
        """Push `item` for the time of a `with` block; blocks must be left in the order they were entered."""
        return Pushed(self, item, what)


class Pushed(Generic[T]):
    """The `with` block of a stack. A class, since a generator takes three times as long and steps use it."""

    __slots__ = ("_item", "_stack", "_what")

    def __init__(self, stack: Stack[T], item: T, what: str) -> None:
        self._stack, self._item, self._what = stack, item, what

    def __enter__(self) -> T:
        self._stack.items.append(self._item)
        return self._item

    def __exit__(self, *error: object) -> None:
        items = self._stack.items
        if not items or items[-1] is not self._item:
            if self._item in items:
                items.remove(self._item)
            raise AssertionError(f"Nesting violated for the default stack of {self._what} objects")
        items.pop()


class Process:
    """The few values that the whole process shares."""

    def __init__(self) -> None:
        self.root_graph: Any = None  # the default graph outside every `as_default` block
        self.gradient_rules: dict[str, Callable[..., Any]] = {}  # tf.RegisterGradient
        # tf.register_tensor_conversion_function: (priority, type, function)
        self.conversions: list[tuple[int, Any, Callable[..., Any]]] = []
        self.user_ops: dict[str, Any] = {}  # ops that a program defines: py_func tokens, custom gradients
        self.resource_variables = False  # tf.enable_resource_variables
        self.observer: Callable[..., None] | None = None  # told of each node that runs: see runtime/tracing
        self.jax: Any = None  # the compiler, once imported
        self.scratch: list[Any] = []  # memory for calls of libraries, which none of them uses now
        self.counter = 0

    def next_number(self) -> int:
        """A number that no other call in this process got."""
        with _lock:
            self.counter += 1
            return self.counter


_lock = threading.Lock()
graphs: Stack[Any] = Stack()
stores: Stack[Any] = Stack()  # the state of the session that runs a host segment, for ops that hold functions
sessions: Stack[Any] = Stack()
checks: Stack[Any] = Stack()  # collectors of the checks made while an XLA segment is traced
commits: Stack[Any] = Stack()  # there too: whether what the step being traced writes is to count
foreign: Stack[Any] = Stack()  # there too: the Calls of libraries by the program; None: it may make none
arg_scopes: Stack[dict[str, dict[str, Any]]] = Stack()  # the settings of tf.contrib.framework.arg_scope
process = Process()


def function_graph() -> Any:
    """The body of the function that this thread is tracing, to which every new node goes; else None."""
    top = graphs.top
    return top if top is not None and top.building_function else None

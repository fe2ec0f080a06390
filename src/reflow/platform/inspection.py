"""`tensorflow.python.util.tf_inspect`: Python's `inspect` under the names that programs import from there."""

from __future__ import annotations

import collections
import functools
import inspect
from typing import Any

ArgSpec = collections.namedtuple("ArgSpec", ["args", "varargs", "keywords", "defaults"])
FullArgSpec = inspect.FullArgSpec

currentframe = inspect.currentframe
getdoc = inspect.getdoc
getfile = inspect.getfile
getmembers = inspect.getmembers
getmro = inspect.getmro
getsource = inspect.getsource
getsourcefile = inspect.getsourcefile
getsourcelines = inspect.getsourcelines
isbuiltin = inspect.isbuiltin
isclass = inspect.isclass
isfunction = inspect.isfunction
isgenerator = inspect.isgenerator
ismethod = inspect.ismethod
ismodule = inspect.ismodule
isroutine = inspect.isroutine
stack = inspect.stack


def getargspec(obj: Any) -> ArgSpec:
    """The arguments of a function that has no keyword-only ones; ValueError for one that has.

    >>> getargspec(lambda x, y=1: x)
    ArgSpec(args=['x', 'y'], varargs=None, keywords=None, defaults=(1,))
    """
    spec = inspect.getfullargspec(inspect.unwrap(obj))
    if spec.kwonlyargs:
        raise ValueError("Function has keyword-only parameters: use getfullargspec, which can support them")
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def getfullargspec(obj: Any) -> inspect.FullArgSpec:
    """The arguments of a function, as `inspect.getfullargspec` gives them.

    >>> getfullargspec(lambda x, *, y=1: x).kwonlyargs
    ['y']
    """
    return inspect.getfullargspec(inspect.unwrap(obj))


def getcallargs(*func_and_positional: Any, **named: Any) -> dict[str, Any]:
    """What each argument of a function would be in a call `getcallargs(function, ...)`.

    >>> getcallargs(lambda x, y=1: x, 5)
    {'x': 5, 'y': 1}
    """
    return inspect.getcallargs(*func_and_positional, **named)


def getmodule(object: Any) -> Any:  # noqa: A002 (TF's name)
    """The module that an object is defined in."""
    return inspect.getmodule(object)


def fn_args(fn: Any) -> tuple[str, ...]:
    """The names of a function's arguments, without `self` and without those that `functools.partial` gave.

    >>> import functools
    >>> fn_args(functools.partial(lambda features, labels, mode: None, mode=1))
    ('features', 'labels')
    """
    if isinstance(fn, functools.partial):
        rest = fn_args(fn.func)[len(fn.args) :]
        return tuple(name for name in rest if name not in fn.keywords)
    if not inspect.isroutine(fn):
        fn = fn.__call__
    names = inspect.getfullargspec(inspect.unwrap(fn)).args
    return tuple(names[1:] if inspect.ismethod(fn) else names)

"""`tensorflow.python.util.tf_inspect`: Python's `inspect` under the names that programs import from there."""

from __future__ import annotations

import inspect
from typing import Any

getcallargs = inspect.getcallargs
getdoc = inspect.getdoc
getfile = inspect.getfile
getfullargspec = inspect.getfullargspec
getmembers = inspect.getmembers
getmodule = inspect.getmodule
getmro = inspect.getmro
getsource = inspect.getsource
isclass = inspect.isclass
isfunction = inspect.isfunction
isgenerator = inspect.isgenerator
ismethod = inspect.ismethod
ismodule = inspect.ismodule
isroutine = inspect.isroutine
stack = inspect.stack


def getargspec(function: Any) -> Any:
    """The named arguments of a function, as `inspect.getfullargspec` gives them.

    >>> getargspec(lambda x, y=1: x).args
    ['x', 'y']
    """
    return inspect.getfullargspec(function)

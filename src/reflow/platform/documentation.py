"""What modules of TensorFlow programs call to say which of their names are public."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any


def make_all(module_name: str, doc_string_modules: Sequence[ModuleType] | None = None) -> list[str]:
    """The public names of a module: those that the docstrings of modules mention as `@@name`.

    >>> import types
    >>> sys.modules["example"] = types.ModuleType("example", "@@one")
    >>> make_all("example")
    ['one']
    """
    modules = doc_string_modules or [sys.modules[module_name]]
    words = [word for m in modules for word in (m.__doc__ or "").split() if word.startswith("@@")]
    return list(dict.fromkeys(word[2:] for word in words))


def remove_undocumented(
    module_name: str,
    allowed_exception_list: Iterable[str] | None = None,
    doc_string_modules: Sequence[ModuleType] | None = None,
) -> None:
    """Take from a module the names that its docstring does not mention and that are not allowed besides.

    Names that begin and end with two underscores stay. KeyError when no module of that name is loaded.

    >>> import types
    >>> sys.modules["example"] = module = types.ModuleType("example", "@@one")
    >>> module.one, module.two = 1, 2
    >>> remove_undocumented("example")
    >>> hasattr(module, "one"), hasattr(module, "two")
    (True, False)
    """
    module: Any = sys.modules[module_name]
    kept = {*make_all(module_name, doc_string_modules), *(allowed_exception_list or ())}
    for name in list(vars(module)):
        if name not in kept and not (name.startswith("__") and name.endswith("__")):
            delattr(module, name)

"""Signatures of public functions and classes as lines of text, the same for TensorFlow 1.15 and Reflow.

``tools/record_signatures.py`` records them under Python 3.7, ``test_signatures.py`` compares them, so this
file imports neither library.
"""

import enum
import importlib
import inspect
import re

KINDS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
LIBRARY = ("tensorflow", "tensorflow_core", "tensorflow_estimator", "reflow")


def find(root, name):
    """The object of a dotted name under a package, or None: by attributes, or by importing submodules."""
    found, path = root, root.__name__
    for part in name.split("."):
        if not hasattr(found, part):
            try:
                importlib.import_module(path + "." + part)
            except Exception:
                return None
        found, path = getattr(found, part, None), path + "." + part
    return found


def shown(default):
    """A default value as text: plain values as they are, other objects by their kind."""
    if isinstance(default, enum.Enum):
        return default.name
    if isinstance(default, (list, tuple)):
        if default and all(x == default[0] for x in default):
            return shown(default[0])  # strides of (1, 1) and of 1 mean the same
        return "(" + ", ".join(map(shown, default)) + ")"
    if isinstance(default, (bool, int, str, bytes, type(None))):
        return repr(default)
    if isinstance(default, float):
        return repr(int(default) if default.is_integer() else default)
    if hasattr(default, "as_datatype_enum"):
        return default.name
    return "<" + ("function" if inspect.isroutine(default) else type(default).__name__) + ">"


def parameters(function):
    """The parameters of a callable as text, or None when Python can't tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    parts = []
    for p in found:
        if p.kind is p.KEYWORD_ONLY and "*" not in parts and not any(x.startswith("*") for x in parts):
            parts.append("*")
        text = KINDS.get(p.kind, "") + p.name
        parts.append(text if p.default is p.empty else text + "=" + shown(p.default))
    return "(" + ", ".join(parts) + ")"


def _is_own(cls, member):
    return any(member in vars(b) for b in cls.__mro__ if b.__module__.split(".")[0] in LIBRARY)


def members(cls):
    """Public methods and the constructor of a class: name -> parameters."""
    found = {}
    for name in dir(cls):
        value = inspect.getattr_static(cls, name)
        if (name.startswith("_") and name != "__init__") or not _is_own(cls, name):
            continue
        if isinstance(value, (property, type)) or not callable(getattr(cls, name, None)):
            continue
        found[name] = parameters(getattr(cls, name))
    return found


def is_message(cls):
    return hasattr(cls, "DESCRIPTOR")


def lines(root, names):
    """name + parameters of every function, and of every method of every class, each object once."""
    seen, result = set(), {}
    for name in names:
        value = find(root, name)
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if inspect.isclass(value):
            if not is_message(value):
                result.update({f"{name}.{m}": p for m, p in members(value).items()})
        elif callable(value):
            result[name] = parameters(value)
    return {k: re.sub(r" at 0x\w+", "", v) for k, v in result.items() if v is not None}

"""`tf.contrib.training.HParams`: a program's settings, read from strings such as
"rate=0.1,layers=[64,32]"."""

from __future__ import annotations

import json
import numbers
import re
from collections.abc import Callable, Mapping
from typing import Any

ASSIGNMENT = re.compile(
    r"(?P<name>[a-zA-Z][\w.]*)"  # the name
    r"(\[\s*(?P<index>\d+)\s*\])?"  # a place in a list
    r"\s*=\s*"
    r"((?P<val>[^,\[]*)|\[(?P<vals>[^\]]*)\])"  # one value, or a list of them
    r"($|,\s*)"
)


def _unreadable(name: str, kind: type, value: str, values: str) -> ValueError:
    return ValueError(
        f"Could not parse hparam '{name}' of type '{kind.__name__}' with value '{value}' in {values}"
    )


def _as_bool(text: str) -> bool:
    if text in ("true", "True", "false", "False"):
        return text in ("true", "True")
    return bool(int(text))


def _reader(name: str, kind: type, values: str) -> Callable[[str], Any]:
    """A function that reads one value of a type."""

    def read(text: str) -> Any:
        try:
            return _as_bool(text) if kind is bool else kind(text)
        except ValueError:
            raise _unreadable(name, kind, text, values) from None

    return read


def parse_values(values: str, type_map: Mapping[str, type], ignore_unknown: bool = False) -> dict[str, Any]:
    """The settings in a string of assignments, `name=value` with commas between.

    Args:
        values: the string; a list is in brackets, `name[2]=value` gives one element.
        type_map: the type of each name.
        ignore_unknown: whether names without a type are left out; ValueError otherwise.

    >>> parse_values("rate=0.5,layers=[64,32],deep=true", {"rate": float, "layers": int, "deep": bool})
    {'rate': 0.5, 'layers': [64, 32], 'deep': True}
    """
    result: dict[str, Any] = {}
    place = 0
    while place < len(values):
        match = ASSIGNMENT.match(values, place)
        if match is None:
            raise ValueError(f"Malformed hyperparameter value: {values[place:]}")
        place = match.end()
        name = match["name"]
        if name in type_map:
            _read(match, _reader(name, type_map[name], values), values, result)
        elif not ignore_unknown:
            raise ValueError(f"Unknown hyperparameter type for {name}")
    return result


def _read(match: re.Match[str], read: Callable[[str], Any], values: str, result: dict[str, Any]) -> None:
    name, index = match["name"], match["index"]
    if match["vals"] is not None:
        if index is not None:
            raise ValueError(f"Assignment of a list to a list index: {match[0]}")
        _once(name, result, values)
        result[name] = [read(each) for each in re.split("[ ,]", match["vals"]) if each]
    elif index is None:
        _once(name, result, values)
        result[name] = read(match["val"])
    else:
        places = result.setdefault(name, {})
        if not isinstance(places, dict) or int(index) in places:
            raise ValueError(f"Multiple assignments to variable '{name}[{index}]' in {values}")
        places[int(index)] = read(match["val"])


def _once(name: str, result: dict[str, Any], values: str) -> None:
    if name in result:
        raise ValueError(f"Multiple assignments to variable '{name}' in {values}")


def _converted(name: str, kind: type, value: Any) -> Any:
    """A value as the type of its setting; ValueError unless that loses nothing."""
    if type(value) is kind or kind is type(None):
        return value
    texts = (str, bytes)
    fits = (
        not (issubclass(kind, texts) and not isinstance(value, texts))
        and issubclass(kind, bool) == isinstance(value, bool)
        and not (issubclass(kind, numbers.Integral) and not isinstance(value, numbers.Integral))
        and not (issubclass(kind, numbers.Number) and not isinstance(value, numbers.Number))
    )
    if not fits:
        raise ValueError(f"Could not cast hparam '{name}' of type '{kind}' from value {value!r}")
    return kind(value)


class HParams:
    """Settings with names and types, as attributes.

    Args:
        hparam_def: not supported: settings in TensorFlow's own message format.
        model_structure: any object to keep with them.
        kwargs: the settings; each keeps the type of its first value, lists that of their first element.

    ValueError for empty lists, reserved names, and later for values of another type.

    >>> import reflow as tf
    >>> settings = tf.contrib.training.HParams(rate=0.1, layers=[64, 32])
    >>> settings.parse("rate=0.5,layers=[8]").rate, settings.layers
    (0.5, [8])
    """

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **kwargs: Any) -> None:
        self._hparam_types: dict[str, tuple[type, bool]] = {}
        self._model_structure = model_structure
        if hparam_def:
            raise NotImplementedError("HParams from an HParamDef message is not supported: give the settings")
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Add a setting."""
        if getattr(self, name, None) is not None:
            raise ValueError(f"Hyperparameter name is reserved: {name}")
        is_list = isinstance(value, (list, tuple))
        if is_list and not value:
            raise ValueError(f"Multi-valued hyperparameters cannot be empty: {name}")
        self._hparam_types[name] = (type(value[0]), True) if is_list else (type(value), False)
        setattr(self, name, value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Change a setting; the value must be of its type."""
        kind, is_list = self._hparam_types[name]
        if isinstance(value, list) != is_list:
            wanted = "pass a list for multi-valued" if is_list else "not pass a list for single-valued"
            raise ValueError(f"Must {wanted} parameter: {name}")
        new = [_converted(name, kind, v) for v in value] if is_list else _converted(name, kind, value)
        setattr(self, name, new)

    def del_hparam(self, name: str) -> None:
        """Take a setting away, if there is such a one."""
        if hasattr(self, name):
            delattr(self, name)
            del self._hparam_types[name]

    def parse(self, values: str) -> HParams:
        """Change settings as a string says: see `parse_values`."""
        kinds = {name: kind for name, (kind, _) in self._hparam_types.items()}
        return self.override_from_dict(parse_values(values, kinds))

    def override_from_dict(self, values_dict: Mapping[str, Any]) -> HParams:
        """Change settings as a dict says."""
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def set_from_map(self, values_map: Mapping[str, Any]) -> HParams:
        """An older name of `override_from_dict`."""
        return self.override_from_dict(values_map)

    def set_model_structure(self, model_structure: Any) -> None:
        """Keep another object with the settings."""
        self._model_structure = model_structure

    def get_model_structure(self) -> Any:
        """The object that is kept with the settings."""
        return self._model_structure

    def to_json(self, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        """The settings as JSON."""
        return json.dumps(self.values(), indent=indent, separators=separators, sort_keys=sort_keys)

    def parse_json(self, values_json: str) -> HParams:
        """Change settings as JSON says."""
        return self.override_from_dict(json.loads(values_json))

    def values(self) -> dict[str, Any]:
        """The settings as a dict."""
        return {name: getattr(self, name) for name in self._hparam_types}

    def get(self, key: str, default: Any = None) -> Any:
        """A setting, or `default`, which must be of its type, when there is no such one."""
        if key not in self._hparam_types:
            return default
        if default is not None:
            self._check_default(key, default)
        return getattr(self, key)

    def _check_default(self, key: str, default: Any) -> None:
        kind, is_list = self._hparam_types[key]
        shown = f"list<{kind}>" if is_list else str(kind)
        message = f"Hparam '{key}' of type '{shown}' is incompatible with default={default}"
        if is_list != isinstance(default, list):
            raise ValueError(message)
        try:
            for value in default if is_list else [default]:
                _converted(key, kind, value)
        except ValueError as error:
            raise ValueError(f"{message}. {error}") from None

    def __contains__(self, key: str) -> bool:
        return key in self._hparam_types

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.values().items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({sorted(self.values().items())!s})"

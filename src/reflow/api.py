"""The public names: where `tf.nn.relu` comes from, and the modules that hold such names.

The table itself is in `api_tables/`; this file reads it and makes the module tree. A *room* is a public
module, by its dotted name without the root ("nn", "python.ops.math_ops"; "" is `reflow` itself). Each room is
a real module, `reflow.nn`, made when it is first imported or read; a name in it imports the file that defines
the object when the name is first used, and is an ordinary attribute from then on. So `import reflow` reads no
op, and a second `tf.nn.relu` costs a dict lookup. The whole tree has a second address, `tensorflow` (see
`install`), and each alias of the table (`compat.v1`) stands for the very module that it names.

How to add a name: see `api_tables/__init__.py`. `tests/test_api.py` checks that every entry is there.

>>> import reflow as tf
>>> from reflow.compat import v1
>>> v1 is tf
True
>>> tf.gfile.Exist
Traceback (most recent call last):
AttributeError: module 'tf.gfile' has no attribute 'Exist'; ... nearest: Exists
"""

from __future__ import annotations

import difflib
import dis
import functools
import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any, NamedTuple

from reflow import api_tables

PACKAGE = __name__.partition(".")[0]
GRAPHLESS = (f"{PACKAGE}.base.", f"{PACKAGE}.platform.")  # what needs no op to be registered


class Place(NamedTuple):
    """Where a public object is defined: a module of Reflow, and its name there."""

    module: str
    name: str


Table = dict[str, dict[str, Place]]


def parse(text: str) -> Iterator[tuple[str, str, Place]]:
    """Room, public name and place of each entry of a table's text (`api_tables/__init__.py` has the grammar).

    >>> list(parse("ops.math -> python.ops.math_ops\\n  . math: add"))[0]
    ('', 'add', Place(module='reflow.ops.math', name='add'))
    >>> [(room, name) for room, name, _ in parse("ops.math -> python.ops.math_ops\\n  .: mod=floormod")]
    [('', 'mod'), ('python.ops.math_ops', 'floormod')]
    """
    module = ""
    everywhere: list[str] = []
    rooms: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            module, _, header = line.partition("->")
            module, everywhere = f"{PACKAGE}.{module.strip()}", header.split()
            continue
        before, colon, after = line.partition(":")
        if colon:
            rooms = [r.removeprefix(".") for r in before.split() if r != "-"]
        for entry in (after if colon else before).split():
            public, _, name = entry.partition("=")
            place = Place(module, name or public)
            yield from ((room, public, place) for room in rooms)
            yield from ((room, place.name, place) for room in everywhere)


@functools.cache
def table() -> Mapping[str, Mapping[str, Place]]:
    """The whole table: room -> public name -> place. ValueError if two entries give one name two places."""
    rooms: Table = {"": {}}
    for room, name, place in (entry for text in api_tables.TABLES for entry in parse(text)):
        if rooms.setdefault(room, {}).setdefault(name, place) != place:
            raise ValueError(f"tf.{room}.{name} is both {rooms[room][name]} and {place}: see api_tables/")
    return rooms


@functools.cache
def aliases() -> Mapping[str, str]:
    """Rooms that are other rooms under a second name: alias -> room."""
    pairs = (line.split("=") for line in api_tables.ALIASES.splitlines() if line.strip())
    return {alias.strip(): room.strip().removeprefix(".") for alias, room in pairs}


def canonical(room: str) -> str:
    """The room that `room` stands for.

    >>> canonical("compat.v1.nn"), canonical("compat.v1"), canonical("nn")
    ('nn', '', 'nn')
    """
    parts = room.split(".")
    for i in range(len(parts), 0, -1):
        target = aliases().get(".".join(parts[:i]))
        if target is not None:
            return canonical(".".join(p for p in [target, *parts[i:]] if p))
    return room


@functools.cache
def children() -> Mapping[str, frozenset[str]]:
    """The rooms and aliases directly inside each room; every room is a key."""
    inside: dict[str, set[str]] = {"": set()}
    for room in [*table(), *aliases()]:
        parts = room.split(".") if room else []
        for i, part in enumerate(parts):
            inside.setdefault(".".join(parts[:i]), set()).add(part)
        if room not in aliases():
            inside.setdefault(room, set())
    return {room: frozenset(names) for room, names in inside.items()}


def is_room(room: str) -> bool:
    """Whether there is a public module of that name.

    >>> is_room("compat.v1"), is_room("nn.relu")
    (True, False)
    """
    return canonical(room) in children()


def public_names(room: str) -> list[str]:
    """The names in a room, its inner rooms among them, sorted."""
    return sorted({*table().get(room, {}), *children()[room]})


def all_names() -> list[str]:
    """Every public name, dotted and without the root, sorted.

    >>> "nn.relu" in all_names()
    True
    """
    return sorted({f"{room}.{name}".lstrip(".") for room, names in table().items() for name in names})


def room_of(module_name: str) -> str:
    """The room that the module `reflow.x.y` is: "x.y"."""
    return module_name.partition(".")[2]


@functools.cache
def load_ops() -> None:
    """Register every op family: whoever builds a graph may get any op, by an operator or a gradient."""
    package = importlib.import_module(f"{PACKAGE}.ops")
    for family in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{family.name}")


def resolve(room: str, name: str) -> Any:
    """The object that `name` is in `room`.

    AttributeError, naming the nearest that exist, if there is none.
    """
    place = table().get(room, {}).get(name)
    if place is not None:
        if not place.module.startswith(GRAPHLESS):
            load_ops()
        return getattr(importlib.import_module(place.module), place.name)
    if name in children().get(room, ()):
        return importlib.import_module(f"{PACKAGE}.{room}.{name}" if room else f"{PACKAGE}.{name}")
    if name == "__all__":
        return public_names(room)
    raise AttributeError(f"module {_shown(room)!r} has no attribute {name!r}{_hint(room, name)}")


def _is_from_import(frame: Any) -> bool:
    """Whether a frame is at the `name` of a `from module import name`."""
    return bool(frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_FROM"])


class Room(ModuleType):
    """A public module: its names are looked up in the table when they are first used."""

    def __getattr__(self, name: str) -> Any:
        if (
            name.startswith("__")
            and name != "__all__"
            and name not in table().get(room_of(self.__name__), {})
        ):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        try:
            value = self.__dict__[name] = resolve(room_of(self.__name__), name)
        except AttributeError as error:
            if _is_from_import(sys._getframe(1)):  # which would drop the hint of an AttributeError
                raise ImportError(f"cannot import name {name!r}: {error}", name=name) from None
            raise
        return value

    def __dir__(self) -> list[str]:
        dunders = [n for n in self.__dict__ if n.startswith("__")]
        return sorted({*dunders, *public_names(room_of(self.__name__))})


# What to say about a name that is not there

UNLISTED = ("contrib", "core", "examples", "python")  # rooms whose names `api_names.txt` does not have


def _shown(room: str) -> str:
    return f"tf.{room}" if room else "tf"


@functools.cache
def tensorflow_names() -> frozenset[str]:
    """The public names of TensorFlow 1.15, dotted and without the root. Read only to explain an error."""
    names: set[str] = set()
    text = pkgutil.get_data(PACKAGE, "api_names.txt") or b""
    for line in text.decode().splitlines():
        room, _, inside = line.partition(": ")
        names.update(f"{room}.{n}" if room != "." else n for n in inside.split())
    return frozenset(names)


@functools.cache
def renamed() -> Mapping[str, str]:
    """Names that TensorFlow 1.x took away -> those to use in their place."""
    pairs = (line.split("=") for line in api_tables.RENAMED.splitlines() if line.strip())
    return {old.strip(): new.strip() for old, new in pairs}


def _hint(room: str, name: str) -> str:
    """What to add to "no such name": whether TensorFlow has it, and the nearest names that exist."""
    dotted = f"{room}.{name}" if room else name
    if dotted in renamed():
        return f"; TensorFlow 1.0 renamed it: use tf.{renamed()[dotted]}"
    known = dotted in tensorflow_names() or any(n.startswith(dotted + ".") for n in tensorflow_names())
    nearest = difflib.get_close_matches(name, public_names(room), n=4, cutoff=0.7)
    if known:
        owner = "TensorFlow 1.15 has it, Reflow does not (yet)"
    elif dotted.partition(".")[0] in UNLISTED:
        owner = "Reflow does not have it (yet)"
    else:
        owner = "TensorFlow 1.15 has none either"
    return f"; {owner}" + (f"; nearest: {', '.join(nearest)}" if nearest else "")


def missing_room(fullname: str) -> ModuleNotFoundError:
    """The error for importing a module that does not exist, with the nearest that do."""
    outer, _, name = room_of(fullname).rpartition(".")
    hint = _hint(canonical(outer), name) if is_room(outer) else ""
    return ModuleNotFoundError(f"No module named {fullname!r}{hint}", name=fullname)


# How the rooms come to be imported


class _RoomFile(SourceFileLoader):
    """Loads a file of Reflow that is a public module too (`reflow/train/__init__.py`)."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Room(spec.name)


class _RoomLoader:
    """Makes a room that has no file of its own."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Room(spec.name, f"The names of {_shown(room_of(spec.name))}; see `reflow.api`.")

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the names come when they are used."""


class AliasLoader:
    """Makes a module name stand for another module, the very object."""

    def __init__(self, target: str) -> None:
        self.target = target

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system: what is made here is thrown away."""

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(self.target)


def alias_spec(fullname: str, room: str) -> ModuleSpec:
    """The spec of a module name that stands for a room."""
    target = canonical(room)
    loader: Any = AliasLoader(f"{PACKAGE}.{target}".rstrip("."))
    return ModuleSpec(fullname, loader, is_package=True)


class RoomFinder:
    """Finds the rooms under `reflow`, before the files, because some files are rooms too."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith(PACKAGE + "."):
            return None
        spec = PathFinder.find_spec(fullname, path)
        room = room_of(fullname)
        if not is_room(room):
            if spec is None:
                raise missing_room(fullname)
            return spec
        if canonical(room) != room:
            return alias_spec(fullname, room)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _RoomFile(spec.loader.name, spec.loader.path)
            return spec
        loader: Any = _RoomLoader()
        made = ModuleSpec(fullname, loader, is_package=True)
        made.submodule_search_locations = [*(spec.submodule_search_locations or ())] if spec else []
        return made


def open_rooms() -> None:
    """Make `reflow` a room, and its rooms importable. Called once, by `reflow/__init__.py`."""
    sys.modules[PACKAGE].__class__ = Room
    if not any(isinstance(finder, RoomFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, RoomFinder())

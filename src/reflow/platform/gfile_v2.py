"""`tf.io.gfile`: the functions of `tf.gfile` under newer names, with `path`, `src` and `dst` as arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from reflow.platform import gfile


def _renamed(function: Callable[..., Any], name: str, **names: str) -> Callable[..., Any]:
    """`function` as `name`, whose arguments have other names: old name -> new name."""
    old = inspect.signature(function)
    parameters = [p.replace(name=names.get(p.name, p.name)) for p in old.parameters.values()]
    signature = old.replace(parameters=parameters)
    back = dict(zip(signature.parameters, old.parameters, strict=True))

    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        return function(**{back[k]: v for k, v in given.items()})

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`tf.gfile.{function.__name__}` with arguments `{', '.join(signature.parameters)}`."
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


copy = _renamed(gfile.Copy, "copy", oldpath="src", newpath="dst")
exists = _renamed(gfile.Exists, "exists", filename="path")
glob = _renamed(gfile.Glob, "glob", filename="pattern")
isdir = _renamed(gfile.IsDirectory, "isdir", dirname="path")
listdir = _renamed(gfile.ListDirectory, "listdir", dirname="path")
makedirs = _renamed(gfile.MakeDirs, "makedirs", dirname="path")
mkdir = _renamed(gfile.MkDir, "mkdir", dirname="path")
remove = _renamed(gfile.Remove, "remove", filename="path")
rename = _renamed(gfile.Rename, "rename", oldname="src", newname="dst")
rmtree = _renamed(gfile.DeleteRecursively, "rmtree", dirname="path")
stat = _renamed(gfile.Stat, "stat", filename="path")

"""The value of a branch that is not taken."""

from __future__ import annotations


class _Dead:
    """What flows out of the side of a Switch that is not taken: nodes that get it do not run."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "DEAD"


DEAD = _Dead()
SWITCHES = ("Switch", "RefSwitch")
MERGES = ("Merge", "RefMerge")

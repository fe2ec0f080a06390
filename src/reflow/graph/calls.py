"""What kernels may do in a program while it is traced: call libraries, and share loops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Calls:
    """What kernels that call libraries need to know of each other; in `scopes.foreign` where they may call.

    `last` holds a result of the last call, after which the next is to come if they are `ordered`. That would
    keep calls whose results nobody looks at: there are none for a step that is not `wanted`. `beside` is what
    another step, still to come, wants to be computed with, in the call of the step that is being traced;
    `made` are such results: from what, how, and what. In a program that `shares` loops, those that read the
    same arrays become one.
    """

    ordered: bool = True
    shares: bool = False
    last: list[Any] = field(default_factory=list)
    wanted: bool = True
    beside: Any = None
    made: list[tuple[Any, Any, Any, Any]] = field(default_factory=list)

    def taken(self, one: Any, other: Any, how: Any) -> Any:
        """What an earlier call has made, in this way, of these two values for the step that asks, or None."""
        for n, (first, second, way, result) in enumerate(self.made):
            if first is one and second is other and way == how:
                del self.made[n]
                return result
        return None

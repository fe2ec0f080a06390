"""Device names: `/job:worker/replica:0/task:1/device:GPU:0`, parsed, merged and printed.

Where a node runs is XLA's business; the names are kept because programs set them, print them and save them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any

_PART = re.compile(r"^(job):([^/]+)$|^(replica|task):(\d+)$|^(?:device:)?([A-Za-z_]+):(\d+|\*)$")

KNOWN = ("CPU", "GPU", "TPU", "XLA_CPU", "XLA_GPU")  # types that need no "device:" before them


@dataclass
class DeviceSpec:
    """A device name's parts; None means "not said".

    >>> DeviceSpec.from_string("/job:ps/gpu:1").to_string()
    '/job:ps/device:GPU:1'
    """

    job: str | None = None
    replica: int | None = None
    task: int | None = None
    device_type: str | None = None
    device_index: int | None = None

    @classmethod
    def from_string(cls, spec: str) -> DeviceSpec:
        """Parse a device name; ValueError when it is malformed."""
        return cls(**_parts(spec))

    def parse_from_string(self, spec: str) -> DeviceSpec:
        """Make this spec what a device name says, and return it.

        >>> DeviceSpec(job="ps").parse_from_string("/cpu:0").to_string()
        '/device:CPU:0'
        """
        self.__init__(**_parts(spec))  # type: ignore[misc]
        return self

    def merge_from(self, dev: DeviceSpec) -> None:
        """Take over what `dev` says."""
        self.__init__(**vars(dev.merged_over(self)))  # type: ignore[misc]

    def replace(self, **kwargs: Any) -> DeviceSpec:
        """A new spec with some parts changed.

        >>> DeviceSpec(job="ps", task=1).replace(task=2).to_string()
        '/job:ps/task:2'
        """
        return replace(self, **kwargs)

    def to_string(self) -> str:
        """The canonical name."""
        parts = [
            f"/{n}:{getattr(self, n)}" for n in ("job", "replica", "task") if getattr(self, n) is not None
        ]
        if self.device_type is not None:
            index = "*" if self.device_index is None else self.device_index
            parts.append(f"/device:{self.device_type}:{index}")
        return "".join(parts)

    def merged_over(self, outer: DeviceSpec) -> DeviceSpec:
        """This spec, with what it does not say taken from `outer`."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(outer, **said)

    def make_merged_spec(self, dev: DeviceSpec) -> DeviceSpec:
        """`dev` over this spec."""
        return dev.merged_over(self)

    def __hash__(self) -> int:
        return hash(self.to_string())

    def __str__(self) -> str:
        return self.to_string()


def _parts(name: str) -> dict[str, Any]:
    """What a device name says, by the fields of `DeviceSpec`; ValueError when it is malformed."""
    found: dict[str, Any] = {}
    for part in filter(None, name.split("/")):
        match = _PART.match(part)
        if match is None or not (part.startswith("device:") or match[1] or match[3] or _is_known(match[5])):
            raise ValueError(f"Unknown attribute: {part.partition(':')[0]!r} in {name!r}")
        if match[1]:
            found["job"] = match[2]
        elif match[3]:
            found[match[3]] = int(match[4])
        else:
            if "device_type" in found:
                raise ValueError(f"Cannot specify multiple device types: {name}")
            found["device_type"] = match[5].upper() if _is_known(match[5]) else match[5]
            found["device_index"] = None if match[6] == "*" else int(match[6])
    return found


def _is_known(device_type: str) -> bool:
    return device_type.upper() in KNOWN


def merged(inner: str, outer: str) -> str:
    """The device of a node asked for as `inner` inside a block for `outer`."""
    spec = DeviceSpec.from_string(inner)
    return spec.merged_over(DeviceSpec.from_string(outer)).to_string()

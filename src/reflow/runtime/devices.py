"""The devices that a session can use, as `tensorflow.python.client.device_lib` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reflow.runtime import backend


@dataclass(frozen=True)
class DeviceAttributes:
    """One device: `name` ("/device:CPU:0"), `device_type`, `memory_limit` in bytes (0: not known)."""

    name: str
    device_type: str
    memory_limit: int = 0
    physical_device_desc: str = ""


def list_local_devices(session_config: Any = None) -> list[DeviceAttributes]:
    """The devices of this process, XLA's. The host is always among them.

    >>> list_local_devices()[0].name
    '/device:CPU:0'
    """
    jax = backend.jax()
    found = [DeviceAttributes("/device:CPU:0", "CPU")]
    for device in jax.devices():
        kind = "GPU" if device.platform in ("gpu", "cuda", "rocm") else device.platform.upper()
        if kind != "CPU":
            limit = (device.memory_stats() or {}).get("bytes_limit", 0)
            found.append(DeviceAttributes(f"/device:{kind}:{device.id}", kind, limit, device.device_kind))
    return found

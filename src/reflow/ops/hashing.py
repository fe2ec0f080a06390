"""The hash functions of TensorFlow's string ops, on bytes: FarmHash64, SipHash-2-4, and TensorFlow's own."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_ALL = (1 << 64) - 1
# The multipliers of FarmHash (public domain numbers of its definition).
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MURMUR, _MURMUR_SEED = 0xC6A4A7935BD1E995, 0xDECAFCAFFE
_SIP_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _half(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _right(value: int, by: int) -> int:
    """Rotated right; `value` is below 2**64."""
    return (value >> by) | (value << (64 - by)) & _ALL


def _left(value: int, by: int) -> int:
    return _right(value, 64 - by)


def _mix(value: int) -> int:
    return value ^ (value >> 47)


def _join(u: int, v: int, mul: int) -> int:
    """Two words into one."""
    a = _mix((u ^ v) * mul & _ALL)
    b = _mix((v ^ a) * mul & _ALL)
    return b * mul & _ALL


def fingerprint64(data: bytes) -> int:
    """FarmHash's Fingerprint64 of `data`.

    >>> fingerprint64(b"")
    11160318154034397263
    """
    size = len(data)
    if size <= 16:
        return _farm_short(data, size)
    if size <= 32:
        return _farm_medium(data, size)
    return _farm_64(data, size) if size <= 64 else _farm_long(data, size)


def _farm_short(data: bytes, size: int) -> int:
    mul = _K2 + size * 2
    if size >= 8:
        a, b = _word(data, 0) + _K2 & _ALL, _word(data, size - 8)
        c = _right(b, 37) * mul + a & _ALL
        d = (_right(a, 25) + b) * mul & _ALL
        return _join(c, d, mul)
    if size >= 4:
        return _join(size + (_half(data, 0) << 3), _half(data, size - 4), mul)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return _mix((y * _K2 ^ z * _K0) & _ALL) * _K2 & _ALL
    return _K2


def _farm_parts(data: bytes, size: int, first: int) -> tuple[int, int, int, int]:
    """The first word times `first`, and what the rest of a string of 17 to 64 bytes is combined to."""
    mul = _K2 + size * 2
    a, b = _word(data, 0) * first & _ALL, _word(data, 8)
    c, d = _word(data, size - 8) * mul & _ALL, _word(data, size - 16) * _K2 & _ALL
    y = _right(a + b & _ALL, 43) + _right(c, 30) + d & _ALL
    return a, y, a + _right(b + _K2 & _ALL, 18) + c & _ALL, mul


def _farm_medium(data: bytes, size: int) -> int:
    _, y, z, mul = _farm_parts(data, size, _K1)
    return _join(y, z, mul)


def _farm_64(data: bytes, size: int) -> int:
    a, y, z, mul = _farm_parts(data, size, _K2)
    z = _join(y, z, mul)
    e, f = _word(data, 16) * mul & _ALL, _word(data, 24)
    g = (y + _word(data, size - 32)) * mul & _ALL
    h = (z + _word(data, size - 24)) * mul & _ALL
    u = _right(e + f & _ALL, 43) + _right(g, 30) + h & _ALL
    return _join(u, e + _right(f + a & _ALL, 18) + g & _ALL, mul)


def _pair(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes and two words into two words."""
    w, x, y, z = struct.unpack_from("<4Q", data, at)
    a = a + w & _ALL
    b = _right(b + a + z & _ALL, 21)
    c, a = a, a + x + y & _ALL
    return a + z & _ALL, b + _right(a, 44) + c & _ALL


def _farm_long(data: bytes, size: int) -> int:
    """Blocks of 64 bytes into seven words, the last block overlapping the one before it."""
    y = 81 * _K1 + 113 & _ALL
    z = _mix(y * _K2 + 113 & _ALL) * _K2 & _ALL
    x = 81 * _K2 + _word(data, 0) & _ALL
    v = w = (0, 0)
    for at in range(0, (size - 1) // 64 * 64, 64):
        x, y, z, v, w = _farm_block(data, at, x, y, z, v, w, _K1, 1)
    mul = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + (size - 1 & 63) & _ALL, w[1])
    v = (v[0] + w[0] & _ALL, v[1])
    w = (w[0] + v[0] & _ALL, w[1])
    x, y, z, v, w = _farm_block(data, size - 64, x, y, z, v, w, mul, 9)
    left = _join(v[0], w[0], mul) + _mix(y) * _K0 + z & _ALL
    return _join(left, _join(v[1], w[1], mul) + x & _ALL, mul)


def _farm_block(
    data: bytes,
    at: int,
    x: int,
    y: int,
    z: int,
    v: tuple[int, int],
    w: tuple[int, int],
    mul: int,
    weight: int,
) -> tuple[int, int, int, tuple[int, int], tuple[int, int]]:
    x = _right(x + y + v[0] + _word(data, at + 8) & _ALL, 37) * mul & _ALL
    y = _right(y + v[1] + _word(data, at + 48) & _ALL, 42) * mul & _ALL
    x ^= w[1] * weight & _ALL
    y = y + v[0] * weight + _word(data, at + 40) & _ALL
    z = _right(z + w[0] & _ALL, 33) * mul & _ALL
    v = _pair(data, at, v[1] * mul & _ALL, x + w[0] & _ALL)
    w = _pair(data, at + 32, z + w[1] & _ALL, y + _word(data, at + 16) & _ALL)
    return z, y, x, v, w


def sip_hash(data: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 of `data` under a key of two 64-bit words.

    >>> hex(sip_hash(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)))
    '0xa129ca6149be45e5'
    """
    state = [start ^ key[i % 2] & _ALL for i, start in enumerate(_SIP_START)]
    whole = len(data) // 8 * 8
    tail = data[whole:].ljust(7, b"\0") + bytes([len(data) & 0xFF])
    for word in (*struct.unpack(f"<{whole // 8}Q", data[:whole]), _word(tail, 0)):
        state[3] ^= word
        _sip_round(state)
        _sip_round(state)
        state[0] ^= word
    state[2] ^= 0xFF
    for _ in range(4):
        _sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(v: list[int]) -> None:
    v[0] = v[0] + v[1] & _ALL
    v[2] = v[2] + v[3] & _ALL
    v[1], v[3] = _left(v[1], 13) ^ v[0], _left(v[3], 16) ^ v[2]
    v[0] = _left(v[0], 32)
    v[2] = v[2] + v[1] & _ALL
    v[0] = v[0] + v[3] & _ALL
    v[1], v[3] = _left(v[1], 17) ^ v[2], _left(v[3], 21) ^ v[0]
    v[2] = _left(v[2], 32)


def hash64(data: bytes) -> int:
    """TensorFlow's own Hash64 (MurmurHash64A with its seed), of the op StringToHashBucket.

    >>> hash64(b"hello") % 1000
    938
    """
    h = _MURMUR_SEED ^ len(data) * _MURMUR & _ALL
    whole = len(data) // 8 * 8
    for k in struct.unpack(f"<{whole // 8}Q", data[:whole]):
        k = _mix(k * _MURMUR & _ALL) * _MURMUR & _ALL
        h = (h ^ k) * _MURMUR & _ALL
    if data[whole:]:
        h = (h ^ _word(data, whole)) * _MURMUR & _ALL
    return _mix(_mix(h) * _MURMUR & _ALL)


def joined_fingerprint(one: int, other: int) -> int:
    """TensorFlow's FingerprintCat64: a fingerprint of two, which depends on their order.

    >>> joined_fingerprint(1, 2) == joined_fingerprint(2, 1)
    False
    """
    h = one ^ _MURMUR
    h ^= _mix(other * _MURMUR & _ALL) * _MURMUR & _ALL
    h = h * _MURMUR & _ALL
    return _mix(_mix(h) * _MURMUR & _ALL)

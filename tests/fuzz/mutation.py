"""Files damaged at random, or by design, and what a reader may do with them: read, or say clearly why not.

A `Kind` is one kind of file. `run` mutates it, has it read and accounts for the memory that each reading
takes: at its peak no more than twice the damaged file, beside what the whole one takes and a little more.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import reflow as tf
from reflow.base.checksums import masked_crc32c
from reflow.base.table import TRAILER, Table
from reflow.base.varint import varint
from reflow.ops.image_files import BadImage

CLEAR = (tf.errors.OpError, ValueError, BadImage)
BESIDE = 128 << 10  # bytes: an error with its traceback, a block of a file
HUGE = (1 << 20, 1 << 31, 1 << 32, 10**9, 10**12, (1 << 62) + 1, (1 << 63) - 1, (1 << 64) - 1)


@dataclass
class Kind:
    """A kind of file: where it is, how it is damaged and how it is read."""

    path: Path
    attempt: Callable[[int], Any]  # reads it; is given the number of the mutation
    mutate: Callable[[bytes, random.Random], bytes] = field(default=lambda data, dice: mutated(data, dice))
    least: float = 0.5  # so many of the damaged files are refused
    same: bool = False  # every change of its bytes must be noticed
    resident: bool = False  # memory is taken outside of Python: look at what the process holds
    inflated: int = 1  # how many times its size a file of the kind may honestly hold
    room: int = BESIDE  # bytes that a reading may take beside
    whole: bytes = b""

    def __post_init__(self) -> None:
        self.whole = self.path.read_bytes()


@dataclass
class Outcome:
    """What came of many mutations."""

    mutations: int = 0
    refused: int = 0
    most: int = 0  # bytes that one reading took at its peak
    ordinary: int = 0  # and those that the whole file takes
    excess: float = 0.0  # the greatest part of its allowance that a reading took


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A copy with some bytes changed, cut off, repeated or put in, or with a huge number in it."""
    copy = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        where = dice.randrange(len(copy) + 1)
        how = dice.random()
        if how < 0.5 and where < len(copy):
            copy[where] = dice.choice(
                (0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256), copy[where] ^ (1 << dice.randrange(8)))
            )
        elif how < 0.6:
            del copy[where:]
        elif how < 0.75:
            del copy[where : where + dice.randrange(1, 9)]
        elif how < 0.9:
            copy[where : where + dice.randrange(2)] = varint(dice.choice(HUGE))
        else:
            copy[where:where] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9)))
        if not copy:
            break
    return bytes(copy)


def mutated_text(data: bytes, dice: random.Random) -> bytes:
    """A copy of a text with bytes changed, or a number made huge, or things put into each other deeply."""
    how = dice.random()
    if how < 0.7:
        return mutated(data, dice)
    places = [i for i, c in enumerate(data) if c in (b"0123456789" if how < 0.9 else b"{}\n")]
    if not places:
        return mutated(data, dice)
    where = dice.choice(places)
    if how < 0.9:
        return data[:where] + str(dice.choice(HUGE)).encode() + data[where + 1 :]
    depth = dice.choice((10, 200, 3000))
    opening = dice.choice((b"{", b"[", b"node {", b"attr { value { list { func { attr { value {"))
    return data[:where] + opening * depth + data[where:]


def resealed(data: bytes) -> bytes:
    """A table whose blocks have right CRCs again, so that what is inside them is looked at."""
    copy = bytearray(data)
    try:
        index = Table(copy, "t")._index
    except tf.errors.OpError:
        return bytes(copy)
    for _, handle in index:
        end = handle.offset + handle.size + 1
        if end + 4 <= len(copy):
            copy[end : end + 4] = masked_crc32c(bytes(copy[handle.offset : end])).to_bytes(4, "little")
    return bytes(copy)


def mutated_table(data: bytes, dice: random.Random) -> bytes:
    """A table with changed bytes; mostly in its first block, which is sealed again."""
    if dice.random() < 0.33:
        return mutated(data, dice)
    _, handle = Table(data, "t")._index[0]
    end = handle.offset + handle.size
    block = mutated(data[handle.offset : end], dice)[: handle.size].ljust(handle.size, b"\0")
    return resealed(data[: handle.offset] + block + data[end : end + TRAILER] + data[end + TRAILER :])


def framed(record: bytes) -> bytes:
    """A record as record files have it, its checksums right."""
    size = len(record).to_bytes(8, "little")
    return (
        size
        + masked_crc32c(size).to_bytes(4, "little")
        + record
        + masked_crc32c(record).to_bytes(4, "little")
    )


def mutated_records(data: bytes, dice: random.Random) -> bytes:
    """A record file with changed bytes; or with a changed record, or a false length, that is sealed again."""
    how = dice.random()
    if how < 0.4:
        return mutated(data, dice)
    size = int.from_bytes(data[:8], "little")
    if how < 0.8:
        return framed(mutated(data[12 : 12 + size], dice)) + data[16 + size :]
    length = dice.choice(HUGE).to_bytes(8, "little")
    return length + masked_crc32c(length).to_bytes(4, "little") + data[12:]


class Meter:
    """The memory that a call takes at its peak: Python's (and NumPy's), or all that the process holds."""

    def __init__(self, resident: bool) -> None:
        self._resident = resident

    def __enter__(self) -> Meter:
        if self._resident:
            self._start, self._highest = _status("VmRSS"), _status("VmHWM")
        else:
            tracemalloc.reset_peak()
            self._start = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *_: object) -> None:
        peak = _status("VmHWM") if self._resident else tracemalloc.get_traced_memory()[1]
        higher = not self._resident or peak > self._highest  # else it was less than some time before
        self.taken = peak - self._start if higher else 0


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024


def tried(kind: Kind, data: bytes, number: int) -> tuple[bool, int]:
    """Whether a file with `data` is refused, and the memory taken. Any other error than a clear one counts as
    an exception of the test's own."""
    kind.path.unlink(missing_ok=True)  # quicker than to overwrite it
    kind.path.write_bytes(data)
    refused = False
    with Meter(kind.resident) as meter:
        try:
            refused = kind.attempt(number) is False
        except CLEAR as error:
            refused = True
            assert str(error)
    return refused, meter.taken


def run(kind: Kind, mutations: int, seed: int) -> Outcome:
    """Damage and read a kind of file so many times. AssertionError when a reading is not as it should be."""
    outcome = Outcome(mutations)
    dice = random.Random(seed)
    Path("/proc/self/clear_refs").write_text("5")  # the highest that the process held: begin anew
    if not kind.resident:
        tracemalloc.start()
    try:
        for number in range(3):  # what is loaded and remembered on the first time does not count
            refused, outcome.ordinary = tried(kind, kind.whole, number)
            assert not refused, "the whole file is refused"
            tried(kind, kind.whole[: len(kind.whole) // 2], number)
        for number in range(mutations):
            data = kind.mutate(kind.whole, dice)
            refused, taken = tried(kind, data, number)
            allowed = 2 * kind.inflated * len(data) + outcome.ordinary + kind.room
            assert taken <= allowed, f"mutation {number}: {taken} bytes for a file of {len(data)}"
            unchanged = data[: len(kind.whole)] == kind.whole
            assert refused or unchanged or not kind.same, f"mutation {number}: a change was not noticed"
            outcome.refused += refused
            outcome.most = max(outcome.most, taken)
            outcome.excess = max(outcome.excess, taken / allowed)
    finally:
        tracemalloc.stop()
        kind.path.write_bytes(kind.whole)
    assert outcome.refused >= mutations * kind.least, outcome
    return outcome

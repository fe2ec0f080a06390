"""Write `src/reflow/api_names.txt`: the public names of TensorFlow 1.15, one line for each module.

    python tools/cut_api_names.py FILE...

Each FILE lists names: text with one dotted name on a line (`tf.nn.relu`), or JSON whose keys are such names.
Reflow reads the result only to say, of a name that it lacks, whether TensorFlow has it.
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys

TARGET = pathlib.Path(__file__).parent.parent / "src" / "reflow" / "api_names.txt"


def names_in(path: pathlib.Path) -> list[str]:
    """The dotted names that a file lists, without their root."""
    text = path.read_text(encoding="utf8")
    names = list(json.loads(text)) if path.suffix == ".json" else text.split()
    return [name.removeprefix("tf.") for name in names if name.startswith("tf.")]


def cut(paths: list[pathlib.Path]) -> str:
    """The lines `module: names`, sorted; `.` is the top level. The generated `raw_ops` are left out."""
    rooms: dict[str, set[str]] = collections.defaultdict(set)
    for name in {n for path in paths for n in names_in(path)}:
        room, _, leaf = name.rpartition(".")
        if room != "raw_ops" and "__" not in leaf:
            rooms[room or "."].add(leaf)
    return "".join(f"{room}: {' '.join(sorted(names))}\n" for room, names in sorted(rooms.items()))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    TARGET.write_text(cut([pathlib.Path(p) for p in sys.argv[1:]]), encoding="utf8")

"""Damaged files of each kind: a clear error, never another exception and never much memory.

Some hundred of each here; `tools/fuzz.py` does 10,000.
"""

from __future__ import annotations

import pytest

from fuzz.kinds import KINDS
from fuzz.mutation import run

# Texts take long, and so does to write a checkpoint.
FEWER = dict.fromkeys(("graph_as_text", "graph_to_draw", "saved_model_as_text", "object_graph"), 100)


# Protobuf says so of an escape in a text that is none, Pillow of images that it can read for the most part.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_damaged_files(name, tmp_path):
    run(KINDS[name](tmp_path), FEWER.get(name, 500), seed=7)

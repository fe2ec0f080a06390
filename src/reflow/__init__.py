"""Reflow: TensorFlow 1 programs, compiled by XLA.

    import reflow as tf

    x = tf.constant([[1.0, 2.0]])
    with tf.Session() as sess:
        print(sess.run(x * 2.0))

`reflow.install()` makes `import tensorflow` mean Reflow too; `reflow run train.py` does that for a whole program.
"""

from typing import TYPE_CHECKING, Any

from reflow.api import open_rooms
from reflow.install import install, uninstall

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


__all__: list[str]  # made from the table of public names, as every other name here (`reflow.api`)

open_rooms()
del open_rooms, TYPE_CHECKING, Any

# `install` and `uninstall` are Reflow's own; everything else is TensorFlow's.
_OWN = (install, uninstall)

"""Reflow: TensorFlow 1 programs, compiled by XLA.

    import reflow as tf

    x = tf.constant([[1.0, 2.0]])
    with tf.Session() as sess:
        print(sess.run(x * 2.0))

`reflow.install()` makes `import tensorflow` mean Reflow too; `reflow run train.py` does that for a whole
program. Every other name here comes from the table of public names (`reflow.api`).
"""

from typing import TYPE_CHECKING, Any

from reflow.api import open_rooms
from reflow.install import install as install
from reflow.install import uninstall as uninstall

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


open_rooms()
del open_rooms, TYPE_CHECKING, Any

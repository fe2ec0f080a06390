"""The table of public names, as text.

Adding a name is one line, or one word in a line. The grammar, by example::

    ops.math -> python.ops.math_ops
      . math: abs exp log
          sqrt square
      math: asin=arcsin
      -: saturated

- A line at the margin opens a section: the file that defines the objects (`src/reflow/ops/math.py`), then,
  after `->`, public modules that hold every object of the section, under its own name.
- An indented line gives public modules (`.` is `tf` itself) and, after the colon, names. So `tf.abs`,
  `tf.math.abs` and `tf.python.ops.math_ops.abs` are all `reflow.ops.math.abs`.
- An indented line without a colon goes on with the one above.
- `public=object` gives an object another name: `tf.math.asin` is `arcsin` of the file.
- `-` stands for no module but those of the header.

The order of sections and lines does not matter; a name may stand in several lines, but only for one object.
Nothing is imported before a name is used. `ALIASES` has modules that are other modules under a second name,
`RENAMED` names that programs still use although TensorFlow 1.x took them away.

The text is split by area: `core` (types, graph, session), `ops`, `model` (variables and training),
`platform`, `contrib`, and one file for each larger room.
"""

from reflow.api_tables import (
    contrib,
    core,
    data,
    files,
    image,
    internals,
    layers,
    metrics,
    model,
    monitored,
    nets,
    ops,
    platform,
    records,
    saved_model,
    sparse,
    summary,
    training_rooms,
)

TABLES = (
    core.TABLE,
    ops.TABLE,
    model.TABLE,
    platform.TABLE,
    contrib.TABLE,
    data.TABLE,
    records.TABLE,
    sparse.TABLE,
    summary.TABLE,
    files.TABLE,
    saved_model.TABLE,
    nets.TABLE,
    image.TABLE,
    training_rooms.TABLE,
    metrics.TABLE,
    layers.TABLE,
    monitored.TABLE,
    internals.TABLE,
)

ALIASES = """
compat.v1 = .
app.flags = flags
python.platform.flags = flags
python.platform.tf_logging = logging
python.platform.app = app
python.platform.resource_loader = resource_loader
python.platform.googletest = test
python.platform.test = test
python.framework.errors_impl = python.framework.errors
contrib.layers.python.layers.layers = contrib.layers.python.layers
contrib.framework.nest = python.util.nest
python.ops.nn = nn
contrib.slim.initializers = contrib.layers.python.layers.initializers
"""

RENAMED = summary.RENAMED + internals.RENAMED

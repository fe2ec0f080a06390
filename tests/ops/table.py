"""The op test table: one row for each op (and each way of calling it that matters).

A row says how to build the op from a ``tf`` module that is handed in, and which inputs to feed::

    rows = Rows("linalg")
    rows.case("matmul", lambda tf, a, b: tf.matmul(a, b, transpose_b=True), a=f32(3, 4), b=f32(5, 4))
    rows.error("matmul", lambda tf, a, b: tf.matmul(a, b), a=f32(3, 4), b=f32(3, 4), raises="ValueError")

The same rows are recorded under TensorFlow 1.15 (``tools/record_ops.py``) and tested under Reflow
(``test_ops.py``), so this file and all ``cases_*.py`` import neither, and run on Python 3.7.
"""

import importlib
import pkgutil
import zlib

import numpy as np

# --- inputs ---------------------------------------------------------------------------------------

GRID = 512  # float inputs are odd multiples of 1/512: exact in every float type, and never 0 or an integer


class Input:
    """An input to feed: ``draw(rng)`` gives its value, the same on every Python and NumPy version."""

    def __init__(self, dtype, draw, symmetric=False):
        self.dtype = dtype
        self.draw = draw
        self.symmetric = (
            symmetric  # the op reads a symmetric matrix: derivatives hold along symmetric directions
        )

    @property
    def differentiable(self):
        return self.dtype in ("float16", "float32", "float64", "complex64", "complex128")


def _grid(rng, shape, low, high):
    first, last = int(np.floor(low * GRID / 2)), int(np.ceil(high * GRID / 2)) - 1
    return (2 * rng.randint(first, last + 1, size=shape) + 1) / float(GRID)


def floats(dtype, shape, low=-2.0, high=2.0):
    """Reals, evenly drawn from [low, high]; ties between elements are rare but possible."""
    return Input(dtype, lambda rng: _grid(rng, shape, low, high).astype(dtype))


def f16(*shape, **limits):
    return floats("float16", shape, **limits)


def f32(*shape, **limits):
    return floats("float32", shape, **limits)


def f64(*shape, **limits):
    return floats("float64", shape, **limits)


def _complex(dtype, shape):
    return Input(dtype, lambda rng: (_grid(rng, shape, -2, 2) + 1j * _grid(rng, shape, -2, 2)).astype(dtype))


def c64(*shape):
    return _complex("complex64", shape)


def c128(*shape):
    return _complex("complex128", shape)


def ints(dtype, shape, low=-5, high=6):
    """Integers, low <= value < high."""
    return Input(dtype, lambda rng: rng.randint(low, high, size=shape).astype(dtype))


def i32(*shape, **limits):
    return ints("int32", shape, **limits)


def i64(*shape, **limits):
    return ints("int64", shape, **limits)


def u8(*shape, **limits):
    return ints("uint8", shape, **dict({"low": 0, "high": 256}, **limits))


def bools(*shape):
    return Input("bool", lambda rng: np.asarray(rng.randint(0, 2, size=shape) == 1))


def distinct(*shape, **options):
    """Reals (or, with ``dtype=``, integers) no two of which are equal, in random order, around 0."""
    dtype = options.pop("dtype", "float32")
    step = options.pop("step", 0.25)
    count = int(np.prod(shape))
    offset, step = (0, 1) if dtype.startswith("int") else (1.0 / GRID, step)

    def draw(rng):
        order = rng.permutation(count) - count // 2
        return (order * step + offset).reshape(shape).astype(dtype)

    return Input(dtype, draw)


def given(value, dtype="float32"):
    """This very value."""
    return Input(dtype, lambda rng: np.array(value, dtype=dtype))


def strings(value):
    """A string tensor of these (Python 3 ``str`` or ``bytes``) values."""
    encoded = np.array(value, dtype=object)
    flat = [v.encode() if isinstance(v, str) else v for v in encoded.ravel()]

    def draw(rng):
        array = np.empty(len(flat), dtype=object)
        array[:] = flat
        return array.reshape(encoded.shape)

    return Input("string", draw)


def spd(*shape, **options):
    """Symmetric positive definite matrices, well conditioned."""
    dtype = options.get("dtype", "float32")

    def draw(rng):
        a = _grid(rng, shape, -1, 1)
        return (np.matmul(a, np.swapaxes(a, -1, -2)) + shape[-1] * np.eye(shape[-1])).astype(dtype)

    return Input(dtype, draw, symmetric=True)


def invertible(*shape, **options):
    """General square matrices with a heavy diagonal."""
    dtype = options.get("dtype", "float32")
    return Input(dtype, lambda rng: (_grid(rng, shape, -1, 1) + 2.5 * np.eye(shape[-1])).astype(dtype))


# --- builds ---------------------------------------------------------------------------------------


def call(path, *args, **keywords):
    """A row's build that calls ``tf.<path>`` with the inputs, in order, then ``args`` and ``keywords``.

    ``call("matmul", transpose_b=True)`` is ``lambda tf, a, b: tf.matmul(a, b, transpose_b=True)``. A
    function that isn't in ``tf`` itself is looked for in ``tf.math``.
    """

    def build(tf, **inputs):
        return find(tf, path)(*(tuple(inputs.values()) + args), **keywords)

    return build


def find(tf, path):
    """``tf.<path>``, or ``tf.math.<path>`` when there is only that."""
    if "." not in path and not hasattr(tf, path) and hasattr(tf.math, path):
        return getattr(tf.math, path)
    found = tf
    for part in path.split("."):
        found = getattr(found, part)
    return found


def raw(tf, op_type, *inputs, **attrs):
    """The outputs of an op that no public function makes (graphs of old programs hold such ops).

    ``raw(tf, "Inv", x, T=tf.float32)``: tensors and, by name, all attributes without a default.
    """
    messages = {name: attr_value(tf, value) for name, value in attrs.items()}
    op = tf.get_default_graph().create_op(op_type, list(inputs), attrs=messages, name=op_type)
    return list(op.outputs) or op


def attr_value(tf, value):
    """A Python value (or dtype, or TensorShape) as an AttrValue message."""
    message = tf.AttrValue()
    if isinstance(value, tf.DType):
        message.type = value.as_datatype_enum
    elif isinstance(value, tf.TensorShape):
        message.shape.CopyFrom(value.as_proto())
    elif isinstance(value, list):
        message.list.f.extend(value) if isinstance(value[0], float) else message.list.i.extend(value)
    elif isinstance(value, bool):
        message.b = value
    elif isinstance(value, int):
        message.i = value
    elif isinstance(value, float):
        message.f = value
    else:
        message.s = value.encode()
    return message


# --- rows -----------------------------------------------------------------------------------------

# Options of a row that turn a check off must say why: their value is None (checked) or the reason.
REASONS = (
    "second",  # second derivatives
    "double",  # derivatives against finite differences
    "unknown",  # placeholders of unknown shape
    "shapes",  # static shapes against TensorFlow's
    "nodes",  # all node lists but the gradients'
    "unknown_nodes",  # the node lists for unknown shapes
    "grad_nodes",  # the gradients' node lists
    "compiled",  # the compiled tier
)
OPTIONS = {
    "grad": None,  # None: gradients when there are differentiable inputs and outputs; False: none
    "wrt": None,  # names of the inputs to differentiate for (default: all differentiable ones)
    "rtol": None,  # relative tolerance of values and gradients, instead of the dtype's
    "steps": 1,  # how often the same fetches are run in one session
    "seed": None,  # the graph-level seed
    "xla": True,  # False: the op never reaches XLA, so both tiers must agree to the bit
    "known": True,  # False: feed through placeholders of unknown rank only (data-dependent builds)
}
OPTIONS.update(dict.fromkeys(REASONS))


class Row:
    """One line of the table. Options are attributes (see ``OPTIONS``); ``inputs`` maps names to ``Input``."""

    def __init__(self, family, name, build, inputs, options):
        self.family, self.name, self.build, self.inputs = family, name, build, inputs
        self.id = family + "-" + name
        for option, default in OPTIONS.items():
            setattr(self, option, options.pop(option, default))
        if options:
            raise ValueError(f"row {self.id}: not an option and not an input: {sorted(options)}")
        for option in REASONS:
            if not isinstance(getattr(self, option), (str, type(None))):
                raise TypeError(f"row {self.id}: {option}= takes the reason why it is off")

    def values(self):
        """The inputs' arrays by name."""
        return {name: spec.draw(self.rng(name)) for name, spec in self.inputs.items()}

    def rng(self, what):
        """A random stream of this row: the same for the same row and ``what``."""
        return np.random.RandomState(zlib.crc32(f"{self.id}/{what}".encode()) & 0x7FFFFFFF)


class ErrorRow(Row):
    """A row whose build or run must fail with the exception type ``raises`` (a name)."""

    def __init__(self, family, name, build, inputs, raises, match, when):
        Row.__init__(self, family, name, build, inputs, {})
        self.raises, self.match, self.when = raises, match, when


class Rows:
    """The rows of one family; a ``cases_<family>.py`` holds one as ``rows``."""

    def __init__(self, family):
        self.family = family
        self.cases, self.errors = [], []

    def case(self, name, build, **inputs_and_options):
        """Add a row. Keyword values that are ``Input`` are inputs of ``build``, the others options."""
        inputs = {k: v for k, v in inputs_and_options.items() if isinstance(v, Input)}
        options = {k: v for k, v in inputs_and_options.items() if not isinstance(v, Input)}
        self._add(self.cases, Row(self.family, name, build, inputs, options))

    def error(self, name, build, raises, match="", when="build", **inputs):
        """Add a row that must fail when built (or, at the latest, when run: ``when="run"``).

        The message must match the regular expression ``match``, and name the node when raised by a run.
        Inputs of a row that fails when run are fed through placeholders of unknown rank.
        """
        self._add(self.errors, ErrorRow(self.family, name + "-error", build, inputs, raises, match, when))

    def _add(self, rows, row):
        if any(row.name == other.name for other in rows):
            raise ValueError(f"row {row.id} is there twice")
        rows.append(row)


def families():
    """All rows: family name -> ``Rows``, from the modules ``cases_*`` beside this one."""
    package = importlib.import_module(__package__)
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name.startswith("cases_"))
    found = [importlib.import_module(f"{__package__}.{name}").rows for name in names]
    merged = {}
    for rows in found:
        target = merged.setdefault(rows.family, Rows(rows.family))
        for row in rows.cases:
            target._add(target.cases, row)
        for row in rows.errors:
            target._add(target.errors, row)
    return merged

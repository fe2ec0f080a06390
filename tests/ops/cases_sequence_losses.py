"""The losses of tf.contrib.seq2seq and tf.contrib.legacy_seq2seq."""

from .table import Rows, f32, given, i32

rows = Rows("sequence_losses")
case, error = rows.case, rows.error

FLOAT = "its weights are float32"
STEPS = {
    "x": f32(2, 3, 4),
    "y": given([[0, 1, 3], [2, 2, 0]], "int32"),
    "w": given([[1.0, 0.5, 0.0], [2.0, 1.0, 1.0]]),
}


def loss(**options):
    return lambda tf, x, y, w: tf.contrib.seq2seq.sequence_loss(x, y, w, **options)


MEANS = ("average_across_timesteps", "average_across_batch")
SUMS = ("sum_over_timesteps", "sum_over_batch")
KEPT = dict(wrt=["x"], double=FLOAT, unknown="the ranks must be known", **STEPS)
case("sequence_loss", loss(), **KEPT)
case("sequence_loss_named", loss(name="cost"), **KEPT)
for how in ((), ("average_across_timesteps",), ("average_across_batch",), SUMS, SUMS[:1], SUMS[1:]):
    options = {name: name in how for name in MEANS + SUMS}
    case("sequence_loss_" + ("_".join(how) or "whole"), loss(**options), **KEPT)
case(
    "sequence_loss_own",
    lambda tf, x, y, w: tf.contrib.seq2seq.sequence_loss(
        x,
        y,
        w,
        softmax_loss_function=lambda labels, logits: tf.reduce_sum(logits, 1) * tf.cast(labels, tf.float32),
    ),
    **KEPT,
)


def stepwise(function, **options):
    """The loss of a sequence of two steps."""

    def build(tf, x, y, w):
        lists = [[tf.identity(part), part] for part in (x, y, w)]
        return getattr(tf.contrib.legacy_seq2seq, function)(*lists, **options)

    return build


STEP = {
    "x": f32(3, 4),
    "y": i32(3, low=0, high=4),
    "w": given([1.0, 0.0, 2.0]),
    "wrt": ["x"],
    "double": FLOAT,
}
for each in ("sequence_loss_by_example", "sequence_loss"):
    case("legacy_" + each, stepwise(each), **STEP)
    case("legacy_%s_sum" % each, stepwise(each, average_across_timesteps=False, name="cost"), **STEP)
case("legacy_sequence_loss_batch", stepwise("sequence_loss", average_across_batch=False), **STEP)

error("logits_rank", loss(), "ValueError", "Logits must be", x=f32(2, 3), y=i32(2), w=f32(2))
error("targets_rank", loss(), "ValueError", "Targets must be", x=f32(2, 3, 2), y=i32(2), w=f32(2))
error("both", loss(sum_over_batch=True), "ValueError", "at same time", **STEPS)
error(
    "lengths",
    lambda tf, x, y, w: tf.contrib.legacy_seq2seq.sequence_loss_by_example([x, x], [y], [w]),
    "ValueError",
    "must be the same",
    x=f32(2, 3),
    y=i32(2),
    w=f32(2),
)

"""Connectionist temporal classification: the loss and its options, greedy and beam search decoding."""

from .table import Rows, f32, f64, given

rows = Rows("ctc")
case, error = rows.case, rows.error

SECOND = "it has no second derivative"
LABELS = {
    "i": given([[0, 0], [0, 1], [0, 2], [1, 0], [2, 0], [2, 1]], "int64"),
    "v": given([1, 0, 0, 2, 3, 3], "int32"),
}


def loss(tf, x, i, v, lengths=(6, 5, 4), **options):
    """The loss of the labels at i with values v; one of lengths that are fed is among the options."""
    return tf.nn.ctc_loss(tf.SparseTensor(i, v, [3, 6]), x, list(lengths), **options)


for name, options in [
    ("plain", {}),
    ("collapsed", {"preprocess_collapse_repeated": True}),
    ("unmerged", {"ctc_merge_repeated": False}),
    ("both", {"preprocess_collapse_repeated": True, "ctc_merge_repeated": False}),
    ("short", {"lengths": (6, 0, 3), "ignore_longer_outputs_than_inputs": True}),
    ("shorter", {"lengths": (2, 3, 1), "ignore_longer_outputs_than_inputs": True}),
    ("impossible", {"lengths": (3, 1, 2)}),
]:
    case(
        "loss_" + name,
        lambda tf, x, i, v, options: loss(tf, x, i, v, **options),
        x=f32(6, 3, 5),
        rtol=1e-4,
        second=SECOND,
        double="an infinite loss" if name == "impossible" else None,
        **LABELS,
    )
    rows.cases[-1].build = lambda tf, x, i, v, options=options: loss(tf, x, i, v, **options)
case(
    "loss_double",
    lambda tf, x, i, v: tf.nn.ctc_loss(
        labels=tf.SparseTensor(i, v, [3, 6]), logits=x, sequence_length=[6, 5, 4], time_major=False
    ),
    x=f64(3, 6, 5),
    rtol=1e-6,
    second=SECOND,
    **LABELS,
)
case(
    "loss_null",
    lambda tf, x, i, v: loss(tf, x, i, v),
    x=f32(6, 3, 5),
    i=LABELS["i"],
    v=given([1, 0, 4, 2, 3, 4], "int32"),
    rtol=1e-4,
    second=SECOND,
)
case(
    "loss_lengths",
    lambda tf, x, i, v, n: tf.nn.ctc_loss(tf.SparseTensor(i, v, [3, 6]), x, n),
    x=f32(6, 3, 5),
    n=given([6, 4, 5], "int32"),
    rtol=1e-4,
    second=SECOND,
    **LABELS,
)
for name, index, values, lengths, text in [
    ("no_labels", [[0, 0], [2, 0]], [1, 1], [4, 4, 4], "Labels length is zero in batch 1"),
    ("time", [[0, 0], [0, 1], [1, 0], [2, 0]], [1, 2, 1, 1], [1, 4, 4], "Not enough time"),
    ("after_null", [[0, 0], [0, 1], [1, 0], [2, 0]], [4, 2, 1, 1], [4, 4, 4], "Saw a non-null label"),
    ("negative", [[0, 0], [1, 0], [2, 0]], [-1, 2, 1], [4, 4, 4], "must be nonnegative"),
    ("long", [[0, 0], [1, 0], [2, 0]], [1, 2, 1], [4, 7, 4], r"sequence_length\(1\) <= 6"),
    ("below", [[0, 0], [1, 0], [2, 0]], [1, 2, 1], [4, 3, -1], r"seq_len\(2\) < 0"),
    ("row", [[0, 0], [1, 0], [3, 0]], [1, 2, 1], [4, 4, 4], "label SparseTensor is not valid"),
    ("order", [[1, 0], [0, 0], [2, 0]], [1, 2, 1], [4, 4, 4], "out of order"),
]:
    error(
        "loss_" + name,
        lambda tf, x, i, v, n: tf.nn.ctc_loss(tf.SparseTensor(i, v, [3, 6]), x, n),
        x=f32(6, 3, 5),
        i=given(index, "int64"),
        v=given(values, "int32"),
        n=given(lengths, "int32"),
        raises="InvalidArgumentError",
        match=text,
        when="run",
    )
error("loss_kind", lambda tf, x: tf.nn.ctc_loss([[1]], x, [4]), x=f32(4, 1, 3), raises="TypeError")
error(
    "loss_rank",
    lambda tf, x: tf.nn.ctc_loss(tf.SparseTensor([[0, 0]], [1], [1, 1]), x, [4]),
    x=f32(4, 3),
    raises="ValueError",
)

# --- decoders -------------------------------------------------------------------------------------

PEAKS = {"x": f32(8, 3, 4)}


def flat(decoded):
    """The parts of the decoded sequences and the scores."""
    sequences, scores = decoded
    return list(sequences), scores


case("greedy", lambda tf, x: flat(tf.nn.ctc_greedy_decoder(x, [8, 5, 0])), xla=False, grad=False, **PEAKS)
case(
    "greedy_unmerged",
    lambda tf, x, n: flat(tf.nn.ctc_greedy_decoder(x, n, merge_repeated=False)),
    n=given([3, 8, 8], "int32"),
    xla=False,
    grad=False,
    **PEAKS,
)
for name, options in [
    ("default", {}),
    ("several", {"top_paths": 3}),
    ("narrow", {"beam_width": 3, "top_paths": 2}),
    ("repeating", {"beam_width": 8, "top_paths": 2, "merge_repeated": False}),
]:
    case(
        "beam_" + name,
        None,
        x=f32(8, 3, 4),
        rtol=1e-4,
        xla=False,
        grad=False,
    )
    rows.cases[-1].build = lambda tf, x, options=options: flat(
        tf.nn.ctc_beam_search_decoder(x, [8, 5, 2], **options)
    )
case(
    "beam_v2",
    lambda tf, x: flat(tf.nn.ctc_beam_search_decoder_v2(x, [8, 5, 2], beam_width=5)),
    x=f64(8, 3, 4),
    rtol=1e-4,
    xla=False,
    grad=False,
)
for name, lengths, options, kind, text in [
    ("long", [9, 1, 1], {}, "FailedPreconditionError", r"sequence_length\(0\) <= 8"),
    (
        "wide",
        [8, 1, 1],
        {"beam_width": 2, "top_paths": 3},
        "InvalidArgumentError",
        "more paths than the beam",
    ),
    ("few", [8, 0, 1], {"top_paths": 2}, "InvalidArgumentError", "Less leaves in the beam search"),
]:
    error(
        "beam_" + name, None, x=f32(8, 3, 4), n=given(lengths, "int32"), raises=kind, match=text, when="run"
    )
    rows.errors[-1].build = lambda tf, x, n, options=options: flat(
        tf.nn.ctc_beam_search_decoder(x, n, **options)
    )
error(
    "greedy_count",
    lambda tf, x, n: flat(tf.nn.ctc_greedy_decoder(x, n)),
    x=f32(8, 3, 4),
    n=given([1, 2], "int32"),
    raises="FailedPreconditionError",
    match="batch_size",
    when="run",
)

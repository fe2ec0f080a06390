"""Boxes in images: cut out, drawn, sampled, suppressed."""

from .table import Rows, call, distinct, f16, f32, f64, given, i32, raw, u8

rows = Rows("image_boxes")
case, error = rows.case, rows.error

SINGLE = "the crops are single precision"
BOXES = [[0.1, 0.2, 0.7, 0.9], [0.0, 0.0, 1.0, 1.0], [-0.3, 0.4, 0.6, 1.4], [0.83, 0.71, 0.22, 0.17]]
INDICES = [0, 1, 1, 0]

# Crops
for size in [(3, 4), (1, 5), (6, 1), (1, 1), (8, 7)]:
    case(
        "crop_{}x{}".format(*size),
        lambda tf, x, boxes, i, size=size: tf.image.crop_and_resize(x, boxes, i, size),
        x=f32(2, 5, 6, 2),
        boxes=given(BOXES),
        i=given(INDICES, "int32"),
        double=SINGLE,
        rtol=5e-5,
    )
case(
    "crop_nearest",
    lambda tf, x, boxes: tf.image.crop_and_resize(
        x, boxes, INDICES, [4, 3], method="nearest", extrapolation_value=7.0, name="cut"
    ),
    x=f32(2, 5, 6, 1),
    boxes=given(BOXES),
    wrt=["x"],
    double=SINGLE,
)
case(
    "crop_keywords",
    lambda tf, x, boxes, i, size: tf.image.crop_and_resize(
        image=x, boxes=boxes, box_indices=i, crop_size=size, extrapolation_value=-1.0
    ),
    x=f32(2, 5, 6, 2),
    boxes=given(BOXES),
    i=given(INDICES, "int32"),
    size=given([2, 3], "int32"),
    double=SINGLE,
    rtol=5e-5,
)
for name, x in [
    ("u8", u8(2, 4, 5, 3)),
    ("i32", i32(2, 4, 5, 1)),
    ("f64", f64(2, 4, 5, 1)),
    ("f16", f16(2, 4, 5, 1)),
]:
    case(
        "crop_" + name,
        lambda tf, x, boxes: tf.image.crop_and_resize(x, boxes, INDICES, [3, 3]),
        x=x,
        boxes=given(BOXES),
        wrt=["boxes"] if name in ("u8", "i32") else None,
        double=SINGLE,
        rtol=2e-3 if name == "f16" else 5e-5,
    )
case(
    "crop_none",
    lambda tf, x, boxes, i: tf.image.crop_and_resize(x, boxes, i, [2, 3]),
    x=f32(2, 5, 6, 2),
    boxes=f32(0, 4),
    i=i32(0),
    grad=False,
)
for name, boxes, i, size, kind, match in [
    ("rank", given([0.1] * 4), given([0], "int32"), [2, 2], "ValueError", "rank 2"),
    ("columns", given([[0.1] * 3]), given([0], "int32"), [2, 2], "ValueError", "4"),
    ("count", given(BOXES), given([0], "int32"), [2, 2], "ValueError", "4"),
    ("size", given(BOXES), given(INDICES, "int32"), [2, 2, 2], "ValueError", "2"),
]:
    error(
        "crop_" + name,
        lambda tf, x, boxes, i, size=size: tf.image.crop_and_resize(x, boxes, i, size),
        x=f32(2, 5, 6, 1),
        boxes=boxes,
        i=i,
        raises=kind,
        match=match,
    )
error(
    "crop_number",
    lambda tf, x, boxes, i: tf.image.crop_and_resize(x, boxes, i, [2, 2]),
    x=f32(2, 5, 6, 1),
    boxes=given(BOXES),
    i=given([0, 1, 2, 0], "int32"),
    raises="OutOfRangeError",
    match="outside .0, batch_size",
    when="run",
)
error(
    "crop_zero",
    lambda tf, x, boxes, i: tf.image.crop_and_resize(x, boxes, i, [0, 2]),
    x=f32(2, 5, 6, 1),
    boxes=given(BOXES),
    i=given(INDICES, "int32"),
    raises="InvalidArgumentError",
    match="crop dimensions must be positive",
    when="run",
)
error(
    "crop_method",
    lambda tf, x, boxes: tf.image.crop_and_resize(x, boxes, INDICES, [2, 2], method="area"),
    x=f32(2, 5, 6, 1),
    boxes=given(BOXES),
    raises="ValueError",
    match="method",
)

# Glimpses that lie inside of the image: outside is noise
for name, offsets, options in [
    ("middle", [[0.0, 0.0], [0.2, -0.2]], {}),
    ("corner", [[0.5, 0.5], [0.4, 0.6]], {"centered": False}),
    ("pixels", [[4.0, 4.0], [3.0, 5.0]], {"centered": False, "normalized": False}),
    ("pixels_middle", [[0.0, 0.0], [1.0, -1.0]], {"normalized": False, "name": "seen"}),
]:
    case(
        "glimpse_" + name,
        lambda tf, x, at, options=options: tf.image.extract_glimpse(x, [3, 4], at, **options),
        x=f32(2, 9, 10, 2),
        at=given(offsets),
        grad=False,
        xla=False,
    )
error(
    "glimpse_offsets",
    lambda tf, x, at: tf.image.extract_glimpse(x, [3, 4], at),
    x=f32(2, 9, 10, 2),
    at=given([0.0, 0.0]),
    raises="ValueError",
    match="rank 2",
)

# Drawing
MANY = [[[0.1 * k, 0.05 * k, 0.5 + 0.04 * k, 0.9 - 0.03 * k] for k in range(12)]]
for name, x in [("rgb", f32(1, 12, 16, 3)), ("rgba", f32(1, 12, 16, 4)), ("gray", f32(1, 12, 16, 1))]:
    case("draw_" + name, call("image.draw_bounding_boxes"), x=x, boxes=given(MANY), grad=False, xla=False)
case(
    "draw_outside",
    call("image.draw_bounding_boxes", name="drawn"),
    x=f32(2, 5, 6, 3),
    boxes=given(
        [[[-0.5, 0.2, 0.5, 1.5], [0.9, 0.9, 0.1, 0.1]], [[2.0, 2.0, 3.0, 3.0], [0.5, 0.5, 0.5, 0.5]]]
    ),
    grad=False,
    xla=False,
)
case(
    "draw_colors",
    lambda tf, x, boxes: tf.image.draw_bounding_boxes(x, boxes, colors=[[1.0, 0.5, 0.25], [0.0, 0.5, 1.0]]),
    x=f32(1, 8, 9, 3),
    boxes=given([[[0.1, 0.1, 0.9, 0.9], [0.3, 0.3, 0.6, 0.6], [0.0, 0.0, 0.4, 1.0]]]),
    grad=False,
    xla=False,
)
error(
    "draw_depth",
    call("image.draw_bounding_boxes"),
    x=f32(1, 4, 4, 2),
    boxes=given([[BOXES[0]]]),
    raises="InvalidArgumentError",
    match="Channel depth should be either 1",
    when="run",
)
error(
    "draw_batch",
    call("image.draw_bounding_boxes"),
    x=f32(2, 4, 4, 3),
    boxes=given([[BOXES[0]]]),
    raises="InvalidArgumentError",
    match="batch sizes should be the same",
    when="run",
)

# Sampled boxes
for seed in range(8):
    case(
        "sample_{}".format(seed),
        lambda tf, size, boxes, seed=seed: tf.image.sample_distorted_bounding_box(
            size, boxes, seed=seed + 1, seed2=7 * seed, min_object_covered=0.1 * seed
        ),
        size=given([40, 61, 3], "int32"),
        boxes=given([[[0.1, 0.2, 0.5, 0.9], [0.3, 0.3, 0.8, 0.7]]]),
        steps=4,
        grad=False,
        xla=False,
    )
case(
    "sample_options",
    lambda tf, size, boxes: tf.image.sample_distorted_bounding_box(
        size,
        boxes,
        seed=3,
        min_object_covered=0.9,
        aspect_ratio_range=[0.5, 3.0],
        area_range=[0.3, 0.6],
        max_attempts=3,
        name="sampled",
    ),
    size=given([299, 200, 3], "int64"),
    boxes=given([[[0.1, 0.2, 0.5, 0.9]]]),
    steps=6,
    grad=False,
    xla=False,
)
case(
    "sample_whole",
    lambda tf, size, boxes: tf.image.sample_distorted_bounding_box(
        size, boxes, seed=3, use_image_if_no_bounding_boxes=True, aspect_ratio_range=[1.0, 1.0]
    ),
    size=given([64, 64, 3], "int32"),
    boxes=given([[[0.0, 0.0, 1.0, 1.0]]]),
    steps=4,
    grad=False,
    xla=False,
)
case(
    "sample_no_boxes",
    lambda tf, size: tf.image.sample_distorted_bounding_box(
        size, tf.zeros([1, 0, 4]), seed=3, seed2=1, use_image_if_no_bounding_boxes=True
    ),
    size=given([64, 32, 3], "int32"),
    steps=4,
    grad=False,
    xla=False,
)
case(
    "sample_old",
    lambda tf, size, boxes: raw(
        tf,
        "SampleDistortedBoundingBox",
        size,
        boxes,
        T=tf.int32,
        seed=4,
        seed2=2,
        min_object_covered=0.4,
        aspect_ratio_range=[0.75, 1.33],
        area_range=[0.05, 1.0],
        max_attempts=100,
        use_image_if_no_bounding_boxes=False,
    ),
    size=given([40, 61, 3], "int32"),
    boxes=given([[[0.1, 0.2, 0.5, 0.9]]]),
    steps=2,
    grad=False,
    xla=False,
)
error(
    "sample_none",
    lambda tf, size: tf.image.sample_distorted_bounding_box(size, tf.zeros([1, 0, 4])),
    size=given([64, 32, 3], "int32"),
    raises="InvalidArgumentError",
    match="No bounding boxes provided",
    when="run",
)
error(
    "sample_covered",
    lambda tf, size: tf.image.sample_distorted_bounding_box(
        size, tf.zeros([1, 1, 4]), min_object_covered=-1.0
    ),
    size=given([64, 32, 3], "int32"),
    raises="InvalidArgumentError",
    match="Min object covered must be non-negative",
    when="run",
)

# Suppression
CROWD = [[0.1 * (k % 4), 0.07 * (k % 5), 0.1 * (k % 4) + 0.5, 0.07 * (k % 5) + 0.6] for k in range(10)]
CROWD += [[0.9, 0.9, 0.2, 0.3], [0.5, 0.5, 0.55, 0.6], [2.0, 2.0, 3.0, 3.0]]
LIKES = [0.3, 0.9, 0.5, 0.5, 0.7, -0.1, 0.2, 0.95, 0.9, 0.4, 0.6, 0.1, 0.05]


def suppress(row, function, **options):
    case(
        row,
        lambda tf, boxes, scores: getattr(tf.image, function)(boxes, scores, **options),
        boxes=given(CROWD),
        scores=given(LIKES),
        grad=False,
        xla=False,
    )


suppress("nms", "non_max_suppression", max_output_size=20)
suppress("nms_three", "non_max_suppression", max_output_size=3, iou_threshold=0.3, name="best")
suppress("nms_scores", "non_max_suppression", max_output_size=20, iou_threshold=0.7, score_threshold=0.4)
suppress("nms_none", "non_max_suppression", max_output_size=0)
suppress("nms_all", "non_max_suppression", max_output_size=20, iou_threshold=1.0)
suppress("nms_padded", "non_max_suppression_padded", max_output_size=16, pad_to_max_output_size=True)
suppress(
    "nms_unpadded", "non_max_suppression_padded", max_output_size=16, iou_threshold=0.2, score_threshold=0.2
)
suppress("nms_hard", "non_max_suppression_with_scores", max_output_size=16)
suppress(
    "nms_soft",
    "non_max_suppression_with_scores",
    max_output_size=16,
    iou_threshold=1.0,
    score_threshold=0.1,
    soft_nms_sigma=0.5,
)
suppress(
    "nms_soft_some",
    "non_max_suppression_with_scores",
    max_output_size=5,
    iou_threshold=0.6,
    soft_nms_sigma=0.2,
)
for count in [3, 8, 20]:  # equal scores
    case(
        "nms_ties_{}".format(count),
        lambda tf, boxes, scores, count=count: tf.image.non_max_suppression(boxes, scores, count),
        boxes=given([[k, k, k + 0.5, k + 0.5] for k in range(count)]),
        scores=given([0.25 * (k * k % 3) for k in range(count)]),
        grad=False,
        xla=False,
    )
case(
    "nms_fed",
    call("image.non_max_suppression"),
    boxes=given(CROWD),
    scores=given(LIKES),
    size=given(4, "int32"),
    iou=given(0.4),
    grad=False,
    xla=False,
)
case(
    "nms_empty",
    lambda tf, scores: tf.image.non_max_suppression(
        tf.zeros([0, 4]), tf.zeros([0]) + tf.reduce_sum(scores), 3
    ),
    scores=given([0.5]),
    grad=False,
    xla=False,
)
case(
    "nms_v1",
    lambda tf, boxes, scores, n: raw(tf, "NonMaxSuppression", boxes, scores, n, iou_threshold=0.5),
    boxes=given(CROWD),
    scores=given(LIKES),
    n=given(5, "int32"),
    grad=False,
    xla=False,
)
case(
    "nms_v2",
    lambda tf, boxes, scores, n, iou: raw(
        tf, "NonMaxSuppressionV2", boxes, scores, n, iou, T=tf.float32, T_threshold=tf.float32
    ),
    boxes=given(CROWD),
    scores=given(LIKES),
    n=given(5, "int32"),
    iou=given(0.5),
    grad=False,
    xla=False,
)
case(
    "nms_overlaps",
    lambda tf, overlaps, scores: tf.image.non_max_suppression_overlaps(
        overlaps, scores, 5, overlap_threshold=0.4, score_threshold=0.1
    ),
    overlaps=f32(6, 6, low=0.0, high=1.0),
    scores=distinct(6),
    grad=False,
    xla=False,
)
for name, shared, classes, options in [
    ("shared", 1, 3, {}),
    ("own", 3, 3, {"clip_boxes": False, "name": "found"}),
]:
    case(
        "nms_combined_" + name,
        lambda tf, boxes, scores, options=options: tf.image.combined_non_max_suppression(
            boxes, scores, 2, 5, **options
        ),
        boxes=f32(2, 6, shared, 4),
        scores=distinct(2, 6, classes),
        grad=False,
        xla=False,
    )
# (TensorFlow 1.15's shape rule goes wrong when it knows the shapes)
case(
    "nms_combined_padded",
    lambda tf, boxes, scores, own, total: tf.image.combined_non_max_suppression(
        boxes, scores, own, total, pad_per_class=True, iou_threshold=0.3, score_threshold=0.2
    ),
    boxes=f32(2, 6, 1, 4),
    scores=distinct(2, 6, 2),
    own=given(2, "int32"),
    total=given(5, "int32"),
    known=False,
    grad=False,
    xla=False,
)
error(
    "nms_threshold",
    lambda tf, boxes, scores: tf.image.non_max_suppression(boxes, scores, 3, 1.5),
    boxes=given(CROWD),
    scores=given(LIKES),
    raises="InvalidArgumentError",
    match="iou_threshold must be in .0, 1",
    when="run",
)
error(
    "nms_counts",
    lambda tf, boxes, scores: tf.image.non_max_suppression(boxes, scores, 3),
    boxes=given(CROWD),
    scores=given(LIKES[:3]),
    raises="ValueError",
    match="must be equal",
)
error(
    "nms_columns",
    lambda tf, boxes, scores: tf.image.non_max_suppression(boxes, scores, 3),
    boxes=f32(3, 5),
    scores=given(LIKES[:3]),
    raises="ValueError",
    match="4",
)

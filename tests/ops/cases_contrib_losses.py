"""tf.contrib.losses: the older losses."""

from .table import Rows, f32, given, i32

rows = Rows("contrib_losses")
case, error = rows.case, rows.error

DOUBLE = "it computes in float32"
LABELS = given([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])


def loss(name, **keywords):
    """tf.contrib.losses.<name> of predictions x and labels y, weights w if there are any."""

    def build(tf, x, y, w=None):
        options = dict(keywords) if w is None else dict(keywords, weights=w)
        return getattr(tf.contrib.losses, name)(x, y, **options)

    return build


for each in ("absolute_difference", "mean_squared_error", "log_loss", "mean_pairwise_squared_error"):
    options = {"x": f32(2, 3, low=0.1, high=0.8), "y": LABELS, "wrt": ["x"], "double": DOUBLE}
    case(each, loss(each), **options)
    case(each + "_examples", loss(each), w=given([0.5, 0.0]), **options)

case("hinge_loss", loss("hinge_loss"), x=f32(2, 3), y=LABELS, wrt=["x"], double=DOUBLE)
for each in ("sigmoid_cross_entropy", "softmax_cross_entropy"):
    options = {"x": f32(2, 3), "y": LABELS, "wrt": ["x"], "double": DOUBLE}
    case(each, loss(each), **options)
    case(
        each + "_smoothed", loss(each, label_smoothing=0.1, scope="cost"), w=given([[2.0], [0.5]]), **options
    )
case(
    "sparse_softmax_cross_entropy",
    loss("sparse_softmax_cross_entropy"),
    x=f32(2, 3),
    y=i32(2, 1, low=0, high=3),
    wrt=["x"],
    double=DOUBLE,
)
case("cosine_distance", loss("cosine_distance", axis=1), x=f32(2, 3), y=f32(2, 3), wrt=["x"], double=DOUBLE)
case(
    "cosine_distance_dim", loss("cosine_distance", dim=0), x=f32(2, 3), y=f32(2, 3), wrt=["x"], double=DOUBLE
)
case(
    "get_total_loss",
    lambda tf, x: (
        tf.contrib.losses.compute_weighted_loss(x),
        tf.contrib.losses.compute_weighted_loss(x, 2.0),
        tf.contrib.losses.get_total_loss(),
    )[-1],
    x=f32(2, 3),
    double=DOUBLE,
)
error("no_axis", loss("cosine_distance"), x=f32(2, 3), y=f32(2, 3), raises="ValueError")
error("shapes", loss("log_loss"), x=f32(2, 3), y=f32(3, 2), raises="ValueError")

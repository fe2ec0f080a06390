"""The update ops of the optimizers: one step after another, dense and sparse, on both kinds of variables."""

import numpy as np

from .table import Rows, f32, given, raw

rows = Rows("training")
case = rows.case

OPTIONS = {"grad": False, "steps": 3, "double": "its variables are float32"}
VECTOR = [1.0, -2.0, 0.5]
TABLE = [[1.0, 2.0], [3.0, -4.0], [-0.5, 0.25]]

# Kind of update -> "slots": how many variables besides the first, "rates" and "after": the scalars before and
# after the gradient, "order" of scalars and gradient, "step": whether a step number ends the inputs.
UPDATES = {
    "GradientDescent": {"slots": 0, "rates": [0.1], "order": "rg", "sparse": False},
    "Momentum": {"slots": 1, "rates": [0.1], "after": [0.9], "order": "rga"},
    "Adagrad": {"slots": 1, "rates": [0.1], "order": "rg"},
    "AdagradV2": {"slots": 1, "rates": [0.1, 1e-3], "order": "rg"},
    "Adadelta": {"slots": 2, "rates": [0.1, 0.95, 1e-6], "order": "rg"},
    "RMSProp": {"slots": 2, "rates": [0.1, 0.9, 0.5, 1e-6], "order": "rg"},
    "CenteredRMSProp": {"slots": 3, "rates": [0.1, 0.9, 0.5, 1e-1], "order": "rg"},
    "Adam": {"slots": 2, "rates": [0.9, 0.99, 0.1, 0.9, 0.99, 1e-6], "order": "rg", "sparse": False},
    "AdaMax": {"slots": 2, "rates": [0.9, 0.1, 0.9, 0.99, 1e-6], "order": "rg", "sparse": False},
    "Ftrl": {"slots": 2, "after": [0.1, 0.01, 0.02, -0.5], "order": "ga"},
    "FtrlV2": {"slots": 2, "after": [0.1, 0.01, 0.02, 0.03, -0.4], "order": "ga"},
    "ProximalGradientDescent": {"slots": 0, "rates": [0.1, 0.01, 0.02], "order": "rg"},
    "ProximalAdagrad": {"slots": 1, "rates": [0.1, 0.01, 0.02], "order": "rg"},
    "AdagradDA": {"slots": 2, "after": [0.1, 0.01, 0.02], "order": "ga", "step": True},
}


def update(tf, kind, spec, resource, g, i=None):
    """One update op and, after it, the variable and its slots."""
    start = np.array(VECTOR if i is None else TABLE, "float32")
    names = ["var", "slot_a", "slot_b", "slot_c"][: 1 + spec["slots"]]
    values = [start] + [0.1 + 0.1 * abs(start)] * spec["slots"]
    made = [tf.Variable(v, name=n, use_resource=resource) for v, n in zip(values, names)]  # noqa: B905
    handles = [v.handle if resource else v._ref() for v in made]
    groups = {
        "r": [tf.constant(x) for x in spec.get("rates", [])],
        "g": [g] if i is None else [g, i],
        "a": [tf.constant(x) for x in spec.get("after", [])],
    }
    inputs = handles + [t for letter in spec["order"] for t in groups[letter]]
    attrs = {"T": tf.float32}
    if spec.get("step"):
        inputs.append(tf.constant(3, tf.int64))
    if i is not None:
        attrs["Tindices"] = i.dtype
    op_type = ("Resource" if resource else "") + ("Sparse" if i is not None else "") + "Apply" + kind
    done = raw(tf, op_type, *inputs, **attrs)
    with tf.control_dependencies(done if isinstance(done, list) else [done]):
        return [v.read_value() for v in made]


for each, spec in sorted(UPDATES.items()):
    for resource in (False, True):
        suffix = "_resource" if resource else ""
        case(
            each + suffix,
            lambda tf, g, each=each, spec=spec, resource=resource: update(tf, each, spec, resource, g),
            g=f32(3),
            **OPTIONS,
        )
        if spec.get("sparse", True):
            case(
                each + "_sparse" + suffix,
                lambda tf, g, i, each=each, spec=spec, resource=resource: update(
                    tf, each, spec, resource, g, i
                ),
                g=f32(2, 2),
                i=given([2, 0], "int32"),
                **OPTIONS,
            )

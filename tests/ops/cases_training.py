"""The optimizers' steps as ops: each formula on reference and resource variables, dense and for some rows."""

from .table import Rows, f16, f32, f64, given, i32

rows = Rows("training")

INPUTS = {  # of each formula; the dense forms have no `indices`
    "AdaMax": "var m v beta1_power lr beta1 beta2 epsilon grad",
    "Adadelta": "var accum accum_update lr rho epsilon grad indices",
    "Adagrad": "var accum lr grad indices",
    "AdagradDA": "var gradient_accumulator gradient_squared_accumulator grad indices lr l1 l2 global_step",
    "AdagradV2": "var accum lr epsilon grad indices",
    "Adam": "var m v beta1_power beta2_power lr beta1 beta2 epsilon grad",
    "CenteredRMSProp": "var mg ms mom lr rho momentum epsilon grad indices",
    "Ftrl": "var accum linear grad indices lr l1 l2 lr_power",
    "FtrlV2": "var accum linear grad indices lr l1 l2 l2_shrinkage lr_power",
    "GradientDescent": "var alpha delta",
    "Momentum": "var accum lr grad indices momentum",
    "ProximalAdagrad": "var accum lr l1 l2 grad indices",
    "ProximalGradientDescent": "var alpha l1 l2 grad indices",
    "RMSProp": "var ms mom lr rho momentum epsilon grad indices",
}
STARTS = {  # the first contents of the variables, for each row
    "var": [0.5, -1.5, 2.0, 0.01],
    "accum": [0.1, 0.2, 1.0, 0.5],
    "accum_update": [0.01, 0.0, 0.2, 0.1],
    "gradient_accumulator": [0.5, -0.25, 0.0, 2.0],
    "gradient_squared_accumulator": [0.1, 0.3, 0.2, 4.0],
    "linear": [0.0, 0.5, -1.0, 0.2],
    "m": [0.0, 0.5, -0.25, 0.125],
    "v": [0.0, 0.25, 1.0, 0.5],
    "mg": [0.0, 0.1, -0.1, 0.2],
    "ms": [1.0, 0.5, 2.0, 0.25],
    "mom": [0.0, 0.5, -0.25, 0.125],
}
NUMBERS = {
    "alpha": 0.1,
    "beta1": 0.9,
    "beta1_power": 0.81,
    "beta2": 0.99,
    "beta2_power": 0.95,
    "epsilon": 1e-3,
    "l1": 0.02,
    "l2": 0.1,
    "l2_shrinkage": 0.05,
    "lr": 0.1,
    "lr_power": -0.5,
    "momentum": 0.75,
    "rho": 0.875,
}


def step(tf, kind, formula, grad, indices=None, columns=2, numbers=(), **attrs):
    """The op, made as importers of graphs make it; and all its variables after it has run."""
    dtype, resource = grad.dtype.base_dtype, kind.startswith("Resource")
    variables, inputs = [], []
    for name in INPUTS[formula].split():
        if name in STARTS:
            start = [[x] * columns for x in STARTS[name]] if columns else STARTS[name][0]
            made = tf.Variable(tf.constant(start, dtype), name=name, use_resource=resource)
            variables.append(made)
            inputs.append(made.handle if resource else made._ref())
        elif name in ("grad", "delta"):
            inputs.append(grad)
        elif name == "global_step":
            inputs.append(tf.constant(3, tf.int64, name=name))
        elif name != "indices":
            inputs.append(tf.constant(dict(NUMBERS, **dict(numbers))[name], dtype, name=name))
        elif indices is not None:
            inputs.append(indices)
    values = {"T": tf.AttrValue(type=dtype.as_datatype_enum)}
    if indices is not None:
        values["Tindices"] = tf.AttrValue(type=indices.dtype.as_datatype_enum)
    values.update({key: tf.AttrValue(b=value) for key, value in attrs.items()})
    outputs = [] if resource else [dtype._as_ref]
    made = tf.get_default_graph().create_op(kind + formula, inputs, outputs, name="step", attrs=values)
    with tf.control_dependencies([made]):
        return [v.read_value() for v in variables]


def dense(name, formula, grad=None, **options):
    """Rows for the dense forms of a formula."""
    for kind in ("Apply", "ResourceApply"):
        rows.case(
            name + "_" + kind.lower(),
            lambda tf, g, kind=kind: step(tf, kind, formula, g, **options),
            g=grad or f32(4, 2),
            grad=False,
            steps=3,
        )


def sparse(name, formula, grad=None, indices=None, **options):
    """Rows for the forms of a formula that update some rows."""
    for kind in ("SparseApply", "ResourceSparseApply"):
        rows.case(
            name + "_" + kind.lower(),
            lambda tf, g, indices, kind=kind: step(tf, kind, formula, g, indices, **options),
            g=grad or f32(3, 2),
            indices=indices or given([2, 0, 3], "int32"),
            grad=False,
            steps=3,
        )


for formula in sorted(INPUTS):
    has_rows = "indices" in INPUTS[formula]
    dense(formula, formula)
    dense(formula + "_float64", formula, f64(4, 2))
    dense(formula + "_scalar", formula, f32(), columns=0)
    if has_rows:
        sparse(formula, formula)
        sparse(formula + "_float64", formula, f64(3, 2), given([1, 2, 0], "int64"))
        sparse(formula + "_no_rows", formula, f32(0, 2), given([], "int32"))

for formula in ("Adagrad", "Adam", "Ftrl", "GradientDescent", "Momentum", "RMSProp"):
    dense(formula + "_float16", formula, f16(4, 2))
for formula in ("Adam", "Momentum"):
    dense(formula + "_nesterov", formula, use_nesterov=True)
sparse("Momentum_nesterov", "Momentum", use_nesterov=True)
for formula in ("Adagrad", "AdagradV2"):
    dense(formula + "_slots_kept", formula, update_slots=False)
    sparse(formula + "_slots_kept", formula, update_slots=False)
for formula in ("AdagradDA", "Ftrl", "FtrlV2", "ProximalAdagrad", "ProximalGradientDescent"):
    dense(formula + "_no_l1", formula, numbers={"l1": 0.0})
    sparse(formula + "_no_l1", formula, numbers={"l1": 0.0, "l2": 0.0})
    dense(formula + "_much_l1", formula, numbers={"l1": 5.0})
for formula in ("Ftrl", "FtrlV2"):
    dense(formula + "_power", formula, numbers={"lr_power": -0.3})
    sparse(formula + "_power", formula, numbers={"lr_power": -0.7})
dense("Adam_locking", "Adam", use_locking=True)
dense("GradientDescent_infinite", "GradientDescent", given([[float("inf")] * 2] * 4))
dense("Adagrad_nan", "Adagrad", given([[float("nan"), 1.0]] * 4))

for formula, kind in (("Adagrad", "Apply"), ("GradientDescent", "Apply"), ("Momentum", "ResourceApply")):
    rows.error(
        formula + "_shape",
        lambda tf, g, kind=kind, formula=formula: step(tf, kind, formula, g),
        g=f32(3, 2),
        raises="InvalidArgumentError",
        match="do not have the same shape",
        when="run",
    )
for kind in ("SparseApply", "ResourceSparseApply"):
    for formula in ("Adagrad", "Momentum", "Ftrl"):
        rows.error(
            formula + kind + "_range",
            lambda tf, g, indices, kind=kind, formula=formula: step(tf, kind, formula, g, indices),
            g=f32(2, 2),
            indices=given([1, 7], "int32"),
            raises="InvalidArgumentError",
            match="[Ii]ndex 7 at offset 1 in indices is out of range",
            when="run",
        )
rows.error(
    "Adagrad_rows",
    lambda tf, g, indices: step(tf, "SparseApply", "Adagrad", g, indices),
    g=f32(3, 2),
    indices=i32(2, low=0, high=2),
    raises="InvalidArgumentError",
    match="grad must be the same size as indices in the first dimension",
    when="run",
)
for kind, indices in (
    ("Apply", None),
    ("ResourceApply", None),
    ("SparseApply", [0, 1]),
    ("ResourceSparseApply", [0]),
):
    rows.error(
        kind + "_build",
        lambda tf, g, kind=kind, indices=indices: step(
            tf, kind, "Momentum", g, None if indices is None else tf.constant(indices)
        ),
        g=f32(3, 2),
        raises="ValueError",
        match="",
    )

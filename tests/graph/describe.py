"""What a snippet builds, as plain data: used by the tests and, under TensorFlow 1.15, by `tools/record_graph.py`."""


def built(tf, np, text):
    """The nodes of the default graph after `text`, and the type and shape of `y`; or the type of the error."""
    with tf.Graph().as_default() as graph:
        space = {"tf": tf, "np": np}
        try:
            exec(text, space)
        except Exception as error:
            return {"error": kind(error)}
        result = {"nodes": [node(op) for op in graph.get_operations()]}
        if hasattr(space.get("y"), "get_shape"):
            result["y"] = typed(space["y"])
    return result


def kind(error):
    """The name of the built-in or `tf.errors` class of an error."""
    if isinstance(error, UnicodeError):
        return "ValueError"
    for base in (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        AssertionError,
    ):
        if isinstance(error, base):
            return base.__name__
    return type(error).__name__


def node(op):
    inputs = [t.name for t in op.inputs] + ["^" + c.name for c in op.control_inputs]
    groups = [g.decode() for g in op.colocation_groups() if g.decode() != "loc:@" + op.name]
    extra = {k: v for k, v in (("device", op.device), ("groups", groups)) if v}
    if "_gradient_op_type" in op.node_def.attr:
        extra["gradient"] = op.node_def.attr["_gradient_op_type"].s.decode()
    return [op.name, op.type, " ".join(inputs), *([extra] if extra else [])]


def typed(tensor):
    shape = tensor.get_shape()
    return [tensor.dtype.name, None if shape.ndims is None else shape.as_list()]


def converted(tf, np, text):
    """The constant that `text` makes: type, shape and value; or the type of the error."""
    with tf.Graph().as_default():
        try:
            tensor = eval(text, {"tf": tf, "np": np})
        except Exception as error:
            return {"error": kind(error)}
        if tensor.op.type != "Const":
            return {"nodes": [node(op) for op in tensor.graph.get_operations()], "y": typed(tensor)}
        with tf.Session() as session:
            return [tensor.name, *typed(tensor), repr(np.asarray(session.run(tensor)).tolist())]

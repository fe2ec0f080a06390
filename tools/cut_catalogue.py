"""Cut ``src/reflow/graph/catalogue.json``, the op signatures of Reflow, from those of TensorFlow.

Two steps, because the signatures must be those of TensorFlow 1.15, which runs on Python 3.7 only::

    python3.7 tools/cut_catalogue.py dump op_defs_115.json          # where TensorFlow 1.15 is installed
    python tools/cut_catalogue.py cut op_defs.json op_defs_115.json  # anywhere

``op_defs.json`` holds the signatures of a newer TensorFlow: only ops that 1.15 lacks are taken from it.
The ops to keep are listed in ``tools/catalogue_ops.txt``, one a line, sorted. The result has one op a line::

    "Abs":{"inputs":[{"name":"x","type_attr":"T"}],"outputs":[...],"attrs":[{"name":"T","type":"type",...}]}

Attributes carry ``allowed``, ``minimum`` and ``default`` where there is one; types are named as in GraphDef
text ("float", "int32", ...); an op has ``stateful``, ``aggregate``, ``commutative`` or
``allows_uninitialized_input`` only when it is true.
"""

import argparse
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
OPS_LIST = os.path.join(HERE, "catalogue_ops.txt")
CATALOGUE = os.path.join(HERE, "..", "src", "reflow", "graph", "catalogue.json")
FLAGS = (
    ("stateful", "is_stateful"),
    ("aggregate", "is_aggregate"),
    ("commutative", "is_commutative"),
    ("allows_uninitialized_input", "allows_uninitialized_input"),
)


def dump(path):
    """Write every op signature of the installed TensorFlow (1.15) to ``path``."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python import pywrap_tensorflow

    op_list = op_def_pb2.OpList()
    op_list.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    signatures = {op_def.name: op_signature(op_def) for op_def in op_list.op}
    with open(path, "w") as out:
        json.dump(signatures, out, sort_keys=True)
    print(len(signatures), "ops")


def op_signature(op_def):
    """The JSON form of one OpDef message."""
    signature = {
        "inputs": [arg_signature(arg) for arg in op_def.input_arg],
        "outputs": [arg_signature(arg) for arg in op_def.output_arg],
        "attrs": [attr_signature(attr) for attr in op_def.attr],
    }
    signature.update({key: True for key, field in FLAGS if getattr(op_def, field)})
    return signature


def arg_signature(arg):
    signature = {"name": arg.name}
    if arg.type:
        signature["type"] = type_name(arg.type)
    for field in ("type_attr", "number_attr", "type_list_attr", "is_ref"):
        if getattr(arg, field):
            signature[field] = getattr(arg, field)
    return signature


def attr_signature(attr):
    signature = {"name": attr.name, "type": attr.type}
    if attr.HasField("allowed_values"):
        signature["allowed"] = attr_value(attr.allowed_values)
    if attr.has_minimum:
        signature["minimum"] = attr.minimum
    if attr.HasField("default_value"):
        signature["default"] = attr_value(attr.default_value)
    return signature


def attr_value(value):
    """A plain Python value for an AttrValue message; a list for a list-valued one."""
    kind = value.WhichOneof("value")
    if kind == "list":
        fields = value.list.ListFields()
        return [plain(descriptor.name, item) for descriptor, items in fields for item in items]
    return plain(kind, getattr(value, kind))


def plain(kind, item):
    if kind == "type":
        return type_name(item)
    if kind == "s":
        return item.decode()
    if kind == "f":  # the shortest digits that give the float32 back
        import numpy

        return float(str(numpy.float32(item)))
    if kind == "shape":
        return None if item.unknown_rank else [dim.size for dim in item.dim]
    if kind in ("i", "b"):
        return item
    if kind == "tensor":
        return tensor_value(item)
    raise ValueError(f"no JSON form for a default of kind {kind!r}")


def tensor_value(proto):
    """A TensorProto (``ImageSummary`` has one by default) as ``{"dtype": , "shape": , "value": }``."""
    from tensorflow.python.framework import tensor_util

    array = tensor_util.MakeNdarray(proto)
    if array.dtype == object:
        raise ValueError("no JSON form for a default that is a tensor of strings")
    return {"dtype": type_name(proto.dtype), "shape": list(array.shape), "value": array.tolist()}


def type_name(number):
    from tensorflow.core.framework import types_pb2

    return types_pb2.DataType.Name(number)[len("DT_") :].lower()


def cut(newer_path, oracle_path, target=CATALOGUE):
    """Write the signatures of the listed ops to the catalogue; 1.15's signature wins."""
    with open(newer_path) as source:
        signatures = json.load(source)
    with open(oracle_path) as source:
        signatures.update(json.load(source))
    with open(OPS_LIST) as source:
        wanted = source.read().split()
    missing = sorted(set(wanted) - set(signatures))
    if missing or wanted != sorted(set(wanted)):
        raise SystemExit(f"unknown ops {missing}, or the list isn't sorted and unique")
    lines = [f"{json.dumps(name)}:{compact(signatures[name])}" for name in wanted]
    with open(target, "w") as out:
        out.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(wanted), "ops")


def compact(signature):
    return json.dumps(signature, separators=(",", ":"), sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    commands.add_parser("dump").add_argument("path")
    cutter = commands.add_parser("cut")
    cutter.add_argument("newer")
    cutter.add_argument("oracle")
    arguments = parser.parse_args()
    if arguments.command == "dump":
        dump(arguments.path)
    else:
        cut(arguments.newer, arguments.oracle)


if __name__ == "__main__":
    main()

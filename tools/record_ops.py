"""Record TensorFlow 1.15's answers to the op test table into ``tests/ops/data/<family>.npz``.

Run it where TensorFlow 1.15 is installed; it records the families named, or all of them::

    python3.7 tools/record_ops.py            # all
    python3.7 tools/record_ops.py math nn    # these two

For each row: the outputs of every step, their dtypes, static shapes and nodes (with placeholders of known
shape, of unknown dimensions and of unknown rank), the gradients and their nodes; for an error row, what was
raised.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops import harness, recordings, table  # noqa: E402


def record_case(writer, row):
    """The recording of a row that must work."""
    how = "known" if row.known else "rank"
    built = harness.Built(tf, row, how)
    with tf.Session(graph=built.graph) as session:
        steps = built.run(session)
        entry = {
            "dtypes": [t.dtype.name for t in built.tensors],
            "python": built.python,
            "steps": [[writer.array(value) for value in step] for step in steps],
            "shapes": {how: built.shapes()},
            "nodes": {how: built.nodes},
        }
    if built.sources() and built.targets():
        entry.update(record_gradients(writer, built, steps[0]))
    if row.inputs and not row.unknown and row.known:
        for how in ("dims", "rank"):
            record_unknown(entry, row, how)
    return entry


def record_gradients(writer, built, arrays):
    """The gradients of a built row, or why TensorFlow has none."""
    try:
        found, nodes = built.gradients(arrays)
    except LookupError as error:
        return {"no_gradient": str(error)}
    with tf.Session(graph=built.graph) as session:  # a fresh one: random ops start anew
        session.run(built.init)
        values = iter(session.run([g for g in found if g is not None], built.feed))
    grads = [None if g is None else writer.array(next(values)) for g in found]
    return dict({"grads": grads, "grad_nodes": nodes}, **second_order(built, found))


def second_order(built, found):
    """Why TensorFlow can't differentiate the gradients again, if so."""
    try:
        with built.graph.as_default():
            tf.gradients([g for g in found if g is not None], built.sources())
    except (LookupError, TypeError, ValueError, NotImplementedError) as error:
        return {"no_second": str(error)}
    return {}


def record_unknown(entry, row, how):
    """Static shapes and nodes with placeholders that know less; TensorFlow may refuse to build."""
    try:
        built = harness.Built(tf, row, how)
    except (ValueError, TypeError) as error:
        entry["shapes"][how] = {"error": type(error).__name__}
        return
    entry["shapes"][how] = built.shapes()
    entry["nodes"][how] = built.nodes


def record_error(row):
    """What an error row raised, and when."""
    raised, when = run_error(row)
    found = {"types": ancestors(raised), "when": when, "message": str(raised).split("\n")[0]}
    if row.raises not in found["types"] or when != row.when:
        print(f"  ROW {row.id}: wanted {row.raises} at {row.when}, TensorFlow: {found}")
    return found


def ancestors(error):
    """The names of the error's class and its base classes, up to Exception."""
    names = [c.__name__ for c in type(error).__mro__]
    return names[: names.index("Exception")]


def run_error(row):
    try:
        built = harness.Built(tf, row, "known" if row.when == "build" else "rank")
    except Exception as error:
        return error, "build"
    try:
        with tf.Session(graph=built.graph) as session:
            built.run(session)
    except Exception as error:
        return error, "run"
    raise SystemExit(f"row {row.id}: nothing was raised")


def record_family(family, rows):
    writer, failures = recordings.Writer(), 0
    for row in rows.cases + rows.errors:
        try:
            is_error = isinstance(row, table.ErrorRow)
            writer.rows[row.name] = record_error(row) if is_error else record_case(writer, row)
        except Exception as error:
            failures += 1
            text = str(error).split("\n")[0][:300]
            print(f"  FAILED {row.id}: {type(error).__name__}: {text}")
    writer.save(family)
    size = os.path.getsize(recordings.path(family))
    print(f"{family}: {len(writer.rows)} rows, {failures} failed, {size // 1024} KB")
    return failures


def main(names):
    tf.logging.set_verbosity(tf.logging.ERROR)
    np.seterr(all="ignore")
    everything = table.families()
    unknown = set(names) - set(everything)
    if unknown:
        raise SystemExit(f"no such family: {sorted(unknown)}")
    failures = [record_family(name, everything[name]) for name in names or sorted(everything)]
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

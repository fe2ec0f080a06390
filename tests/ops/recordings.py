"""The recordings of TensorFlow 1.15's answers: ``data/<family>.npz``.

A file holds two arrays of bytes: ``meta``, a JSON object with one entry a row, and ``data``, the arrays'
contents one after the other; in the JSON an array is ``{"dtype": , "shape": , "at": offset}``, or has
``strings``.
"""

import base64
import json
import os

import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def path(family):
    return os.path.join(DATA, family + ".npz")


class Writer:
    """Collects the rows of one family and writes them."""

    def __init__(self):
        self.rows, self.blobs, self.size = {}, [], 0

    def array(self, value):
        """The JSON form of an array, whose contents go into the blob."""
        value = np.array(value, dtype=object) if isinstance(value, bytes) else np.asarray(value)
        if value.dtype == object:
            texts = [base64.b64encode(v).decode() for v in value.ravel()]
            return {"strings": texts, "shape": list(value.shape)}
        blob = np.ascontiguousarray(value).tobytes()
        entry = {"dtype": value.dtype.name, "shape": list(value.shape), "at": self.size}
        self.blobs.append(blob)
        self.size += len(blob)
        return entry

    def save(self, family):
        meta = json.dumps(self.rows, sort_keys=True, separators=(",", ":")).encode()
        data = b"".join(self.blobs)
        np.savez_compressed(
            path(family),
            meta=np.frombuffer(meta, dtype=np.uint8),
            data=np.frombuffer(data, dtype=np.uint8),
        )


class Recordings:
    """The recorded rows of one family: ``recordings[name]`` is the row's JSON entry."""

    def __init__(self, family):
        self.rows, self.data = {}, b""
        if os.path.exists(path(family)):
            with np.load(path(family)) as stored:
                self.rows = json.loads(stored["meta"].tobytes().decode())
                self.data = stored["data"].tobytes()

    def __contains__(self, name):
        return name in self.rows

    def __getitem__(self, name):
        return self.rows[name]

    def array(self, entry):
        """The array of a JSON entry."""
        if "strings" in entry:
            flat = np.empty(len(entry["strings"]), dtype=object)
            flat[:] = [base64.b64decode(text) for text in entry["strings"]]
            return flat.reshape(entry["shape"])
        dtype = np.dtype(entry["dtype"])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        flat = np.frombuffer(self.data, dtype, count, entry["at"])
        return flat.reshape(entry["shape"]).copy()

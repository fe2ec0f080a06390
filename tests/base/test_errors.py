"""Errors of running a graph, and the protocol messages that they carry."""

import copy
import inspect
import pickle
from types import SimpleNamespace

import pytest

from reflow.base import errors, protos

# Codes and classes, recorded from TensorFlow 1.15.
CODES = [
    (1, "CANCELLED", "CancelledError"),
    (2, "UNKNOWN", "UnknownError"),
    (3, "INVALID_ARGUMENT", "InvalidArgumentError"),
    (4, "DEADLINE_EXCEEDED", "DeadlineExceededError"),
    (5, "NOT_FOUND", "NotFoundError"),
    (6, "ALREADY_EXISTS", "AlreadyExistsError"),
    (7, "PERMISSION_DENIED", "PermissionDeniedError"),
    (8, "RESOURCE_EXHAUSTED", "ResourceExhaustedError"),
    (9, "FAILED_PRECONDITION", "FailedPreconditionError"),
    (10, "ABORTED", "AbortedError"),
    (11, "OUT_OF_RANGE", "OutOfRangeError"),
    (12, "UNIMPLEMENTED", "UnimplementedError"),
    (13, "INTERNAL", "InternalError"),
    (14, "UNAVAILABLE", "UnavailableError"),
    (15, "DATA_LOSS", "DataLossError"),
    (16, "UNAUTHENTICATED", "UnauthenticatedError"),
]


class _Op(SimpleNamespace):
    def __reduce__(self):
        raise TypeError("an operation cannot be pickled")


def _op(**more):
    return _Op(name="scope/div", type="RealDiv", **more)


@pytest.mark.parametrize(("code", "constant", "name"), CODES)
def test_classes(code, constant, name):
    cls = getattr(errors, name)
    assert getattr(errors, constant) == code
    assert errors.exception_type_from_error_code(code) is cls
    assert errors.error_code_from_exception_type(cls) == code
    assert list(inspect.signature(cls).parameters)[:3] == ["node_def", "op", "message"]
    assert name in errors.__doc__ and cls.__doc__
    error = cls("a node", "an op", message="boom")
    assert isinstance(error, errors.OpError)
    assert (error.node_def, error.op, error.message, error.error_code) == ("a node", "an op", "boom", code)


@pytest.mark.parametrize(("code", "constant", "name"), CODES)
@pytest.mark.parametrize("op", [None, _op(), _op(traceback_line="prog.py:3")])
def test_pickle_and_copy(code, constant, name, op):
    error = getattr(errors, name)(protos.NodeDef(name="n"), op, "boom")
    loaded = pickle.loads(pickle.dumps(error))
    assert (type(loaded), loaded.message, loaded.error_code) == (type(error), "boom", code)
    assert (loaded.op, loaded.node_def, str(loaded)) == (None, error.node_def, str(error))
    assert str(pickle.loads(pickle.dumps(loaded))) == str(error)
    for other in (copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error) and other.op is op and str(other) == str(error)


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (None, "boom"),
        (_op(), "boom\n\nRaised by op 'scope/div' (type RealDiv)."),
        (_op(traceback_line=None), "boom\n\nRaised by op 'scope/div' (type RealDiv)."),
        (
            _op(traceback_line="  prog.py:3: y = a / b"),
            "boom\n\nRaised by op 'scope/div' (type RealDiv), created at:\n  prog.py:3: y = a / b",
        ),
    ],
)
def test_text(op, text):
    assert str(errors.InvalidArgumentError(None, op, "boom")) == text


def test_other_codes_and_classes():
    assert errors.OK == 0
    assert errors.UnknownError(None, None, "boom", 99).error_code == 99
    assert pickle.loads(pickle.dumps(errors.UnknownError(None, None, "boom", 99))).error_code == 99
    assert errors.OpError(None, None, "boom", 3).error_code == 3
    with pytest.raises(KeyError):
        errors.exception_type_from_error_code(errors.OK)
    with pytest.warns(UserWarning, match="Unknown class exception"):
        answer = errors.error_code_from_exception_type(ValueError)
    assert isinstance(answer, errors.UnknownError) and answer.error_code is None


def test_a_derived_class_has_the_code_of_its_base():
    class MyError(errors.NotFoundError):
        def __init__(self, path):
            super().__init__(None, None, f"no {path}")

    error = copy.copy(MyError("x"))
    assert (type(error), error.error_code, str(error)) == (MyError, errors.NOT_FOUND, "no x")


@pytest.mark.parametrize("name", dir(protos))
def test_messages(name):
    message = getattr(protos, name)
    assert message is getattr(protos, name)
    assert message.DESCRIPTOR.name == name


def test_no_such_message():
    with pytest.raises(AttributeError, match="module 'reflow.base.protos' has no attribute 'Nonsense'"):
        _ = protos.Nonsense


def test_saved_model():
    model = protos.SavedModel(saved_model_schema_version=1)
    model.meta_graphs.add(meta_info_def={"tags": ["serve"]})
    # Field 1 is the version, field 2 a meta graph, in which field 1 is the info and field 4 of that the tags.
    assert model.SerializeToString() == b"\x08\x01\x12\x09\x0a\x07\x22\x05serve"
    assert protos.SavedModel.FromString(model.SerializeToString()) == model
    assert isinstance(model.meta_graphs[0], protos.MetaGraphDef)

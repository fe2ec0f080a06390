"""The errors that running a graph raises.

    Exception
    └── OpError                       code
        ├── CancelledError              1   the step was stopped
        ├── UnknownError                2   none of the others
        ├── InvalidArgumentError        3   a value or a shape that the op refuses
        ├── DeadlineExceededError       4   it took longer than allowed
        ├── NotFoundError               5   a file, a tensor of a checkpoint, a variable's resource
        ├── AlreadyExistsError          6   what was to be created is there
        ├── PermissionDeniedError       7   the system refuses
        ├── ResourceExhaustedError      8   out of memory or of room
        ├── FailedPreconditionError     9   the state is not ready: an uninitialized variable
        ├── AbortedError               10   lost against another step
        ├── OutOfRangeError            11   an iteration is at its end
        ├── UnimplementedError         12   no such op, or not for these types
        ├── InternalError              13   a broken promise of the system itself
        ├── UnavailableError           14   a service is away
        ├── DataLossError              15   a file is damaged
        └── UnauthenticatedError       16   no valid credentials

To add one: the codes are a closed set (they are TensorFlow's, and those of gRPC), so a new kind of failure
takes the class above whose line fits; derive from that class only if programs must tell it apart.
A mistake in *building* a graph is a plain ValueError or TypeError and not listed here.

>>> error = NotFoundError(None, None, "no file a.txt")
>>> error.error_code == NOT_FOUND, str(error)
(True, 'no file a.txt')
"""

import warnings
from typing import Any, ClassVar

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class OperatorNotAllowedInGraphError(TypeError):
    """A tensor was used where only its value would do: in an `if`, or a loop over it."""


class OpError(Exception):
    """An error of running a graph: the base of all others here.

    The text of the error is its message, followed, when the operation is known, by its name, its type and the
    line of the user's program that created it (`op.traceback_line`).

    Args:
        node_def: the NodeDef of the operation that failed, or None.
        op: the Operation that failed, or None.
        message: what went wrong.
        error_code: one of the codes of this module.

    An error can be pickled although an Operation cannot: the copy keeps the text, but its `op` is None.

    >>> print(OpError(None, None, "boom", INTERNAL))
    boom
    """

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int | None) -> None:
        super().__init__()
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = error_code
        self._origin = ""  # for an error without `op` that was unpickled: what is said of the op

    @property
    def node_def(self) -> Any:
        """The NodeDef of the operation that failed, or None."""
        return self._node_def

    @property
    def op(self) -> Any:
        """The Operation that failed, or None."""
        return self._op

    @property
    def message(self) -> str:
        """What went wrong, without the text about the operation."""
        return self._message

    @property
    def error_code(self) -> int | None:
        """The code, such as `NOT_FOUND`."""
        return self._error_code

    def __str__(self) -> str:
        return self._message + (self._origin if self._op is None else _origin_text(self._op))

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        if self._op is not None:
            state |= {"_op": None, "_origin": _origin_text(self._op)}
        return _restore, (type(self), state)

    def __copy__(self) -> "OpError":
        return _restore(type(self), self.__dict__)

    def __deepcopy__(self, memo: Any) -> "OpError":
        # The content does not change, and an Operation must not be copied: a shallow copy will do.
        return self.__copy__()


def _restore(cls: type[OpError], state: dict[str, Any]) -> OpError:
    """An error with the given attributes, made without calling the constructor, whatever its signature."""
    error = cls.__new__(cls)
    error.__dict__.update(state)
    return error


def _origin_text(op: Any) -> str:
    """What the text of an error says of the operation that failed."""
    who = f"op {op.name!r} (type {op.type})"
    line = getattr(op, "traceback_line", None)
    return f"\n\nRaised by {who}, created at:\n{line}" if line else f"\n\nRaised by {who}."


class _CodedError(OpError):
    """An error whose class determines the code."""

    _code: ClassVar[int]

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, self._code)


class CancelledError(_CodedError):
    """The operation or the step was cancelled, as by closing the session."""

    _code = CANCELLED


class UnknownError(OpError):
    """An error of no known kind, also of a code that has no class.

    >>> UnknownError(None, None, "?").error_code, UnknownError(None, None, "?", 99).error_code
    (2, 99)
    """

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int | None = UNKNOWN) -> None:
        super().__init__(node_def, op, message, error_code)


class InvalidArgumentError(_CodedError):
    """An operation got a value or a shape that it refuses, such as matrices that do not fit."""

    _code = INVALID_ARGUMENT


class DeadlineExceededError(_CodedError):
    """An operation took longer than it was allowed."""

    _code = DEADLINE_EXCEEDED


class NotFoundError(_CodedError):
    """Something asked for is not there, such as a file or a tensor of a checkpoint."""

    _code = NOT_FOUND


class AlreadyExistsError(_CodedError):
    """Something to be created is there already."""

    _code = ALREADY_EXISTS


class PermissionDeniedError(_CodedError):
    """The system does not permit it, such as reading a protected file."""

    _code = PERMISSION_DENIED


class UnauthenticatedError(_CodedError):
    """The request has no valid credentials."""

    _code = UNAUTHENTICATED


class ResourceExhaustedError(_CodedError):
    """Some resource is used up, such as memory or disk space."""

    _code = RESOURCE_EXHAUSTED


class FailedPreconditionError(_CodedError):
    """The state is not ready for the operation, such as a variable that is not initialized."""

    _code = FAILED_PRECONDITION


class AbortedError(_CodedError):
    """The operation gave way to another one at the same time."""

    _code = ABORTED


class OutOfRangeError(_CodedError):
    """An iteration has gone past the end of its input."""

    _code = OUT_OF_RANGE


class UnimplementedError(_CodedError):
    """The operation is not there, or not for these types."""

    _code = UNIMPLEMENTED


class InternalError(_CodedError):
    """The system broke one of its own promises: a defect in it."""

    _code = INTERNAL


class UnavailableError(_CodedError):
    """A service is away for now; trying again may help."""

    _code = UNAVAILABLE


class DataLossError(_CodedError):
    """Data is lost or damaged, such as a truncated checkpoint."""

    _code = DATA_LOSS


_CODES: dict[type[OpError], int] = {UnknownError: UNKNOWN} | {
    cls: cls._code for cls in _CodedError.__subclasses__()
}
_TYPES: dict[int, type[OpError]] = {code: cls for cls, code in _CODES.items()}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The class of errors with this code.

    Raises:
        KeyError: there is none (as for `OK`).

    >>> exception_type_from_error_code(INVALID_ARGUMENT).__name__
    'InvalidArgumentError'
    """
    return _TYPES[error_code]


def error_code_from_exception_type(cls: type) -> int | UnknownError:
    """The code of a class of errors.

    For a class that has none, warns and returns an UnknownError (as TensorFlow does; it is not raised).

    >>> error_code_from_exception_type(OutOfRangeError) == OUT_OF_RANGE
    True
    """
    if cls in _CODES:
        return _CODES[cls]
    warnings.warn("Unknown class exception", stacklevel=2)
    return UnknownError(None, None, "Unknown class exception", None)

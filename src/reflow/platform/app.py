"""`tf.app.run`: parse the flags, call the program's `main`, exit with what it returns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from absl import app as absl_app
from absl import flags


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> NoReturn:
    """Parse the flags and call `main` with the arguments that are no flags, the program's name first.

    Args:
      main: the function to call; the `main` of the running script by default.
      argv: the command line; `sys.argv` by default.

    Raises:
      SystemExit: with what `main` returned; with 1 after `--help`, or a flag whose value is bad.

    >>> run(main=lambda args: print(args), argv=["program", "x"])
    Traceback (most recent call last):
    SystemExit
    """
    absl_app.define_help_flags()
    try:
        rest = flags.FLAGS(sys.argv if argv is None else argv, known_only=True)
    except flags.Error as error:
        absl_app.usage(shorthelp=True, detailed_error=error, exitcode=1)
    sys.exit((main or sys.modules["__main__"].main)(rest))

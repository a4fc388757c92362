"""How the process of a job ends: as any Python program, but without taking its large modules apart."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

UNFLUSHED = 120
"""Exit status of a Python program that could not write the last that it had to say."""


def run_and_end(run: Callable[[], object]) -> NoReturn:
    """Run a job and end this process with the status that it exits with; 1, and a traceback, for an error.

    The rest of an ordinary end, which gives the memory of torch and scikit-learn back piece by piece, takes longer than
    many a job. A job has no use for it: it has closed its files, and starts no threads of Python's.
    """
    code = 0
    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, int):
            code = end.code
        elif end.code is not None:
            code = 1
            print(end.code, file=sys.stderr)
    except BaseException:
        code = 1
        with contextlib.suppress(OSError):
            traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or UNFLUSHED
    os._exit(code)

"""How the process of a job holds its memory: what it once got from the system, it keeps and uses again."""

from __future__ import annotations

import contextlib
import ctypes
import os

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""See `man mallopt`."""
GROWTH = 64 * 2**20
"""Bytes that are asked for at once."""


def keep_memory() -> None:
    """Give no memory back before the process ends, and ask for large pages; to be called before torch is imported.

    Sampling and evaluating make and drop arrays of many megabytes all the time. By default each of them is memory that
    is new to the process, whose pages the system fills with zeros one by one: a quarter of these jobs' time. No number
    depends on it, and the most memory that is held at once stays what it was. Other C libraries than glibc are left as
    they are.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # of torch
    with contextlib.suppress(AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, GROWTH)):
            set_option(option, value)

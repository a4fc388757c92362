"""How a job is asked to end before its time."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""What asks a job to end: Slurm and `kill`, Ctrl-C, Slurm's warning before the time limit."""


class Stopped(RuntimeError):
    """A job that was asked to end before its time; run again, it goes on from there."""

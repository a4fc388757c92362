"""How the training of a replicate can end; files hold these words."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How the training of a replicate went."""

    TRAINED = "trained"
    DIVERGED = "diverged"
    """Its loss or a gradient was not finite."""
    FAILED = "failed"
    """It can't be trained: a part refused, or arithmetic broke down."""


LOST = (Status.DIVERGED, Status.FAILED)
"""What leaves no network."""

"""Importing all that a job does before it works, so that nothing saved meanwhile is used."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable

from scorebench.study import keys

LATE = {"pandas": "pyarrow", "safetensors.torch": "torch", "torch.fx.experimental.symbolic_shapes": "torch"}
"""What jobs import while they work, and with what: pyarrow asks for pandas at its first array, torch in grad."""


def import_all(modules: Iterable[str]) -> None:
    """Import these modules of this package and all of it that they ever import, in functions too."""
    for module in sorted(set().union(*map(keys.closure, modules))):
        importlib.import_module(module)


def import_late() -> None:
    """Import what jobs would import while they work."""
    for module, user in LATE.items():
        if user in sys.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)

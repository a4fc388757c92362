"""What is measured on samples, scores, likelihoods and gradients: one module each, imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scorebench.metrics import components as components
    from scorebench.metrics import diagnostics as diagnostics
    from scorebench.metrics import fisher as fisher
    from scorebench.metrics import gradients as gradients
    from scorebench.metrics import likelihood as likelihood
    from scorebench.metrics import samples as samples

__all__ = ["components", "diagnostics", "fisher", "gradients", "likelihood", "samples"]


def __getattr__(name: str) -> Any:
    """A module of this package, when it is asked for."""
    if name in __all__:
        return importlib.import_module(f"scorebench.metrics.{name}")
    raise AttributeError(f"module 'scorebench.metrics' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

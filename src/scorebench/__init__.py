"""scorebench: a reproducible workbench for score matching.

    import scorebench as sb

    sb.objectives.objective("dsm"), sb.noise.schedule("edm"), sb.conformance.check(loss), sb.advisor.advise(data)

The packages named in `__all__` are imported when they are first asked for: importing scorebench alone imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scorebench import advisor as advisor
    from scorebench import conformance as conformance
    from scorebench import data as data
    from scorebench import metrics as metrics
    from scorebench import networks as networks
    from scorebench import noise as noise
    from scorebench import objectives as objectives
    from scorebench import samplers as samplers
    from scorebench import targets as targets

    __version__: str

PUBLIC = (
    "advisor",
    "conformance",
    "data",
    "metrics",
    "networks",
    "noise",
    "objectives",
    "samplers",
    "targets",
)
__all__ = [*PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    """A public package, or the version, when it is asked for."""
    if name in PUBLIC:
        return importlib.import_module(f"scorebench.{name}")
    if name == "__version__":
        return _version()
    raise AttributeError(f"module 'scorebench' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """The version of the checkout that this file is in, installed or not, else that of the installed distribution."""
    import importlib.metadata  # here, for every start of the command line imports this file
    from pathlib import Path

    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.is_file():
        import tomllib

        described = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if described.get("name") == "scorebench":
            return str(described["version"])
    return importlib.metadata.version("scorebench")

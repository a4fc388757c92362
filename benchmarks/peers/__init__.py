"""The score matching losses of public libraries, as the judge takes them. Needs the extra `peers`."""

from __future__ import annotations

from dataclasses import dataclass

from scorebench.conformance import Loss


@dataclass(frozen=True)
class Peer:
    """A loss of a library, adapted, and its convention where that differs from 1/2 ||s - s*||^2."""

    loss: Loss
    convention: str = ""

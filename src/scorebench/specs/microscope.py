"""What `microscope` is told, and what it says of it."""

from __future__ import annotations

from scorebench.specs import CellSpec, Facts, ObjectiveSpec, SigmaGrid
from scorebench.specs.train import FixedRate


class MicroscopeSpec(CellSpec):
    """The methods whose gradients are looked at, the networks on which, and samples per network and noise level."""

    reference: FixedRate
    methods: dict[str, ObjectiveSpec]
    samples: int
    sigmas: SigmaGrid
    threads: int = 1


class MicroscopeFacts(Facts):
    """How many numbers were measured, and the parameters of one network."""

    rows: int
    parameters: int

"""Reading what `train` wrote: which replicates have a network, and it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.parts import Status

if TYPE_CHECKING:
    from scorebench.networks import Parameters

MODEL = "model.safetensors"


def trained(folder: Path) -> list[int]:
    """Replicates that trained to the end; the others diverged or failed, and are not sampled or measured."""
    status = storage.read_about(folder / MODEL)["status"]
    return [replicate for replicate, said in enumerate(status) if said == Status.TRAINED]


def parameters_of(folder: Path, replicates: list[int]) -> Parameters:
    """The averaged parameters of these replicates, in this order, on a leading axis."""
    return {name: value[replicates] for name, value in storage.read_parameters(folder / MODEL).items()}

"""Weights w(sigma) of the training loss in score space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Weighting = Literal["one", "sigma2", "edm"]


def weigh(weighting: Weighting, sigma: Tensor, sigma_data: float = 1.0) -> Tensor:
    """w(sigma), of the shape of sigma; 1 at sigma = 0, where the others vanish and one level needs no weight.

    one:     1.
    sigma2:  sigma^2, which makes the loss dimensionless (Song & Ermon 2019, sec. 4.2).
    edm:     sigma^2 (sigma^2 + sigma_data^2) / sigma_data^2 (Karras et al. 2022, Table 1, in score space).
    """
    import torch

    square = sigma.square()
    values = {
        "one": torch.ones_like(sigma),
        "sigma2": square,
        "edm": square * (square / sigma_data**2 + 1),
    }[weighting]
    return torch.where(sigma > 0, values, 1.0)

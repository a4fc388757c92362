"""Score models around the exact score of a family: what a loss is given as its network.

Every model is named in `KINDS` and built from numbers (`Scores`), so that it can be built in another process too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from scorebench.conformance._families import Family, family_named


class Model:
    """s_theta of a family at some noise levels, with a theta of its own at each.

    theta is (levels, FIELDS); or (blocks, levels, FIELDS) for batches (..., blocks, n), where each block has its own.
    """

    def __init__(self, family: Family, levels: Tensor, theta: Tensor) -> None:
        self.family, self.levels = family, levels
        self.theta = nn.Parameter(theta.clone())
        parts = [family.fields(float(s)) for s in levels]
        self.waves, self.size = torch.stack([p.waves for p in parts]), torch.stack([p.size for p in parts])
        self.shift, self.linear, self.phases = parts[0].shift, parts[0].linear, parts[0].phases

    def _at(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """z (..., d), the coefficients of the fields (..., FIELDS), waves (..., WAVES, d) and their angles."""
        z = self.family.target._flat(x) - self.family.centre
        theta = self.theta * self.size
        if len(self.levels) == 1:
            waves = self.waves[0]
            return z, theta if theta.ndim == 3 else theta[0], waves, z @ waves.mT + self.phases
        level = (sigma[..., None] - self.levels).abs().argmin(-1)
        waves = self.waves[level]
        angles = (waves @ z[..., None])[..., 0] + self.phases
        return z, theta[level] if theta.ndim == 2 else theta[torch.arange(len(theta))[:, None], level], waves, angles

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """s_theta(x, sigma), (..., *event)."""
        z, c, waves, angles = self._at(x, sigma)
        swing = torch.cos(angles) * c[..., 2:]
        swung = swing @ waves if waves.ndim == 2 else (swing[..., None, :] @ waves)[..., 0, :]
        field = c[..., :1] * self.shift + c[..., 1:2] * (z @ self.linear) + swung
        return self.family.target.score(x, sigma) + field.reshape(x.shape)

    def energy(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E_theta(x, sigma) = -ln p_sigma(x) - sum_k theta_k phi_k(x), (...): s_theta = -grad E_theta."""
        z, c, _, angles = self._at(x, sigma)
        square = 0.5 * (z * (z @ self.linear)).sum(-1)
        potential = c[..., 0] * (z @ self.shift) + c[..., 1] * square + (c[..., 2:] * torch.sin(angles)).sum(-1)
        return -self.family.target.log_prob(x, sigma) - potential


class PlainModel(Model):
    """The same as a network that takes (n, *event) and (n,) and nothing else; theta is (levels, FIELDS)."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """s_theta(x, sigma), (n, *event). Raises ValueError for other axes."""
        if x.ndim != 1 + len(self.family.event) or sigma.shape != x.shape[:1]:
            raise ValueError(
                f"a network that takes (n, *event) and (n,) only was given x {tuple(x.shape)}, sigma"
                f" {tuple(sigma.shape)}"
            )
        return super().__call__(x, sigma)


class LabelledModel(Model):
    """A network that holds a label for each of the n samples: theta is (n, levels, FIELDS), one for each place."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """s_theta(x, sigma), (n, *event). Raises ValueError for another number of samples."""
        if sigma.shape != self.theta.shape[:1] or len(x) != len(sigma):
            raise ValueError(f"there are labels for {len(self.theta)} samples; given: x {tuple(x.shape)}")
        return super().__call__(x[:, None], sigma[:, None])[:, 0]


class LinearModel:
    """s_theta(y) = sum_ij theta_ij S_ij y over the symmetric matrices S_ij = (e_i e_j' + e_j e_i') / 2.

    theta is (d, d), or (blocks, d, d) for batches (..., blocks, n).
    """

    def __init__(self, theta: Tensor) -> None:
        self.theta = nn.Parameter(theta.clone())

    @property
    def _matrix(self) -> Tensor:
        return 0.5 * (self.theta + self.theta.mT)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """s_theta(x), (..., d)."""
        return x @ self._matrix

    def energy(self, x: Tensor, sigma: Tensor) -> Tensor:
        """-1/2 x'S x, (...)."""
        return -0.5 * (x * (x @ self._matrix)).sum(-1)


class FamilyEnergy(nn.Module):
    """The energy of a score model as a module, for libraries whose losses take one: x (n, *event) -> (n,).

    forward(x) is at the noise level it was made for; forward(x, sigma) is noise-conditional, sigma a number or (n,).
    """

    def __init__(self, model: Model | LinearModel, sigma: float) -> None:
        super().__init__()
        self.theta = model.theta
        self._energy, self._sigma = model.energy, sigma

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """E(x), (n,)."""
        level = torch.as_tensor(self._sigma if sigma is None else sigma, dtype=x.dtype)
        return self._energy(x, level.expand(x.shape[0]))


Built: TypeAlias = Model | LinearModel
KINDS: dict[str, Callable[[Family, Tensor, Tensor], Built]] = {
    "fields": Model,
    "plain": PlainModel,
    "labelled": LabelledModel,
    "linear": lambda family, levels, theta: LinearModel(theta),
}
"""Every kind of score model: kind(family, levels, theta)."""


@dataclass(frozen=True, eq=False)
class Scores:
    """A score model as numbers: its family and kind by name, its noise levels, theta."""

    family: str
    levels: Tensor
    theta: Tensor
    kind: str = "fields"

    def build(self) -> Built:
        """The model."""
        return KINDS[self.kind](family_named(self.family), self.levels, self.theta)

"""Score networks as pure functions of their parameters, preconditioned to every noise level.

A network is options plus two functions: `initialise` makes the parameters, `field` applies them. Parameters
may carry a leading axis of replicates, which then are trained and sampled as one batch: parameters
(R, ...), x (..., R, n, *event), sigma (..., R, n).

Preconditioning (Karras et al. 2022, Table 1, written for the score instead of the denoiser):

    s(y, sigma) = -y / (sigma^2 + sigma_data^2)
                  + sigma_data / (sigma sqrt(sigma^2 + sigma_data^2)) F(y / sqrt(sigma^2 + sigma_data^2), ln(sigma) / 4)

so F = 0 is the score of a Gaussian of standard deviation sigma_data. At sigma = 0 the factor of F, which has no
limit, is 1 / sigma_data and the noise input is 0.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from scorebench.parts import Part, PointwiseScore, Score, build, wording

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators

Parameters = dict[str, "Tensor"]


class Network(Part):
    """A field F(parameters, u, c), and the score that the preconditioning makes of it."""

    energy: ClassVar[bool] = False
    """Whether the score is the gradient of a scalar."""
    sigma_data: PositiveFloat = 1.0

    @property
    def second_derivatives(self) -> bool:
        """Whether ds/dy holds all of its terms (it does not for the gradient of a piecewise linear energy)."""
        return True

    @abstractmethod
    def initialise(self, event: tuple[int, ...], generator: Generators) -> Parameters:
        """Parameters for events of this shape; a list of generators gives a leading axis of replicates."""

    @abstractmethod
    def field(self, parameters: Parameters, u: Tensor, c: Tensor) -> Tensor:
        """F: u (..., *event), c (...) -> (..., *event)."""

    def conditioning(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """sqrt(sigma^2 + sigma_data^2), the factor of F and the noise input c, each of the shape of sigma."""
        import torch

        noisy = sigma > 0
        total = (sigma.square() + self.sigma_data**2).sqrt()
        scale = torch.where(noisy, self.sigma_data / (sigma * total), 1 / self.sigma_data)
        c = torch.where(noisy, sigma.log() / 4, 0.0)
        return total, scale, c

    def score(self, parameters: Parameters) -> Score:
        """score(x: (..., *event), sigma: (...)) -> (..., *event) with these parameters.

        Raises, when it is called:
            TypeError: no tensors, x that is not floating-point, parameters of another dtype than x.
            ValueError: shapes that do not belong together, or other events or replicates than the parameters have.
        """

        def score(x: Tensor, sigma: Tensor) -> Tensor:
            sigma = levels_of(x, sigma)
            total, scale, c = self.conditioning(sigma)
            event = [1] * (x.ndim - sigma.ndim)
            total, scale = total.reshape(*sigma.shape, *event), scale.reshape(*sigma.shape, *event)
            return -x / total.square() + scale * self.field(parameters, x / total, c)

        return PointwiseScore(score)


def levels_of(x: Tensor, sigma: Tensor) -> Tensor:
    """sigma in the dtype of x. Raises TypeError and ValueError unless they are (..., *event) and (...)."""
    import torch

    if not isinstance(x, torch.Tensor) or not isinstance(sigma, torch.Tensor):
        raise TypeError(
            "a score takes x (..., *event) and sigma (...), tensors both;"
            f" given: {wording.kind(x)} and {wording.kind(sigma)}"
        )
    if not x.is_floating_point() or sigma.is_complex():
        raise TypeError(
            f"a score takes real floating-point numbers, such as x.float(); given: {wording.tensors(x=x, sigma=sigma)}"
        )
    if x.ndim <= sigma.ndim or sigma.shape != x.shape[: sigma.ndim]:
        raise ValueError(
            "a score takes x (..., *event) and sigma (...), one noise level for each sample;"
            f" given: {wording.shapes(x=x, sigma=sigma)}"
        )
    return sigma.to(x.dtype)


def network(name: str, **options: object) -> Network:
    """The network of this name.

    Raises:
        UnknownPart, BadOptions: no such network, or options that it does not take.
    """
    return build("network", name, options)

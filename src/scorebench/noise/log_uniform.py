"""Every scale alike: ln sigma uniform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.noise._range import _Range
from scorebench.noise._schedule import geometric_ladder
from scorebench.streams import uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class LogUniform(_Range):
    """ln sigma ~ U(ln sigma_min, ln sigma_max).

    The variance-exploding process of Song et al. (2021), sigma(t) = sigma_min (sigma_max / sigma_min)^t with t
    uniform; KL(p_0 || model) is bounded by the integral of sigma^2 E||s - s*||^2 over ln sigma, which this density
    weighs evenly.
    """

    levels: Annotated[int, Field(ge=2)] = 20
    """Levels of the ladder for sampling; the training density has no levels."""

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """exp(U(ln sigma_min, ln sigma_max)) of this shape."""
        u = uniform(shape, generator, like)
        return (math.log(self.sigma_min) + u * math.log(self.sigma_max / self.sigma_min)).exp()

    def density(self, sigma: Tensor) -> Tensor:
        """1 / ln(sigma_max / sigma_min)."""
        return sigma.new_full(sigma.shape, 1 / math.log(self.sigma_max / self.sigma_min))

    def ladder(self, levels: int | None = None) -> Tensor:
        """sigma_max ... sigma_min with a constant ratio, (levels,)."""
        return geometric_ladder(self.sigma_max, self.sigma_min, levels or self.levels)

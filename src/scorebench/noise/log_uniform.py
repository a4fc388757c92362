"""Every scale alike: ln sigma uniform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.noise import Schedule, geometric_ladder
from scorebench.streams import uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class LogUniform(Schedule):
    """ln sigma ~ U(ln sigma_min, ln sigma_max).

    The variance-exploding process of Song et al. (2021), sigma(t) = sigma_min (sigma_max / sigma_min)^t with t
    uniform; KL(p_0 || model) is bounded by the integral of sigma^2 E||s - s*||^2 over ln sigma, which this density
    weighs evenly.
    """

    sigma_max: PositiveFloat = 10.0
    sigma_min: PositiveFloat = 0.01
    levels: Annotated[int, Field(ge=2)] = 20
    """Levels of the ladder for sampling; the training density has no levels."""

    @model_validator(mode="after")
    def _descends(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} must be below sigma_max {self.sigma_max}")
        return self

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """exp(U(ln sigma_min, ln sigma_max)) of this shape."""
        u = uniform(shape, generator, like)
        return (math.log(self.sigma_min) + u * math.log(self.sigma_max / self.sigma_min)).exp()

    def ladder(self, levels: int | None = None) -> Tensor:
        """sigma_max ... sigma_min with a constant ratio, (levels,)."""
        return geometric_ladder(self.sigma_max, self.sigma_min, levels or self.levels)

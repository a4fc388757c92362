"""Options that most schedules share: the highest and the lowest noise level."""

from __future__ import annotations

from typing import Self

from pydantic import PositiveFloat, model_validator

from scorebench.noise._schedule import Schedule


class _Range(Schedule):
    """sigma_max > sigma_min."""

    sigma_max: PositiveFloat = 10.0
    sigma_min: PositiveFloat = 0.01

    @model_validator(mode="after")
    def _descends(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} must be below sigma_max {self.sigma_max}")
        return self

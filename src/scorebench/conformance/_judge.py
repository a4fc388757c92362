"""Runs of a loss on a family at the truth and away from it, and what they say.

With the model of `_families`, a loss that estimates c w(sigma) 1/2 ||s - s*||^2 + const has the expected gradient
c w(sigma) G theta and the expected value c w(sigma) 1/2 theta'G theta + const: at theta = 0 the gradient is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from scorebench.conformance._families import FIELDS, Family, families
from scorebench.conformance._models import Scores
from scorebench.conformance._runs import Runs
from scorebench.conformance._statistics import LOOKS, Measurement, measure

NOISE = 0.8
"""The noise level of most tests: of the size of the structure in the data, so that no term is negligible."""
BLOCKS = 48
NOMINAL = 5e-10
"""A bit less than the false-alarm rate of one test at one look; decides only whether more blocks are drawn."""
SIZES = ((2, 160), (16, 80), (50, 32))
"""Samples in a block, up to a dimension: a mean over many coordinates takes fewer."""
OFFSET = 0.2
"""Resolution of the minimum, in units of the typical norm of the score."""
SLOPE = 0.25
"""Resolution of a factor: 1/2 and 2 are far outside."""
LEVELS = (0.05, 0.3, 1.5, 6.0)
"""The noise levels of tests of several."""


@dataclass
class Outcome:
    """What was measured for one property."""

    measurements: list[Measurement] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong without a doubt."""
    note: str = ""
    not_applicable: str = ""
    not_tried: str = ""
    """Why it could not be judged to the end."""


class Judge:
    """The measurements of one loss; runs on a family are shared between properties."""

    def __init__(self, runs: Runs) -> None:
        self.runs, self.claims = runs, runs.claims
        self._runs: dict[str, tuple[list[Measurement], list[Measurement], list[Measurement], list[Measurement]]] = {}

    @property
    def sigma(self) -> float:
        """The noise level of most tests: the supported one nearest to NOISE."""
        if self.claims.noise == "clean":
            return 0.0
        low, high = self.claims.sigmas
        return min(max(NOISE, low), high)

    def first_call(self) -> None:
        """Call the loss once; raises WrongReturn where nothing of it can be judged."""
        self.runs.first_call(self.sigma, self.direction(families()["mixture, d = 2"], self.sigma))

    def direction(self, family: Family, sigma: float) -> Tensor:
        """theta away from the truth, so far that its score error dwarfs the noise of DSM."""
        fields = family.fields(sigma)
        way = torch.tensor([1.0, 0.8, 1.2, -0.9], dtype=torch.float64)
        far = max(4.0, 0.5 * fields.spread / sigma if sigma else 0.0) / fields.spread
        return way * far / (way @ fields.gram @ way).sqrt()

    def few(self, n: int, levels: tuple[float, ...]) -> tuple[Family, Scores, Tensor]:
        """A family, a score model away from its truth, and n noise levels, these in turn."""
        family, ladder = families()["mixture, d = 2"], torch.tensor(levels, dtype=torch.float64)
        theta = torch.stack([self.direction(family, s) for s in levels])
        return family, Scores(family.name, ladder, theta), ladder[torch.arange(n) % len(levels)]

    def run(self, family: Family) -> tuple[list[Measurement], list[Measurement], list[Measurement], list[Measurement]]:
        """Where the minimum is, slope, gradient and value of the loss on a family."""
        if family.name not in self._runs:
            far = self.direction(family, self.sigma)
            blocks, size = BLOCKS, next(size for dimension, size in SIZES if family.dimension <= dimension)
            size *= family.samples
            if self.runs.together != "all":  # a call for every block: fewer and larger ones
                blocks, size = BLOCKS // 2, size * 3 // 2

            def draw(blocks: range) -> tuple[Tensor, ...]:
                gradient, value = self.runs.blocks(
                    family, [self.sigma], [torch.zeros_like(far)[None], far[None]], blocks, size
                )
                return gradient[0, :, 0], value[0, :, 0], gradient[1, :, 0], value[1, :, 0]

            self._runs[family.name] = look(blocks, draw, lambda *samples: self.weigh(family, far, *samples))
        return self._runs[family.name]

    def weigh(
        self, family: Family, far: Tensor, gradient: Tensor, value: Tensor, far_gradient: Tensor, far_value: Tensor
    ) -> tuple[list[Measurement], list[Measurement], list[Measurement], list[Measurement]]:
        """The measurements, from samples at the truth and away from it."""
        name, fields, factor = family.name, family.fields(self.sigma), self.claims.factor(self.sigma)
        size = math.sqrt(family.dimension) / fields.spread
        error = float(far @ fields.gram @ far)
        expected = fields.gram @ far
        slope = max(abs(factor), abs(float((far_gradient @ far).mean())) / error)  # of the loss, whatever its scale
        return (
            [measure(gradient[:, k], 0.0, f"{name}, {FIELD[k]}", slope * size, OFFSET) for k in range(FIELDS)],
            [measure(far_gradient @ far / error, factor, name, factor / self.claims.scale, SLOPE)],
            [
                measure(far_gradient[:, k] / factor, float(expected[k]), f"{name}, {FIELD[k]}", size, 1.0)
                for k in range(FIELDS)
            ],
            [measure((far_value - value) / factor, 0.5 * error, name, 0.5 * error, SLOPE)],
        )


FIELD = ("shift", "linear map", "first wave", "second wave")


Groups = TypeVar("Groups", bound=Sequence[Sequence[Measurement]])


def look(blocks: int, draw: Callable[[range], tuple[Tensor, ...]], weigh: Callable[..., Groups]) -> Groups:
    """The measurements from so many blocks, or from twice as many while they are too noisy, in at most LOOKS looks."""
    samples = draw(range(blocks))
    found = weigh(*samples)
    for _ in range(LOOKS - 1):
        if not any(worth_more(group) for group in found):
            break
        more = draw(range(len(samples[0]), 2 * len(samples[0])))
        samples = tuple(torch.cat(both) for both in zip(samples, more, strict=True))
        found = weigh(*samples)
    return found


def worth_more(measurements: Sequence[Measurement]) -> bool:
    """Whether some are too noisy to find what they look for, and none of them has failed already."""
    tolerances = [(m, m.tolerance(NOMINAL)) for m in measurements]
    blurred = any(math.isfinite(m.error) and tolerance > m.resolution for m, tolerance in tolerances)
    return blurred and all(m.deviation <= tolerance for m, tolerance in tolerances)


def of_kind(kind: str, sigma: float) -> list[Family]:
    """The families of Gaussians, mixtures (of vectors both) or images that are judged at this noise level."""
    every = [f for f in families().values() if sigma >= f.smallest]
    if kind == "images":
        return [f for f in every if len(f.event) > 1]
    return [f for f in every if len(f.event) == 1 and (len(f.weights) > 1) == (kind == "mixtures")]

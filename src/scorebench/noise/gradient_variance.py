"""Importance sampling of the noise level by the size of the gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scorebench.learning import average, begin, centres
from scorebench.noise._allocation import Allocation

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.training.lessons import Lesson


class GradientVariance(Allocation):
    """p(ln sigma) proportional to sqrt(E[||g||^2 | sigma]), and weights w(sigma) / p, so that the mean stays.

    g is the gradient of the weighted loss of one sample in the parameters. Of all densities this has the gradient
    of the least variance (importance sampling; Zhao & Zhang 2015 for training), and the
    expected loss is that of `log_uniform`. Other objectives have other g, hence other densities. The losses are no
    measure of it: that of DSM is mostly the part that no score can take away.

    E||g||^2 is averaged at the centres of the bins while the network trains; p is mixed with `floor` of the uniform
    density, which bounds the weights by w / floor.
    """

    def mass(self) -> Tensor | None:
        """(1 - floor) sqrt(E||g||^2) / sum + floor / K."""
        if self._learned is None:
            return None
        root = self._learned["square"].sqrt().clamp(min=1e-30)
        return (1 - self.floor) * root / root.sum(1, keepdim=True) + self.floor / self.bins

    def weight(self, sigma: Tensor) -> Tensor:
        """w(sigma) / (p(ln sigma) / p of `log_uniform`), of the shape of sigma."""
        w, mass = super().weight(sigma), self.mass()
        if mass is None:
            return w
        position = (sigma / self.sigma_min).log() * (self.bins / math.log(self.sigma_max / self.sigma_min))
        bin_ = position.long().clamp(0, self.bins - 1).reshape(len(mass), -1)
        return w / (self.bins * mass.to(sigma).gather(1, bin_).reshape(sigma.shape))

    def begin(self, replicates: int, ladder: Tensor) -> Learned:
        """E||g||^2 per bin, the same everywhere."""
        sigma = centres(ladder, self.bins, replicates)
        return begin(sigma, square=sigma.new_ones(sigma.shape))

    def learn(self, learned: Learned, lesson: Lesson) -> Learned:
        """The average of w^2 E||g||^2 at the centres of the bins, g of the objective that is trained."""
        variance, square = lesson.gradient_moments(lesson.problem.objective, learned["sigma"])
        return average(learned, square=super().weight(learned["sigma"]).square() * (variance + square))

"""Uncertainty weighting: every noise level contributes alike to the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.learning import Bins, Learner, average, begin, centres, interpolate
from scorebench.noise.log_uniform import LogUniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.training.lessons import Lesson


class Uncertainty(LogUniform, Learner):
    """ln sigma uniform, and weights w(sigma) / e^u(sigma) with u learned.

    The minimum over u(sigma) of E[w l / e^u + u] (Karras et al. 2024, EDM2; Kendall, Gal, Cipolla 2018) is
    e^u(sigma) = E[w l | sigma], so that is what u is: l = 1/2 ||s + epsilon / sigma||^2, the loss of DSM, averaged
    at the centres of `bins` bins of ln sigma while the network trains. It is measured on this l whatever the
    objective, because the others are not positive. u has no gradient in the parameters, so the loss leaves it out.
    """

    bins: Bins = 12

    def weight(self, sigma: Tensor) -> Tensor:
        """w(sigma) / e^u(sigma), of the shape of sigma; w(sigma) before anything was learned."""
        w = super().weight(sigma)
        if self._learned is None:
            return w
        return w * (-interpolate(self._learned["loss"].log(), self._learned["sigma"], sigma)).exp()

    def learned(self) -> dict[str, Tensor]:
        """u(sigma)."""
        return {"u": self._learned["loss"].log()} if self._learned else {}

    def begin(self, replicates: int, ladder: Tensor) -> Learned:
        """E[w l | sigma] per bin: 1."""
        sigma = centres(ladder, self.bins, replicates)
        return begin(sigma, loss=sigma.new_ones(sigma.shape))

    def learn(self, learned: Learned, lesson: Lesson) -> Learned:
        """The average of w l at the centres of the bins."""
        return average(learned, loss=super().weight(learned["sigma"]) * lesson.denoising_loss(learned["sigma"]))

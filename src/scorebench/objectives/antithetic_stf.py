"""Antithetic pairs where they help, two independent samples where they do not, and posterior-mean targets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat, PositiveInt

from scorebench.learning import Bins, Learner, average, begin, centres, interpolate
from scorebench.objectives import Batch, Objective
from scorebench.objectives._posterior import posterior_score, require_reference
from scorebench.objectives._terms import half_square, require_noise
from scorebench.parts import pointwise
from scorebench.streams import integers, normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.parts import Score
    from scorebench.streams import Generators
    from scorebench.training.lessons import Lesson


class AntitheticSTF(Objective, Learner):
    """Stable targets (STF) on antithetic pairs, or on two independent samples, whichever varies less.

    l = 1/2 [1/2 ||s(y1) - t(y1)||^2 + 1/2 ||s(y2) - t(y2)||^2],   y1 = x + sigma epsilon,
    y2 = x - sigma epsilon where that is the better pair, else x' + sigma epsilon' with x' drawn from the reference,

    t the posterior-mean score of p_sigma over the reference (Xu, Tong, Jaakkola 2023, eq. 7). The two halves are
    complementary: t takes noise out of the target where several data points share the noised sample, and the
    mirrored noise cancels the odd part of the rest, as in `antithetic_dsm`, where none do.

    The switch is learned online: at the centres of `bins` bins of ln sigma the variances of the gradients in the
    parameters of both kinds of pairs, V_pair and V_two = V_one / 2, are measured while the network trains, and the
    mirrored pair is used where V_pair < V_two, that is 2 V_pair < V_one. Until then, and without training, the
    closed forms of DSM with a linear score on N(0, tau^2 I) decide, which prefer the mirrored pair for
    sigma < (sqrt(2) - 1) tau and sigma > (sqrt(2) + 1) tau.

    Cost: two evaluations of the network per sample, as for `antithetic_dsm`, and the products of the noisy with
    the reference points, of which `references` are drawn anew at every step (all where none are given).
    """

    requires_noise: ClassVar[bool] = True
    tau: PositiveFloat = 1.0
    references: PositiveInt | None = None
    bins: Bins = 12

    def evaluations(self, dimension: int) -> int:
        """Both points of the pair."""
        return 2

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0 and without batch.reference."""
        return self._losses(score, batch, generator, self.mirrored(batch.sigma))

    def mirrored(self, sigma: Tensor) -> Tensor:
        """Whether the pair at sigma is x +- sigma epsilon, of the shape of sigma."""
        if self._learned is None:
            pair, two = self._closed_forms(sigma)
            return pair < two
        pair, two = self._learned["pair"], self._learned["two"]
        return interpolate((pair / two).log(), self._learned["sigma"], sigma) < 0

    def learned(self) -> dict[str, Tensor]:
        """V_pair / V_two, and whether pairs are mirrored (1) or independent (0)."""
        if self._learned is None:
            return {}
        ratio = self._learned["pair"] / self._learned["two"]
        return {"variance_ratio": ratio, "mirrored": self.mirrored(self._learned["sigma"]).to(ratio)}

    def begin(self, replicates: int, ladder: Tensor) -> Learned:
        """V_pair and V_two per bin, those of the closed forms."""
        sigma = centres(ladder, self.bins, replicates)
        pair, two = self._closed_forms(sigma)
        return begin(sigma, pair=pair, two=two)

    def learn(self, learned: Learned, lesson: Lesson) -> Learned:
        """Averages of both variances at the centres of the bins."""
        pair, _ = lesson.gradient_moments(partial(self._losses, mirrored=True), learned["sigma"])
        two, _ = lesson.gradient_moments(partial(self._losses, mirrored=False), learned["sigma"])
        return average(learned, pair=pair, two=two)

    def _closed_forms(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """V_pair and V_two of DSM with s = -a y on N(0, tau^2 I), per dimension: 4 / (1 + rho)^2 and 1 / (2 rho)."""
        rho = (sigma / self.tau).square()
        return 4 / (1 + rho).square(), 0.5 / rho

    def _losses(self, score: Score, batch: Batch, generator: Generators, mirrored: Tensor | bool) -> Tensor:
        import torch

        sigma = batch.sigma
        require_noise(sigma, "antithetic_stf is not defined at sigma = 0: use ism, ssm or ssm_vr on clean data")
        reference = require_reference(batch, "antithetic_stf")
        event = [1] * (batch.clean.ndim - sigma.ndim)
        flip = torch.as_tensor(mirrored, device=sigma.device).expand_as(sigma).reshape(*sigma.shape, *event)
        other = reference.to(batch.clean)[integers(len(reference), sigma.shape, generator, sigma)]
        noise = torch.where(flip, -batch.noise, normal(batch.noise.shape, generator, batch.noise))
        last = sigma.ndim - 1
        clean = _joined(batch.clean, torch.where(flip, batch.clean, other), last)
        both = Batch(clean, _joined(batch.noise, noise, last), _joined(sigma, sigma, last))
        y = both.noisy
        t = posterior_score(y, both.sigma, reference, both.clean, generator, self.references)
        if pointwise(score):
            s = score(y, both.sigma)
        else:
            first, second = _halves(y, last)
            s = _joined(score(first, sigma), score(second, sigma), last)
        first, second = _halves(half_square(s - t, both.sigma), last)
        return 0.5 * (first + second)


def _joined(first: Tensor, second: Tensor, axis: int) -> Tensor:
    """One batch of two: along its last batch axis, or along a new one where it has none (axis -1)."""
    import torch

    return torch.cat([first, second], axis) if axis >= 0 else torch.stack([first, second])


def _halves(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The two again."""
    first, second = x.chunk(2, axis) if axis >= 0 else x.unbind()
    return first, second

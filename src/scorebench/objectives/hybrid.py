"""DSM and SSM-VR on the same noised points, weighted by lambda(sigma)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.learning import Bins, Learner, average, begin, centres, interpolate
from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, draw_probe, half_square, require_noise, score_and_slices
from scorebench.objectives.dsm import DenoisingScoreMatching
from scorebench.objectives.ssm_vr import SlicedScoreMatchingVR

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.parts import Score
    from scorebench.streams import Generators
    from scorebench.training.lessons import Lesson


class Hybrid(Objective, Learner):
    """The convex combination of DSM and SSM-VR on p_sigma.

    l(x, epsilon) = (1 - lambda) 1/2 ||s(y) + epsilon / sigma||^2 + lambda [1/2 ||s(y)||^2 + v^T (ds/dy) v]

    At the optimum the two gradients are uncorrelated, so the best weight on SSM-VR is
    lambda* = V_DSM / (V_DSM + V_SSM), V the variances of the gradients in the parameters. For linear scores on
    N(0, tau^2 I) that is

        lambda*(sigma) = tau^2 / (tau^2 + 2 sigma^2).

    weighting: `closed_form` uses this, with tau the local scale of the data (the width of its finest structure);
    `learned` starts from it and then measures both variances in every one of `bins` bins of ln sigma while the
    network trains. `fixed` gives one lambda for every sigma instead. The loss is without bias for each of them:
    lambda never depends on the samples that it weighs. Cost: that of SSM-VR; the DSM term is free.
    """

    requires_noise: ClassVar[bool] = True
    differentiates_score: ClassVar[bool] = True
    combines: ClassVar[tuple[str, ...]] = ("dsm", "ssm_vr")
    weighting: Literal["closed_form", "learned"] = "closed_form"
    tau: PositiveFloat = 1.0
    fixed: Annotated[float, Field(ge=0, le=1)] | None = None
    bins: Bins = 12
    probe: Probe = "rademacher"

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.fixed is not None and self.weighting == "learned":
            raise ValueError(f"lambda is either fixed, given: {self.fixed}, or learned; leave one of the two out")
        return self

    def weight(self, sigma: Tensor) -> Tensor:
        """lambda(sigma), the weight on SSM-VR, of the shape of sigma."""
        import torch

        if self.fixed is not None:
            return torch.full_like(sigma, self.fixed)
        if self._learned is None:
            return self.tau**2 / (self.tau**2 + 2 * sigma.square())
        dsm, ssm = self._learned["dsm"], self._learned["ssm"]
        return interpolate(dsm / (dsm + ssm), self._learned["sigma"], sigma)

    def begin(self, replicates: int, ladder: Tensor) -> Learned:
        """V_DSM and V_SSM per bin, in the closed form's ratio."""
        if self.weighting != "learned":
            return {}
        sigma = centres(ladder, self.bins, replicates)
        return begin(sigma, dsm=0 * sigma + self.tau**2, ssm=2 * sigma.square())

    def learn(self, learned: Learned, lesson: Lesson) -> Learned:
        """Averages of both variances at the centres of the bins."""
        dsm, _ = lesson.gradient_moments(DenoisingScoreMatching(), learned["sigma"])
        ssm, _ = lesson.gradient_moments(SlicedScoreMatchingVR(probe=self.probe), learned["sigma"])
        return average(learned, dsm=dsm, ssm=ssm)

    def evaluations(self, dimension: int) -> int:
        """The score and a product with its Jacobian."""
        return 2

    def learned(self) -> dict[str, Tensor]:
        """lambda(sigma)."""
        return {"lambda": self.weight(self._learned["sigma"])} if self._learned else {}

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        sigma = batch.sigma
        require_noise(sigma, "hybrid holds a DSM term, which is not defined at sigma = 0")
        v = draw_probe(self.probe, batch.noise, sigma, generator)
        s, (slice_,) = score_and_slices(score, batch, v[None])
        dsm = half_square(s + batch.noise / batch.scale, sigma)
        ssm = half_square(s, sigma) + slice_
        lam = self.weight(sigma)
        mixed: Tensor = (1 - lam) * dsm + lam * ssm
        return mixed

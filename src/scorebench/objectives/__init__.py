"""Score matching objectives: estimators of one number, up to a constant free of theta.

    J(theta; sigma) = 1/2 E_{y ~ p_sigma} || s_theta(y, sigma) - grad log p_sigma(y) ||^2

Notation: x ~ p_0, epsilon ~ N(0, I), y = x + sigma epsilon ~ p_sigma, s = s_theta(y, sigma),
s* = grad log p_sigma(y). At sigma = 0, y = x is clean data. A loss sums over the event and keeps the batch
shape, which is the shape of sigma; what x has beyond it is the event, (d,) or (C, H, W).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from scorebench.objectives._border import checked_batch, checked_loss
from scorebench.parts import Part, Score, Setting, build

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Target(Protocol):
    """A distribution whose noised score is known in closed form."""

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """grad log p_sigma(x), of the shape of x."""
        ...


@dataclass(frozen=True)
class Batch:
    """Clean points, the noise drawn for them and its scale.

    clean, noise: (..., *event); sigma: (...); target: exact p_sigma for the oracle; reference: (n, *event)
    clean points for posterior-mean targets. One-dimensional points are (n, 1). Noise and sigma are held in the dtype of
    the clean points, which is the one that the score is called with.

    Raises:
        TypeError: something is no tensor, or the clean points are not floating-point numbers.
        ValueError: shapes that do not belong together, or several devices.
    """

    clean: Tensor
    noise: Tensor
    sigma: Tensor
    target: Target | None = None
    reference: Tensor | None = None

    def __post_init__(self) -> None:
        noise, sigma = checked_batch(self.clean, self.noise, self.sigma, self.reference)
        object.__setattr__(self, "noise", noise)
        object.__setattr__(self, "sigma", sigma)

    @property
    def noisy(self) -> Tensor:
        """y = x + sigma epsilon, (..., *event)."""
        return self.clean + self.scale * self.noise

    @property
    def scale(self) -> Tensor:
        """sigma with the axes of the event appended, so that it multiplies one."""
        return self.sigma.reshape(*self.sigma.shape, *[1] * (self.clean.ndim - self.sigma.ndim))

    @property
    def mirrored(self) -> Batch:
        """The same clean points with the noise turned round: y = x - sigma epsilon."""
        return replace(self, noise=-self.noise)


class Objective(Part):
    """A score matching objective: loss(score, batch, generator) -> per-sample losses of the batch shape.

    `generator` may be a seed. Every objective, also one of your own, is checked at its border (`_border`): the score
    must return the shape of the points, the losses must have that of sigma. It calls the score with the batch axes of
    the batch, in their order, so that a network which takes (B, *event) and (B,) only will do, unless the score says
    that it takes points one by one (`parts.PointwiseScore`).
    """

    requires_noise: ClassVar[bool] = False
    """Not defined at sigma = 0."""
    requires_target: ClassVar[bool] = False
    """Needs the exact score."""
    differentiates_score: ClassVar[bool] = False
    """Uses ds/dy, which must not lose terms."""
    changes_objective: ClassVar[str | None] = None
    """What it estimates instead, where that is not 1/2 ||s - s*||^2 + const."""
    combines: ClassVar[tuple[str, ...]] = ()
    """The objectives that it is made of, by name, where it is made of others: what it must beat to be worth it."""

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        if "__call__" in vars(cls):
            cls.__call__ = checked_loss(cls.__call__)  # type: ignore[method-assign]

    @abstractmethod
    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma; estimates 1/2 ||s - s*||^2 + const."""

    def evaluations(self, dimension: int) -> int:
        """Network evaluations that one sample costs in training, in units of DSM's: one, and its backward pass.

        A product of a vector with the Jacobian, trained through, is counted as one more. References of posterior-mean
        targets cost none.
        """
        return 1

    def not_applicable(self, setting: Setting) -> str | None:
        """The reason why this objective makes no sense in a setting, or None."""
        if self.requires_noise and setting.noise_free:
            return "it is defined on noised data only, and this schedule trains at sigma = 0"
        if self.requires_target and not setting.known_score:
            return "it needs the exact score, which is not known for this data"
        if self.differentiates_score and not setting.second_derivatives:
            return "it differentiates the score, and this network has no second derivatives (piecewise linear energy)"
        return None


def objective(name: str, **options: object) -> Objective:
    """The objective of this name: `objective("ssm_vr", probes=4, probe="rademacher")`.

    Raises:
        UnknownPart, BadOptions: no such objective, or options that it does not take.
    """
    return build("objective", name, options)

"""Weights w(sigma) of the training loss, all in score space: they multiply l(sigma) ~ 1/2 ||s - s*||^2.

Papers weigh the error of the denoiser D or of the predicted noise; with D - x = sigma^2 (s + epsilon / sigma) and
epsilon_hat - epsilon = -sigma (s + epsilon / sigma),

    w_x ||D - x||^2 = w_x sigma^4 ||s + epsilon / sigma||^2,   w_eps ||epsilon_hat - epsilon||^2 = w_eps sigma^2 (same)

SNR = 1 / sigma^2, for prepared data have root mean square 1.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, NonNegativeFloat, PositiveFloat, Tag

from scorebench.parts import Part, wording

if TYPE_CHECKING:
    from torch import Tensor

Density: TypeAlias = "Callable[[Tensor], Tensor]"
"""sigma -> the training density over ln sigma, up to a constant."""


class _Weight(Part):
    """Base of all weights."""

    @abstractmethod
    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma), of the shape of sigma."""


class One(_Weight):
    """w = 1."""

    name: Literal["one"] = "one"

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        return sigma.new_ones(sigma.shape)


class Sigma2(_Weight):
    """w = sigma^2, which makes the loss dimensionless (Song & Ermon 2019, sec. 4.2); epsilon-space weight 1."""

    name: Literal["sigma2"] = "sigma2"

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        return sigma.square()


class EDM(_Weight):
    """w = sigma^2 (sigma^2 + sigma_data^2) / sigma_data^2 (Karras et al. 2022, Table 1: 1 / c_out^2 in x space)."""

    name: Literal["edm"] = "edm"
    sigma_data: PositiveFloat = 1.0

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        return sigma.square() * (sigma.square() / self.sigma_data**2 + 1)


class Likelihood(_Weight):
    """w = sigma^2 / p(ln sigma), p the training density: the expected loss is a bound of the KL divergence.

    KL(p_0 || model) <= KL at sigma_max + int sigma^2 E||s - s*||^2 d ln sigma, whichever the density of ln sigma
    (Song, Durkan, Murray & Ermon 2021, theorem 1). For a process in time t, uniform, this is their g(t)^2, up to a
    constant, in the variables where the noise explodes: g^2 dt = d sigma^2.
    """

    name: Literal["likelihood"] = "likelihood"

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        return sigma.square() / density(sigma)


class P2(_Weight):
    """w = sigma^2 / (k + SNR)^gamma (Choi et al. 2022, eq. 8; epsilon-space weight 1 / (k + SNR)^gamma)."""

    name: Literal["p2"] = "p2"
    k: PositiveFloat = 1.0
    gamma: NonNegativeFloat = 1.0

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        return sigma.square() / (self.k + sigma.square().reciprocal()) ** self.gamma


class MinSNR(_Weight):
    """w = sigma^4 min(SNR, gamma) = min(sigma^2, gamma sigma^4) (Hang et al. 2023, eq. 9; x-space weight)."""

    name: Literal["min_snr"] = "min_snr"
    gamma: PositiveFloat = 5.0

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        return sigma.square() * (self.gamma * sigma.square()).clamp(max=1)


Noisy = Literal["dsm", "antithetic_dsm", "hybrid", "ism", "ssm", "ssm_vr"]


class InverseVariance(_Weight):
    """w = E||f||^2 / V, V the variance of the gradient estimated by `objective`, in closed form.

    For x ~ N(0, tau^2 I) with tau = `sigma_data`, s = -a y and f = ds/da, at the optimum; v = tau^2 + sigma^2,
    E||f||^2 = d v, and V is (per sample; Rademacher probes, which add none here)

        dsm             d tau^2 / sigma^2             w = sigma^2 v / tau^2, EDM's weight
        antithetic_dsm  4 d tau^4 / v^2 (a pair)      w = v^3 / (4 tau^4)
        ism, ssm_vr     2 d                           w = v / 2
        ssm             2 d^2                         w as above, up to a constant
        hybrid          2 d tau^2 / (tau^2 + 2 sigma^2)   w = v (tau^2 + 2 sigma^2) / (2 tau^2)

    E||f||^2 / V is what weighs estimates of one parameter from several sigma best, and does not depend on how the
    network is scaled. DSM at sigma -> 0 has unbounded V and so no weight, the others keep theirs.
    """

    name: Literal["inverse_variance"] = "inverse_variance"
    objective: Noisy = "dsm"
    sigma_data: PositiveFloat = 1.0

    def __call__(self, sigma: Tensor, density: Density) -> Tensor:
        """w(sigma)."""
        square, tau2 = sigma.square(), self.sigma_data**2
        v = square + tau2
        if self.objective == "dsm":
            return square * v / tau2
        if self.objective == "antithetic_dsm":
            return v**3 / (4 * tau2**2)
        if self.objective == "hybrid":
            return v * (tau2 + 2 * square) / (2 * tau2)
        return v / 2


_CLASSES: tuple[type[_Weight], ...] = (One, Sigma2, EDM, Likelihood, P2, MinSNR, InverseVariance)
_KNOWN: dict[str, type[_Weight]] = {c.model_fields["name"].default: c for c in _CLASSES}


def _name(value: object) -> object:
    return value.get("name") if isinstance(value, dict) else getattr(value, "name", value)


def _known(value: object) -> object:
    """Refuse a name that is none, before its options are looked at."""
    name = _name(value)
    if not isinstance(name, str) or name not in _KNOWN:
        raise ValueError(wording.no_weight(name, list(_KNOWN)))
    return value


def _tag(value: object) -> str:
    return "plain" if isinstance(value, str) else str(_name(value))


Plain = Literal["one", "sigma2", "edm", "likelihood", "p2", "min_snr", "inverse_variance"]

Weighting = Annotated[
    Annotated[Plain, Tag("plain")]
    | Annotated[One, Tag("one")]
    | Annotated[Sigma2, Tag("sigma2")]
    | Annotated[EDM, Tag("edm")]
    | Annotated[Likelihood, Tag("likelihood")]
    | Annotated[P2, Tag("p2")]
    | Annotated[MinSNR, Tag("min_snr")]
    | Annotated[InverseVariance, Tag("inverse_variance")],
    Discriminator(_tag),
    BeforeValidator(_known),
]
"""A weight by name, or a mapping with its name and options: `{name: min_snr, gamma: 5}`."""


def weigh(weighting: Weighting, sigma: Tensor, density: Density) -> Tensor:
    """w(sigma), of the shape of sigma; 1 at sigma = 0, where most vanish and one level needs no weight."""
    import torch

    weight = _KNOWN[weighting]() if isinstance(weighting, str) else weighting
    return torch.where(sigma > 0, weight(sigma, density), 1.0)

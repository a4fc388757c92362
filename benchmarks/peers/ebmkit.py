"""ebmkit 0.16.0 (`ebm`): loss(energy, x).loss, a mean over the batch; p(x) ~ exp(-E(x)).

Its losses take no generator and draw from torch's global one. Factors are those that the docstrings state.
"""

from __future__ import annotations

import torch
from ebm import losses
from ebm.diffusion import VPDenoisingScoreMatching, VPSchedule
from torch import Tensor

from peers import Peer
from scorebench.conformance import EnergyLoss, from_energy


def denoising(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """One noise level."""
    return losses.DenoisingScoreMatching(sigma=sigma)(energy, x).loss


def multi_sigma(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """A ladder of one level, so that its weight sigma^2 can be seen."""
    return losses.MultiSigmaDenoisingScoreMatching(torch.tensor([sigma]))(energy, x).loss


def variance_preserving(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """A schedule of one step with sqrt((1 - alpha_bar) / alpha_bar) = sigma.

    x_t = sqrt(alpha_bar) y for y = x + sigma epsilon, so the energy of x_t is that of y = x_t / sqrt(alpha_bar).
    """
    beta = sigma**2 / (1 + sigma**2)
    schedule = VPSchedule(num_steps=1, beta_min=beta, beta_max=beta)
    root = schedule.alpha_bar[0].sqrt()
    return VPDenoisingScoreMatching(schedule)(lambda x_t, _: energy(x_t / root, sigma), x).loss


def exact(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """The exact trace, on y as data."""
    return losses.ExactScoreMatching()(energy, x).loss


def sliced(projections: int, vr: bool) -> EnergyLoss:
    """Gaussian projections, on y as data."""

    def call(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
        return losses.SlicedScoreMatching(n_projections=projections, vr=vr)(energy, x).loss

    return call


def _sliced(vr: bool) -> Peer:
    def with_probes(count: int):
        return from_energy(sliced(count, vr), adds_noise=False, generator=False)

    return Peer(from_energy(sliced(1, vr), adds_noise=False, generator=False, probes=True, with_probes=with_probes))


NOTE = (
    "Its losses draw from torch's global generator and take none, so determinism is not judged. Weights and the"
    " missing 1/2 are as its docstrings state."
)
LOSSES = {
    "DenoisingScoreMatching": Peer(from_energy(denoising, adds_noise=True, generator=False)),
    "MultiSigmaDenoisingScoreMatching": Peer(
        from_energy(multi_sigma, adds_noise=True, generator=False, weight="sigma2"),
        "sigma^2",
    ),
    "VPDenoisingScoreMatching": Peer(
        # its schedule is in float32, and by default starts at beta = 1e-4, which is sigma = 0.01
        from_energy(
            variance_preserving, adds_noise=True, generator=False, weight="sigma2", scale=2.0, sigmas=(0.01, 1e3)
        ),
        "2 sigma^2, as it predicts the noise",
    ),
    "ExactScoreMatching": Peer(from_energy(exact, adds_noise=False, generator=False)),
    "SlicedScoreMatching (vr=True)": _sliced(True),
    "SlicedScoreMatching (vr=False)": _sliced(False),
}

"""Why the values that are advised are what they are: the rule, where it is from, and what it is good for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scorebench.noise._ncsnv2 import technique2_applies

OVERLAP = 0.5
"""Share of a level's samples that shall fall into the range of its neighbour."""
LANGEVIN_STEPS = 5
NARROWER = 10.0
"""tau / sigma_min: the lowest noise widens the finest structure by 1 / (2 * 10^2)."""
P_MEAN, P_STD = -1.2, 1.2
"""EDM's, at a standard deviation of 0.5."""
ONE_LEVEL = 17.7
"""Best level of one-level DSM over tau, times the fourth root of the number of gradient samples: see `one_level`."""


@dataclass(frozen=True)
class Reason:
    """Why a value is what it is: the rule, where it is from, and what it is good for."""

    rule: str
    source: str
    reason: str


def one_level(tau: float, gradient_samples: int) -> float:
    """The one noise level for plain DSM that sees so many samples: 17.7 tau N^(-1/4), at most tau.

    Bias grows with the level, the noise of gradients falls with it and with the number N of samples that they are taken
    over, steps times batch; how many different points the samples are made of decides nothing from a hundred points on.
    Measured, on 8 Gaussians of tau = 0.15 in two dimensions: best are 0.11 for N = 384,000 with 1,000 or 10,000 points
    (studies/noise.yaml, H9) and 0.058 for N = 3,840,000; the factor is the geometric mean of what these two say.
    tau (2 d n)^(-1/6), of a linear model fitted on n points, is 0.026 for the 10,000 points.
    """
    return tau * min(1.0, ONE_LEVEL / math.sqrt(math.sqrt(gradient_samples)))


def one_level_rule(gradient_samples: int) -> str:
    """`one_level` in words."""
    return f"{ONE_LEVEL} tau N^(-1/4), at most tau, N = {gradient_samples:,} gradient samples"


def reasons(d: int, gradient_samples: int) -> dict[str, Reason]:
    """By the name of the value."""
    two = "Song & Ermon 2020 (NCSNv2)"
    if technique2_applies(d, OVERLAP):
        ratio = Reason(
            f"Phi(sqrt(2d) (g - 1) + 3 g) - Phi(sqrt(2d) (g - 1) - 3 g) = {OVERLAP}, solved for d = {d}",
            f"{two}, technique 2",
            "half of a level's samples look like samples of the level above, so a sampler finds its way down",
        )
    else:
        ratio = Reason(
            f"P(a <= g R <= b) = {OVERLAP}, R ~ chi_{d}, [a, b] its central 99.7 %",
            f"exact law of the radius, in place of {two}, technique 2",
            "half of a level's samples fall where the level below has its own, so a sampler finds its way down",
        )
    return {
        "sigma_max": Reason(
            "largest distance between two points",
            f"{two}, technique 1",
            "at this noise a sampler moves freely between any two points, so that all modes get their share",
        ),
        "sigma_min": Reason(
            f"tau / {NARROWER:g}",
            "scorebench",
            "noise of a tenth of the finest structure widens it by 0.5 %; less costs levels and shows nothing new",
        ),
        "ratio": ratio,
        "levels": Reason(
            "1 + ln(sigma_max / sigma_min) / ln(ratio), rounded",
            f"{two}, sec. 3.2",
            "as few as the overlap allows: annealed Langevin dynamics still gain from more, twice as many halve the "
            "distance of their samples from the truth (mixtures in 2, 5 and 10 dimensions)",
        ),
        "langevin_step": Reason(
            f"the step for which {LANGEVIN_STEPS} steps a level bring the variance closest to that level's",
            f"{two}, technique 4",
            "smaller steps leave samples too wide, larger ones add noise of their own",
        ),
        "sigma_opt": Reason(
            one_level_rule(gradient_samples),
            "scorebench, measured on 8 Gaussians in 2-D (studies/noise.yaml, H9)",
            f"the one noise level for plain DSM that is trained on {gradient_samples:,} gradient samples (steps times "
            "batch): ten times as many ask for 0.56 of it, few points do not ask for more; two-sided methods "
            "(antithetic_dsm, ssm_vr, hybrid) have no such noise and may go lower",
        ),
        "sigma_kernel": Reason(
            "tau (4 / ((d + 4) n))^(1 / (d + 6))",
            "Chacon, Duong & Wand 2011, normal scale rule for the gradient of a density",
            "the one noise level for a network that learns the points by heart: then its score is a kernel estimate",
        ),
        "sigma_local": Reason(
            "the smaller of: the distance at which Takens' dimension of the nearest pairs is halved, as it is for "
            "N(0, tau^2 I); the standard deviation of the thinnest local direction",
            "Takens 1985; scorebench",
            "standard deviation of the finest structure, tau: the scale at which scores are hardest to learn",
        ),
        "sigma_thin": Reason(
            "least principal component of neighbourhoods that are wide beside it, on points that it was not found by; "
            "the lowest quarter of them",
            "scorebench",
            "standard deviation of the thinnest local direction: noise above it hides that points lie near a surface",
        ),
        "sigma_data": Reason(
            "root mean square of all values, each column less its mean",
            "Karras et al. 2022 (EDM), Table 1",
            "scales the inputs and outputs of a network",
        ),
        "P_mean": Reason(
            f"{P_MEAN} + ln(sigma_data / 0.5), P_std {P_STD}",
            "Karras et al. 2022 (EDM), Table 1",
            "EDM's training noise was chosen for images of standard deviation 0.5; it scales with the data",
        ),
    }

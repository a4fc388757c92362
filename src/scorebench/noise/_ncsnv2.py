"""How many noise levels, from where, and with which Langevin step: rules of NCSNv2.

Song & Ermon (2020), Improved Techniques for Training Score-Based Generative Models. D is the number of values of a
point; levels descend, sigma_1 > ... > sigma_L, with the constant ratio gamma = sigma_{i-1} / sigma_i. The radius
||sigma epsilon||, epsilon ~ N(0, I), is close to N(sqrt(D) sigma, sigma^2 / 2).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scorebench.noise._distances import Data

WIDE = 3.0
"""Standard deviations either side of the mean radius that count as covered by a level."""


def technique1(data: Data) -> float:
    """sigma_max: the largest Euclidean distance between two points of `data`, an array or tensor (n, ...), exactly.

    Raises:
        ValueError: fewer than two points, or values that are not finite.
    """
    from scorebench.noise._distances import as_rows, largest_distance

    return largest_distance(as_rows(data))


def technique2(dimension: int, overlap: float = 0.5) -> float:
    """Ratio gamma at which a level's radius falls with probability `overlap` into the range of the level above.

        Phi(sqrt(2D) (gamma - 1) + 3 gamma) - Phi(sqrt(2D) (gamma - 1) - 3 gamma) = C

    solved for gamma > 1. The range, 3 standard deviations either side of the mean radius, holds 99.7 % of a level, so
    C is below that; it reaches the centre, and the equation has no solution, where sqrt(2D) <= 3.

    Raises:
        ValueError: a dimension of 4 or less, which has no solution (see `chi_overlap`), or an overlap out of range.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    _check_overlap(dimension, overlap)
    root = math.sqrt(2 * dimension)
    if root <= WIDE:
        raise ValueError(f"technique 2 has no solution in {dimension} dimensions: it needs at least 5")

    def excess(gamma: float) -> float:
        return float(ndtr(root * (gamma - 1) + WIDE * gamma) - ndtr(root * (gamma - 1) - WIDE * gamma)) - overlap

    # without its first term, which is at most 1, the equation has a closed form, so that bounds the solution
    highest = (root + float(ndtri(1 - overlap))) / (root - WIDE)
    return float(brentq(excess, 1.0, highest * (1 + 1e-9), xtol=1e-13))


def chi_overlap(dimension: int, overlap: float = 0.5) -> float:
    """Ratio gamma at which samples of a level fall with probability `overlap` into the range of the level below.

        P(a <= gamma R <= b) = C,   R ~ chi_D,   [a, b] the central 99.7 % of chi_D

    This is what annealed Langevin dynamics need, for they start a level with the samples of the one above. It keeps
    technique 2's constants, takes the exact law of the radius in place of its normal approximation, and has a
    solution in every dimension; both tend to 1 + 3 / sqrt(2D) as D grows.

    Raises:
        ValueError: a dimension below 1 or an overlap out of range.
    """
    from scipy.optimize import brentq
    from scipy.special import gammainc, gammaincinv, ndtr

    _check_overlap(dimension, overlap)
    half = dimension / 2  # R^2 / 2 has a gamma distribution of this shape
    low, high = (gammaincinv(half, ndtr(z)) for z in (-WIDE, WIDE))

    def excess(gamma: float) -> float:
        return float(gammainc(half, high / gamma**2) - gammainc(half, low / gamma**2)) - overlap

    # P(gamma R <= b) alone is above the probability, so its solution bounds this one's
    highest = math.sqrt(high / float(gammaincinv(half, overlap)))
    return float(brentq(excess, 1.0, highest * (1 + 1e-9), xtol=1e-13))


def technique2_applies(dimension: int, overlap: float = 0.5) -> bool:
    """Whether technique 2 has a solution, and one of use: at most twice the ratio that the exact law allows.

    Both rules have one limit in high dimensions. At C = 0.5 technique 2 has no solution up to dimension 4, asks for
    a ratio of 19.5 at 5 (3 levels from 10 to 0.01), where its normal radius has nearly reached 0, of 4 at 8 and 3.4
    at 9; `chi_overlap` asks for 2.1, 1.9 and 1.8.
    """
    if math.sqrt(2 * dimension) <= WIDE:
        return False
    return technique2(dimension, overlap) <= 2 * chi_overlap(dimension, overlap)


def ladder_ratio(dimension: int, overlap: float = 0.5) -> float:
    """Ratio of neighbouring levels: by technique 2 where it applies, by `chi_overlap` elsewhere."""
    return (technique2 if technique2_applies(dimension, overlap) else chi_overlap)(dimension, overlap)


def technique4(ratio: float, sigma_min: float, steps: int) -> float:
    """Step epsilon of annealed Langevin dynamics of `steps` steps a level, alpha_i = epsilon sigma_i^2 / sigma_L^2.

    With q = (1 - epsilon / sigma_L^2)^2 and sigma_L = sigma_min, the dynamics turn the variance gamma^2 sigma_i^2 of
    the level above into sigma_i^2 r, where

        r = q^T (gamma^2 - A) + A,   A = 2 epsilon / (sigma_L^2 (1 - q))

    and epsilon is what makes r closest to 1. It is above 1 for every epsilon, so this is its minimum, which lies
    below sigma_L^2: for a larger epsilon the same q belongs to a smaller one too, with a smaller A.

    Raises:
        ValueError: a ratio of 1 or less, a sigma_min that is not positive, or no steps.
    """
    from scipy.optimize import brentq

    if not (ratio > 1 and math.isfinite(ratio)):
        raise ValueError(f"the ratio of two levels must be above 1; given: {ratio}")
    if not (sigma_min > 0 and math.isfinite(sigma_min)):
        raise ValueError(f"sigma_min must be above 0; given: {sigma_min}")
    if steps < 1:
        raise ValueError(f"Langevin dynamics need at least one step a level; given: {steps}")

    def slope(e: float) -> float:
        """1/2 dr/de, e = epsilon / sigma_L^2; of the sign of a rising function of e."""
        kept = (1 - e) ** (2 * steps - 1)
        return (1 - kept * (1 - e)) / (2 - e) ** 2 - steps * kept * (ratio**2 - 2 / (2 - e))

    return float(brentq(slope, 0.0, 1.0, xtol=1e-15)) * sigma_min**2


def level_count(sigma_max: float, sigma_min: float, ratio: float) -> int:
    """Levels from sigma_max to sigma_min whose constant ratio is nearest to `ratio`, at least 2."""
    return max(2, 1 + round(math.log(sigma_max / sigma_min) / math.log(ratio)))


def _check_overlap(dimension: int, overlap: float) -> None:
    from scipy.special import ndtr

    if dimension < 1:
        raise ValueError(f"the dimension must be at least 1; given: {dimension}")
    highest = 2 * float(ndtr(WIDE)) - 1
    if not 0 < overlap < highest:
        raise ValueError(f"the overlap must be between 0 and {highest:.4f}; given: {overlap}")

"""Rules for the best single noise level of denoising score matching, from n points in d dimensions of width tau."""

from __future__ import annotations

from collections.abc import Callable

Rule = Callable[[float, int, int], float]


def linear_model(tau: float, n: int, d: int) -> float:
    """tau (2 d n)^(-1/6): bias against variance for a linear score on N(0, tau^2 I)."""
    return float(tau * (2 * d * n) ** (-1 / 6))


def gradient_of_density(tau: float, n: int, d: int) -> float:
    """tau (4 / (d + 4))^(1 / (d + 6)) n^(-1 / (d + 6)): the normal-scale bandwidth of a kernel estimate of the gradient
    of a density (Chacon, Duong & Wand 2011, r = 1)."""
    return float(tau * (4 / (d + 4)) ** (1 / (d + 6)) * n ** (-1 / (d + 6)))


def silverman(tau: float, n: int, d: int) -> float:
    """tau (4 / (d + 2))^(1 / (d + 4)) n^(-1 / (d + 4)): the same for the density itself (Silverman 1986)."""
    return float(tau * (4 / (d + 2)) ** (1 / (d + 4)) * n ** (-1 / (d + 4)))


RULES: dict[str, Rule] = {
    "linear score": linear_model,
    "gradient of a density": gradient_of_density,
    "density (Silverman)": silverman,
}

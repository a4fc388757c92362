"""Distributions with exact density and score at every noise level."""

from scorebench.targets.gaussian_mixture import GaussianMixture, MixtureNumbers

__all__ = ["GaussianMixture", "MixtureNumbers"]

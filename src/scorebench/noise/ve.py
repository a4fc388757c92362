"""The variance-exploding process."""

from __future__ import annotations

from pydantic import PositiveFloat

from scorebench.noise.log_uniform import LogUniform


class VE(LogUniform):
    """sigma(t) = sigma_min (sigma_max / sigma_min)^t, t ~ U(0, 1), from 0.02 to 100.

    Song et al. (2021), eq. 30-31, in the range of Karras et al. (2022), Table 1. As a density and a ladder it is
    `log_uniform`; this name holds the published range, as `edm2` does for the law of `edm`.
    """

    sigma_max: PositiveFloat = 100.0
    sigma_min: PositiveFloat = 0.02

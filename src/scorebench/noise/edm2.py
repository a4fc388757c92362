"""EDM2's log-normal training noise."""

from __future__ import annotations

from pydantic import PositiveFloat

from scorebench.noise.edm import EDM


class EDM2(EDM):
    """ln sigma ~ N(P_mean + ln(sigma_data / 0.5), P_std^2) with -0.4 and 1.0 (Karras et al. 2024, Table 6).

    EDM's law and ladder, with noise moved up to where latents of high resolution images need it.
    """

    P_mean: float = -0.4
    P_std: PositiveFloat = 1.0

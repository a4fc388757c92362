"""Advice for given data: the range of the noise, its ladder, and the sampler's step, each with its reason.

    from scorebench.advisor import advise

    advice = advise(data)         # an array or tensor (n, d) or (n, C, H, W)
    advice.sigma_max, advice.levels, advice.reasons["levels"].source

`scorebench.noise` has the same `advise`.
"""

from scorebench.noise._advice import Advice, Caution, Reason, advise, cautions
from scorebench.noise._advice._reasons import one_level, one_level_rule

__all__ = ["Advice", "Caution", "Reason", "advise", "cautions", "one_level", "one_level_rule"]

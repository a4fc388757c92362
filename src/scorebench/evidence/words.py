"""ResultTable as people read them: with as many digits as they are worth."""

from __future__ import annotations

import math

from scorebench.evidence.intervals import Interval


def number(value: float, digits: int = 3) -> str:
    """A value to some significant digits, without exponents where these would be short."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 6:
        return f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return f"{value:.{digits - 1}e}"


def said(e: Interval) -> str:
    """`mean ± half` with as many digits as the interval is worth, at most four of the mean."""
    if not e.half:
        return number(e.mean)
    if e.mean == 0 or not -4 <= math.floor(math.log10(abs(e.mean))) < 6:
        return f"{number(e.mean)} ± {number(e.half, 2)}"
    wanted = 1 - math.floor(math.log10(e.half))
    allowed = 3 - math.floor(math.log10(abs(e.mean)))
    places = max(0, min(wanted, allowed))
    return f"{e.mean:,.{places}f} ± {e.half:,.{places}f}" if e.half >= 0.5 * 10**-places else f"{e.mean:,.{places}f}"

"""A picture of the advice: the distances in the data above the noise that is proposed, on one axis."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scorebench.advisor import Advice

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#555555"


def draw(advice: Advice, file: Path) -> None:
    """Write the picture; its kind is that of the file's ending."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.2), dpi=150, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.2, 1])
    found = advice.distances
    first = np.interp(1e-4, found.share, found.r)
    edges = np.linspace(math.log(first), math.log(found.r[-1]), 121)
    share = np.interp(edges, np.log(found.r), found.share)
    pairs = np.diff(share) / np.diff(edges)
    above.stairs(pairs, np.exp(edges), fill=True, color=BLUE, alpha=0.35)
    _mark(above, advice.sigma_max, "largest", BLUE)
    _mark(above, found.nearest, "nearest neighbour (median)", BLUE)
    above.set_ylabel("pairs per ln r")
    above.set_title(
        f"Distances r between {advice.points:,} points in {advice.dimension} dimensions", loc="left", size=10
    )

    sigma = np.geomspace(advice.sigma_min, advice.sigma_max, 400)
    density = np.exp(-(((np.log(sigma) - advice.P_mean) / advice.P_std) ** 2) / 2)
    density /= advice.P_std * math.sqrt(2 * math.pi)
    below.plot(sigma, density, color=GREEN, label="EDM's training density")
    rungs = np.geomspace(advice.sigma_max, advice.sigma_min, advice.levels)
    below.vlines(rungs, 0, density.max() / 4, color=RED, linewidth=1, label=f"ladder of {advice.levels} levels")
    for value, text in (
        (advice.sigma_local, "tau, local scale"),
        (advice.sigma_opt, "single scale"),
        (advice.sigma_data, "sigma_data"),
        (advice.sigma_max, "sigma_max"),
        (advice.sigma_min, "sigma_min"),
    ):
        _mark(below, value, text, GREY)
    below.set_ylabel("density over ln sigma")
    below.set_title("Noise sigma that is proposed", loc="left", size=10)
    below.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=8, borderpad=0)
    below.set_xscale("log")
    below.set_xlabel("r and sigma, in the units of the data")
    low = min(found.nearest, advice.sigma_min, advice.sigma_opt, first)
    below.set_xlim(low / 1.5, 1.15 * advice.sigma_max)
    for axes, highest in ((above, pairs.max()), (below, density.max())):
        axes.set_ylim(0, 1.9 * highest)  # room for the names of the lines
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def _mark(axes: Any, value: float, text: str, colour: str) -> None:
    """A dashed line at a value, named along it."""
    axes.axvline(value, color=colour, linestyle="--", linewidth=1)
    axes.annotate(
        f"{text} {value:.3g}",
        (value, 0.97),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="top",
        fontsize=7.5,
        color=colour,
    )

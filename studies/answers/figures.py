"""The figures of the page of answers, as SVG; the same numbers give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from studies.answers.quotes import HEADLINES, LN, Quotes
from studies.answers.tables import emphasis, microscope_methods

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#B8860B", "#882255", "#7A7A2A", "#332288", "#8C564B")
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "scorebench", "font.size": 9, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
}  # fmt: skip
SCHEDULES = ("log_uniform", "edm", "edm2", "vp_linear", "cosine", "ncsn", "uncertainty", "minimax")


def figures(q: Quotes) -> dict[str, str]:
    """File name -> SVG, of those for which there are numbers."""
    drawn = {}
    for name, datasets, draw in (
        ("answers_noise.svg", [d for d in HEADLINES if q.schedules("noise", d)], _noise),
        ("answers_learned.svg", [d for d in HEADLINES if emphasis(q, d)], _learned),
        ("answers_hybrid.svg", [d for d in HEADLINES if q.has("hybrid", d, f"dsm/{LN}")], _hybrid),
        ("answers_microscope.svg", [d for d in HEADLINES if microscope_methods(q, d)], _microscope),
    ):
        if datasets:
            drawn[name] = _drawn(q, datasets, draw)
    return drawn


def _drawn(q: Quotes, datasets: list[str], draw: Callable[[Quotes, Axes, str], None]) -> str:
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(4.6 * len(datasets), 3.4), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_facecolor("white")
        for i, dataset in enumerate(datasets):
            axes = figure.add_subplot(1, len(datasets), i + 1)
            axes.set_title(dataset, loc="left", fontweight="bold")
            draw(q, axes, dataset)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _curve(axes: Axes, values: Mapping[float, float], label: str, colour: str, style: str = "-") -> None:
    axes.plot(list(values), list(values.values()), style, color=colour, label=label, lw=1.4, marker="o", ms=2.5)


def _sigma_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("σ")


def _noise(q: Quotes, axes: Axes, dataset: str) -> None:
    study = q.study("noise")
    assert study is not None
    for colour, schedule in zip(COLOURS, SCHEDULES, strict=False):
        curve = study.curve(dataset, f"dsm/{schedule}", "D")
        if len(curve) > 1:
            dashed = "--" if schedule in ("uncertainty", "minimax") else "-"
            _curve(axes, {sigma: point.mean for sigma, point in curve.items()}, schedule, colour, dashed)
    _sigma_axis(axes)
    axes.set_yscale("log")
    axes.set_ylabel("D(σ) = σ² E‖s − s*‖²")
    axes.legend(fontsize=7, ncols=2)


def _learned(q: Quotes, axes: Axes, dataset: str) -> None:
    for colour, (schedule, curve) in zip(COLOURS, emphasis(q, dataset).items(), strict=False):
        _curve(axes, curve, schedule, colour)
    axes.axhline(1, color="#888888", lw=0.8, ls=":")
    _sigma_axis(axes)
    axes.set_yscale("log")
    axes.set_ylabel("emphasis relative to ln σ uniform")
    axes.legend(fontsize=7)


def _hybrid(q: Quotes, axes: Axes, dataset: str) -> None:
    """Ratios to DSM of methods at its evaluations: those of the same cost, and those with a share of their own."""
    base, rows = f"dsm/{LN}", []
    for method in ("stf", "antithetic_stf-evaluations", "stf_ssm_vr-evaluations", "antithetic_dsm-evaluations",
                   "dsm_cv-evaluations", "hybrid-evaluations", "hybrid_learned-evaluations", "fd_ssm-evaluations",
                   "ssm_vr-evaluations", "esm"):  # fmt: skip
        if (ratio := q.compared("hybrid", dataset, f"{method}/{LN}", base)) is not None:
            rows.append((method.removesuffix("-evaluations") + (" (told the score)" if method == "esm" else ""), ratio))
    for place, (_, ratio) in enumerate(rows):
        if ratio.low is not None and ratio.high is not None:
            axes.plot([ratio.low, ratio.high], [place, place], color="#444444", lw=1.2)
        axes.plot([ratio.estimate], [place], "o", color=COLOURS[0] if ratio.estimate < 1 else COLOURS[1], ms=5)
    axes.axvline(1, color="#888888", lw=0.8, ls=":")
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("error / that of DSM, at equal evaluations")


def _microscope(q: Quotes, axes: Axes, dataset: str) -> None:
    study = q.study("hybrid")
    assert study is not None
    for colour, (method, times) in zip(COLOURS, microscope_methods(q, dataset), strict=False):
        curve = study.curve(dataset, method, "gradient_ratio@end")
        if curve and method != "esm":
            _curve(axes, {sigma: times * point.mean for sigma, point in curve.items()}, method, colour)
    axes.axhline(1, color="#888888", lw=0.8, ls=":")
    _sigma_axis(axes)
    axes.set_yscale("log")
    axes.set_ylabel("V × evaluations, relative to DSM")
    axes.legend(fontsize=7, ncols=2)

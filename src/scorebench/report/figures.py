"""Line charts as inline SVG: error per noise level, training curves, cost against accuracy."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from scorebench.report.svg import inline

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#B8860B", "#882255", "#7A7A2A", "#332288", "#8C564B")
"""Of methods in the order of the study: Okabe & Ito's and Tol's colours that can be read on white."""
MARKERS = {
    "o": "M6 2.5a3.5 3.5 0 1 0 .01 0z",
    "s": "M3 3h6v6h-6z",
    "^": "M6 2l4 7.5h-8z",
    "D": "M6 1.7l4.3 4.3-4.3 4.3-4.3-4.3z",
    "v": "M6 10l4-7.5h-8z",
    "P": "M4.5 2h3v2.5H10v3H7.5V10h-3V7.5H2v-3h2.5z",
    "X": "M4 2l2 2 2-2 2 2-2 2 2 2-2 2-2-2-2 2-2-2 2-2-2-2z",
}
"""matplotlib's markers and their shapes in the legend, 12 x 12."""
ORACLE = "#000000"
UNTRAINED = "#8a8a8a"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "scorebench",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "path.simplify": False,
}
SIZE = (5.4, 3.5)
Point = tuple[str, int, float, float, float | None]
"""Method, which fill, cost, mean and half the width of its interval."""
Curve = Mapping[float, Mapping[int, float]]
"""x -> replicate -> value."""


@dataclass(frozen=True)
class Style:
    """How a method is drawn in all figures."""

    colour: str
    marker: str
    oracle: bool

    @property
    def width(self) -> float:
        """Width of its line; the oracle's is heavier."""
        return 2.4 if self.oracle else 1.4

    @property
    def path(self) -> str:
        """Its marker as an SVG path, 12 x 12."""
        return MARKERS[self.marker]


def styles(methods: list[str], oracles: set[str]) -> dict[str, Style]:
    """One style for each method: oracles black, others by their place in the study."""
    shapes = list(MARKERS)
    found, i = {}, 0
    for method in methods:
        if method in oracles:
            found[method] = Style(ORACLE, "o", True)
            continue
        found[method] = Style(COLOURS[i % len(COLOURS)], shapes[i % len(shapes)], False)
        i += 1
    return found


class Charts:
    """Draws figures with the styles of a study, and numbers them so that their ids differ on the page."""

    def __init__(self, looks: Mapping[str, Style]) -> None:
        self.looks = looks
        self.drawn = 0
        self.classes: dict[str, str] = {}

    def sheet(self) -> Markup:
        """The style rules of all charts drawn so far: they are mostly the same in all, and stand in the page once.

        Of one class each: a mark that <use> draws has no ancestors that a rule could ask for.
        """
        return Markup("\n".join(f".{name}{{{style}}}" for style, name in self.classes.items()))

    @contextmanager
    def _axes(self, x: str, y: str) -> Iterator[tuple[Any, list[Markup]]]:
        done: list[Markup] = []
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # whatever a person's matplotlibrc says
            matplotlib.rcParams.update(SETTINGS)
            figure = Figure(figsize=SIZE)
            FigureCanvasSVG(figure)
            axes = figure.add_axes((0.145, 0.13, 0.845, 0.84))
            axes.set_xlabel(x)
            axes.set_ylabel(y)
            axes.yaxis.set_label_coords(-0.125, 0.5)
            axes.grid(color="#000000", alpha=0.13, lw=0.5)
            yield axes, done
            buffer = io.StringIO()
            nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
            figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
        self.drawn += 1
        done.append(Markup(inline(buffer.getvalue(), f"f{self.drawn}", self.classes)))

    def scale_errors(self, curves: Mapping[str, Curve], untrained: list[Curve], limits: tuple[float, float]) -> Markup:
        """D(sigma) of every method, log-log: mean over replicates, band from the lowest to the highest."""
        with self._axes("noise level σ", "D(σ) = σ² E‖s − s*‖²") as (axes, done):
            for curve in untrained:
                x, _, middle, _ = _band(curve)
                axes.plot(x, middle, color=UNTRAINED, lw=1.1, ls=(0, (4, 3)))
            for method, curve in curves.items():
                self._line(axes, method, *_band(curve))
            axes.set(xscale="log", yscale="log")
            axes.set_ylim(*limits)
        return done[0]

    def training(self, curves: Mapping[str, Curve], label: str, log: bool) -> Markup:
        """A metric of the training curves against steps; band over replicates."""
        with self._axes("training step", label) as (axes, done):
            for method, curve in curves.items():
                self._line(axes, method, *_band(curve), every=max(1, len(curve) // 8))
            values = [v for curve in curves.values() for per in curve.values() for v in per.values()]
            if log and min(values) > 0:
                axes.set_yscale("log")
                _plain_ticks(axes)
            elif len(values) > 8:  # a start far off would flatten the rest
                low, high = np.quantile(values, [0.02, 0.95])
                pad = 0.15 * (high - low) or 1.0
                axes.set_ylim(low - pad, high + pad)
        return done[0]

    def costs(self, points: list[Point], cost: str, label: str) -> Markup:
        """Accuracy against a cost, log-log."""
        fills = ("full", "none", "left", "top", "right", "bottom")
        with self._axes(cost, label) as (axes, done):
            for method, fill, x, mean, half in points:
                style = self.looks[method]
                bars = [[max(0.0, min(half or 0.0, 0.9 * mean))], [half or 0.0]]
                shown = {"fillstyle": fills[fill % 6], "ms": 8, "marker": style.marker, "markerfacecoloralt": "white"}
                axes.errorbar([x], [mean], yerr=bars, color=style.colour, elinewidth=1, capsize=2, **shown)
            axes.set_xscale("log")
            if all(mean > 0 for *_, mean, _ in points):
                axes.set_yscale("log")
            axes.margins(x=0.12, y=0.12)
            _plain_ticks(axes)
            self._labels(axes, points)
        return done[0]

    def _line(self, axes: Any, method: str, x: Any, low: Any, middle: Any, high: Any, every: int = 1) -> None:
        style = self.looks[method]
        look = {"color": style.colour, "lw": style.width, "marker": style.marker, "ms": 4, "markevery": every}
        axes.plot(x, middle, zorder=3 if style.oracle else 2.5, **look)
        if (high > low).any():
            axes.fill_between(x, low, high, color=style.colour, alpha=0.16, lw=0)

    def _labels(self, axes: Any, points: list[Point]) -> None:
        """Names beside the points, pushed apart where they would overlap."""
        height, width = 9.5, 5.2
        scale = 72 / axes.figure.dpi
        marks = [axes.transData.transform((seconds, mean)) * scale for _, _, seconds, mean, _ in points]
        taken = [(float(x) - 4, float(x) + 4, float(y)) for x, y in marks]
        low, high = (float(v) * scale for v in axes.get_window_extent().intervalx)
        for method, _, seconds, mean, _ in sorted(points, key=lambda p: (-p[3], p[2], p[0])):
            px, py = (float(v) * scale for v in axes.transData.transform((seconds, mean)))
            wide = width * len(method)
            sides = [side for side in (7.0, -7.0 - wide) if low < px + side and px + side + wide < high]
            tried = [(side, step * height) for step in (0, -1, 1, -2, 2, -3, 3) for side in sides or [7.0]]
            free = [
                (side, dy)
                for side, dy in tried
                if all(px + side + wide < a or px + side > b or abs(py + dy - y) >= height for a, b, y in taken)
            ]
            side, dy = (free or tried)[0]
            left = px + side
            taken.append((left, left + wide, py + dy))
            text = {"xytext": (side, dy), "textcoords": "offset points", "va": "center", "fontsize": 8}
            axes.annotate(method, (seconds, mean), color=_darker(self.looks[method].colour), **text)


def _band(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, lowest, mean and highest value over replicates."""
    x = np.array(sorted(curve), float)
    values = [np.array(list(curve[k].values()), float) for k in sorted(curve)]
    low, middle, high = (np.array([f(v) for v in values]) for f in (np.min, np.mean, np.max))
    return x, low, middle, high


def _darker(colour: str) -> str:
    """A colour that small letters can have on white."""
    return "#" + "".join(f"{int(0.65 * int(colour[i : i + 2], 16)):02x}" for i in (1, 3, 5))


def _plain_ticks(axes: Any) -> None:
    """Plain numbers instead of powers of ten on logarithmic axes that span little."""
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() != "log" or low <= 0 or high / low > 1000:
            continue
        span = high / low
        locator = LogLocator(subs=(1.0, 2.0, 5.0) if span < 60 else (1.0, 3.0))
        axis.set_major_locator(MaxNLocator(5) if span < 5 else locator)
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())

"""Pictures of points, the same view for all samples of a data set and for the truth."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from scorebench.specs.prepare import DataDescription

SIDE = 150
"""Pixels of the side of a density panel."""
COLUMNS = 6
"""Images in a row of a mosaic, and rows of it."""
STEPS = 24
"""Shades of a density: more can't be told apart, and cost bytes."""
INK = np.array([(255, 255, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107), (3, 19, 43)], float)
"""Colours of a density from nothing to most, dark on white (ColorBrewer's Blues, extended)."""


@dataclass(frozen=True)
class View:
    """How points of a data set become a picture: chosen once, from the truth, and the same for every method.

    kind is `images`, `line` (1-D) or `plane`; axes (d, 2) projects centred points on the plane, low and high (2,)
    are its corners (of images: black and white), most is the density that is drawn darkest.
    """

    kind: str
    centre: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    most: float
    projected: bool = False
    side: int = SIDE
    """Pixels of the side of a panel."""
    columns: int = COLUMNS
    shades: int = STEPS

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """Points (n, d) on the plane, (n, 2), or on the line, (n, 1)."""
        flat: np.ndarray = (points.astype(float) - self.centre) @ self.axes
        return flat


def view_of(
    truth: np.ndarray, described: DataDescription, side: int = SIDE, columns: int = COLUMNS, shades: int = STEPS
) -> View:
    """The view of a data set, from its true points (n, d) and dataset.json.

    Images stay images, 1-D and 2-D points are drawn as they are, others on the first two principal components of
    the truth.
    """
    x = truth[np.isfinite(truth).all(1)].astype(float) if len(truth) else truth.reshape(0, truth.shape[1])
    d = x.shape[1]
    if described.image is not None:
        grey = _original(x, described)
        black, white = np.quantile(grey, [0.005, 0.995]) if x.size else (0.0, 1.0)
        flat = np.zeros((d, 2))
        ends = np.full(2, black), np.full(2, max(white, black + 1e-6))
        return View("images", flat[:, 0], flat, *ends, 1.0, columns=columns, shades=shades)
    centre, axes, projected = np.zeros(d), np.eye(d, min(d, 2)), d > 2
    if projected and len(x) > 1:
        centre = x.mean(0)
        axes = np.linalg.svd(x - centre, full_matrices=False)[2][:2].T
        axes = axes * np.where(axes[np.abs(axes).argmax(0), range(axes.shape[1])] < 0, -1, 1)
        axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    flat = (x - centre) @ axes if len(x) else np.array([[-1.0] * axes.shape[1], [1.0] * axes.shape[1]])
    low, high = flat.min(0), flat.max(0)
    middle, half = (low + high) / 2, 0.56 * max(float((high - low).max()), 1e-6)
    low, high = middle - half, middle + half
    counts = _counts(flat, low, high, side)
    most = float(np.quantile(counts[counts > 0], 0.98)) / len(flat) if (counts > 0).any() else 1.0
    return View("line" if d == 1 else "plane", centre, axes, low, high, most, projected, side, columns, shades)


def _counts(flat: np.ndarray, low: np.ndarray, high: np.ndarray, side: int) -> np.ndarray:
    """Points per pixel of the panel, rows from the top; (side,) on a line, (side, side) on a plane."""
    inside = flat[((flat >= low) & (flat <= high)).all(1)]
    bins = [np.linspace(a, b, side + 1) for a, b in zip(low, high, strict=True)]
    counts: np.ndarray = np.histogramdd(inside, bins)[0]
    return counts.T[::-1] if counts.ndim == 2 else counts


def outside(points: np.ndarray, view: View) -> float:
    """Share of the points (n, d) that a picture does not show: out of its frame, or not finite."""
    if view.kind == "images" or not len(points):
        return float((~np.isfinite(points).all(1)).mean()) if len(points) else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        flat = view.coordinates(points)
        return float(1 - ((flat >= view.low) & (flat <= view.high)).all(1).mean())


def panel(points: np.ndarray, described: DataDescription, view: View) -> np.ndarray:
    """One panel as pixels (height, width, 3), uint8: a mosaic of images, a histogram or a density."""
    x = points[np.isfinite(points).all(1)]
    if view.kind == "images":
        return mosaic(x, described, view)
    counts = _counts(view.coordinates(x), view.low, view.high, view.side) / max(len(points), 1)
    if view.kind == "line":
        height = np.clip(counts / (1.25 * view.most), 0, 1) * view.side
        filled = np.arange(view.side, 0, -1)[:, None] <= height[None, :]
        bars: np.ndarray = np.where(filled[..., None], INK[3], INK[0])
        return bars.astype(np.uint8)
    shade = np.clip(np.sqrt(_spread(counts) / view.most), 0, 1)
    shade = np.ceil(shade * view.shades) / view.shades * (len(INK) - 1)
    colours = [np.interp(shade, range(len(INK)), INK[:, c]) for c in range(3)]
    pixels: np.ndarray = np.stack(colours, -1).round().astype(np.uint8)
    return pixels


def _spread(counts: np.ndarray) -> np.ndarray:
    """Counts smoothed a little (1 2 1 in both directions), so that single points can be seen."""
    for axis in (0, 1):
        padded = np.pad(counts, [(1, 1) if a == axis else (0, 0) for a in (0, 1)])
        one, two, three = (np.take(padded, range(i, i + counts.shape[axis]), axis) for i in range(3))
        counts = 0.5 * one + two + 0.5 * three
    return counts / 2


def _original(points: np.ndarray, described: DataDescription) -> np.ndarray:
    """Points with the standardisation undone."""
    undone: np.ndarray = points * np.asarray(described.scale, float) + np.asarray(described.shift, float)
    return undone


def mosaic(points: np.ndarray, described: DataDescription, view: View) -> np.ndarray:
    """The first columns^2 points (n, d) as images side by side, (height, width, 3), uint8.

    In their original units, clipped to the grey values that the truth has.
    """
    columns = view.columns
    *channels, height, width = (int(n) for n in described.image or ())
    canvas = np.full((columns * (height + 1) + 1, columns * (width + 1) + 1, 3), 120, np.uint8)
    black, white = view.low[0], view.high[0]
    for i, point in enumerate(_original(points[: columns**2], described)):
        grey = np.clip((point - black) / (white - black), 0, 1).reshape(*(channels or [1]), height, width)
        row, column = divmod(i, columns)
        y, x = 1 + row * (height + 1), 1 + column * (width + 1)
        canvas[y : y + height, x : x + width] = (255 * grey).round().astype(np.uint8).transpose(1, 2, 0)
    return canvas


def png(pixels: np.ndarray) -> bytes:
    """Pixels (height, width, 3), uint8, as a PNG; the same pixels give the same bytes."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    colours = len(np.unique(pixels.reshape(-1, 3), axis=0))
    if colours <= 256:
        picture = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=colours)
    else:
        picture = picture.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()

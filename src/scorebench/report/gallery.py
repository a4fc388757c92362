"""Samples of every cell beside the truth, as pictures in the page, as large as a page of bounded size allows."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scorebench import storage
from scorebench.evidence.intervals import interval
from scorebench.evidence.words import said
from scorebench.report.pictures import View, outside, panel, png, view_of
from scorebench.report.results import Results
from scorebench.specs.prepare import DataDescription

SIZES = ((150, 6, 24), (110, 5, 15), (80, 4, 15), (56, 3, 7), (40, 2, 7))
"""Pixels of a density's side, images in a row of a mosaic, and shades, from the finest to the coarsest."""
BUDGET = 2_500_000
"""Characters that all pictures of a page may take; the coarsest are taken where even these are more."""


@dataclass
class Picture:
    """One picture: data URI, caption and what to know about it."""

    method: str
    sampler: str = ""
    uri: str = ""
    alt: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Gallery:
    """All pictures of a data set; groups: (schedule, sampler) -> pictures. axes says what the pictures show."""

    truth: Picture
    axes: str
    kind: str
    groups: dict[tuple[str, str], list[Picture]]

    @property
    def pictures(self) -> list[Picture]:
        """All of them, the truth first."""
        return [self.truth, *(picture for group in self.groups.values() for picture in group)]


def galleries(results: Results, prepared: dict[str, Path], samples: dict[str, Path]) -> dict[str, Gallery]:
    """A gallery per data set, from the folders of prepared data and of the samples of each cell."""
    shown: dict[str, Gallery] = {}
    for size in SIZES:
        shown = {name: _gallery(results, name, prepared[name], samples, size) for name in prepared}
        if sum(len(picture.uri) for each in shown.values() for picture in each.pictures) <= BUDGET:
            break
    return shown


def _gallery(
    results: Results, dataset: str, data: Path, samples: dict[str, Path], size: tuple[int, int, int]
) -> Gallery:
    described = DataDescription.model_validate(storage.read_json(data / "dataset.json"))
    test = storage.points_of(storage.read_table(data / "test.parquet")["x"])
    view = view_of(test, described, *size)
    truth = Picture("truth", uri=_uri(panel(test, described, view)), alt=f"test points of {dataset}")
    groups: dict[tuple[str, str], list[Picture]] = {}
    for schedule in results.schedules(dataset):
        for method in results.methods(dataset):
            at = f"{dataset}/{method}/{schedule}"
            if at in samples:
                for picture in _pictures(results, (dataset, method, schedule), samples[at], described, view):
                    groups.setdefault((schedule, picture.sampler), []).append(picture)
    order = [None, results.sampler(dataset), *results.params.samplers, ""]
    schedules = results.schedules(dataset)
    groups = dict(sorted(groups.items(), key=lambda item: (schedules.index(item[0][0]), order.index(item[0][1]))))
    return Gallery(truth, _axes(view, described), view.kind, groups)


def _pictures(
    results: Results, cell: tuple[str, str, str], folder: Path, described: DataDescription, view: View
) -> list[Picture]:
    """One picture per sampler of a cell: of its first replicate that trained to the end."""
    dataset, method, schedule = cell
    state = results.outcome(*cell)
    if state.kind == "diverged":
        return [Picture(method, notes=[state.why])]
    shown = results.trained["/".join(cell)].trained[0]
    table = storage.read_table(folder / "samples.parquet")
    if not table.num_rows:
        return []
    labels, replicates = table["sampler"].to_numpy(), table["replicate"].to_numpy()
    points = storage.points_of(table["x"])
    pictures = []
    for sampler in (name for name in results.params.samplers if (labels == name).any()):
        x = points[(labels == sampler) & (replicates == shown)]
        picture = Picture(method, sampler, alt=f"samples of {'/'.join(cell)} by {sampler}")
        if np.isfinite(x).all(1).any():
            picture.uri = _uri(panel(x, described, view))
        if (lost := outside(x, view)) >= 0.0005:
            where = "are not finite" if view.kind == "images" else "lie outside"
            picture.notes.append(f"{100 * lost:.2g} % {where}")
        values = results.values(dataset, method, (schedule, sampler), "sliced_wasserstein")
        if (level := interval(list(values.values()))) is not None:
            picture.notes.append(f"SW₂ {said(level)}")
        if shown:
            picture.notes.append(f"replicate {shown}")
        pictures.append(picture)
    return pictures


def _axes(view: View, described: DataDescription) -> str:
    if view.kind == "images":
        return f"The first {view.columns**2} samples of a replicate, in the grey values of the data."
    if view.projected:
        return (
            "Density of the samples on the first two principal components of the test points, darker where there "
            "are more; the frame is that of the test points."
        )
    if view.kind == "line":
        return f"Histogram of the samples from {view.low[0]:.3g} to {view.high[0]:.3g} in units of the prepared data."
    spans = [f"{name} from {a:.3g} to {b:.3g}" for name, a, b in zip("xy", view.low, view.high, strict=True)]
    return f"Density of the samples, darker where there are more; {', '.join(spans)} in units of the prepared data."


def _uri(pixels: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()

"""What `prepare` is told, and what it says of the data set."""

from __future__ import annotations

from pydantic import JsonValue

from scorebench.specs import Facts, SourceSpec, Spec, Written
from scorebench.specs.columns import Column


class PrepareSpec(Spec):
    """The source of a data set and its points per split (None: the source's choice).

    files: path -> SHA-256 of what the source reads.
    """

    source: SourceSpec
    sizes: dict[str, int | None]
    seed: int
    files: dict[str, str]


class PrepareFacts(Facts):
    """Points per split, and how many numbers each has."""

    rows: dict[str, int]
    dimension: int


class DataDescription(Written):
    """dataset.json: what there is to know of prepared data.

    rows: points per split. dimension: numbers of a point. image: (height, width) or (channels, height, width) of points
    that are images. shift, scale: prepared = (original - shift) / scale, of all numbers or one by one.
    root_mean_square: of the prepared training points. target: the exact distribution as
    `targets.GaussianMixture.from_json` takes it, where it is known. files: as in the spec.
    columns: of the file that the points are from, in its order; None where there is none. said: how it was read, a line
    for each thing that was decided.
    """

    dimension: int
    rows: dict[str, int]
    image: tuple[int, ...] | None
    origin: str
    licence: str
    shift: tuple[float, ...] | float
    scale: tuple[float, ...] | float
    root_mean_square: float
    target: dict[str, JsonValue] | None
    files: dict[str, str]
    columns: tuple[Column, ...] | None = None
    said: tuple[str, ...] = ()

"""Reading what `prepare` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from scorebench import storage
from scorebench.specs.prepare import DataDescription

if TYPE_CHECKING:
    import numpy as np

    from scorebench.targets import GaussianMixture, MixtureNumbers


def read_points(folder: Path, split: str) -> np.ndarray:
    """The points of a split, (n, d), float32."""
    return storage.points_of(storage.read_table(folder / f"{split}.parquet")["x"])


def describe(folder: Path) -> DataDescription:
    """dataset.json."""
    return DataDescription.model_validate(storage.read_json(folder / "dataset.json"))


def names_of(described: DataDescription) -> list[str] | None:
    """What the numbers of a point are called in the file that they are from; None where there is none."""
    return [column.name for column in described.columns if column.place is not None] if described.columns else None


def exact_target(folder: Path) -> GaussianMixture | None:
    """The distribution that the points come from, where it is known."""
    from scorebench.targets import GaussianMixture

    numbers = describe(folder).target
    return None if numbers is None else GaussianMixture.from_json(cast("MixtureNumbers", numbers))


def sample_size(points: int, described: DataDescription) -> int:
    """Samples per replicate: as asked, or half the training points of a finite data set if these are fewer."""
    return points if described.target is not None else min(points, max(1, described.rows["train"] // 2))

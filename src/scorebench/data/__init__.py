"""Sources of data: one file each; from options to arrays of points, split into train, validation and test."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.parts import Part

if TYPE_CHECKING:
    import numpy as np

    from scorebench.specs.columns import Column
    from scorebench.targets import MixtureNumbers

SPLITS = ("train", "validation", "test")


@dataclass
class Points:
    """What a source gives: points (n, d) per split, their meaning, and the exact target where there is one.

    columns: of the file that the points are from. said: how it was read, a line for each thing that was decided.
    """

    splits: dict[str, np.ndarray]
    origin: str
    licence: str
    target: MixtureNumbers | None = None
    image: tuple[int, ...] | None = None
    shift: list[float] | float = 0.0
    scale: list[float] | float = 1.0
    columns: tuple[Column, ...] | None = None
    said: tuple[str, ...] = ()


class Source(Part):
    """A source of data. It knows its dimension before it is read, so that a study can be planned."""

    @property
    def known_score(self) -> bool:
        """Whether grad log p_sigma is known in closed form."""
        return False

    def files(self) -> list[Path]:
        """Files that it reads; their hashes are part of the key of what is made from them."""
        return []

    @abstractmethod
    def dimension(self) -> int:
        """Number of values in one event."""

    def said(self) -> tuple[str, ...]:
        """What a person should know of how the data were read, a line each."""
        return ()

    def check(self, sizes: dict[str, int | None]) -> None:
        """Raise ValueError if the data can't be read or don't give these sizes; called before anything runs."""
        self.dimension()

    @abstractmethod
    def load(self, sizes: dict[str, int | None], seed: int) -> Points:
        """The points; a size of None means all there are (a fixed source decides the split itself).

        Raises:
            ValueError: fewer points than asked for.
        """


def split_counts(rows: int, sizes: dict[str, int | None]) -> dict[str, int]:
    """Rows per split of a finite data set: 70 % train, 10 % validation, 20 % test unless sizes say otherwise.

    Raises:
        ValueError: fewer rows than the sizes ask for, or a split of fewer than 2 rows.
    """
    share = {"train": 0.7, "validation": 0.1, "test": 0.2}
    counts = {split: sizes.get(split) or int(share[split] * rows) for split in SPLITS}
    if sum(counts.values()) > rows or min(counts.values()) < 2:
        raise ValueError(
            f"the data have {rows} rows, which do not give"
            f" {', '.join(f'{split} {count}' for split, count in counts.items())} (each at least 2)"
        )
    return counts


def split_rows(rows: np.ndarray, sizes: dict[str, int | None], seed: int) -> dict[str, np.ndarray]:
    """Shuffled rows of a finite data set, split by `split_counts`."""
    import numpy as np

    from scorebench.streams import seed_of

    order = np.random.default_rng(seed_of(seed, "split")).permutation(len(rows))
    counts = split_counts(len(rows), sizes)
    ends = np.cumsum([counts[split] for split in SPLITS])
    parts = np.split(rows[order], ends)
    return dict(zip(SPLITS, parts, strict=False))


def standardise(
    splits: dict[str, np.ndarray], per_column: bool
) -> tuple[dict[str, np.ndarray], list[float], list[float]]:
    """Training mean 0 and root mean square 1, over all values or each column: (splits, shift, scale).

    Raises:
        ValueError: training data without any spread.
    """
    import numpy as np

    train = splits["train"].astype(np.float64)
    shift = train.mean(0)
    spread = (train - shift).std(0) if per_column else np.full(train.shape[1], (train - shift).std())
    if not per_column and spread[0] == 0:
        raise ValueError("all training rows are the same: there is nothing to learn")
    spread = np.where(spread > 0, spread, 1.0)  # a constant column stays constant
    done = {split: ((x - shift) / spread).astype(np.float32) for split, x in splits.items()}
    return done, shift.tolist(), spread.tolist()

"""The advice on real tables, beside how thin they are: what docs/benchmarks.md says of tau, sigma_min and sigma_max.

    python benchmarks/real_tables.py

The tables are those that come with scikit-learn, statsmodels (`pip install -e .[dev]`) and this project; every column
of numbers, rows without missing values, scaled as a study scales them. The thinnest principal component of the whole
and the largest distance are computed here by other means than the advisor's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from scorebench.advisor import advise
from scorebench.data import standardise

WINES = Path(__file__).parents[1] / "data/raw/wine_quality.csv"
FROM_SKLEARN = ("iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud")
FROM_STATSMODELS = (
    "anes96", "cancer", "ccard", "danish_data", "elnino", "engel", "fair", "grunfeld", "heart", "interest_inflation",
    "macrodata", "modechoice", "randhie", "star98", "statecrime", "strikes", "sunspots",
)  # fmt: skip


def tables() -> Iterator[tuple[str, np.ndarray]]:
    """Name and rows (n, d) of every table."""
    for name in FROM_SKLEARN:
        yield name, from_sklearn(name)
    for name in FROM_STATSMODELS:
        yield name, from_statsmodels(name)
    yield from wines()


def from_sklearn(name: str) -> np.ndarray:
    """The features of a table of scikit-learn."""
    from sklearn import datasets

    return np.asarray(getattr(datasets, f"load_{name}")().data, dtype=float)


def from_statsmodels(name: str) -> np.ndarray:
    """The columns of numbers of a table of statsmodels."""
    import importlib

    table = importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data
    return np.asarray(table.select_dtypes("number").dropna(), dtype=float)


def wines() -> Iterator[tuple[str, np.ndarray]]:
    """Eleven measurements of red and of white wines."""
    with WINES.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = [at for at, name in enumerate(header) if name not in ("color", "quality")]
    for colour in ("red", "white"):
        kept = [[float(row[at]) for at in numbers] for row in rows if row[header.index("color")] == colour]
        yield f"wine, {colour}", np.array(kept)


def scaled(rows: np.ndarray) -> np.ndarray:
    """As a study prepares them, constant columns left out."""
    varying = rows[:, np.ptp(rows, axis=0) > 0]
    return standardise({"train": varying}, per_column=True)[0]["train"].astype(float)


def thinnest_component(rows: np.ndarray) -> float:
    """The standard deviation of the last principal component that is more than rounding."""
    spread = np.linalg.svd(rows - rows.mean(0), compute_uv=False) / len(rows) ** 0.5
    return float(spread[spread > 1e-6 * spread[0]][-1])


def largest_distance(rows: np.ndarray) -> float:
    """By all pairs, a thousand rows at a time."""
    return max(float(cdist(part, rows).max()) for part in np.array_split(rows, 1 + len(rows) // 1000))


def main() -> None:
    """Print the rows of the table in docs/benchmarks.md."""
    heads = ("table", "n, d", "tau", "thinnest local direction", "thinnest principal component", "sigma_min",
             "sigma_max", "largest distance", "warnings")  # fmt: skip
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, rows in tables():
        x = scaled(rows)
        a = advise(x)
        thin = "too few points" if a.sigma_thin is None else f"{a.sigma_thin:.3g}"
        codes = ", ".join(c.code.removesuffix("_columns") for c in a.warnings if c.code not in QUIET) or "none"
        far, component = largest_distance(x), thinnest_component(x)
        print(
            f"| {name} | {len(x):,}, {x.shape[1]} | {a.sigma_local:.3g} | {thin} | {component:.3g} | {a.sigma_min:.3g} "
            f"| {a.sigma_max:.3g} | {far:.3g} | {codes} |",
            flush=True,
        )


QUIET = ("low_dimension", "loose_technique2")
"""Warnings that say nothing of the data but their dimension."""

if __name__ == "__main__":
    main()

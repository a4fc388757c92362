"""Are diagnostics that need no exact score of any use? They are held against the error where it is known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from scorebench.evidence.table import ResultTable

DIAGNOSTICS = {
    "excess_loss": "excess of the DSM loss over its estimated optimum",
    "stein_alpha": "distance of Stein's calibration from 1",
    "divergence_balance": "size of the divergence balance",
}
FEWEST = 5
"""Cells below which a rank correlation says nothing."""


@dataclass(frozen=True)
class Validity:
    """How a diagnostic orders the cells of a data set, and their scales, compared with D(sigma).

    between: Spearman's rank correlation between cells at one noise level, the median over the levels; worst: the
    smallest of them, at `worst_sigma`. overall: over all cells and levels together. factor: the median of
    diagnostic / D, for one that estimates D.
    """

    study: str
    dataset: str
    diagnostic: str
    cells: int
    between: float
    worst: float
    worst_sigma: float
    overall: float
    factor: float | None


def badness(diagnostic: str, value: float) -> float:
    """A number that is larger the worse the score is."""
    return {"stein_alpha": abs(value - 1), "divergence_balance": abs(value)}.get(diagnostic, value)


def validity(studies: Sequence[ResultTable]) -> list[Validity]:
    """For every data set with exact D and at least five cells, and every diagnostic."""
    judged = []
    for study in studies:
        datasets = sorted(
            {place.dataset for place, curve in study.curves.items() if place.metric == "D" and len(curve) > 1}
        )
        for dataset in datasets:
            for diagnostic in DIAGNOSTICS:
                if (one := _of(study, dataset, diagnostic)) is not None:
                    judged.append(one)
    return judged


def _of(study: ResultTable, dataset: str, diagnostic: str) -> Validity | None:
    levels: dict[float, list[tuple[float, float]]] = defaultdict(list)
    ratios, cells = [], 0
    for place, curve in study.curves.items():
        if place.dataset != dataset or place.metric != diagnostic:
            continue
        D = study.curves.get(place._replace(metric="D"), {})
        common = sorted(curve.keys() & D.keys())
        if len(common) < 2:
            continue
        cells += 1
        for sigma in common:
            levels[sigma].append((badness(diagnostic, curve[sigma].mean), D[sigma].mean))
            if diagnostic == "excess_loss" and D[sigma].mean > 0:
                ratios.append(curve[sigma].mean / D[sigma].mean)
    levels = {sigma: pairs for sigma, pairs in levels.items() if len(pairs) >= FEWEST}
    if cells < FEWEST or not levels:
        return None
    ranks = {sigma: _spearman(pairs) for sigma, pairs in levels.items()}
    ranks = {sigma: rank for sigma, rank in ranks.items() if math.isfinite(rank)}
    if not ranks:
        return None
    worst = min(ranks, key=lambda sigma: ranks[sigma])
    overall = _spearman([pair for pairs in levels.values() for pair in pairs])
    factor = float(np.median(ratios)) if ratios else None
    median = float(np.median(list(ranks.values())))
    return Validity(study.study, dataset, diagnostic, cells, median, ranks[worst], worst, overall, factor)


def _spearman(pairs: list[tuple[float, float]]) -> float:
    x, y = zip(*pairs, strict=True)
    if len(set(x)) < 2 or len(set(y)) < 2:
        return math.nan
    return float(spearmanr(x, y).statistic)

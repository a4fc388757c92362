"""Tables of the page of answers that take more than one look-up: single levels, gradients, variants."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scorebench.evidence.claims import lowest_level
from scorebench.evidence.comparisons import Comparison
from scorebench.evidence.words import number
from studies.answers.quotes import HEADLINES, LN, Quotes, is_variant
from studies.answers.rules import RULES
from studies.answers.validity import DIAGNOSTICS, Validity

TAU = 0.15
"""Width of the components of ring8."""
SIZES = {f"ring8_n{n}": n for n in (100, 1000, 10000)}
"""Data sets of single levels -> number of points, in 2-D."""
TRUSTED = 0.8
"""Rank correlation from which a diagnostic is said to order methods as the error does."""

TEN_TIMES = 10 ** (-1 / 6)
"""What ten times the points make of a best level at most: in 2-D the rules go with n^(-1/6) or n^(-1/8)."""


@dataclass(frozen=True)
class Singles:
    """Relative errors of networks trained at one noise level, and what rules say of the best one."""

    levels: list[str]
    rules: list[str]
    rows: list[SingleRow]
    nearest: tuple[str, float, float] | None
    """Of all rules and both widths the nearest to DSM's best levels: its name, and the least and the largest factor of
    these over it."""

    @property
    def pairs(self) -> list[tuple[str, str, str]]:
        """Data sets on which DSM and antithetic DSM have a best level each, and these."""
        best = {(row.method, row.dataset): row.best for row in self.rows if row.best}
        datasets = [d for m, d in best if m == "dsm" and ("antithetic_dsm", d) in best]
        return [(d, best["dsm", d], best["antithetic_dsm", d]) for d in datasets]

    @property
    def pairs_lower(self) -> bool:
        """Whether pairs bring all best levels down, and further than ten times the points would by any rule."""
        return all(float(mirrored) < TEN_TIMES * float(alone) for _, alone, mirrored in self.pairs)


@dataclass(frozen=True)
class SingleRow:
    """One data set and method: values by level, the best level and that of each rule."""

    dataset: str
    method: str
    values: dict[str, str]
    best: str
    rules: list[str]


WIDTHS = {"τ": TAU, "the data": 1.0}
"""Whose width a rule is given: of the components, of all data."""


def _rules(dataset: str) -> dict[str, float]:
    """Rule and width -> level."""
    n = SIZES[dataset]
    return {
        f"{name}, width of {whose}": rule(width, n, 2)
        for name, rule in RULES.items()
        for whose, width in WIDTHS.items()
    }


def singles(q: Quotes, name: str) -> Singles | None:
    """All cells of a study that were trained at one level; None without any."""
    study = q.study(name)
    if study is None:
        return None
    cells: dict[tuple[str, str], dict[float, str]] = {}
    for (dataset, method, schedule, sampler, metric), curve in study.curves.items():
        if metric == "D" and len(curve) == 1 and not sampler and dataset in SIZES:
            cells.setdefault((dataset, method), {})[next(iter(curve))] = schedule
    if not cells:
        return None
    levels = sorted({sigma for by_level in cells.values() for sigma in by_level})
    rows, off = [], []
    for (dataset, method), by_level in sorted(cells.items(), key=lambda item: (item[0][1], SIZES[item[0][0]])):
        values, errors = {}, {}
        for sigma in levels:
            cell = f"{method}/{by_level.get(sigma, '')}"
            values[number(sigma, 2)] = q.mean(name, dataset, cell, "clean_error") if sigma in by_level else ""
            v = study.of(dataset, cell, "clean_error")
            if v:
                errors[sigma] = math.fsum(v.values()) / len(v)
        best = lowest_level(errors) if len(errors) > 2 else None
        rules = _rules(dataset)
        if best is not None and method == "dsm":
            off.append({rule: best / level for rule, level in rules.items()})
        told = "" if best is None else number(best, 2)
        rows.append(SingleRow(dataset, method, values, told, [number(level, 2) for level in rules.values()]))
    return Singles([number(sigma, 2) for sigma in levels], list(rules), rows, _nearest(off))


def _nearest(off: list[dict[str, float]]) -> tuple[str, float, float] | None:
    if not off:
        return None
    best = min(off[0], key=lambda rule: max(abs(math.log(factors[rule])) for factors in off))
    return best, min(factors[best] for factors in off), max(factors[best] for factors in off)


LEARNED = ("uncertainty", "gradient_variance", "minimax")
CLOSE = 1.05
"""Factor within which two schedules count as equally safe."""


@dataclass(frozen=True)
class Safe:
    """The schedules that are never far from the best: a sentence on their kind, their names, how far, of how many."""

    words: str
    names: str
    factor: str
    of: int


def safe(q: Quotes, name: str) -> Safe | None:
    """Schedules of DSM by their worst ratio to the best, over the headline data sets; None where none was on all."""
    worst = q.never_far(name, HEADLINES, "dsm")
    if not worst:
        return None
    least = next(iter(worst.values()))
    near = [schedule for schedule, ratio in worst.items() if ratio <= CLOSE * least]
    learned = [schedule in LEARNED for schedule in near]
    words = "several schedules are equally safe, fixed and learned ones"
    if all(learned):
        words = "let the training place its noise levels"
    elif not any(learned):
        words = "a fixed schedule over all scales will do"
    return Safe(words, " and ".join(f"`{s}`" for s in near), f"{worst[near[-1]]:.2f}", len(worst))


def emphasis(q: Quotes, dataset: str) -> dict[str, dict[float, float]]:
    """Schedule that learns -> noise level -> how much more it trains there than ln sigma uniform with its weight does.

    The share of noise levels in a bin over that of a uniform one; for uncertainty weighting e^-u, whose scale means
    nothing, over its mean.
    """
    curves = {}
    for schedule in LEARNED:
        mass = q.learned("noise", dataset, f"dsm/{schedule}", "mass")
        weight = {s: math.exp(-u) for s, u in q.learned("noise", dataset, f"dsm/{schedule}", "u").items()}
        if curve := mass or weight:
            mean = math.fsum(curve.values()) / len(curve)
            curves[schedule] = {sigma: value / mean for sigma, value in curve.items()}
    return curves


CHOSEN = {
    "λ(σ) of hybrid_learned": ("hybrid_learned", "lambda"),
    "share of antithetic_stf's replicates that draw mirrored pairs": ("antithetic_stf", "mirrored"),
}
"""What methods learn, in words: the method, and the name of what it learns."""


def chosen(q: Quotes, dataset: str) -> dict[str, dict[float, float]]:
    """What methods of the hybrid study learned on ln sigma uniform, in words -> noise level -> mean over replicates."""
    curves = {words: q.learned("hybrid", dataset, f"{method}/{LN}", what) for words, (method, what) in CHOSEN.items()}
    return {words: curve for words, curve in curves.items() if curve}


def microscope_methods(q: Quotes, dataset: str) -> list[tuple[str, float]]:
    """Methods whose gradients were looked at, and their evaluations per sample."""
    study = q.study("hybrid")
    methods = []
    for (d, method, _, _, metric), values in study.values.items() if study else ():
        if d == dataset and metric == "gradient_evaluations" and values:
            methods.append((method, next(iter(values.values()))))
    return methods


@dataclass(frozen=True)
class Turn:
    """A comparison as it was and under a variant."""

    study: str
    dataset: str
    comparison: str
    variant: str
    before: Comparison | None
    after: Comparison

    @property
    def turns(self) -> str:
        """Whether the conclusion turns, in words."""
        if self.before is None:
            return "another data set"
        if self.before.sure and self.after.sure:
            return "**yes**" if self.before.lower != self.after.lower else "no"
        if self.before.sure:
            return "no longer sure"
        return "sure now" if self.after.sure else "unsure both times"


def robustness(q: Quotes) -> list[Turn]:
    """Methods against DSM on the same schedule, and DSM's schedules against ln sigma uniform, under every variant."""
    return [turn for name in ("noise", "hybrid", "data") for turn in _turns(q, name)]


def _turns(q: Quotes, name: str) -> Iterator[Turn]:
    study = q.study(name)
    if study is None:
        return
    metric = "excess_loss_integral" if name == "data" else "D_integral"

    for dataset in q.datasets(name, metric):
        cells = set(q.cells(name, dataset, metric, variants=True))
        for cell in sorted(cells):
            method, _, schedule = cell.partition("/")
            base, _, label = method.rpartition("-")
            if not is_variant(method):
                continue
            if base != "dsm":
                pair = (f"dsm-{label}/{schedule}", f"dsm/{schedule}", f"{base} over dsm, {schedule}")
            elif schedule != "log_uniform" and not _others(cells, label):
                pair = (f"dsm-{label}/log_uniform", "dsm/log_uniform", f"dsm: {schedule} over log_uniform")
            else:
                continue
            after = q.compared(name, dataset, cell, pair[0], metric)
            if after is not None:
                before = q.compared(name, dataset, f"{base}/{schedule}", pair[1], metric)
                yield Turn(study.study, dataset, pair[2], label, before, after)


def _others(cells: set[str], label: str) -> set[str]:
    """Methods other than DSM that were tried under a variant."""
    methods = {cell.partition("/")[0] for cell in cells}
    return {m.removesuffix(f"-{label}") for m in methods if m.endswith(f"-{label}")} - {"dsm"}


def summary(valid: Sequence[Validity]) -> Iterator[str]:
    """A sentence on every diagnostic: how far it may be trusted to order methods, and as an estimate."""
    for diagnostic, meaning in DIAGNOSTICS.items():
        told = [v for v in valid if v.diagnostic == diagnostic]
        if not told:
            continue
        low, high = min(v.between for v in told), max(v.between for v in told)
        if low >= TRUSTED:
            verdict = "it orders methods as the error does, on average over the noise levels"
        elif high < TRUSTED:
            verdict = "it does not order methods reliably"
        else:
            verdict = "it orders methods well on some data only"
        worst = min(told, key=lambda v: v.worst)
        line = f"The {meaning} has rank correlations of {low:.2f} to {high:.2f}: {verdict}"
        line += f"; {worst.worst:.2f} at worst (σ = {number(worst.worst_sigma, 2)} on {worst.dataset})."
        factors = [v.factor for v in told if v.factor is not None]
        if factors:
            within = all(0.5 <= factor <= 2 for factor in factors)
            range_ = f"{number(min(factors), 2)} to {number(max(factors), 2)} times D(σ)"
            good = "right within a factor of two" if within else "so it is no estimate of it"
            line += f" As an estimate it is {range_} in the median, {good}."
        yield line

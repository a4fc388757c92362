"""The two questions of the workbench, answered as far as a study's numbers go.

1. How should sigma be chosen in DSM, so that the score is accurate on every scale?
2. Does combining DSM with SSM on p_sigma help?
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from scorebench import parts
from scorebench.evidence.statistics import Standing, between, estimate, number, said, standing
from scorebench.report.catalogue import metric
from scorebench.report.results import Column, Results

ALL_SCALES, CLEAN = "D_integral", "clean_error"


@dataclass(frozen=True)
class Combination:
    """A method made of others against one of them: the ratio of the errors over all scales, with its interval."""

    dataset: str
    schedule: str
    method: str
    part: str
    ratio: float
    low: float | None
    high: float | None


def denoising(results: Results, dataset: str) -> str | None:
    """The method that is plain DSM; of several, the first that was trained on most schedules."""
    listed = results.params["methods"]
    found = [m for m in results.methods(dataset) if listed[m]["objective"] == "dsm" and not results.variant(m)]
    return max(found, key=lambda m: sum(cell[:2] == (dataset, m) for cell in results.cells), default=None)


def singles(results: Results) -> list[tuple[str, str, str, float]]:
    """Cells that were trained at one noise level by plain DSM: data set, method, schedule and that level."""
    found = []
    for (dataset, method, schedule, sampler, name), curve in results.curves.items():
        if sampler is None and name == "D" and len(curve) == 1 and method == denoising(results, dataset):
            found.append((dataset, method, schedule, next(iter(curve))))
    return sorted(found, key=lambda row: (results.datasets.index(row[0]), row[3]))


def noise(results: Results, dataset: str) -> list[Markup]:
    """Question 1 on a data set: the best schedule for DSM, where it is least accurate, the best single level."""
    method = denoising(results, dataset)
    if method is None:
        return []
    sentences: list[Markup] = []
    sentences += _schedules(results, dataset, method)
    levels = {s: sigma for d, m, s, sigma in singles(results) if (d, m) == (dataset, method)}
    values = {s: results.values(dataset, method, (s, None), CLEAN) for s in levels}
    values = {s: v for s, v in values.items() if len(v) == results.replicates}
    if len(values) > 1 and (found := standing(values, metric(CLEAN).badness)) is not None:
        level = estimate(list(values[found.best].values()))
        text = Markup("Of {} single noise levels, the score of the clean data is learned best at σ = {}").format(
            len(values), number(levels[found.best])
        )
        text += Markup(", with a relative error of {}").format(said(level) if level else "no number")
        if found.sure:
            near = sorted(levels[s] for s in found.tied)
            text += Markup("; no difference found to σ = {}").format(", ".join(map(number, near))) if near else ""
        sentences.append(text + Markup("."))
    return sentences


def _by_schedule(results: Results, dataset: str, method: str | None) -> Standing | None:
    """The standing of the schedules that a method was trained on, by its error over all scales."""
    columns = results.columns(dataset, ALL_SCALES)
    values = {c[0]: results.values(dataset, method, c, ALL_SCALES) for c in columns} if method else {}
    whole = {schedule: v for schedule, v in values.items() if len(v) == results.replicates}
    return standing(whole, metric(ALL_SCALES).badness)


def _schedules(results: Results, dataset: str, method: str) -> Iterator[Markup]:
    """The best schedule for a method, what can't be told from it, and where it is least accurate."""
    found = _by_schedule(results, dataset, method)
    if found is None:
        return
    level = estimate(list(results.values(dataset, method, (found.best, None), ALL_SCALES).values()))
    measured = said(level) if level else "no number"
    if not found.differences:
        text = Markup("<b>{}</b> was trained on all scales by one schedule, <b>{}</b>: error {} nats")
        yield text.format(method, found.best, measured) + Markup(". Nothing to compare it with.")
    else:
        text = Markup("Of {} schedules, <b>{}</b> makes <b>{}</b> most accurate over all scales: error {} nats")
        yield text.format(1 + len(found.differences), found.best, method, measured) + _others(found) + Markup(".")
    curve = results.curves.get((dataset, method, found.best, None, "D"), {})
    if len(curve) > 1:
        means = {sigma: sum(v.values()) / len(v) for sigma, v in curve.items()}
        sigma, low = max(means, key=lambda s: means[s]), min(means)
        told = (number(v, 2) for v in (sigma, means[sigma], low, means[low]))
        yield Markup("Its error is largest at σ = {}, D = {}; at the lowest level, σ = {}, D = {}.").format(*told)


def _others(found: Standing) -> Markup:
    """Who can't be told from the best, and who is behind by how much."""
    if not found.sure:
        return Markup("; one replicate, no interval")
    behind = sorted((d.mean, name) for name, d in found.differences.items() if name not in found.tied)
    listed = [f"{name} +{number(mean, 2)} {between(found.differences[name])}" for mean, name in behind]
    text = Markup("; no difference found to {}").format(", ".join(found.tied)) if found.tied else Markup("")
    return text + (Markup("; behind it {}").format(", ".join(listed)) if listed else Markup(""))


def noise_overall(results: Results) -> list[Markup]:
    """Question 1 over all data sets: how often every schedule is best for plain DSM, or can't be told from the best."""
    asked, wins = 0, Counter[str]()
    for dataset in results.datasets:
        found = _by_schedule(results, dataset, denoising(results, dataset))
        if found is not None and found.differences:
            asked += 1
            wins.update([found.best, *(found.tied if found.sure else [])])
    if not asked:
        return []
    order = sorted(wins, key=lambda name: (-wins[name], results.schedules().index(name)))
    said_ = [Markup("<b>{}</b> on {}").format(name, wins[name]) for name in order]
    text = Markup("Of {} with more than one schedule of many levels, best or not found to differ from the best: {}.")
    return [text.format("1 data set" if asked == 1 else f"{asked} data sets", Markup(", ").join(said_))]


def hybrid_overall(results: Results) -> list[Markup]:
    """Question 2 over all data sets: how often a combination is better, or worse, than every one of its parts."""
    rows = combinations(results)
    cells = dict.fromkeys((row.dataset, row.method, row.schedule) for row in rows)
    judged = [[row for row in rows if (row.dataset, row.method, row.schedule) == cell] for cell in cells]
    judged = [group for group in judged if all(row.high is not None for row in group)]
    if not judged:
        return []
    better = sum(all(row.high is not None and row.high < 1 for row in group) for group in judged)
    worse = sum(any(row.low is not None and row.low > 1 for row in group) for group in judged)
    text = Markup(
        "In {} of {} cells with a combined method it has less error than every one of its parts, in {} more than one "
        "of them, in {} no difference to the better part is found."
    )
    return [text.format(better, len(judged), worse, len(judged) - better - worse)]


def combinations(results: Results) -> list[Combination]:
    """Every combined method against every one of its parts, where both were trained on the same schedule.

    The ratio of the errors over all scales is the geometric mean over replicates of paired ratios, with a Student-t
    interval of their logarithms.
    """
    found = []
    listed = results.params["methods"]
    for dataset in results.datasets:
        for column in results.columns(dataset, ALL_SCALES):
            for method in results.methods(dataset):
                made_of = parts.find("objective", listed[method]["objective"]).combines
                for part in results.methods(dataset):
                    if listed[part]["objective"] in made_of and results.comparable(method, part):
                        row = _against(results, dataset, method, part, column)
                        found += [row] if row else []
    return found


def _against(results: Results, dataset: str, method: str, part: str, column: Column) -> Combination | None:
    a, b = (results.values(dataset, name, column, ALL_SCALES) for name in (method, part))
    shared = [r for r in sorted(a.keys() & b.keys()) if a[r] > 0 and b[r] > 0]
    level = estimate([math.log(a[r] / b[r]) for r in shared])
    if level is None:
        return None
    ends = (None, None) if level.half is None else (math.exp(level.low), math.exp(level.high))
    return Combination(dataset, column[0], method, part, math.exp(level.mean), *ends)


def hybrid(results: Results, dataset: str) -> list[Markup]:
    """Question 2 on a data set: every combined method against its parts, and who is better than all of them."""
    rows = [row for row in combinations(results) if row.dataset == dataset]
    sentences = []
    for method, schedule in dict.fromkeys((row.method, row.schedule) for row in rows):
        against = [row for row in rows if (row.method, row.schedule) == (method, schedule)]
        said_ = [Markup("{} <b>{}</b> {}").format(times(row), row.part, verdict(row)) for row in against]
        text = Markup("On {}, <b>{}</b> has {}").format(schedule, method, Markup("; ").join(said_))
        beaten = [row for row in against if row.high is not None and row.high < 1]
        if all(row.low is None for row in against):
            answer = "one replicate: chance can't be told from a difference"
        elif len(beaten) == len(against):
            answer = "here it helps, whichever it would replace" if len(against) > 1 else "here it helps"
        elif any(row.low is not None and row.low > 1 for row in against):
            answer = "here one of its parts alone is better"
        else:
            answer = "here it is not found to help over the better of its parts"
        sentences.append(text + Markup(": {}.").format(answer))
    if rows:
        sentences += _best_other(results, dataset, {row.method for row in rows})
    return sentences


def times(row: Combination) -> str:
    """How large its error is: `0.61 times the error of`."""
    return f"{number(row.ratio, 2)} times the error of"


def verdict(row: Combination) -> str:
    """The interval, and what it says."""
    if row.low is None or row.high is None:
        return ""
    words = "less" if row.high < 1 else "more" if row.low > 1 else "no difference found"
    return f"[{number(row.low, 2)}, {number(row.high, 2)}] ({words})"


def _best_other(results: Results, dataset: str, combined: set[str]) -> Iterator[Markup]:
    """The best method that combines nothing, against the best one that does."""
    columns = results.columns(dataset, ALL_SCALES)
    found = results.contenders(dataset, ALL_SCALES, columns)
    values = {label: results.values(dataset, *where, ALL_SCALES) for label, where in found.items()}
    groups = [{k: v for k, v in values.items() if (found[k][0] in combined) is inside} for inside in (True, False)]
    best = [standing(group, metric(ALL_SCALES).badness) for group in groups]
    if best[0] is None or best[1] is None:
        return
    a, b = best[0].best, best[1].best
    duel = standing({a: values[a], b: values[b]}, metric(ALL_SCALES).badness)
    if duel is None:
        return
    names = [Markup("<b>{}</b> on {}").format(found[k][0], found[k][1][0]) for k in (a, b)]
    loser = b if duel.best == a else a
    gap = duel.differences.get(loser)
    text = Markup("The best combination, {}, against the best method that combines nothing, {}: ").format(*names)
    if gap is None or not duel.sure:
        yield text + Markup("one replicate, no interval.")
    elif gap.holds_zero:
        yield text + Markup("no difference found, {}.").format(between(gap))
    else:
        who = "the combination" if duel.best == a else "the other"
        yield text + Markup("{} is ahead by {} nats {}.").format(who, number(gap.mean, 2), between(gap))

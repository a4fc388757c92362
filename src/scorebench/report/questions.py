"""The two questions of the workbench, answered as far as a study's numbers go.

1. How should sigma be chosen in DSM, so that the score is accurate on every scale?
2. Does combining DSM with SSM on p_sigma help?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from scorebench import parts
from scorebench.evidence import sentences
from scorebench.evidence.catalogue import metric
from scorebench.evidence.comparisons import Comparison, Measured, Ranking, compared, ranking
from scorebench.evidence.intervals import interval
from scorebench.evidence.words import number, said
from scorebench.report.results import Column, Results

ALL_SCALES, CLEAN = "D_integral", "clean_error"
NOTHING = Markup("")


@dataclass(frozen=True)
class Combination:
    """A method made of others against one of them, by the errors over all scales."""

    dataset: str
    schedule: str
    method: str
    part: str
    comparison: Comparison


def bold(name: str) -> Markup:
    """A name as it stands in sentences."""
    return Markup("<b>{}</b>").format(name)


def denoising(results: Results, dataset: str) -> str | None:
    """The method that is plain DSM; of several, the first that was trained on most schedules."""
    listed = results.params.methods
    plain = [m for m in results.methods(dataset) if listed[m].objective == "dsm" and not results.variant(m)]
    return max(plain, key=lambda m: sum(cell[:2] == (dataset, m) for cell in results.cells), default=None)


def singles(results: Results) -> list[tuple[str, str, str, float]]:
    """Cells that were trained at one noise level by plain DSM: data set, method, schedule and that level."""
    alone = [
        (at.dataset, at.method, at.schedule, next(iter(curve)))
        for at, curve in results.table.curves.items()
        if not at.sampler and at.metric == "D" and len(curve) == 1 and at.method == denoising(results, at.dataset)
    ]
    return sorted(alone, key=lambda row: (results.datasets.index(row[0]), row[3]))


def best_single(results: Results, dataset: str) -> tuple[Ranking, dict[str, float]] | None:
    """The schedules of one level that plain DSM was trained on, by the error on clean data, and their levels."""
    levels = {s: sigma for d, _, s, sigma in singles(results) if d == dataset}
    method = denoising(results, dataset)
    values = {s: results.measured(dataset, method, (s, ""), CLEAN) for s in levels} if method else {}
    order = ranking(_whole(results, values), metric(CLEAN))
    return (order, levels) if order is not None and order.behind else None


def _whole(results: Results, measured: dict[str, Measured]) -> dict[str, Measured]:
    """Those that have a number in every replicate."""
    return {name: one for name, one in measured.items() if len(one.values) == results.replicates}


def level_of(results: Results, dataset: str, method: str, column: Column, name: str) -> str:
    """A metric of a cell with its interval, in words."""
    level = interval(list(results.values(dataset, method, column, name).values()))
    return said(level) if level else "no number"


def noise(results: Results, dataset: str) -> list[Markup]:
    """Question 1 on a data set: the best schedule for DSM, where it is least accurate, the best single level."""
    method = denoising(results, dataset)
    if method is None:
        return []
    answer = list(_schedules(results, dataset, method))
    single = best_single(results, dataset)
    if single is not None:
        order, levels = single
        near = sorted(levels[s] for s in order.tied) if order.tested else []
        text = sentences.best_of(
            f"single noise levels for {method}",
            1 + len(order.behind),
            Markup("σ = {}").format(number(levels[order.best])),
            f"{level_of(results, dataset, method, (order.best, ''), CLEAN)} of the score of the clean data, relative",
            sentences.no_difference([Markup("σ = {}").format(number(sigma)) for sigma in near], NOTHING),
        )
        answer.append(sentences.sentence(text))
    return answer


def _by_schedule(results: Results, dataset: str, method: str | None) -> Ranking | None:
    """The schedules that a method was trained on, by its error over all scales."""
    if method is None:
        return None
    columns = results.columns(dataset, ALL_SCALES)
    measured = {c[0]: results.measured(dataset, method, c, ALL_SCALES) for c in columns}
    return ranking(_whole(results, measured), metric(ALL_SCALES))


def _schedules(results: Results, dataset: str, method: str) -> Iterator[Markup]:
    """The best schedule for a method, what can't be told from it, and where it is least accurate."""
    order = _by_schedule(results, dataset, method)
    if order is None:
        return
    level = level_of(results, dataset, method, (order.best, ""), ALL_SCALES) + " nats"
    if not order.behind:
        text = Markup("<b>{}</b> was trained on all scales by one schedule, <b>{}</b>: error {}")
        yield text.format(method, order.best, level) + Markup(". Nothing to compare it with.")
    else:
        kind = f"schedules for {method}"
        text = sentences.best_of(kind, 1 + len(order.behind), bold(order.best), level, _others(order))
        yield sentences.sentence(text)
    if len(curve := results.curve(dataset, method, order.best)) > 1:
        yield Markup("Its D(σ) {}.").format(sentences.hardest(curve))


def _others(order: Ranking) -> Markup:
    """Who can't be told from the best, and who is behind by how much."""
    if not order.tested:
        return Markup("; one replicate, no interval")
    named = {name: Markup.escape(name) for name in order.behind}
    near = [named[name] for name in order.tied]
    return sentences.no_difference(near, NOTHING) + sentences.behind(order, named, NOTHING)


def noise_overall(results: Results) -> list[Markup]:
    """Question 1 over all data sets: how often every schedule is best for plain DSM, or can't be told from the best."""
    asked, wins = 0, Counter[str]()
    for dataset in results.datasets:
        order = _by_schedule(results, dataset, denoising(results, dataset))
        if order is not None and order.behind:
            asked += 1
            wins.update([order.best, *(order.tied if order.tested else [])])
    if not asked:
        return []
    names = sorted(wins, key=lambda name: (-wins[name], results.schedules().index(name)))
    listed = [Markup("<b>{}</b> on {}").format(name, wins[name]) for name in names]
    text = Markup("Of {} with more than one schedule of many levels, best or not found to differ from the best: {}.")
    return [text.format("1 data set" if asked == 1 else f"{asked} data sets", sentences.joined(listed, NOTHING))]


def combinations(results: Results, dataset: str) -> list[Combination]:
    """Every combined method against every one of its parts, where both were trained on the same schedule: a family."""
    listed, pairs = results.params.methods, {}
    for column in results.columns(dataset, ALL_SCALES):
        for method in results.methods(dataset):
            made_of = parts.find("objective", listed[method].objective).combines
            for part in results.methods(dataset):
                if listed[part].objective in made_of and results.comparable(method, part):
                    sides = [results.measured(dataset, name, column, ALL_SCALES) for name in (method, part)]
                    pairs[column[0], method, part] = (sides[0], sides[1])
    return [Combination(dataset, *names, c) for names, c in compared(pairs, metric(ALL_SCALES)).items()]


def _by_cell(results: Results, dataset: str) -> dict[tuple[str, str], list[Combination]]:
    """Method and schedule -> the comparisons of that combination with its parts."""
    cells: dict[tuple[str, str], list[Combination]] = {}
    for row in combinations(results, dataset):
        cells.setdefault((row.method, row.schedule), []).append(row)
    return cells


def _better(row: Combination) -> bool:
    return row.comparison.sure and row.comparison.lower


def _worse(row: Combination) -> bool:
    return row.comparison.sure and not row.comparison.lower


def hybrid_overall(results: Results) -> list[Markup]:
    """Question 2 over all data sets: how often a combination is better, or worse, than every one of its parts."""
    cells = [rows for dataset in results.datasets for rows in _by_cell(results, dataset).values()]
    judged = [rows for rows in cells if all(row.comparison.low is not None for row in rows)]
    if not judged:
        return []
    better = sum(all(map(_better, rows)) for rows in judged)
    worse = sum(any(map(_worse, rows)) for rows in judged)
    text = Markup(
        "In {} of {} cells with a combined method it has less error than every one of its parts, in {} more than one "
        "of them, in {} no difference to the better part is found."
    )
    return [text.format(better, len(judged), worse, len(judged) - better - worse)]


def hybrid(results: Results, dataset: str) -> list[Markup]:
    """Question 2 on a data set: every combined method against its parts, and who is better than all of them."""
    answer, cells = [], _by_cell(results, dataset)
    for (method, schedule), against in cells.items():
        told = [sentences.says(row.comparison, bold(row.part)) for row in against]
        text = Markup("On {}, <b>{}</b> {}").format(schedule, method, sentences.joined(told, NOTHING, "; it "))
        answer.append(text + Markup(": {}.").format(_helps(against)))
    if cells:
        answer += _best_other(results, dataset, {method for method, _ in cells})
    return answer


def _helps(against: list[Combination]) -> str:
    """Whether a combination is of use, in words."""
    if all(row.comparison.low is None for row in against):
        return "one replicate: chance can't be told from a difference"
    if all(map(_better, against)):
        return "here it helps, whichever it would replace" if len(against) > 1 else "here it helps"
    if any(map(_worse, against)):
        return "here one of its parts alone is better"
    return "here it is not found to help over the better of its parts"


def _best_other(results: Results, dataset: str, combined: set[str]) -> Iterator[Markup]:
    """The best method that combines nothing, against the best one that does."""
    columns = results.columns(dataset, ALL_SCALES)
    where = results.contenders(dataset, ALL_SCALES, columns)
    values = {key: results.measured(dataset, *place, ALL_SCALES) for key, place in where.items()}
    orders = [
        ranking({key: one for key, one in values.items() if (where[key][0] in combined) is inside}, metric(ALL_SCALES))
        for inside in (True, False)
    ]
    if orders[0] is None or orders[1] is None:
        return
    pair = [order.best for order in orders if order is not None]
    duel = compared({"duel": (values[pair[0]], values[pair[1]])}, metric(ALL_SCALES)).get("duel")
    if duel is not None:
        a, b = (Markup("<b>{}</b> on {}").format(where[key][0], where[key][1][0]) for key in pair)
        than = Markup("the best method that combines nothing, {}").format(b)
        yield Markup("The best combination, {}, {}.").format(a, sentences.says(duel, than))

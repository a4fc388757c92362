"""What was found, in sentences that are computed from the numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from scorebench.evidence.catalogue import UNTRAINED, metric
from scorebench.evidence.comparisons import Ranking
from scorebench.evidence.floors import TELLING, told_by
from scorebench.evidence.intervals import Interval, interval
from scorebench.evidence.sentences import left_out, runs
from scorebench.evidence.words import number, said
from scorebench.report.results import Column, Results


@dataclass
class Headline:
    """Who is best on a data set by its main metric, on one line; the rest in sentences.

    collapsed: of the best and of those that are not told from it, who had runs that collapsed, and which.
    """

    dataset: str
    metric: str = ""
    best: Markup | None = None
    level: str = ""
    tied: list[Markup] = field(default_factory=list)
    others: int = 0
    tested: bool = False
    collapsed: list[Markup] = field(default_factory=list)
    sentences: list[Markup] = field(default_factory=list)


def headline(results: Results, dataset: str) -> Headline:
    """What is shown first of a data set."""
    shown = Headline(dataset, sentences=findings(results, dataset))
    if (main := results.main(dataset)) is None:
        return shown
    name, sampler = main
    shown.metric = metric(name).label + (f", sampler {sampler}" if sampler else "")
    columns = [c for c in results.columns(dataset, name) if not sampler or c[1] == sampler]
    order = results.ranking(dataset, name, columns)
    if order is None:
        return shown
    where = results.contenders(dataset, name, columns)[order.best]
    level = interval(list(results.values(dataset, *where, name).values()))
    shown.best = _where(order.best, columns)
    shown.level = _measured(level, name, False)
    shown.tied = [_where(key, columns) for key in order.tied]
    shown.others, shown.tested = len(order.behind), order.tested
    shown.collapsed = _collapsed(results, order, columns)
    return shown


def _collapsed(results: Results, order: Ranking, columns: list[Column]) -> list[Markup]:
    """`dsm: 1 of 8 runs collapsed (replicate 3)`, of all that were ranked."""
    return [
        Markup("{}: {}").format(_where(key, columns), runs(replicates, results.replicates))
        for key, replicates in order.collapsed.items()
    ]


def findings(results: Results, dataset: str) -> list[Markup]:
    """Sentences on one data set: the main metric, by schedule too, then clean data, samples, and what failed."""
    sentences: list[Markup] = []
    main = results.main(dataset)
    if main is None:
        return [Markup("No numbers: nothing that could be measured."), *_failures(results, dataset)]
    name, sampler = main
    columns = [c for c in results.columns(dataset, name) if not sampler or c[1] == sampler]
    contested = [c for c in columns if len(results.contenders(dataset, name, [c])) > 1]
    apart = len(columns) > 1 and bool(contested)
    sentences += _contest(results, dataset, name, columns, brief=apart, first=True)
    for column in contested if apart else []:
        sentences += _contest(results, dataset, name, [column], short=True)
    sentences += _references(results, dataset, name, columns)
    for other in ("clean_error", "sliced_wasserstein"):
        if other != name and (there := results.columns(dataset, other)):
            sentences += _contest(results, dataset, other, there, brief=True)
    sentences += _floor(results, dataset)
    return sentences + _failures(results, dataset)


def _where(label: str, columns: list[Column]) -> Markup:
    """A contender's name: the method, with schedule and sampler where the columns differ in them."""
    method, schedule, sampler = label.split("|")
    said_ = Markup("<b>{}</b>").format(method)
    if len({c[0] for c in columns}) > 1:
        said_ += Markup(" on {}").format(schedule)
    if sampler and len({c[1] for c in columns}) > 1:
        said_ += Markup(" ({})").format(sampler)
    return said_


def _contest(
    results: Results,
    dataset: str,
    name: str,
    columns: list[Column],
    *,
    short: bool = False,
    brief: bool = False,
    first: bool = False,
) -> list[Markup]:
    """Who wins by a metric in these columns, who can't be told from the winner, and who is behind."""
    order = results.ranking(dataset, name, columns)
    if order is None:
        return [Markup("{}: no method has a number in every replicate.").format(metric(name).label)]
    contenders = results.contenders(dataset, name, columns)
    level = interval(list(results.values(dataset, *contenders[order.best], name).values()))
    best = _where(order.best, columns)
    lead = Markup("On <i>{}</i>: best is ").format(columns[0][0]) if short else _opening(name, columns)
    text = lead + best + Markup(", {}").format(_measured(level, name, first))
    if not order.tested:
        if order.behind or len(contenders) > 1:
            text += Markup("; one replicate, no interval: chance can't be told from a difference")
        return [text + Markup(".")]
    text += Markup(". ")
    if not order.behind:
        return [text + Markup("Nothing else has a number in every replicate, to compare it with.")]
    if order.tied or brief:
        text += _ties(order, columns, brief)
    if not brief:
        text += _behind(order, columns)
        if collapsed := _collapsed(results, order, columns):
            text += Markup(" Collapsed, with an error above 0.9 of the untrained network's: {}.").format(
                Markup("; ").join(collapsed)
            )
    return [text]


def _opening(name: str, columns: list[Column]) -> Markup:
    measured, samplers = metric(name), {sampler for _, sampler in columns if sampler}
    words = {"low": "lowest", "high": "highest"}.get(str(measured.best), "nearest to the ideal")
    via = f", sampler {next(iter(samplers))}" if len(samplers) == 1 else ""
    on = f" on {columns[0][0]}" if len({c[0] for c in columns}) == 1 else ""
    return Markup("{} ({}{}{}): {} is ").format(measured.label, name, via, on, words)


def _measured(level: Interval | None, name: str, first: bool) -> str:
    if level is None:
        return "no number"
    unit = " nats" if metric(name).unit == "nats" else ""
    over = f" (95 % interval over {level.n} replicates)" if level.half and first else ""
    return f"{said(level)}{unit}{over}"


def _ties(order: Ranking, columns: list[Column], brief: bool) -> Markup:
    best = _where(order.best, columns)
    if not order.tied:
        count = len(order.behind)
        others = "the one other" if count == 1 else f"all {count} others"
        return Markup("It is ahead of {}. ").format(others)
    if brief and len(order.tied) > 4:
        return Markup("No difference found between it and {} of {} others. ").format(len(order.tied), len(order.behind))
    listed = [_against(order, label, columns) for label in order.tied]
    return Markup("No difference found between {} and {}. ").format(best, Markup(", ").join(listed))


def _against(order: Ranking, label: str, columns: list[Column]) -> Markup:
    comparison = order.behind[label]
    gap = f"{'×' if comparison.ratio else ''}{comparison}{left_out(comparison)}"
    return Markup('{} <span class="gap">{}</span>').format(_where(label, columns), gap)


def _behind(order: Ranking, columns: list[Column]) -> Markup:
    behind = [label for label in order.behind if label not in order.tied]
    if not behind:
        return Markup("")
    behind.sort(key=lambda label: order.behind[label].estimate)
    listed = [_against(order, label, columns) for label in behind]
    return Markup("Behind it: {}.").format(Markup(", ").join(listed))


def _references(results: Results, dataset: str, name: str, columns: list[Column]) -> list[Markup]:
    """What the oracle reaches and where the untrained network starts."""
    parts: list[Markup] = []
    for method in results.methods(dataset):
        for column in columns if results.oracle(method) else []:
            level = interval(list(results.values(dataset, method, column, name).values()))
            if level is not None:
                where = f" on {column[0]}" if len(columns) > 1 else ""
                text = Markup("The oracle <b>{}</b>{}, which is told the exact score and so wins nothing, has {}")
                parts.append(text.format(method, where, said(level)))
    untrained = [
        value
        for method in results.methods(dataset)
        for column in columns
        for value in results.values(dataset, method, column, name + UNTRAINED).values()
    ]
    if untrained:
        low, high = number(min(untrained)), number(max(untrained))
        parts.append(Markup("untrained networks start at {}").format(low if low == high else f"{low} to {high}"))
    text = Markup("; ").join(parts)
    return [Markup("{}{}.").format(Markup(text[:1].upper()), Markup(text[1:]))] if parts else []


def _floor(results: Results, dataset: str) -> list[Markup]:
    """How many cells have samples that can't be told from the truth, by any of the measures and by the first alone."""
    floors = {name: floor for name in TELLING if (floor := results.floor(dataset, name))}
    level = interval(list(floors.get(TELLING[0], {}).values()))
    if level is None:
        return []
    text = Markup("Truth against truth has a {} of {}").format(_lowered(TELLING[0]), said(level))
    sets = [
        {name: results.values(dataset, method, column, name) for name in floors}
        for column in results.columns(dataset, TELLING[0])
        for method in results.methods(dataset)
    ]
    judged = [told for values in sets if (told := told_by(values, floors)) is not None]
    if judged:
        alike, measures = sum(not told for told in judged), ", ".join(map(_lowered, floors))
        reached = Markup("{} of {} sets of samples can't be told from the truth by any of").format(alike, len(judged))
        if not alike:
            reached = Markup("each of {} sets of samples is told from the truth by one or more of").format(len(judged))
        text += Markup("; {} {} measures ({})").format(reached, len(floors), measures)
        if (blind := sum(TELLING[0] not in told for told in judged)) > alike:
            text += Markup("; the first of these alone tells {}").format(len(judged) - blind or "none")
    return [text + Markup(".")]


def _lowered(name: str) -> str:
    """A measure's name within a sentence on samples."""
    label = metric(name).label.removesuffix(" of samples").replace(" of samples ", " ")
    return label if label.startswith("Kolmogorov") else label[:1].lower() + label[1:]


def _failures(results: Results, dataset: str) -> list[Markup]:
    outcomes = [results.outcome(*cell) for cell in results.cells if cell[0] == dataset]
    sentences = []
    for kinds, word in ((("diverged", "partly"), "diverged"), (("not applicable",), "not applicable")):
        count = sum(outcome.kind in kinds for outcome in outcomes)
        if count:
            cells = "1 cell is" if count == 1 else f"{count} cells are"
            text = (
                f"{cells} not applicable"
                if word == "not applicable"
                else f"{count} of {len(outcomes)} cells diverged or failed in one replicate or more"
            )
            sentences.append(text)
    if not sentences:
        return []
    return [Markup('{}: see <a href="#holes">which and why</a>.').format("; ".join(sentences).capitalize())]

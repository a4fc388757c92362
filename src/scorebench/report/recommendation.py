"""What the advisor says of each data set, beside what the study found best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from scorebench import parts
from scorebench.advisor import one_level, one_level_rule
from scorebench.evidence.words import number
from scorebench.report.questions import best_single, denoising, level_of
from scorebench.report.results import Results
from scorebench.specs.advice import Advised, Proposal, Proposals

NEAR = 2.0
"""Noise levels within this factor are called alike: the rules themselves are no sharper."""


@dataclass(frozen=True)
class Range:
    """Noise levels from low to high: of a schedule of the study, or, without one, of the advice."""

    schedule: str | None
    low: float
    high: float
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One piece of advice: what is advised and why, what the study found, and how the two compare."""

    what: str
    advised: str
    why: str
    found: Markup
    agrees: str


@dataclass
class Recommendation:
    """All about one data set; the best schedule is that of the best method."""

    rows: list[Row]
    ranges: list[Range]
    warnings: tuple[str, ...] = ()


def recommendation(results: Results, dataset: str, advised: Advised) -> Recommendation | None:
    """The advisor's word on the training points beside the study's; None where nothing can be advised."""
    advice = advised.proposals
    if advice is None:
        return None
    best = _best_schedule(results, dataset)
    spans = {s: span for s in results.schedules(dataset) if (span := _span(results, s)) is not None}
    ranges = [Range(None, advice.sigma_min.value, advice.sigma_max.value)]
    ranges += [Range(schedule, *span, schedule == best) for schedule, span in spans.items()]
    rows = [
        _of_range("Lowest noise level", advice.sigma_min, 0, best, spans),
        _of_range("Highest noise level", advice.sigma_max, 1, best, spans),
        *_of_single(results, dataset, advice.sigma_local.value),
        *_of_scale(results, dataset, advice.sigma_local),
    ]
    return Recommendation(rows, ranges, (*advised.warnings, *_beyond(advice, spans)))


def _best_schedule(results: Results, dataset: str) -> str | None:
    """The schedule of the best cell by the main metric."""
    if (main := results.main(dataset)) is None:
        return None
    name, sampler = main
    columns = [c for c in results.columns(dataset, name) if sampler in ("", c[1])]
    order = results.ranking(dataset, name, columns)
    return order.best.split("|")[1] if order else None


def _span(results: Results, schedule: str) -> tuple[float, float] | None:
    """The lowest and the highest level of a schedule's ladder; None where it trains without noise."""
    entry = results.params.schedules[schedule]
    built = parts.build("schedule", entry.schedule, entry.options)
    if built.noise_free:
        return None
    ladder = built.ladder()
    low, high = (float(f"{float(level):.6g}") for level in (ladder[-1], ladder[0]))  # of single precision
    return low, high


def _alike(a: float, b: float) -> str:
    """Two noise levels in words: alike, or how many times apart."""
    ratio = max(a, b) / min(a, b)
    return f"alike, within a factor of {NEAR:g}" if ratio <= NEAR else f"apart by a factor of {number(ratio, 2)}"


def _of_range(what: str, advised: Proposal, end: int, best: str | None, spans: dict[str, tuple[float, float]]) -> Row:
    """One end of the range of noise, beside that of the best schedule."""
    best_of_study, agrees = Markup("no schedule of many levels was compared"), ""
    if best in spans and spans[best][0] < spans[best][1]:
        best_of_study = Markup("{} of <b>{}</b>, the best schedule").format(number(spans[best][end]), best)
        agrees = _alike(advised.value, spans[best][end])
        tried = [span[end] for span in spans.values() if span[0] < span[1]]
        if not any(max(level, advised.value) <= NEAR * min(level, advised.value) for level in tried):
            agrees += "; the study tried nothing near the advice"
    return Row(what, number(advised.value), advised.why, best_of_study, agrees)


def _beyond(advice: Proposals, spans: dict[str, tuple[float, float]]) -> Iterator[str]:
    """Schedules of many levels whose range ends short of the largest distance, or above the finest structure."""
    many = {schedule: span for schedule, span in spans.items() if span[0] < span[1]}
    far, tau = advice.sigma_max.value, advice.sigma_local.value
    short = [f"{schedule} ({number(high)})" for schedule, (_, high) in many.items() if high < far]
    if short:
        yield (
            f"the highest noise level of {', '.join(short)} is below the largest distance between two training points, "
            f"{number(far)}: the Gaussian that samplers start from is d / (2 sigma_max^2) nats from the data at that "
            "noise, or less (columns of standard deviation 1)"
        )
    blurred = [f"{schedule} ({number(low)})" for schedule, (low, _) in many.items() if low > tau]
    if blurred:
        yield (
            f"the lowest noise level of {', '.join(blurred)} is above tau, {number(tau)}, the width of the finest "
            "structure found: what is thinner is blurred in samples"
        )


def _of_single(results: Results, dataset: str, tau: float) -> Iterator[Row]:
    """The one noise level for plain DSM that is trained as the study trains it, where the study tried several."""
    single, method = best_single(results, dataset), denoising(results, dataset)
    if single is None or method is None:
        return
    order, levels = single
    sigma = levels[order.best]
    text = Markup("{} of <b>{}</b>, relative error on clean data {}").format(
        number(sigma), order.best, level_of(results, dataset, method, (order.best, ""), "clean_error")
    )
    if tied := sorted(levels[name] for name in order.tied):
        text += Markup("; no difference found to {}").format(", ".join(map(number, tied)))
    training, own = results.params.training, results.params.methods[method].training
    samples = (own.steps or training.steps) * (own.batch or training.batch)
    advised = one_level(tau, samples)
    yield Row("One noise level for DSM", number(advised), one_level_rule(samples), text, _alike(advised, sigma))


def _of_scale(results: Results, dataset: str, advised: Proposal) -> Iterator[Row]:
    """The scale where scores are hardest to learn, beside where the best cell's error is largest."""
    columns = results.columns(dataset, "D_integral")
    order = results.ranking(dataset, "D_integral", columns)
    if order is None:
        return
    method, schedule, _ = order.best.split("|")
    curve = results.curve(dataset, method, schedule)
    if len(curve) < 2:
        return
    worst = max(curve, key=lambda sigma: curve[sigma].mean)
    text = Markup("the error of the best method, <b>{}</b> on {}, is largest at {}").format(
        method, schedule, number(worst)
    )
    yield Row("Hardest scale", number(advised.value), advised.why, text, _alike(advised.value, worst))

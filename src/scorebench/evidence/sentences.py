"""What numbers say, in sentences: the one engine, for the report (in HTML) and for the page of answers (in Markdown).

Names are put in as they are given: `markupsafe.Markup` where the sentence shall be HTML, and then it is Markup too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, cast

from scorebench.evidence.comparisons import Comparison, Ranking
from scorebench.evidence.table import Curve
from scorebench.evidence.words import number

Text = TypeVar("Text", bound=str)


def put(like: Text, template: str, *values: object) -> Text:
    """A template with its values, of the kind of text that `like` is: Markup escapes what is none."""
    return cast("Text", type(like)(template).format(*values))


def says(comparison: Comparison, than: Text, what: str = "error") -> Text:
    """`has 12 % less error than DSM (ratio 0.88 [...])`, or that it can't be told from it: a verb with its object."""
    value = comparison.estimate
    told = f"{'ratio' if comparison.ratio else 'difference'} {comparison}"
    told += left_out(comparison)
    if comparison.low is None:
        return put(than, "is, by one replicate and so without an interval, at {} of {}", f"the {told}", than)
    if not comparison.sure:
        return put(than, "can't be told from {} ({})", than, told)
    if not comparison.ratio:
        amount = f"{'less' if comparison.lower else 'more'} {what} than"
    elif value < 1:
        amount = f"{100 * (1 - value):.0f} % less {what} than"
    elif value < 2:
        amount = f"{100 * (value - 1):.0f} % more {what} than"
    else:
        amount = f"{number(value, 2)} times the {what} of"
    return put(than, "has {} {} ({})", amount, than, told)


def left_out(comparison: Comparison) -> str:
    """`; without 1 of 8 runs that collapsed (replicate 3), with it 0.07`, or nothing where none was left out."""
    if comparison.overall is None:
        return ""
    lost, of = comparison.lost, comparison.n + len(comparison.lost)
    which = f"{len(lost)} of {of} runs that collapsed ({_replicates(lost)})"
    return f"; without {which}, with {'it' if len(lost) == 1 else 'them'} {comparison.shown(comparison.overall)}"


def _replicates(numbers: Sequence[int]) -> str:
    return f"replicate{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def runs(collapsed: Sequence[int], of: int) -> str:
    """`1 of 8 runs collapsed (replicate 3)`."""
    if len(collapsed) == of:
        return f"all {of} runs collapsed"
    return f"{len(collapsed)} of {of} runs collapsed ({_replicates(collapsed)})"


def best_of(kind: str, count: int, best: Text, level: str, others: Text) -> Text:
    """`of 14 schedules, minimax has the least error (0.14 nats); ...`: others as `no_difference` or `behind` say."""
    return put(best, "of {} {}, {} has the least error ({}){}", count, kind, best, level, others)


def no_difference(names: Sequence[Text], empty: Text) -> Text:
    """`; no difference found to a, b`, or nothing where there is none."""
    return put(empty, "; no difference found to {}", joined(names, empty)) if names else empty


def behind(ranking: Ranking, named: Mapping[str, Text], empty: Text) -> Text:
    """`; behind it c 1.50 [1.40, 1.61], ...`: those that are told to be worse, in their order, over the best."""
    far = sorted((c.estimate, name) for name, c in ranking.behind.items() if name not in ranking.tied)
    listed = [put(empty, "{} {}", named[name], str(ranking.behind[name])) for _, name in far]
    return put(empty, "; behind it {}", joined(listed, empty)) if listed else empty


def joined(names: Iterable[Text], empty: Text, between: str = ", ") -> Text:
    """Names one after the other."""
    return cast("Text", type(empty)(between).join(names))


def hardest(curve: Curve) -> str:
    """`is largest at σ = 0.20 (1.0), which is not the smallest scale`: of D(sigma)."""
    sigma = max(curve, key=lambda s: curve[s].mean)
    place = "" if sigma == min(curve) else "not "
    return f"is largest at σ = {number(sigma, 2)} ({number(curve[sigma].mean, 2)}), which is {place}the smallest scale"


def counted(held: Mapping[str, Comparison]) -> str:
    """On which of the names something is lower than `{0}`, higher, or can't be told from it, in words."""
    said = []
    for words, names in (
        ("less error than", [name for name, c in held.items() if c.sure and c.lower]),
        ("more error than", [name for name, c in held.items() if c.sure and not c.lower]),
        ("an error that can't be told from that of", [name for name, c in held.items() if not c.sure]),
    ):
        if names:
            said.append(f"{words} {{0}} on {' and '.join(names)}")
    return ", ".join(said)


def sentence(text: Text) -> Text:
    """With a capital letter and a full stop."""
    form = type(text)
    return put(text, "{}{}.", form(text[:1].upper()), form(text[1:]))

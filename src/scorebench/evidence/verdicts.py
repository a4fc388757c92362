"""Verdicts on the hypotheses that studies registered, from the numbers of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scorebench.evidence.claims import Finding, findings
from scorebench.evidence.table import Point, ResultTable
from scorebench.evidence.testing import holm
from scorebench.study.hypotheses import Hypothesis, Untested

ALPHA = 0.05
Tried = tuple[ResultTable, Mapping[str, Hypothesis]]
"""The numbers of a study and the hypotheses that it registered, by name."""


@dataclass(frozen=True)
class Verdict:
    """What the numbers say of a hypothesis.

    verdict: `supported` or `refuted` (Holm's p below 0.05), `undecided`, or `not tested`. why: in words. p, p_holm:
    None if not tested. size: of the study that it rests on, None without findings: conclusions from `quick` ones don't
    stand. untested: parts that the study does not test, and why.
    """

    id: str
    hypothesis: Hypothesis
    verdict: Literal["supported", "refuted", "undecided", "not tested"]
    why: str
    p: float | None
    p_holm: float | None
    findings: tuple[Finding, ...]
    untested: tuple[str, ...]
    size: str | None


def verdicts(tried: Sequence[Tried]) -> list[Verdict]:
    """One verdict per hypothesis, in order, each from the numbers of the study that registered it.

    All claims of a hypothesis must hold for it to hold: if every estimate is on the claimed side, its p is the largest
    of theirs (intersection-union test, Berger 1982); else it is the smallest of those on the other side, times their
    number (Bonferroni). Holm's correction runs over the family: the hypotheses of all these studies that were tested.
    """
    by_claim = [
        (name, hypothesis, numbers.size, [list(findings(claim, numbers)) for claim in hypothesis.claims])
        for numbers, registered in ((_with_mix(numbers), registered) for numbers, registered in tried)
        for name, hypothesis in registered.items()
    ]
    p = {name: _p([finding for each in told for finding in each]) for name, _, _, told in by_claim}
    adjusted = holm({name: value for name, value in p.items() if value is not None})
    return [_verdict(*one, p[one[0]], adjusted.get(one[0])) for one in by_claim]


def _p(told: list[Finding]) -> float | None:
    known = [(f.holds, f.tested.p) for f in told if f.tested.p is not None]
    if not known or len(known) < len(told):
        return None
    against = [p for holds, p in known if not holds]
    return min(1.0, len(against) * min(against)) if against else max(p for _, p in known)


def _verdict(
    name: str,
    hypothesis: Hypothesis,
    size: str,
    by_claim: list[list[Finding]],
    p: float | None,
    p_holm: float | None,
) -> Verdict:
    told = [f for each in by_claim for f in each]
    claims = hypothesis.claims
    untested = [claim.why for claim in claims if isinstance(claim, Untested)]
    absent = sum(not each and not isinstance(claim, Untested) for claim, each in zip(claims, by_claim, strict=True))
    if absent and told:
        untested.append(f"{absent} of its {len(claims)} claims: this study does not hold their cells")
    opposed = [f for f in told if not f.holds]
    verdict: Literal["supported", "refuted", "undecided", "not tested"]
    if not told:
        absent_cells = "" if len(untested) == len(claims) else "this study does not hold the cells that it is about"
        verdict, why = "not tested", "; ".join(filter(None, [absent_cells, *untested]))
    elif p is None or p_holm is None:
        verdict, why = "undecided", "there are too few replicates for a test"
    else:
        sure = p_holm < ALPHA
        verdict = "undecided" if not sure else "refuted" if opposed else "supported"
        why = _why(told, opposed, p_holm)
    return Verdict(name, hypothesis, verdict, why, p, p_holm, tuple(told), tuple(untested), size if told else None)


def _why(told: list[Finding], opposed: list[Finding], p_holm: float) -> str:
    """Which finding decides, in words."""
    deciding = opposed or told
    chosen = (min if opposed else max)(deciding, key=lambda f: f.tested.p or 0.0)
    t = chosen.tested
    interval = "" if t.low is None else f" [{t.low:.3g}, {t.high:.3g}]"
    count = f"{len(told) - len(opposed)} of {len(told)} findings are on the claimed side"
    what = f"{chosen.statistic} on {chosen.where} is {t.estimate:.3g}{interval}, claimed {chosen.side} {t.limit:.3g}"
    return f"{count}; the one that decides: {what} (p after Holm {p_holm:.2g})"


def _with_mix(study: ResultTable) -> ResultTable:
    """With `ratio_to_mix@PHASE` of every method: V / V_DSM over that of the best mix of DSM and SSM-VR."""
    curves, keys = dict(study.curves), dict(study.keys)
    for place, curve in study.curves.items():
        if not place.metric.startswith("gradient_ratio@"):
            continue
        phase = place.metric.removeprefix("gradient_ratio@")
        ssm = study.curves.get(place._replace(method="ssm_vr"), {})
        gain = study.curves.get(place._replace(method="ssm_vr", metric=f"mix_gain@{phase}"), {})
        mixed = {s: _over_mix(curve[s], ssm[s], gain[s]) for s in curve if s in ssm and s in gain}
        if mixed:
            there = place._replace(metric=f"ratio_to_mix@{phase}")
            curves[there], keys[there] = mixed, study.keys[place]
    return replace(study, curves=curves, keys=keys)


def _over_mix(ratio: Point, ssm: Point, gain: Point) -> Point:
    """V / V_mix = (V / V_DSM) gain / min(1, V_SSM / V_DSM), with errors as if they were independent."""
    parts = [(ratio.mean, ratio.se), (gain.mean, gain.se)]
    if ssm.mean < 1:
        parts.append((1 / ssm.mean, None if ssm.se is None else ssm.se / ssm.mean**2))
    mean = 1.0
    for value, _ in parts:
        mean *= value
    known = all(se is not None for _, se in parts)
    relative = sum(((se or 0.0) / value) ** 2 for value, se in parts) ** 0.5
    return Point(mean, abs(mean) * relative if known else None, ratio.n)

"""Verdicts on the registered hypotheses from the numbers of studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scorebench.evidence.claims import Finding, Untested, describe
from scorebench.evidence.numbers import Numbers, Point
from scorebench.evidence.registered import REGISTERED, Hypothesis
from scorebench.evidence.testing import holm

ALPHA = 0.05
Record = dict[str, Any]


def verdicts(studies: Sequence[Numbers], registered: Sequence[Hypothesis] = REGISTERED) -> list[Record]:
    """One record per hypothesis, in order, of plain values.

    A claim is held against the first study that has its cells. All claims of a hypothesis must hold for it to hold: if
    every estimate is on the claimed side, its p is the largest of theirs (intersection-union test, Berger 1982); else
    it is the smallest of those on the other side, times their number (Bonferroni). Holm's correction runs over the
    family of the hypotheses that were tested.

    id, question, statement, expected: as registered. verdict: `supported` or `refuted` (Holm's p below 0.05),
    `undecided`, or `not tested`. why: in words. p, p_holm: None if not tested. findings: dicts with where, statistic,
    side and limit of the claim, estimate, low, high (BCa), t_low, t_high (Student), n, p, holds, study, key. size: the
    size of the smallest study that it rests on: conclusions from `quick` ones don't stand. untested: parts that no
    study tests, and why.
    """
    studies = [_with_mix(study) for study in studies]
    by_claim = {h.id: [list(claim.find(studies)) for claim in h.claims] for h in registered}
    p = {name: _p([finding for each in found for finding in each]) for name, found in by_claim.items()}
    adjusted = holm({name: value for name, value in p.items() if value is not None})
    sizes = {study.study: study.size for study in studies}
    return [_record(h, by_claim[h.id], p[h.id], adjusted.get(h.id), sizes) for h in registered]


def _p(findings: list[Finding]) -> float | None:
    known = [(f.holds, f.tested.p) for f in findings if f.tested.p is not None]
    if not known or len(known) < len(findings):
        return None
    against = [p for holds, p in known if not holds]
    return min(1.0, len(against) * min(against)) if against else max(p for _, p in known)


def _record(
    h: Hypothesis, by_claim: list[list[Finding]], p: float | None, p_holm: float | None, sizes: dict[str, str]
) -> Record:
    findings = [f for each in by_claim for f in each]
    untested = [claim.why for claim in h.claims if isinstance(claim, Untested)]
    absent = sum(not each and not isinstance(claim, Untested) for claim, each in zip(h.claims, by_claim, strict=True))
    if absent and findings:
        untested.append(f"{absent} of its {len(h.claims)} claims: no study here holds their cells")
    opposed = [f for f in findings if not f.holds]
    if not findings:
        absent_cells = "" if len(untested) == len(h.claims) else "no study here holds the cells that it is about"
        verdict, why = "not tested", "; ".join(filter(None, [absent_cells, *untested]))
    elif p is None or p_holm is None:
        verdict, why = "undecided", "there are too few replicates for a test"
    else:
        sure = p_holm < ALPHA
        verdict = "undecided" if not sure else "refuted" if opposed else "supported"
        why = _why(findings, opposed, p_holm)
    used = {sizes[f.study] for f in findings}
    return {
        "id": h.id,
        "question": h.question,
        "statement": h.statement,
        "expected": h.expected,
        "verdict": verdict,
        "why": why,
        "p": p,
        "p_holm": p_holm,
        "findings": [describe(f) for f in findings],
        "untested": untested,
        "size": "quick" if "quick" in used else "standard" if "standard" in used else "full" if used else None,
    }


def _why(findings: list[Finding], opposed: list[Finding], p_holm: float) -> str:
    """Which finding decides, in words."""
    deciding = opposed or findings
    chosen = (min if opposed else max)(deciding, key=lambda f: f.tested.p or 0.0)
    t = chosen.tested
    interval = "" if t.low is None else f" [{t.low:.3g}, {t.high:.3g}]"
    count = f"{len(findings) - len(opposed)} of {len(findings)} findings are on the claimed side"
    what = f"{chosen.statistic} on {chosen.where} is {t.estimate:.3g}{interval}, claimed {chosen.side} {t.limit:.3g}"
    return f"{count}; the one that decides: {what} (p after Holm {p_holm:.2g})"


def _with_mix(study: Numbers) -> Numbers:
    """With `ratio_to_mix@PHASE` of every method: V / V_DSM over that of the best mix of DSM and SSM-VR."""
    curves, keys = dict(study.curves), dict(study.keys)
    for (dataset, method, schedule, sampler, metric), curve in study.curves.items():
        if not metric.startswith("gradient_ratio@"):
            continue
        phase = metric.removeprefix("gradient_ratio@")
        ssm = study.curves.get((dataset, "ssm_vr", schedule, sampler, metric), {})
        gain = study.curves.get((dataset, "ssm_vr", schedule, sampler, f"mix_gain@{phase}"), {})
        mixed = {s: _over_mix(curve[s], ssm[s], gain[s]) for s in curve if s in ssm and s in gain}
        place = (dataset, method, schedule, sampler, f"ratio_to_mix@{phase}")
        if mixed:
            curves[place] = mixed
            keys[place] = study.keys[dataset, method, schedule, sampler, metric]
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

"""The hypotheses that a study registered, with their verdicts, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from scorebench.evidence.claims import Finding
from scorebench.evidence.verdicts import Verdict, verdicts
from scorebench.evidence.words import number
from scorebench.report.results import Results


@dataclass(frozen=True)
class Shown:
    """A verdict with its p and its findings in words."""

    verdict: Verdict
    p: str
    findings: list[str]


def tried(results: Results) -> list[Shown]:
    """Every hypothesis of the study, in its order."""
    told = verdicts([(results.table, results.params.hypotheses)])
    return [Shown(v, _p(v.p_holm), [_said(f) for f in v.findings]) for v in told]


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.0001" if value < 1e-4 else number(value, 2)


def _said(finding: Finding) -> str:
    """Where, what, the estimate with its interval, what was claimed, and whether it is so."""
    t = finding.tested
    interval = "" if t.low is None or t.high is None else f" [{number(t.low)}, {number(t.high)}]"
    side = "as claimed" if finding.holds else "not as claimed"
    claimed = f"claimed {finding.side} {number(t.limit)}"
    return f"{finding.where}: {finding.statistic} is {number(t.estimate)}{interval}, {claimed}: {side}"

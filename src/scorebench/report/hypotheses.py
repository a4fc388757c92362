"""The registered hypotheses that a study tests, with their verdicts, as the page shows them."""

from __future__ import annotations

from typing import Any

from scorebench.evidence.hypotheses import verdicts
from scorebench.evidence.numbers import from_rows
from scorebench.evidence.statistics import number
from scorebench.report.results import Results


def tested(results: Results) -> dict[str, list[Any]]:
    """hypotheses: records of those that have findings here; untested: names of the others."""
    study, size = results.spec["study"], results.params.get("size", "standard")
    records = verdicts([from_rows(results.rows, study, size)])
    found = [record | {"p_said": _p(record["p_holm"]), "findings": _said(record)} for record in records]
    return {
        "hypotheses": [record for record in found if record["findings"]],
        "untested": [record["id"] for record in found if not record["findings"]],
    }


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.0001" if value < 1e-4 else number(value, 2)


def _said(record: dict[str, Any]) -> list[dict[str, str]]:
    """Findings as sentences: where, what, the estimate with its interval, and what was claimed."""
    sentences = []
    for f in record["findings"]:
        interval = "" if f["low"] is None else f" [{number(f['low'])}, {number(f['high'])}]"
        side = "as claimed" if f["holds"] else "not as claimed"
        claimed = f"claimed {f['side']} {number(f['limit'])}"
        text = f"{f['where']}: {f['statistic']} is {number(f['estimate'])}{interval}, {claimed}: {side}"
        sentences.append({"said": text})
    return sentences

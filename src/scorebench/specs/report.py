"""What `report` is told, and what it says of it."""

from __future__ import annotations

from pydantic import JsonValue

from scorebench.specs import Facts, Spec, Written


class CellSaid(Written):
    """A combination that the study names; `reason` says why it is not applicable, if it is not."""

    dataset: str
    method: str
    schedule: str
    reason: str | None


class ReportSpec(Spec):
    """The name of a study, its `study.schema.Params` as JSON, every default spelled out, and its cells."""

    study: str
    params: dict[str, JsonValue]
    cells: tuple[CellSaid, ...]


class ReportFacts(Facts):
    """Rows of the table of results."""

    rows: int

"""A verdict: per property, whether a loss passes, with the measured number and its tolerance."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from scorebench.conformance._judge import Outcome

if TYPE_CHECKING:
    from rich.table import Table

Status = Literal["pass", "fail", "undecided", "not applicable"]
COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow", "not applicable": "dim"}


@dataclass(frozen=True)
class Result:
    """One property: the measurement that is closest to its tolerance, or furthest beyond it."""

    name: str
    status: Status
    measured: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    where: str = ""
    note: str = ""
    tests: int = 0
    at_most: bool = False
    """Whether only a value above the expected one is a deviation."""

    @property
    def number(self) -> str:
        """Measured, expected and tolerance in one line."""
        if self.measured is None:
            return ""
        if self.tolerance is None or self.expected is None:
            return f"{self.measured:.3g}"
        wanted = f"at most {self.expected:.3g}, +" if self.at_most else f"{self.expected:.3g} +- "
        return f"{self.measured:.3g} ({wanted}{self.tolerance:.2g})"


@dataclass(frozen=True)
class Report:
    """The verdict on one loss.

    `alpha` is the probability, at most, that a correct loss fails anything by chance: each of the `tests` tests is
    made at alpha / (tests * LOOKS), for it may look at its samples LOOKS times (Bonferroni).
    """

    name: str
    convention: str
    alpha: float
    tests: int
    seconds: float
    results: tuple[Result, ...]
    changes_objective: str | None = None
    ended: str | None = None
    """Why not all properties could be tried, where that is so."""
    printed: str | None = None
    """What the judged file printed, in short."""

    @property
    def passed(self) -> bool:
        """Whether every applicable property passes."""
        return all(r.status in ("pass", "not applicable") for r in self.results) and any(
            r.status == "pass" for r in self.results
        )

    def __getitem__(self, name: str) -> Result:
        """The result for a property."""
        return next(r for r in self.results if r.name == name)

    @property
    def failed(self) -> tuple[str, ...]:
        """The properties that do not pass."""
        return tuple(r.name for r in self.results if r.status in ("fail", "undecided"))

    def to_json(self) -> dict[str, object]:
        """Plain values; numbers that are not finite are None."""

        def plain(value: object) -> object:
            return None if isinstance(value, float) and not math.isfinite(value) else value

        results = [{key: plain(value) for key, value in asdict(r).items()} for r in self.results]
        return {**asdict(self), "results": results, "passed": self.passed}

    def table(self) -> Table:
        """The verdict as a table for a terminal."""
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=escape(f"{self.name}: {'all pass' if self.passed else 'does not pass'}"))
        for column in ("property", "", "measured", "where", "note"):
            table.add_column(column)
        for r in self.results:
            status = f"[{COLOURS[r.status]}]{r.status}[/]"
            table.add_row(escape(r.name), status, escape(r.number), escape(r.where), escape(r.note))
        said = f"declared factor {self.convention}; " if self.convention != "1" else ""
        if self.changes_objective:
            said += f"it changes the objective, so it should not pass: {self.changes_objective}; "
        said += "".join(f"{each}; " for each in (self.ended, self.printed) if each)
        table.caption = f"{said}{self.tests} tests, {self.alpha:g} false alarms expected in all; {self.seconds:.0f} s"
        return table


def judge_property(name: str, outcome: Outcome, alpha: float) -> Result:
    """The verdict on one property, every test of it at this false-alarm rate."""
    if outcome.not_applicable:
        return Result(name, "not applicable", note=outcome.not_applicable)
    if outcome.not_tried:
        return Result(name, "undecided", note=outcome.not_tried)
    tests = outcome.measurements
    status: Status = "pass"
    worst = max(tests, key=lambda m: _excess(m.deviation, m.tolerance(alpha)), default=None)
    notes = [*outcome.faults, outcome.note]
    if worst is not None and not worst.deviation <= worst.tolerance(alpha):
        status = "fail"
    elif blurred := [m for m in tests if not m.tolerance(alpha) <= m.resolution]:
        status, worst = "undecided", max(blurred, key=lambda m: m.tolerance(alpha) / m.resolution)
        notes.insert(0, f"too noisy to judge: a tolerance of {worst.resolution:g} is wanted")
    if outcome.faults:
        status = "fail"
    note = "; ".join(n for n in notes if n)
    if worst is None:
        return Result(name, status, note=note)
    return Result(
        name,
        status,
        worst.value,
        worst.expected,
        worst.tolerance(alpha),
        worst.where,
        note,
        tests=len(tests),
        at_most=worst.side == "above",
    )


def _excess(deviation: float, tolerance: float) -> float:
    ratio = deviation / tolerance
    return ratio if ratio == ratio else math.inf

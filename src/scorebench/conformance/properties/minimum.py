"""Where the minimum of a loss is, its slope and its bias: runs on every family, at the truth and away from it."""

from __future__ import annotations

from scorebench.conformance._judge import Judge, Outcome, of_kind


def where_the_minimum_is(judge: Judge, kind: str) -> Outcome:
    """The gradient at the truth is zero, in units of the typical norm of the score."""
    if kind == "images" and not judge.claims.images:
        return Outcome(not_applicable="claims vectors only")
    outcome = Outcome()
    for family in of_kind(kind, judge.sigma):
        outcome.measurements += judge.run(family)[0]
        if kind == "images":
            outcome.measurements += [m for group in judge.run(family)[1:] for m in group]
    return outcome


def each(judge: Judge, group: int) -> Outcome:
    """A group of measurements on every family of vectors."""
    vectors = [*of_kind("Gaussians", judge.sigma), *of_kind("mixtures", judge.sigma)]
    return Outcome([m for family in vectors for m in judge.run(family)[group]])

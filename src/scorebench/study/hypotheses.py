"""Hypotheses as a study file registers them: a statement, what was expected of it, and the claims that it comes to.

They are data: `scorebench.evidence.claims` holds them against numbers, and only the report reads them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from scorebench.study.section import Cell, Name, Section

Side = Literal["below", "above"]

ERROR = "D_integral"
"""The score error over all scales: its ratios are those of the mean D(sigma)."""

Datasets = Annotated[list[Name], Field(min_length=1, description="names under `datasets`; it is claimed of each")]
Claimed = Annotated[Side, Field(description="on which side of the limit it is claimed to lie")]
Metric = Annotated[str, Field(min_length=1, description="a metric of results.csv")]
CurveMetric = Annotated[str, Field(min_length=1, description="a metric of results.csv that is measured by noise level")]


class Ratio(Section):
    """A metric of one cell over that of another, paired by replicate, is below or above a limit on every data set."""

    kind: Literal["ratio"] = Field(description="which claim this is")
    metric: Metric = ERROR
    a: Cell = Field(description="METHOD/SCHEDULE, whose metric is divided")
    b: Cell = Field(description="METHOD/SCHEDULE, by whose metric it is divided")
    sampler: Name | None = Field(None, description="a name under `samplers`, for a metric of samples")
    datasets: Datasets
    side: Claimed
    limit: PositiveFloat = Field(description="limit of the ratio")


class BestOf(Section):
    """Of several cells at least one has a ratio to another cell beyond a limit: Bonferroni over them."""

    kind: Literal["best_of"] = Field(description="which claim this is")
    metric: Metric = ERROR
    cells: Annotated[list[Cell], Field(min_length=1, description="METHOD/SCHEDULE each")]
    b: Cell = Field(description="METHOD/SCHEDULE that each is compared with")
    limits: Annotated[dict[Name, PositiveFloat], Field(min_length=1, description="limit of the ratio, by data set")]
    side: Claimed


class Nowhere(Section):
    """No cell of a list is within a factor of the best of the list on every data set."""

    kind: Literal["nowhere"] = Field(description="which claim this is")
    metric: Metric = ERROR
    cells: Annotated[list[Cell], Field(min_length=2, description="METHOD/SCHEDULE each")]
    datasets: Annotated[list[Name], Field(min_length=1, description="names under `datasets`")]
    factor: Annotated[float, Field(gt=1, description="as far from the best as every cell is somewhere")]


class Value(Section):
    """A metric of a cell is below or above a limit on every data set."""

    kind: Literal["value"] = Field(description="which claim this is")
    metric: Metric = ERROR
    cell: Cell = Field(description="METHOD/SCHEDULE")
    sampler: Name | None = Field(None, description="a name under `samplers`, for a metric of samples")
    datasets: Datasets
    side: Claimed
    limit: float = Field(description="limit of the mean over replicates: the geometric one where all are positive")


class BestLevel(Section):
    """The best single noise level of a method, over what a rule says of a data set, is below or above a limit."""

    kind: Literal["best_level"] = Field(description="which claim this is")
    metric: Metric = "clean_error"
    method: Name = Field(description="a name under `methods`")
    levels: Annotated[
        dict[Name, PositiveFloat], Field(min_length=3, description="schedule of one level -> its noise level")
    ]
    rule: Annotated[dict[Name, PositiveFloat], Field(min_length=1, description="data set -> the rule's noise level")]
    side: Claimed
    limit: PositiveFloat = Field(description="limit of the best level over the rule's")


class Curve(Section):
    """A number of a method, times a factor, is beyond a limit at every noise level of a range."""

    kind: Literal["curve"] = Field(description="which claim this is")
    metric: CurveMetric
    method: Name = Field(description="a name under `methods`")
    schedule: Name | None = Field(None, description="a name under `schedules`; without it, a number of the microscope")
    datasets: Datasets
    side: Claimed
    limit: float = Field(description="limit of the number")
    low: PositiveFloat | None = Field(None, description="lowest noise level of the range; without it, all below `high`")
    high: PositiveFloat | None = Field(None, description="highest noise level; without it, all above `low`")
    factor: PositiveFloat = Field(1.0, description="what the number is multiplied by")


class Peak(Section):
    """A number of a method is largest within a range of noise levels."""

    kind: Literal["peak"] = Field(description="which claim this is")
    metric: CurveMetric
    method: Name = Field(description="a name under `methods`")
    schedule: Name | None = Field(None, description="a name under `schedules`; without it, a number of the microscope")
    datasets: Annotated[list[Name], Field(min_length=1, description="names under `datasets`")]
    low: PositiveFloat = Field(description="lowest noise level of the range")
    high: PositiveFloat = Field(description="highest noise level of the range")


class Untested(Section):
    """A part of a hypothesis that the study does not test."""

    kind: Literal["untested"] = Field(description="which claim this is")
    why: str = Field(description="why it is not tested")


Claim = Annotated[Ratio | BestOf | Nowhere | Value | BestLevel | Curve | Peak | Untested, Field(discriminator="kind")]

CLAIMS: dict[str, type[Section]] = {
    "ratio": Ratio, "best_of": BestOf, "nowhere": Nowhere, "value": Value, "best_level": BestLevel, "curve": Curve,
    "peak": Peak, "untested": Untested,
}  # fmt: skip
"""Kind -> claim."""


class Hypothesis(Section):
    """A statement that was written down before the runs, what was expected of it, and the claims that it comes to."""

    statement: str = Field(description="what is held to be so")
    expected: str = Field("", description="what was expected beforehand, and from what")
    question: str = Field("", description="the question that it belongs to")
    claims: Annotated[list[Claim], Field(min_length=1, description="all of them must hold")]

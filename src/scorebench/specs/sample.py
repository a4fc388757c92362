"""What `sample` is told, and what it says of the samples."""

from __future__ import annotations

from scorebench.specs import CellSpec, Facts, SamplerSpec


class SampleSpec(CellSpec):
    """The samplers that make sense in a cell, how many points each draws per replicate, and on what they run."""

    samplers: dict[str, SamplerSpec]
    points: int
    threads: int = 1
    gpu: bool = False


class SampleFacts(Facts):
    """How many points each sampler drew per replicate, and the seconds that each took."""

    device: str
    points: int
    sampling_seconds: dict[str, float]

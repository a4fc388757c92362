"""What `advice` is told, and the advice that it writes."""

from __future__ import annotations

from scorebench.specs import Facts, Spec, Written


class AdviceSpec(Spec):
    """Nothing: all that the advisor needs are the points."""


class AdviceFacts(Facts):
    """Whether there is any advice: there is none on points that are all the same."""

    advised: bool


class Proposal(Written):
    """One value with the rule that it follows and where the rule is from."""

    value: float
    why: str


class Proposals(Written):
    """The range of the noise, one level for denoising score matching, and the scale of the finest structure."""

    sigma_min: Proposal
    sigma_max: Proposal
    sigma_opt: Proposal
    sigma_local: Proposal


class Advised(Written):
    """advice.json: advice on one data set, scales in units of the prepared data; None where there is none."""

    proposals: Proposals | None
    warnings: tuple[str, ...]

"""advice: what the advisor says of a data set's training points, before any training."""

from __future__ import annotations

from pathlib import Path

from scorebench import storage
from scorebench.advisor import advise
from scorebench.specs.advice import AdviceFacts, AdviceSpec, Advised, Proposal, Proposals
from scorebench.stages import UNATTENDED, Inputs, Running
from scorebench.stages._dataset import describe, names_of, read_points


def advice(spec: AdviceSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> AdviceFacts:
    """Write advice.json, scales in units of the prepared data; without proposals where nothing can be advised."""
    try:
        told = advise(read_points(inputs["data"], "train"), names=names_of(describe(inputs["data"])))
    except ValueError:  # all points are the same, or not finite
        advised = Advised(proposals=None, warnings=())
    else:
        why = {name: f"{reason.rule} ({reason.source})" for name, reason in told.reasons.items()}
        names = Proposals.model_fields
        proposals = Proposals(**{name: Proposal(value=getattr(told, name), why=why[name]) for name in names})
        advised = Advised(proposals=proposals, warnings=tuple(caution.text for caution in told.warnings))
    storage.write_json(out / "advice.json", advised.model_dump(mode="json"))
    return AdviceFacts(advised=advised.proposals is not None)

"""What a training step takes in every cell that a study compares at equal time, measured on one thread.

    OMP_NUM_THREADS=1 python benchmarks/step_costs.py studies/hybrid.yaml

The cells of a data set take turns in one process, so that a busy machine slows all alike; a figure is the median over
turns of the processor time of a training of 64 steps, by step, replicates together as the study trains them. Writes
the file that the study names as `budgets.costs`, with the command, the machine and the versions; its path counts from
the folder in which this is run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from scorebench import parts, storage
from scorebench.streams import Streams
from scorebench.study import keys
from scorebench.study.params import load
from scorebench.study.schema import Params
from scorebench.targets import GaussianMixture
from scorebench.training.loop import Optimisation, Problem, fit

STEPS = 64


@dataclass
class Cell:
    """A training of a few steps, and what its turns took, ms per step."""

    at: str
    problem: Problem
    optimisation: Optimisation

    def turn(self) -> float:
        """Milliseconds of processor time per step."""
        start = time.process_time()
        fit(self.problem, self.optimisation)
        return 1000 * (time.process_time() - start) / STEPS


def places(p: Params) -> list[tuple[str, str, str]]:
    """Data set, method and schedule of the cells with a budget of time, and of the reference beside them."""
    found = []
    for block in p.grid or []:
        for name in block.methods or []:
            if p.methods[name].budget == "time":
                pairs = [(d, s) for d in block.datasets or p.datasets for s in block.schedules or p.schedules]
                found += [(d, method, s) for d, s in pairs for method in (p.budgets.reference, name)]
    return sorted(set(found))


def cell(p: Params, dataset: str, method: str, schedule: str) -> Cell:
    """A cell with the data, the batch and the replicates of the study."""
    entry, how = p.datasets[dataset], p.methods[method]
    points = parts.build("source", entry.source, entry.options).load(entry.sizes.model_dump(), p.seed)
    train, validation = (torch.from_numpy(points.splits[split]) for split in ("train", "validation"))
    network = p.networks[how.network]
    optimisation = Optimisation(
        steps=STEPS, batch=how.training.batch or p.training.batch, learning_rate=1e-3, ema=p.training.ema,
        log_every=10**9,
    )  # fmt: skip
    return Cell(
        f"{dataset}/{method}/{schedule}",
        Problem(
            parts.build("objective", how.objective, how.options),
            parts.build("schedule", p.schedules[schedule].schedule, p.schedules[schedule].options),
            parts.build("network", network.network, network.options),
            train,
            validation,
            None if points.target is None else GaussianMixture.from_json(points.target),
            Streams(p.seed, p.replicates),
        ),
        optimisation,
    )


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("study", type=Path)
    asked.add_argument("--turns", type=int, default=7)
    given = asked.parse_args()
    torch.set_num_threads(1)
    p = load(given.study)
    if p.budgets is None or p.budgets.costs is None:
        raise SystemExit(f"{given.study} names no file under budgets.costs")
    milliseconds: dict[str, float] = {}
    for dataset in p.datasets:
        cells = [cell(p, *at) for at in places(p) if at[0] == dataset]
        turns: dict[str, list[float]] = {one.at: [] for one in cells}
        for turn in range(given.turns + 1):
            for one in cells:
                took = one.turn()
                if turn:  # the first warms up
                    turns[one.at].append(took)
        milliseconds |= {at: round(statistics.median(took), 3) for at, took in turns.items()}
    for at, took in milliseconds.items():
        print(f"{took:8.2f} ms  {at}")
    machine = keys.machine()
    versions = keys.versions(("scorebench.training.loop",))
    command = f"OMP_NUM_THREADS=1 python benchmarks/step_costs.py {given.study} --turns {given.turns}"
    about = {"command": command, "commit": keys.commit(), "machine": machine, "versions": versions}
    storage.write_json(Path(p.budgets.costs), {**about, "milliseconds": milliseconds})


if __name__ == "__main__":
    main()

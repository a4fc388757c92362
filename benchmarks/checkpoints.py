"""What a training's checkpoints cost: time and size of one, and the share of the training that they take.

    OMP_NUM_THREADS=1 python benchmarks/checkpoints.py

Prints table rows. A checkpoint is written whole, with its checksum, and forced to the disk, as a job does it.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import objective
from scorebench.progress.checkpoints import Checkpoints
from scorebench.streams import Streams
from scorebench.training.checkpoint import TrainState
from scorebench.training.loop import Optimisation, Problem, fit

SIZES = [(2, 64, 3, 5), (10, 128, 3, 5), (64, 512, 3, 10)]
"""Dimension, width, depth, replicates."""
SECONDS = 60.0
"""Between checkpoints, as a study has it where it says nothing else."""


class Timed:
    """Saves after every tenth step, and times it."""

    def __init__(self, folder: Path) -> None:
        self.file = Checkpoints(folder, {"key": "benchmark"}, SECONDS).training("training")
        self.steps, self.took = 0, []

    def load(self) -> TrainState | None:
        """Nothing: it begins."""
        return None

    def show(self, step: int, curve: Sequence[tuple[int, int, str, float]]) -> None:
        """To nobody."""

    def due(self) -> bool:
        """Every tenth time."""
        self.steps += 1
        return self.steps % 10 == 0

    def save(self, state: TrainState) -> None:
        """As a job does."""
        start = time.perf_counter()
        self.file.save(state)
        self.took.append(time.perf_counter() - start)


def main() -> None:
    """A row for every size."""
    torch.set_num_threads(1)
    print("| network, replicates | checkpoint, MB | ms (median; longest) | of the training, at one in 60 s |")
    print("|---|---|---|---|")
    for dimension, width, depth, replicates in SIZES:
        points = torch.randn(1000, dimension, generator=torch.Generator().manual_seed(1))
        optimisation = Optimisation(steps=200, batch=64, learning_rate=1e-3, ema=0.999, log_every=50)
        parts = objective("dsm"), schedule("log_uniform"), network("mlp", width=width, depth=depth)
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            timed = Timed(Path(folder))
            fit(Problem(*parts, points, points[:100], None, Streams(1, replicates)), optimisation, timed)
            (file,) = Path(folder).iterdir()
            size = file.stat().st_size / 1e6
        median, longest = statistics.median(timed.took), max(timed.took)
        print(
            f"| MLP {width} x {depth}, d = {dimension}, {replicates} | {size:.2f} | {1000 * median:.0f}; "
            f"{1000 * longest:.0f} | {100 * median / (SECONDS + median):.3f} % |"
        )


if __name__ == "__main__":
    main()

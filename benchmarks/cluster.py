"""What a cell costs on a cluster beside this machine: a study of short cells, each run from nothing.

    python benchmarks/cluster.py --cells 100 --together 1 10 25

Prints a table: one row for this machine alone, one for each number of cells that share an allocation. Seconds of a cell
are wall time times the jobs that ran side by side (--side-by-side, the same everywhere), divided by the cells; so the
cost is comparable whatever number of cores there is. Needs a Slurm (on one machine: tests/cluster/slurm_local.sh start)
and an otherwise idle machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from copies import ROOT, copy, environment


def study(cells: int) -> str:
    """A study of so many cells of a second or two each: one data set, one method, a noise level a cell."""
    text = (ROOT / "studies/smoke.yaml").read_text()
    head, tail = text[: text.index("datasets:")], text[text.index("training:") :]
    levels = "".join(
        f"  single{i}: {{schedule: single, options: {{sigma: {0.1 + i / 1000:.3f}}}}}\n" for i in range(cells)
    )
    return (
        f"{head}datasets:\n  ring8: {{source: ring, sizes: {{train: 500, validation: 100, test: 300}}}}\n"
        "networks:\n  default: {network: mlp, options: {width: 16, depth: 2}}\n"
        f"methods:\n  dsm: {{objective: dsm}}\nschedules:\n{levels}"
        "samplers:\n  langevin: {sampler: langevin, options: {step: 0.01, steps: 5}}\n"
        f"{tail}compute:\n" + "".join(f"  {s}: {{mem_mb: 900, runtime: 10}}\n" for s in ("train", "sample", "evaluate"))
    )


def seconds(cells: int, options: list[str], **more: str) -> float:
    """Wall seconds of the study from nothing, up to its scores."""
    with tempfile.TemporaryDirectory(prefix="scorebench-cluster-") as name:
        folder = Path(name)
        copy(folder, study(cells))
        given = environment(folder, OMP_NUM_THREADS="1", **more)
        command = [sys.executable, "-m", "snakemake", *options, "--quiet", "all", "--", "evaluate"]
        start = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
        took = time.monotonic() - start
        if done.returncode or len(list(folder.glob("results/default/scores/*/*/*/*/run.json"))) != cells:
            sys.exit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-4000:]}")
        return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100, help="cells of the study")
    parser.add_argument("--together", type=int, nargs="+", default=[1, 10, 25], help="cells per allocation")
    parser.add_argument("--side-by-side", type=int, default=os.cpu_count() or 1, help="CPUs: jobs at the same time")
    parser.add_argument("--poll-seconds", type=int, default=5, help="SCOREBENCH_SLURM_POLL_SECONDS")
    asked = parser.parse_args()
    cores = asked.side_by_side
    print("| where | seconds in all | core seconds a cell | times the local cost |\n|---|---|---|---|", flush=True)
    local = seconds(asked.cells, ["--cores", str(cores)])
    print(f"| this machine, {cores} at once | {local:.0f} | {local * cores / asked.cells:.2f} | 1 |", flush=True)
    for together in asked.together:
        took = seconds(
            asked.cells,
            ["--cores", str(cores), "--profile", "slurm"],
            SCOREBENCH_SLURM_CELLS_PER_JOB=str(together),
            SCOREBENCH_SLURM_POLL_SECONDS=str(asked.poll_seconds),
        )
        cost = took * cores / asked.cells
        print(f"| Slurm, {together} a job | {took:.0f} | {cost:.2f} | {took / local:.2f} |", flush=True)


if __name__ == "__main__":
    main()

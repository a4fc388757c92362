"""How much of the cores' time a local study spends in stage code, and where the rest goes.

    python benchmarks/share.py                             # params.yaml, from nothing: minutes
    python benchmarks/share.py --study studies/smoke.yaml

Prints a table row. Stage code is what run.json has as `seconds`: from the call of a stage's function to its return,
without the job's start and the imports before it; as a share of cores x wall time of `snakemake --cores all`. CPU is
what all its processes used, Snakemake's own and the parent of the jobs among them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from copies import ROOT, copy, environment


def in_stages(folder: Path) -> tuple[int, float]:
    """How many jobs ran, and their seconds in stage code, added up."""
    cards = [*folder.glob("data/prepared/**/run.json"), *folder.glob("results/**/run.json")]
    return len(cards), sum(json.loads(card.read_text())["seconds"] for card in cards)


def main() -> None:
    """Run the study and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=ROOT / "params.yaml")
    chosen = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder, chosen.study.read_text())
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=environment(folder), check=False, capture_output=True, text=True)
        wall = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        jobs, stages = in_stages(folder)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"| {chosen.study.name}, {jobs} jobs, {wall:.0f} s on {cores} cores"
        f" | stage code {stages:.0f} s, {stages / cores / wall:.0%}"
        f" | CPU {used.ru_utime + used.ru_stime:.0f} s |"
    )


if __name__ == "__main__":
    main()

"""How much of the cores' time a local study spends in stage code, and where the rest goes.

    python benchmarks/share.py                             # params.yaml, from nothing: minutes
    python benchmarks/share.py --study studies/smoke.yaml

Prints a table row. Stage code is what run.json has as `seconds`: from the call of a stage's function to its return,
without Python's start and the imports before it. Jobs by the clock are what Snakemake's benchmark files say. Both are
shares of cores x wall time of `snakemake --cores all`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from copies import ROOT, copy, environment


def in_stages(folder: Path) -> float:
    """Seconds in stage code, all jobs added up."""
    cards = [*folder.glob("data/prepared/**/run.json"), *folder.glob("results/**/run.json")]
    return sum(json.loads(card.read_text())["seconds"] for card in cards)


def by_the_clock(folder: Path) -> tuple[int, float]:
    """How many jobs ran, and their seconds by the clock, added up."""
    found = []
    for path in folder.glob("benchmarks/jobs/**/*.tsv"):
        with path.open(newline="") as file:
            found += [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    return len(found), sum(found)


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
        stages, (jobs, clock) = in_stages(folder), by_the_clock(folder)
    whole, start = cores * wall, clock - stages
    print(
        f"| {chosen.study.name}, {jobs} jobs, {wall:.0f} s on {cores} cores"
        f" | stage code {stages:.0f} s, {stages / whole:.0%}"
        f" | Python's start and imports {start:.0f} s, {start / whole:.0%}, {start / jobs:.1f} s a job"
        f" | no job on a core {1 - clock / whole:.0%} |"
    )


if __name__ == "__main__":
    main()

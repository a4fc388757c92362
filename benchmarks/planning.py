"""How long it takes to plan a large study, and to find out that there is nothing to do.

    python benchmarks/planning.py --cells 5000
    python benchmarks/planning.py --cells 500 --finished

Prints a table row. With --finished, every planned file is there (a stand-in of a few bytes: only the bookkeeping of
Snakemake and DVC is measured), the plan is written and DVC has taken it all.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from copies import ROOT, copy, environment

SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2", "-n"]
DVC = [sys.executable, "-m", "dvc"]
KEYS = """
import sys
from scorebench.study.plan import Study
from scorebench.study.stages import STAGE
study = Study(sys.argv[1])
print(len(study.applicable), sum(len(study.plan(stage)) for stage in STAGE))
"""
FINISH = """
import json
from scorebench import storage
from scorebench.study import results
from scorebench.study.plan import Study
study = Study("params.yaml")
for job in results.planned(study).values():
    for name, path in study.files(job).items():
        text = f"{job} {name}"
        storage.write_text(path, json.dumps(text) if path.suffix == ".json" else text)
"""


def study(cells: int) -> str:
    """A study file of about so many cells: 10 data sets, 10 noise schedules, the rest methods."""
    methods = max(1, cells // 100)
    text = (ROOT / "studies/smoke.yaml").read_text()
    head = text[: text.index("datasets:")]
    tail = text[text.index("samplers:") :]
    datasets = "".join(f"  ring{i}: {{source: ring, options: {{components: {i + 2}}}}}\n" for i in range(10))
    entries = "".join(f"  dsm{i}: {{objective: dsm, training: {{batch: {i + 1}}}}}\n" for i in range(methods))
    schedules = "".join(f"  geometric{i}: {{schedule: geometric, options: {{levels: {i + 2}}}}}\n" for i in range(10))
    networks = "networks:\n  default: {network: mlp}\n"
    return f"{head}datasets:\n{datasets}{networks}methods:\n{entries}schedules:\n{schedules}{tail}"


def project(folder: Path, cells: int) -> None:
    """A repository that holds this project's source and workflow, and such a study as its params.yaml."""
    copy(folder, study(cells))
    for command in (["git", "init", "-q"], [*DVC, "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=folder, check=True)


def measure(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that a command takes, and what it prints."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment(folder), check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--finished", action="store_true", help="measure with nothing to do")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, chosen.cells)
        keys, said = measure([sys.executable, "-c", KEYS, "params.yaml"], folder)
        counted, jobs = said.split()
        row = [f"{counted} cells, {jobs} jobs", f"keys {keys:.1f} s"]
        if chosen.finished:
            measure([sys.executable, "-c", FINISH], folder)
            measure([sys.executable, "-m", "scorebench", "agree"], folder)
            for label, command in {
                "`snakemake -n`": SNAKEMAKE,
                "`dvc status`": [*DVC, "status"],
                "`dvc repro`": [*DVC, "repro"],
            }.items():
                seconds, said = measure(command, folder)
                if "dvc" in label and "up to date" not in said:
                    sys.exit(f"{label} found something to do:\n{said}")
                row.append(f"nothing to do: {label} {seconds:.1f} s")
        else:
            row.append(f"`snakemake -n` {measure(SNAKEMAKE, folder)[0]:.1f} s")
            row.append(f"`snakemake -n --quiet` {measure([*SNAKEMAKE, '--quiet'], folder)[0]:.1f} s")
    print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()

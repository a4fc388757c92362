"""How long planning takes: keys, the workflow parsed and a dry run of a study of many cells.

    python benchmarks/planning.py --cells 5000

Prints a table row: cells, seconds for the study and its keys, seconds for `snakemake -n`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=5000)
    cells = parser.parse_args().cells
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "planning.yaml")
        file.write_text(study(cells))
        plan = (
            "import sys; from scorebench.study import Study, UPTO; s = Study(sys.argv[1]);"
            " print(len(s.applicable), sum(len(s.plan(x)) for x in UPTO['report']))"
        )
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", plan, str(file)], env=environment, check=True, capture_output=True, text=True
        )
        keys = time.perf_counter() - start
        start = time.perf_counter()
        command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--cores", "2", "-s", ROOT / "Snakefile"]
        subprocess.run(
            [*command, "--config", f"study={file}"], cwd=name, env=environment, check=True, capture_output=True
        )
        dry = time.perf_counter() - start
    counted, jobs = done.stdout.split()
    print(f"| {counted} cells, {jobs} jobs | keys {keys:.1f} s | snakemake -n {dry:.1f} s |")


if __name__ == "__main__":
    main()

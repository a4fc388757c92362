"""How often the judge is wrong: every objective and every control, many seeds; and the table of all losses.

    python benchmarks/judge.py --runs 200 --workers 2        # goes on where it was stopped
    python benchmarks/judge.py --docs                        # writes docs/conformance.md; needs the extra `peers`

Exit status 0 if every objective passed and every control failed in every run made.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from scorebench import parts

ROOT = Path(__file__).parent.parent
STATE = ROOT / "benchmarks/judge/runs.jsonl"
FIRST = 1000
"""The first seed: smaller ones served while the judge was made."""


@functools.cache
def source(kind: str, title: str) -> str:
    """A hash of all code that a verdict depends on: verdicts on other code don't count."""
    from scorebench.study.keys import code, digest, versions

    of_loss = "conformance.controls" if kind == "control" else f"objectives.{objectives()[title]['name']}"
    modules = ("scorebench.conformance", f"scorebench.{of_loss}")
    return digest([code(modules), versions(modules)])[:16]


def probe_kinds(name: str) -> list[str]:
    """The kinds of probe that an objective takes, its default first."""
    from typing import get_args

    field = parts.find("objective", name).model_fields.get("probe")
    return [] if field is None else sorted(get_args(field.annotation), key=lambda kind: kind != field.default)


def objectives() -> dict[str, dict[str, Any]]:
    """Every objective, and those with probes once for each kind: title -> name and options."""
    found: dict[str, dict[str, Any]] = {}
    for name in parts.names("objective"):
        found[name] = {"name": name, "options": {}}
        for kind in probe_kinds(name)[1:]:
            found[f"{name}, {kind} probes"] = {"name": name, "options": {"probe": kind}}
    return found


def verdict(kind: str, title: str, seed: int) -> dict[str, Any]:
    """One verdict, as it is kept."""
    import torch

    from scorebench.conformance import check
    from scorebench.conformance.controls import CONTROLS
    from scorebench.objectives import objective

    torch.set_num_threads(1)
    if kind == "control":
        loss: Any = CONTROLS[title].loss
    else:
        loss = objective(objectives()[title]["name"], **objectives()[title]["options"])
    report = check(loss, seed=seed)
    return {
        "kind": kind,
        "title": title,
        "seed": seed,
        "passed": report.passed,
        "failed": report.failed,
        "tests": report.tests,
        "seconds": round(report.seconds, 2),
        "source": source(kind, title),
    }


def tasks(runs: int, controls: int) -> list[tuple[str, str, int]]:
    """Every loss at the first seed, then every loss at the next, and so on.

    Those that should fail, controls and what changes the objective, at the first `controls` seeds alone.
    """
    from scorebench.conformance.controls import CONTROLS

    losses = [*(("objective", title) for title in objectives()), *(("control", title) for title in CONTROLS)]
    last = {loss: FIRST + (controls if should_fail(*loss) else runs) for loss in losses}
    return [(*loss, seed) for seed in range(FIRST, max(last.values())) for loss in losses if seed < last[loss]]


def kept() -> list[dict[str, Any]]:
    """Verdicts of earlier calls on this very source."""
    if not STATE.is_file():
        return []
    lines = [json.loads(line) for line in STATE.read_text().splitlines() if line.endswith("}")]
    known = {(kind, title): source(kind, title) for kind, title, _ in tasks(1, 1)}
    return [line for line in lines if line["source"] == known.get((line["kind"], line["title"]))]


def measure(runs: int, controls: int, workers: int, minutes: float) -> None:
    """Make the verdicts that are missing, for at most so many minutes."""
    done = {(line["kind"], line["title"], line["seed"]) for line in kept()}
    missing = [task for task in tasks(runs, controls) if task not in done]
    STATE.parent.mkdir(parents=True, exist_ok=True)
    end, total = time.monotonic() + 60 * minutes, len(done) + len(missing)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        ProcessPoolExecutor(workers) as pool,
        STATE.open("a") as state,
        Progress(*columns) as progress,
    ):
        bar = progress.add_task("verdicts", total=total, completed=len(done))
        running: set[Future[dict[str, Any]]] = set()
        while missing or running:
            while missing and len(running) < workers and time.monotonic() < end:
                running.add(pool.submit(verdict, *missing.pop(0)))
            if not running:
                break
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                line = future.result()
                state.write(json.dumps(line) + "\n")
                state.flush()
                progress.advance(bar)
                if line["passed"] == should_fail(line["kind"], line["title"]):
                    progress.console.print(f"wrong: {line['title']}, seed {line['seed']}: {line['failed']}")


def should_fail(kind: str, title: str) -> bool:
    """Whether a loss is not what it passes for: a control, or an objective that is changed on purpose."""
    return kind == "control" or changes_objective(title) is not None


def changes_objective(title: str) -> str | None:
    """Why an objective is not an estimate of the score error and should fail; None for all others."""
    found: str | None = getattr(parts.find("objective", objectives()[title]["name"]), "changes_objective", None)
    return found


def counts(lines: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Rows of the table of measured rates, and whether there is no wrong verdict among them."""
    from statistics import median

    from scorebench.conformance.controls import CONTROLS

    rows, right = (
        ["| loss | expected | runs | passed | as expected | seconds (median) |", "|---|---|---|---|---|---|"],
        True,
    )
    for kind, titles in (("objective", list(objectives())), ("control", list(CONTROLS))):
        for title in titles:
            mine = [line for line in lines if line["kind"] == kind and line["title"] == title]
            if not mine:
                continue
            if kind == "control":
                wanted, must = f"fails {', '.join(CONTROLS[title].fails)}", set(CONTROLS[title].fails)
                good = sum(must <= set(line["failed"]) for line in mine)
            elif changes_objective(title):
                wanted, good = "fails: it changes the objective", sum(not line["passed"] for line in mine)
            else:
                wanted, good = "passes", sum(line["passed"] for line in mine)
            right = right and good == len(mine)
            passed, seconds = sum(line["passed"] for line in mine), median(line["seconds"] for line in mine)
            label = title if kind == "objective" else f"control: {CONTROLS[title].mistake}".replace("|", "\\|")
            rows.append(f"| {label} | {wanted} | {len(mine)} | {passed} | {good} of {len(mine)} | {seconds:.1f} |")
    return rows, right


def summary(lines: list[dict[str, Any]]) -> str:
    """How many verdicts were wrong, of either kind, and what rate of false alarms that leaves possible."""
    from scipy import stats

    from scorebench.conformance.controls import CONTROLS

    correct = [line for line in lines if line["kind"] == "objective" and not changes_objective(line["title"])]
    alarms = sum(not line["passed"] for line in correct)
    highest = float(stats.beta.ppf(0.95, alarms + 1, len(correct) - alarms)) if len(correct) > alarms else 1.0
    flawed = [line for line in lines if line not in correct]
    missed = sum(line["passed"] for line in flawed)
    controls = [line for line in lines if line["kind"] == "control"]
    unnamed = sum(not set(CONTROLS[line["title"]].fails) <= set(line["failed"]) for line in controls)
    seeds = sorted({line["seed"] for line in lines})
    longest = max(line["seconds"] for line in lines)
    return (
        f"Seeds {seeds[0]} to {seeds[-1]}. Of {len(correct)} verdicts on correct losses {alarms} failed: a rate of"
        f" false alarms below {highest:.2g} a verdict (95 % confidence). Of {len(flawed)} on losses with a mistake, or"
        f" that change the objective, {missed} passed; {unnamed} of the {len(controls)} on negative controls lacked one"
        f" of the failures named in the table. The longest verdict took {longest:.0f} s."
    )


def main() -> None:
    """Measure, print, and write the page on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="seeds for every loss; 0 measures nothing")
    parser.add_argument("--controls", type=int, help="seeds for every loss that should fail, if not as many")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no verdict after so long")
    parser.add_argument("--docs", action="store_true", help="write docs/conformance.md from the verdicts kept")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    controls = arguments.runs if arguments.controls is None else arguments.controls
    measure(arguments.runs, controls, arguments.workers, arguments.minutes)
    lines = kept()
    rows, right = counts(lines)
    print("\n".join(rows))
    if lines:
        print(f"\n{summary(lines)}")
    if arguments.docs:
        from judge_page import write

        write(ROOT / "docs/conformance.md", rows, summary(lines), objectives(), " ".join(["python", *sys.argv]))
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()

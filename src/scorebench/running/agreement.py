"""Snakemake decides what runs, DVC versions it, MLflow shows it; here they are made to agree.

plan/<study>/<stage>.json holds the key of every job of a stage and is kept in git. DVC's stages depend on these
files and on each other's outputs, and run Snakemake; so dvc.yaml can't drift from the workflow, and DVC reruns a
stage only if one of its keys changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.progress.scratch import sweep
from scorebench.running import leftovers, versioning
from scorebench.running.shown import show
from scorebench.study import results
from scorebench.study.results import ATTIC
from scorebench.study.stages import CARD, DEPTH, STAGE, TARGETS, together, upto

if TYPE_CHECKING:
    from scorebench.study.plan import Study

NOT_VERSIONED = 3
"""Exit status of `agree` where DVC can't version the results: a study can be run there all the same."""


def plan_file(study: str, target: str) -> Path:
    """Where the keys of a stage, and of those under its name, are kept."""
    return Path("plan", study, f"{target}.json")


def planned(study: Study) -> dict[Path, dict[str, str]]:
    """The plan files and what they must hold: place -> key, `stage/place` for a stage under another's name."""
    return {
        plan_file(study.name, target): {
            at if stage == target else f"{stage}/{at}": key
            for stage in together(target)
            for at, key in study.plan(stage).items()
        }
        for target in TARGETS
    }


def folders_of(study: str, target: str, plan: dict[str, str]) -> list[Path]:
    """The folders of results that a plan file names."""
    told = []
    for place, key in plan.items():
        stage, names = STAGE[target], place.split("/")
        if names[0] in together(target) and len(names) - 1 == DEPTH[STAGE[names[0]].of]:
            stage, names = STAGE[names[0]], names[1:]
        told.append(Path(stage.root(study), *names, key))
    return told


def write_plan(study: Study) -> None:
    """Write the plan files that differ from the plan."""
    for path, plan in planned(study).items():
        if not _holds(path, plan):
            storage.write_json(path, plan)


def _holds(path: Path, plan: dict[str, str]) -> bool:
    try:
        return bool(storage.read_json(path) == plan)
    except (OSError, ValueError):
        return False


def run_stage(study: Study, target: str) -> int:
    """Snakemake up to a stage, then clear away what is not planned; 0 only if every planned file is there.

    Where all is there already, Snakemake is not asked, whose start takes seconds. The profile is its own choice:
    SNAKEMAKE_PROFILE=slurm makes `dvc repro` run on a cluster.

    Raises:
        SystemExit: Snakemake's, where a job fails or the folder is locked.
    """
    if target not in TARGETS:
        print(f"there is no stage '{target}'; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    restore(study)
    if leftovers.of_a_run() or results.missing(study, upto(target)):
        _snakemake("--cores", os.environ.get("SCOREBENCH_CORES", "all"), "--quiet", "rules", "progress", "--", target)
    else:
        print(f"{target}: all is there", file=sys.stderr)
    if absent := results.missing(study, upto(target)):
        print(f"{len(absent)} planned files are not there, the first: {absent[0]}", file=sys.stderr)
        return 1
    for stage in together(target):
        clear(study, stage)
    complete = bool(STAGE[target].shown)
    if complete and not os.environ.get("MLFLOW_TRACKING_URI"):  # experiments aside would change that store too
        _follow(study)
    return 0


def _snakemake(*words: str) -> None:
    """Run Snakemake in this process: what it needs is imported by now, and the source that keys hash is read."""
    from snakemake.cli import main

    try:
        main(list(words))
    except SystemExit as ended:
        if ended.code:
            raise


def _follow(study: Study) -> None:
    """Bring MLflow along where it is kept; a fault of the store is said, and `check` says it again."""
    from scorebench.tracking.track import behind, track

    with contextlib.suppress(SystemExit):
        if behind(study):
            track(study)


def clear(study: Study, stage: str) -> None:
    """Move results of a stage that the plan does not name to .attic/, so that what DVC takes is the plan, no more.

    `restore` takes them from there again.
    """
    root = study.root(stage)
    root.mkdir(parents=True, exist_ok=True)  # an output of DVC, which must be there, though it be empty
    for directory in results.unplanned(study, stage):
        kept = ATTIC / directory
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(directory, kept)
    for directory in results.folders(study, stage):
        sweep(directory)
    for directory in sorted(root.rglob("*"), reverse=True):
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def restore(study: Study) -> None:
    """Bring back what an earlier plan left, and show the planned report: whoever plans does it first.

    Cards from the future, by a clock that was ahead, get today's time: Snakemake compares theirs with those of files
    that a job makes from them, whatever it is told, and would fail the job.
    """
    if ATTIC.is_dir():
        for directory in results.planned(study):
            kept = ATTIC / directory
            if kept.is_dir() and not directory.exists():
                directory.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(kept, directory)
    now = time.time()
    for directory in results.planned(study):
        card = directory / CARD
        with contextlib.suppress(OSError):
            if card.stat().st_mtime > now:
                os.utime(card)
    show(study)


def agree(study: Study) -> int:
    """Make plan/, dvc.lock and MLflow (where it is kept) say what is on disk; refused while anything is missing.

    NOT_VERSIONED, and nothing is changed, where DVC can't version this folder.
    """
    if why := versioning.hindrance(study):
        print(f"not versioned: {why}", file=sys.stderr)
        return NOT_VERSIONED
    restore(study)
    if absent := results.missing(study):
        print(
            f"not all is built: {len(absent)} planned files are missing, the first: {absent[0]}",
            file=sys.stderr,
        )
        return 1
    write_plan(study)
    for stage in STAGE:
        clear(study, stage)
    versioning.move_cache()
    with subprocess.Popen([sys.executable, "-m", "dvc", "commit", "--force", "--quiet"]) as commit:
        _follow(study)  # meanwhile: to import MLflow takes longer than all that DVC has to do
    return commit.returncode


def check(study: Study) -> int:
    """0 if params.yaml, source, plan/, files, dvc.lock and MLflow (where it is kept) agree; else says which do not."""
    from scorebench.tracking.track import behind

    problems = [f"{path} is not the plan" for path, plan in planned(study).items() if not _holds(path, plan)]
    if absent := results.missing(study):
        problems.append(f"{len(absent)} planned files are missing, the first: {absent[0]}")
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], check=False, capture_output=True, text=True)
    if why := versioning.hindrance(study):
        problems.append(f"not versioned: {why}")
    elif status.returncode or "up to date" not in status.stdout:
        problems.append(f"dvc status: {(status.stdout + status.stderr).strip()}")
    lag = behind(study)
    if lag:
        problems.append(f"MLflow lags behind, `scorebench track` brings it up to date: {'; '.join(lag)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        jobs = f"{len(results.planned(study))} jobs"
        print(f"{study.file}, plan/, {jobs}{'' if lag is None else ', MLflow'} and dvc.lock agree")
    return 1 if problems else 0

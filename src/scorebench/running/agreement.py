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
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.progress.scratch import sweep
from scorebench.running.verify import ATTIC, job_folders
from scorebench.study.plan import UPTO

if TYPE_CHECKING:
    from scorebench.study.plan import Study

STAGES = tuple(UPTO)


def planned(study: Study) -> dict[Path, dict[str, str]]:
    """The plan files and what they must hold; floors and gradients belong to the evaluate stage."""
    plans = {stage: study.plan(stage) for stage in STAGES}
    for stage in ("floor", "microscope"):
        plans["evaluate"] |= {f"{stage}/{at}": key for at, key in study.plan(stage).items()}
    return {Path("plan", study.name, f"{stage}.json"): plan for stage, plan in plans.items()}


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


def run_stage(study: Study, stage: str) -> int:
    """Snakemake up to a stage, then clear away what is not planned; 0 only if every planned file is there.

    The profile is Snakemake's own choice: SNAKEMAKE_PROFILE=slurm makes `dvc repro` run on a cluster.
    """
    if stage not in STAGES:
        print(f"there is no stage '{stage}'; there are: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    cores = os.environ.get("SCOREBENCH_CORES", "all")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        cores,
        "--quiet",
        "rules",
        "progress",
        "--",
        stage,
    ]
    done = subprocess.run(command, check=False)
    if done.returncode:
        return done.returncode
    if absent := study.missing(UPTO[stage]):
        print(f"{len(absent)} planned files are not there, the first: {absent[0]}", file=sys.stderr)
        return 1
    for each in ("floor", "microscope", "evaluate") if stage == "evaluate" else (stage,):
        clear(study, each)
    if stage == "report" and not os.environ.get("MLFLOW_TRACKING_URI"):  # experiments aside would change that store too
        _follow(study)
    return 0


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
    if stage == "report":
        return
    root = study.root(stage)
    root.mkdir(parents=True, exist_ok=True)  # an output of DVC, which must be there, though it be empty
    wanted = {study.directory(job) for job in study.jobs(stage)}
    for directory in job_folders(study, stage):
        if directory in wanted:
            sweep(directory)
        else:
            kept = ATTIC / directory
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.move(directory, kept)
    for directory in sorted(root.rglob("*"), reverse=True):
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def restore(study: Study) -> None:
    """Take planned results that an earlier plan left in .attic/ back to their place: whoever plans does it first."""
    if not ATTIC.is_dir():
        return
    for stage in UPTO["evaluate"]:
        for job in study.jobs(stage):
            directory = study.directory(job)
            kept = ATTIC / directory
            if kept.is_dir() and not directory.exists():
                directory.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(kept, directory)


def agree(study: Study) -> int:
    """Make plan/, dvc.lock and MLflow (where it is kept) say what is on disk; refused while anything is missing."""
    restore(study)
    if absent := study.missing(UPTO["report"]):
        print(
            f"not all is built: {len(absent)} planned files are missing, the first: {absent[0]}",
            file=sys.stderr,
        )
        return 1
    write_plan(study)
    for stage in UPTO["report"]:
        clear(study, stage)
    _follow(study)
    return subprocess.run([sys.executable, "-m", "dvc", "commit", "--force", "--quiet"], check=False).returncode


def check(study: Study) -> int:
    """0 if params.yaml, source, plan/, files, dvc.lock and MLflow (where it is kept) agree; else says which do not."""
    from scorebench.tracking.track import behind

    problems = [f"{path} is not the plan" for path, plan in planned(study).items() if not _holds(path, plan)]
    if absent := study.missing(UPTO["report"]):
        problems.append(f"{len(absent)} planned files are missing, the first: {absent[0]}")
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], check=False, capture_output=True, text=True)
    if status.returncode or "up to date" not in status.stdout:
        problems.append(f"dvc status: {(status.stdout + status.stderr).strip()}")
    lag = behind(study)
    if lag:
        problems.append(f"MLflow lags behind, `scorebench track` brings it up to date: {'; '.join(lag)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        jobs = f"{sum(len(study.jobs(stage)) for stage in UPTO['report'])} jobs"
        print(f"{study.file}, plan/, {jobs}{'' if lag is None else ', MLflow'} and dvc.lock agree")
    return 1 if problems else 0

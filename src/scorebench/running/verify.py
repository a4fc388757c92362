"""Every result on disk against its recorded hash, and its key against the plan."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.study import keys
from scorebench.study.plan import FILES, Job

if TYPE_CHECKING:
    from scorebench.study.plan import Study

JOBS = tuple(stage for stage in FILES if stage != "report")
ATTIC = Path(".attic")


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is not as the plan says: `missing`, `damaged`, `stale` or `orphaned`; where and why."""

    kind: str
    path: str
    why: str


def verify(study: Study) -> list[Finding]:
    """All that differs from the plan.

    missing: a planned result that is not there. damaged: a file that is not what its card says was written, or a card
    that can't be read. stale: results of a planned place under another key. orphaned: results of a place that the
    plan does not name. A report that is not of the planned key is stale.
    """
    findings = [f for stage in JOBS for job in study.jobs(stage) for f in _job(study, job)]
    findings += [f for stage in JOBS for f in _unplanned(study, stage)]
    report = study.files(Job("report"))
    if not study.is_there(Job("report")):
        findings.append(Finding("missing", str(report["report.html"].parent), "the report is not drawn"))
    elif not study.report_is_current():
        findings.append(Finding("stale", str(report["KEY"].parent), "the report is of another plan"))
    return sorted(findings)


def _job(study: Study, job: Job) -> Iterator[Finding]:
    files = study.files(job)
    if not any(path.exists() for path in files.values()):
        yield Finding("missing", str(study.directory(job)), f"{job.stage} {job.at} has not been run")
        return
    for path in files.values():
        if not path.is_file():
            yield Finding("missing", str(path), f"{job.stage} {job.at} is incomplete")
    if not files["run.json"].is_file():
        return
    try:
        card = storage.read_json(files["run.json"])
        recorded, key = dict(card["outputs"]), card["key"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        yield Finding("damaged", str(files["run.json"]), f"the card can't be read: {error}")
        return
    if key != study.key(job):
        yield Finding("damaged", str(files["run.json"]), f"the card says key {key}")
    for name, path in files.items():
        if name == "run.json" or not path.is_file():
            continue
        if name not in recorded:
            yield Finding("damaged", str(files["run.json"]), f"the card does not record {name}")
        elif keys.file_digest(path) != recorded[name]:
            yield Finding("damaged", str(path), "its hash is not the recorded one")


def _unplanned(study: Study, stage: str) -> Iterator[Finding]:
    planned = {study.directory(job): job for job in study.jobs(stage)}
    places = {directory.parent for directory in planned}
    for directory in job_folders(study, stage):
        if directory in planned:
            continue
        if directory.parent in places:
            yield Finding("stale", str(directory), "another key of a planned place")
        else:
            yield Finding("orphaned", str(directory), "the plan does not name this place")


def job_folders(study: Study, stage: str, top: Path = Path()) -> list[Path]:
    """Folders that hold results of a stage, of any key, relative to `top`."""
    root = study.root(stage)
    depth = 2 if stage in ("prepare", "floor", "microscope") else 4
    return sorted(path.relative_to(top) for path in (top / root).glob("/".join("*" * depth)) if path.is_dir())


def set_aside(study: Study, findings: list[Finding]) -> list[Path]:
    """Move damaged results, and all that was made from them, to .attic/damaged: the next run makes them anew."""
    damaged = {Path(f.path).parent for f in findings if f.kind == "damaged"}
    bad = {job for stage in JOBS for job in study.jobs(stage) if study.directory(job) in damaged}
    moved = []
    for stage in JOBS:
        for job in study.jobs(stage):
            if job in bad or bad & set(study.inputs(job).values()):
                bad.add(job)
    for job in sorted(bad):
        directory = study.directory(job)
        if directory.is_dir():
            kept = ATTIC / "damaged" / directory
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.move(directory, kept)
            moved.append(directory)
    report = study.files(Job("report"))["KEY"]
    if moved and report.is_file():
        report.unlink()  # it shows numbers of them
    return moved

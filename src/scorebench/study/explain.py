"""Why a job has the key it has, and which part of it differs from another commit's."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorebench.study import keys, results
from scorebench.study.stages import STAGE, STAGES

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study

ASK = """
import json, sys
from pathlib import Path
from scorebench.study import keys
from scorebench.study.plan import Study
study = Study(Path(sys.argv[1]))
asked, told = json.loads(sys.argv[2]), {}
for stage, at in asked:
    try:
        job = study.job(stage, at)
    except ValueError as error:
        told[stage] = {"absent": str(error)}
        continue
    parts = study.ingredients(job)
    told[stage] = {"key": study.key(job), "ingredients": parts,
                   "source": {name: keys.normal_source(name) for name in parts["code"] if "/" not in name}}
print(json.dumps(told))
"""
"""Run with the source of a commit: what its keys are made of."""


class NoSuchCommit(ValueError):
    """A commit that git does not know, or whose source can't be asked."""


def jobs_at(study: Study, at: str) -> list[Job]:
    """The jobs of a cell or of a data set, in the order in which they run, or that of a stage of the whole study.

    Raises:
        UnknownJob: the study holds none of these.
    """
    if at in STAGE and STAGE[at].of == "study":
        return [study.job(at)]
    of = "cell" if "/" in at else "dataset"
    stages = [stage.name for stage in STAGES if stage.of == of]
    return [job for stage in stages for job in study.jobs(stage) if job.at == at] or [study.job(stages[0], at)]


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted names and values."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from flat(item, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, value if isinstance(value, str) else json.dumps(value)


def explain(study: Study, at: str) -> Iterator[str]:
    """Lines that say what the keys of a cell's jobs are the hash of."""
    for job in jobs_at(study, at):
        yield f"{job}: key {study.key(job)}, {'is there' if results.is_there(study, job) else 'is to be made'}"
        parts = study.ingredients(job)
        for section in ("spec", "inputs", "versions", "code"):
            yield f"  {section}"
            for name, value in sorted(flat(parts[section])):
                yield f"    {name} = {value}"


def compare(study: Study, at: str, commit: str) -> Iterator[str]:
    """Lines that say which parts of the keys of a cell's jobs differ from a commit's, and how."""
    jobs = jobs_at(study, at)
    before = _asked(study, jobs, commit)
    for job in jobs:
        old, key = before[job.stage], study.key(job)
        if "absent" in old:
            yield f"{job}: key {key}; {commit} has no such job: {old['absent']}"
            continue
        if old["key"] == key:
            yield f"{job}: key {key}, the same as in {commit}"
            continue
        yield f"{job}: key {key}, in {commit} {old['key']}"
        yield from _differences(study.ingredients(job), old)


def _differences(now: keys.Ingredients, old: dict[str, Any]) -> Iterator[str]:
    new_parts, old_parts = dict(flat(now)), dict(flat(old["ingredients"]))
    for name in sorted(new_parts.keys() | old_parts.keys()):
        new, was = new_parts.get(name), old_parts.get(name)
        if new == was:
            continue
        section, _, rest = name.partition(".")
        if section != "code":
            yield f"  {name}: {'absent' if was is None else was} -> {'absent' if new is None else new}"
            continue
        yield f"  code {rest}: {'new' if was is None else 'no longer used' if new is None else 'changed'}"
        if new is not None and was is not None and rest in old["source"]:
            lines = difflib.unified_diff(
                old["source"][rest].splitlines(), keys.normal_source(rest).splitlines(), lineterm="", n=0
            )
            changes = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
            yield from (f"    {line}" for line in changes[:12])
            if len(changes) > 12:
                yield f"    ... {len(changes) - 12} more lines"


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """The files of a commit in a temporary folder, without touching the working tree.

    Raises:
        NoSuchCommit: git does not know it.
    """
    done = subprocess.run(
        ["git", "archive", "--format=tar", "--end-of-options", commit], cwd=folder, capture_output=True, check=False
    )
    if done.returncode:
        raise NoSuchCommit(f"git has no '{commit}': {done.stderr.decode(errors='replace').strip()}")
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name, "commit.tar")
        archive.write_bytes(done.stdout)
        tree = Path(name, "tree")
        with tarfile.open(archive) as tar:
            tar.extractall(tree, filter="data")
        yield tree


def _asked(study: Study, jobs: list[Job], commit: str) -> dict[str, Any]:
    with checked_out(commit, Path()) as tree:
        asked = json.dumps([[job.stage, job.at] for job in jobs])
        for data in {path for source in study.sources.values() for path in source.files()}:
            if not data.is_absolute() and data.exists() and not (tree / data).exists():  # versioned by DVC, not by git
                (tree / data).parent.mkdir(parents=True, exist_ok=True)
                (tree / data).symlink_to(data.resolve())
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(study.file), asked],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise NoSuchCommit(f"the source of '{commit}' can't say what its keys are made of: {reason[0]}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told

"""Faults, edits of source, experiments, partial pulls and cache types: every case ends in agreement."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from test_agreement import changed, stages_of

from processes import hold_a_job, start, wait_for, wait_for_jobs
from project import CELLS, TINY, Project, checkout

pytestmark = pytest.mark.slow

FLAKY = '''\
"""DSM that fails until a file is there: a job that breaks for a reason outside of the study."""

from pathlib import Path
from typing import ClassVar

from scorebench.objectives import Objective
from scorebench.objectives.dsm import DenoisingScoreMatching


class Flaky(Objective):
    """DSM, if the disk lets it."""

    requires_noise: ClassVar[bool] = True

    def __call__(self, score, batch, generator=None):
        """Per-sample losses."""
        if not Path("mended").exists():
            raise OSError("the disk is on fire")
        return DenoisingScoreMatching()(score, batch, generator)
'''
EVALUATED = {"report", "results/default/floors/ring8", *(f"results/default/scores/{cell}" for cell in CELLS)}
"""What an edit of the evaluation alone makes anew."""


def test_edit_of_source_runs_what_uses_it(agreed: Project) -> None:
    """Case c: a method's file, then the report's code, which DVC hears of, too."""
    first = agreed.jobs()
    agreed.edit(".mean(0)", ".mean(0) * 1.01", "src/scorebench/objectives/ssm_vr.py")
    agreed.run("snakemake", "--cores", "2")
    agreed.run("scorebench", "agree")
    second = agreed.jobs()
    assert changed(first, second) == {"report", *stages_of({cell for cell in CELLS if "/ssm_vr/" in cell})}
    agreed.edit("<body{%", "<body data-other {%", "src/scorebench/report/report.html.j2")
    agreed.run("dvc", "repro")
    assert changed(second, agreed.jobs()) == {"report"}
    agreed.agrees()
    agreed.edit('"""Per-sample', '# no change at all\n        """Per-sample', "src/scorebench/objectives/dsm.py")
    assert "Nothing to be done" in agreed.run("snakemake", "-n", "--cores", "1")


def test_failed_job_leaves_the_others_and_the_rest_is_done_next(agreed: Project) -> None:
    """Case f, by Snakemake and through DVC."""
    first = agreed.jobs()
    (agreed.folder / "src/scorebench/objectives/flaky.py").write_text(FLAKY)
    agreed.edit(
        "methods:\n", "methods:\n  flaky: {objective: flaky}\n  dsm_too: {objective: dsm, training: {batch: 8}}\n"
    )
    said = agreed.run("dvc", "repro", ok=False)
    assert "failed to reproduce 'train'" in said
    assert "the disk is on fire" in said, "what stands in the log of the job that failed"
    log = next((agreed.folder / "logs/default/train/ring8/flaky/log_uniform").iterdir()).read_text()
    assert "the disk is on fire" in log
    middle = agreed.jobs()
    assert changed(first, middle) == {"results/default/checkpoints/ring8/dsm_too/log_uniform"}
    assert {name: middle[name] for name in first} == first
    agreed.run("scorebench", "agree", ok=False)

    (agreed.folder / "mended").touch()
    agreed.run("dvc", "repro", "train")
    agreed.run("snakemake", "--cores", "2")
    agreed.run("scorebench", "agree")
    done = changed(middle, agreed.jobs())
    new = stages_of({"ring8/flaky/log_uniform", "ring8/dsm_too/log_uniform"})
    assert done == {"report", *new} - {"results/default/checkpoints/ring8/dsm_too/log_uniform"}
    agreed.agrees()


def test_second_run_at_once_says_so_and_harms_nothing(project: Project, built: Project) -> None:
    """Case g."""
    shutil.rmtree(project.folder / "results/default/scores")
    first = start(project, "snakemake", "--cores", "2")
    held = hold_a_job(project)
    said = project.run("snakemake", "--cores", "1", ok=False)
    assert "locked" in said.lower()
    os.kill(held, signal.SIGCONT)
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 0, output
    assert project.contents() == built.contents()
    assert "Nothing to be done" in project.run("snakemake", "-n", "--cores", "1")


def test_killed_run_goes_on_and_ends_the_same(built: Project, tmp_path: Path) -> None:
    """kill -9 of the driver and its jobs while they write, twice; each time what Snakemake says to do."""
    project = checkout(tmp_path / "killed", TINY)
    for moment in ("checkpoints/*/*/*/*/training.parquet", "samples/*/*/*/*/*"):
        driver = start(project, "snakemake", "--cores", "2")
        wait_for(project.folder / "results/default", moment)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
        wait_for_jobs(project)
        project.run("snakemake", "--unlock")
    project.run("snakemake", "--cores", "2")
    assert project.contents() == built.contents()
    project.run("scorebench", "agree")
    project.agrees()


def test_experiments_in_place_and_aside(project: Project) -> None:
    """Case h: `dvc exp run`, in place and --temp, `dvc metrics diff`, `dvc plots`; DVC takes no # for --temp."""
    project = Project(project.folder.rename(project.folder.with_name("a {b} é")))
    project.run("scorebench", "track")
    project.run("scorebench", "agree")
    project.commit("Results")
    first, runs = project.jobs(), project.tracked()
    project.run("dvc", "exp", "run", "--temp", "-n", "aside", "-S", "evaluation.points=110")
    assert project.jobs() == first, "an experiment aside leaves the workspace alone"
    assert project.tracked() == runs
    project.run("dvc", "exp", "apply", "aside")
    applied = project.jobs()
    assert {name for name in applied if applied[name].split()[0] != first[name].split()[0]} == EVALUATED
    assert "D_integral" in project.run("dvc", "metrics", "diff", "HEAD")
    said = project.run("scorebench", "agree", "--check", ok=False)
    assert said.count("\n") == 1
    assert "MLflow lags behind" in said
    assert "runs not there: 6; runs current, but not planned: 6" in said  # two cells, each with its two replicates
    project.run("scorebench", "agree")
    project.agrees()

    project.run("dvc", "exp", "run", "-n", "inplace", "-S", "title=Another", "-S", "+methods.dsm.training.batch=16")
    assert changed(applied, project.jobs()) == {"report"}, "of that batch they were already"
    project.agrees()
    assert "index.html" in project.run("dvc", "plots", "diff", "HEAD")


def test_branches_are_switched_with_dvc_checkout(agreed: Project) -> None:
    """Two branches with a study each: after `git checkout` and `dvc checkout` the results of either are there."""
    agreed.commit("Results")
    agreed.run("git", "checkout", "-qb", "other")
    agreed.edit("count: 3}, points: 100", "count: 3}, points: 110")
    agreed.run("dvc", "repro")
    agreed.commit("Results at other points")
    there = {"other": agreed.jobs()}
    agreed.run("git", "checkout", "-q", "main")
    for branch in ("main", "other", "main"):
        agreed.run("git", "checkout", "-q", branch)
        agreed.run("dvc", "checkout")
        agreed.agrees()
        assert agreed.jobs() == there.setdefault(branch, agreed.jobs())
    assert changed(there["main"], there["other"]) == EVALUATED


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_files_that_are_links_into_the_cache(agreed: Project, tmp_path: Path, kind: str) -> None:
    """Case j: pull, edit, repro; copies, which are DVC's default, are what the other tests have."""
    clone = agreed.published(tmp_path)
    clone.run("dvc", "config", "--local", "cache.type", kind)
    clone.run("dvc", "pull")
    clone.agrees()
    model = next(clone.folder.glob("results/default/checkpoints/ring8/dsm/log_uniform/*/model.safetensors"))
    assert {"hardlink": model.stat().st_nlink > 1, "symlink": model.is_symlink()}[kind]
    first = clone.jobs()
    clone.edit("count: 3}, points: 100", "count: 3}, points: 110")
    clone.run("dvc", "repro")
    assert changed(first, clone.jobs()) == EVALUATED
    clone.agrees()

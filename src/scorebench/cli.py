"""The command line: `scorebench --help`."""

from __future__ import annotations

import functools
import os
import platform
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import scorebench
from scorebench import storage
from scorebench.commands.advise import advise
from scorebench.commands.check import check
from scorebench.commands.doctor import doctor
from scorebench.commands.publish import publish
from scorebench.commands.resume import resume
from scorebench.commands.schema import schema
from scorebench.commands.status import status
from scorebench.commands.ui import ui
from scorebench.progress.stopping import SIGNALS, Stopped
from scorebench.running import jobs
from scorebench.study.params import InvalidStudy
from scorebench.study.plan import UPTO, Job, Study, UnknownJob

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
StudyFile = Annotated[Path, typer.Option("--study", help="the study file")]
CellName = Annotated[str, typer.Option("--cell", help="dataset/method/schedule")]
DatasetName = Annotated[str, typer.Option("--dataset", help="a data set of the study")]
Key = Annotated[str, typer.Option("--key", help="refuse to run unless the job's key is this one")]
DEFAULT = Path("params.yaml")
STOPPED = 75
"""Exit status of a job that was asked to end and goes on when it is run again (EX_TEMPFAIL of sysexits.h)."""


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"scorebench {scorebench.__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="the version")
    ] = False,
) -> None:
    """What `scorebench` takes without a command."""


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Faults that a person can mend are shown without a traceback and exit with 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InvalidStudy as error:
            say(str(error))
            count = len(error.faults)
            say(f"{error.file}: {count} fault{'s' if count > 1 else ''}, nothing was run")
            raise typer.Exit(2) from None
        except (UnknownJob, jobs.Refused) as error:
            say(str(error))
            raise typer.Exit(2) from None
        except Stopped as error:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)  # it is ending
            say(str(error))
            raise typer.Exit(STOPPED) from None

    return run


def run_job(file: Path, stage: str, at: str, key: str) -> None:
    """Run one job of a study and print where its results lie."""
    study = Study(file)
    if allocation := os.environ.get("SLURM_JOB_ID"):
        say(f"{stage} {at}: Slurm job {allocation} on {platform.node()}")
    print(jobs.run(study, study.job(stage, at), key))


@app.command()
@plainly
def prepare(dataset: DatasetName, study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Prepare one data set."""
    run_job(study, "prepare", dataset, key)


@app.command()
@plainly
def floor(dataset: DatasetName, study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Measure the truth of one data set against the truth."""
    run_job(study, "floor", dataset, key)


@app.command()
@plainly
def microscope(dataset: DatasetName, study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Look at the gradients of methods on one data set."""
    run_job(study, "microscope", dataset, key)


@app.command()
@plainly
def train(cell: CellName, study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Train one cell, all replicates at once."""
    run_job(study, "train", cell, key)


@app.command()
@plainly
def sample(cell: CellName, study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Draw samples from one trained cell."""
    run_job(study, "sample", cell, key)


@app.command()
@plainly
def evaluate(cell: CellName, study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Measure one cell."""
    run_job(study, "evaluate", cell, key)


@app.command()
@plainly
def report(study: StudyFile = DEFAULT, key: Key = "") -> None:
    """Draw the report of a finished study."""
    from scorebench.stages.report import report as draw

    loaded = Study(study)
    job = Job("report")
    jobs.demand_key(loaded, job, key)
    _demand(loaded, UPTO["evaluate"])
    out = loaded.directory(job)
    inputs = {role: loaded.directory(upstream) for role, upstream in loaded.inputs(job).items()}
    draw(loaded.spec(job), inputs, out)
    storage.write_text(out / "KEY", loaded.key(job) + "\n")
    print(out / "report.html")


@app.command()
@plainly
def track(
    study: StudyFile = DEFAULT,
    follow: Annotated[
        bool, typer.Option("--follow", help="go on until the study is complete, with the curves of running trainings")
    ] = False,
) -> None:
    """Bring finished results to MLflow (MLFLOW_TRACKING_URI, else sqlite:///mlflow.db); again is harmless."""
    from scorebench.tracking.follow import follow as keep_bringing
    from scorebench.tracking.track import track as bring

    (keep_bringing if follow else bring)(Study(study))


@app.command()
@plainly
def validate(study: StudyFile = DEFAULT) -> None:
    """Check a study file; every fault is shown with its line."""
    loaded = Study(study)
    print(f"{study}: {len(loaded.applicable)} cells to run, {len(loaded.not_applicable)} not applicable")


@app.command()
@plainly
def plan(study: StudyFile = DEFAULT) -> None:
    """Show the cells of a study: up to date, to run, or not applicable and why."""
    from scorebench.running.agreement import restore
    from scorebench.running.planning import show

    loaded = Study(study)
    restore(loaded)
    show(loaded, Console())


def _demand(study: Study, stages: tuple[str, ...]) -> None:
    if absent := study.missing(stages):
        say(f"{len(absent)} planned files are not there, the first: {absent[0]}")
        raise typer.Exit(1)


@app.command()
@plainly
def explain(
    at: Annotated[str, typer.Argument(metavar="CELL", help="dataset/method/schedule, a data set, or `report`")],
    study: StudyFile = DEFAULT,
    against: Annotated[str, typer.Option(help="a git commit: say which parts differ from it, and how")] = "",
) -> None:
    """Say what the keys of a cell's jobs are made of: why does this run again?"""
    from scorebench.study.explain import NoSuchCommit, compare
    from scorebench.study.explain import explain as told

    loaded = Study(study)
    try:
        for line in compare(loaded, at, against) if against else told(loaded, at):
            print(line)
    except NoSuchCommit as error:
        say(str(error))
        raise typer.Exit(2) from None


@app.command()
@plainly
def verify(
    study: StudyFile = DEFAULT,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="move damaged results, and what was made from them, to .attic/damaged")
    ] = False,
) -> None:
    """Check every file against its recorded hash and its key against the plan; exit status 1 unless all is well."""
    from scorebench.running import verify as verification

    loaded = Study(study)
    findings = verification.verify(loaded)
    for found in findings:
        print(f"{found.kind}: {found.path}: {found.why}")
    if not findings:
        print(f"{study}: {sum(len(loaded.jobs(stage)) for stage in verification.JOBS)} jobs are whole and as planned")
        return
    if set_aside:
        for folder in verification.set_aside(loaded, findings):
            print(f"set aside: {folder}")
    elif any(found.kind == "damaged" for found in findings):
        say("`scorebench verify --set-aside` moves damaged results and what hangs on them away; the next run redoes it")
    raise typer.Exit(1)


@app.command()
@plainly
def gc(
    study: Annotated[list[Path] | None, typer.Option("--study", help="keep what this study names")] = None,
    rev: Annotated[
        list[str] | None, typer.Option("--rev", help="keep what the plan of this git revision names")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="remove; without it, only say what would be removed")] = False,
) -> None:
    """Remove results that no plan names: of params.yaml, of studies/*.yaml and of the revisions given."""
    from scorebench.running import garbage

    files = study or [DEFAULT, *sorted(Path("studies").glob("*.yaml"))]
    try:
        folders = garbage.unnamed([Study(file) for file in files], rev or [])
    except garbage.NoPlan as error:
        say(str(error))
        raise typer.Exit(2) from None
    megabytes = garbage.size(folders) / 1e6
    for folder in folders:
        print(folder)
    if yes:
        garbage.remove(folders)
    removed = "removed" if yes else "would be removed; --yes does it"
    print(f"{len(folders)} folders, {megabytes:.1f} MB {removed}")


@app.command("write-plan", hidden=True)
@plainly
def write_plan(study: StudyFile = DEFAULT) -> None:
    """Write plan/<study>/<stage>.json: which key each job has. What DVC's stages depend on."""
    from scorebench.running import agreement

    agreement.write_plan(Study(study))


@app.command("stage", hidden=True)
@plainly
def stage(name: Annotated[str, typer.Argument(help="prepare, train, sample, evaluate or report")]) -> None:
    """What a stage of dvc.yaml runs: Snakemake up to a stage, then clear away what the plan no longer names."""
    from scorebench.running import agreement

    raise typer.Exit(agreement.run_stage(Study(DEFAULT), name))


@app.command()
@plainly
def agree(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="change nothing: exit status 0 if params.yaml, plan/, files, dvc.lock, MLflow agree"
        ),
    ] = False,
) -> None:
    """After a direct Snakemake run: make plan/, dvc.lock and MLflow say what is on disk, if all that is planned is."""
    from scorebench.running import agreement

    raise typer.Exit((agreement.check if check else agreement.agree)(Study(DEFAULT)))


for command in (advise, check, resume, schema):
    app.command()(command)
for plain in (doctor, publish, status, ui):
    app.command()(plainly(plain))


def main() -> None:
    """Entry point of the `scorebench` command."""
    app()

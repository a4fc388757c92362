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
import scorebench.study.sources  # before all else of the package: what is imported from here on is compared with it
from scorebench import storage
from scorebench.commands.advise import advise
from scorebench.commands.check import check
from scorebench.commands.doctor import doctor
from scorebench.commands.explain import explain
from scorebench.commands.gc import gc
from scorebench.commands.publish import publish
from scorebench.commands.resume import resume
from scorebench.commands.schema import schema
from scorebench.commands.status import status
from scorebench.commands.ui import ui
from scorebench.commands.validate import validate
from scorebench.progress.stopping import SIGNALS, Stopped
from scorebench.running import checkout, jobs
from scorebench.running.ending import run_and_end
from scorebench.running.memory import keep_memory
from scorebench.study import results
from scorebench.study.params import InvalidStudy
from scorebench.study.plan import Study, UnknownJob
from scorebench.study.stages import STAGES, TARGETS, Stage

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
        except (UnknownJob, jobs.Refused, results.Damaged) as error:
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


def _of_dataset(stage: Stage) -> Callable[..., None]:
    def command(dataset: DatasetName, study: StudyFile = DEFAULT, key: Key = "") -> None:
        run_job(study, stage.name, dataset, key)

    return command


def _of_cell(stage: Stage) -> Callable[..., None]:
    def command(cell: CellName, study: StudyFile = DEFAULT, key: Key = "") -> None:
        run_job(study, stage.name, cell, key)

    return command


def _of_study(stage: Stage) -> Callable[..., None]:
    def command(study: StudyFile = DEFAULT, key: Key = "") -> None:
        run_job(study, stage.name, "", key)

    return command


JOB_COMMANDS = {"dataset": _of_dataset, "cell": _of_cell, "study": _of_study}
for each in STAGES:
    app.command(each.name, help=f"{each.does}.")(plainly(JOB_COMMANDS[each.of](each)))


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
def plan(study: StudyFile = DEFAULT) -> None:
    """Show the cells of a study: up to date, to run, or not applicable and why."""
    from scorebench.running.agreement import restore
    from scorebench.running.planning import show

    loaded = Study(study)
    restore(loaded)
    show(loaded, Console())


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
    told = verification.verify(loaded)
    for each in told:
        print(f"{each.kind}: {each.path}: {each.why}")
    if not told:
        print(f"{study}: {len(results.planned(loaded))} jobs are whole and as planned")
        return
    if set_aside:
        for folder in verification.set_aside(loaded, told):
            print(f"set aside: {folder}")
    elif any(each.kind == "damaged" for each in told):
        say("`scorebench verify --set-aside` moves damaged results and what hangs on them away; the next run redoes it")
    raise typer.Exit(1)


@app.command("parent", hidden=True)
def parent(folder: str, listener: int, starter: int, modules: list[str]) -> None:
    """What Snakemake starts before its first job on this machine (`running.parent`); the last word only makes room."""
    from scorebench.running import forking

    def run(words: list[str]) -> None:
        app(words, prog_name="python -m scorebench")

    forking.serve(folder, listener, starter, modules[:-1], run)


@app.command("write-plan", hidden=True)
@plainly
def write_plan(study: StudyFile = DEFAULT) -> None:
    """Write plan/<study>/<stage>.json: which key each job has. What DVC's stages depend on."""
    from scorebench.running import agreement, versioning

    agreement.write_plan(Study(study))
    if place := versioning.move_cache():
        say(f"DVC keeps no cache in a folder whose path holds braces; it is {place} from now on: `dvc repro` again")
        raise typer.Exit(1)


@app.command("write-dvc", hidden=True)
@plainly
def write_dvc(
    check: Annotated[bool, typer.Option("--check", help="write nothing: exit status 1 if it is not that")] = False,
) -> None:
    """Write dvc.yaml as the table of stages has it."""
    from scorebench.running import dvc

    if check and not (dvc.FILE.is_file() and dvc.FILE.read_text(encoding="utf-8") == dvc.text()):
        say(f"{dvc.FILE} is not what the table of stages gives; `make format` writes it")
        raise typer.Exit(1)
    if not check:
        storage.write_text(dvc.FILE, dvc.text())


@app.command("stage", hidden=True)
@plainly
def stage(name: Annotated[str, typer.Argument(help=", ".join(TARGETS))]) -> None:
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
for plain in (doctor, explain, gc, publish, status, ui, validate):
    app.command()(plainly(plain))


def main() -> None:
    """Entry point of the `scorebench` command."""
    checkout.serve()
    if "--key" in sys.argv:  # a job
        keep_memory()
        run_and_end(app)
    app()

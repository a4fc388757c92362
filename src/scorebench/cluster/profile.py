"""What workflow/profiles/slurm asks when Snakemake reads it."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from logging import Logger
from pathlib import Path

from scorebench.cluster import site
from scorebench.cluster import slurm as cluster
from scorebench.study.stages import STAGES


@dataclass(frozen=True)
class Slurm:
    """What the profile needs: the site's settings, how jobs are watched, and what this folder's jobs are called."""

    site: site.Site
    status: cluster.StatusSource
    name: str

    @property
    def groups(self) -> dict[str, str]:
        """Rule -> group of the stages of a cell, which run in one allocation."""
        return {stage.rule: "cell" for stage in STAGES if stage.of == "cell"}


def _run_cells_in_place() -> None:
    """Let the Snakemake inside an allocation run the cells' commands itself, one after another.

    By itself, Snakemake's plugin for Slurm has it start one more Snakemake for every command, by srun, which takes
    longer than a short cell; no setting of the plugin says otherwise.
    """
    from snakemake_executor_plugin_slurm import Executor

    Executor.additional_general_args = lambda executor: "--executor local --cores all --resources in_turn=1"


def _look_at_least_every(seconds: int) -> None:
    """Let no more than so many seconds pass between two looks at the jobs, however long none of them ends.

    By itself, Snakemake's plugin waits 10 s more after every look, up to 180; no setting of the plugin says otherwise.
    """
    from snakemake_executor_plugin_slurm import Executor
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    between = RemoteExecutor.next_seconds_between_status_checks
    capped = between.setter(lambda executor, wanted: between.fset(executor, min(wanted, seconds)))
    Executor.next_seconds_between_status_checks = capped


def _see_who_is_cancelled() -> None:
    """Take the first word of a job's state for its state: sacct says `CANCELLED by 1000`.

    Snakemake's plugin for Slurm knows `CANCELLED` only, and by itself waits for such a job for ever.
    """
    import snakemake_executor_plugin_slurm as plugin

    ask = plugin.query_job_status

    async def asked(command: str, logger: Logger) -> tuple[dict[str, str] | None, float | None]:
        states, seconds = await ask(command, logger)
        return states and {job: state.partition(" ")[0] for job, state in states.items()}, seconds

    plugin.query_job_status = asked


def _is_dry_run() -> bool:
    """Whether Snakemake was told to plan only: `-n`, alone or among other letters, `--dry-run`, `--dryrun`."""
    return any(re.fullmatch(r"-[A-Za-z]*n[A-Za-z]*|--dry-?run", word) for word in sys.argv[1:])


@functools.cache
def slurm() -> Slurm:
    """Settings for a run on this cluster; a fault ends the process with one clear message. A dry run needs none."""
    try:
        chosen = site.load()
        if not cluster.is_here():
            if _is_dry_run():
                print("no Slurm was found on this machine: this is what would be submitted to one", file=sys.stderr)
                unasked = cluster.StatusSource("sacct", chosen.poll_seconds, "no Slurm is here")
                return Slurm(chosen, unasked, cluster.job_name(Path()))
            raise cluster.NoAnswer("this machine has no sbatch, or no slurm.conf: run this on the cluster's login node")
        cluster.demand(chosen)
        _see_who_is_cancelled()
        _look_at_least_every(chosen.longest_poll_seconds)
        if chosen.cells_per_job > 1:
            _run_cells_in_place()
        return Slurm(chosen, cluster.status_command(chosen), cluster.job_name(Path()))
    except site.BadSite as error:
        sys.exit(f"--profile slurm can't be used:\n{error}\n`scorebench doctor` says more")
    except cluster.NoAnswer as error:
        sys.exit(f"--profile slurm can't be used: no Slurm answers: {error}\n`scorebench doctor` says more")

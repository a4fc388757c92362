"""What workflow/profiles/slurm asks when Snakemake reads it."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path

from scorebench import site
from scorebench import slurm as cluster


@dataclass(frozen=True)
class Slurm:
    """What the profile needs: the site's settings, how jobs are watched, and what this folder's jobs are called."""

    site: site.Site
    status: cluster.Status
    name: str


@functools.cache
def slurm() -> Slurm:
    """Settings for a run on this cluster; a fault ends the process with one clear message."""
    try:
        chosen = site.load()
        if not cluster.is_here():
            raise cluster.NoAnswer("this machine has no sbatch, or no slurm.conf: run this on the cluster's login node")
        cluster.demand(chosen)
        return Slurm(chosen, cluster.status_command(chosen), cluster.job_name(Path()))
    except site.BadSite as error:
        sys.exit(f"--profile slurm can't be used:\n{error}\n`scorebench doctor` says more")
    except cluster.NoAnswer as error:
        sys.exit(f"--profile slurm can't be used: no Slurm answers: {error}\n`scorebench doctor` says more")

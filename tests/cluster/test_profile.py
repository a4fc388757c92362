"""What the Slurm profile changes in Snakemake's plugin; what it does on a cluster is in tests/cluster."""

import asyncio
from pathlib import Path

import pytest

from scorebench.cluster import profile


@pytest.fixture(scope="module")
def plugin():
    import snakemake_executor_plugin_slurm as imported

    return imported


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ({"1": "CANCELLED by 0", "2": "COMPLETED"}, {"1": "CANCELLED", "2": "COMPLETED"}),
        ({}, {}),
        (None, None),
    ],
)
def test_a_state_is_its_first_word(monkeypatch, plugin, told, taken):
    """sacct adds who cancelled a job; the plugin knows the bare word only. None: Slurm did not answer."""

    async def query(command, logger):
        return told, 0.5

    monkeypatch.setattr(plugin, "query_job_status", query)
    profile._see_who_is_cancelled()
    assert asyncio.run(plugin.query_job_status("sacct", None)) == (taken, 0.5)


def test_looks_at_jobs_are_no_farther_apart_than_the_site_says(monkeypatch, plugin):
    """The plugin adds 10 s after every look at which none had ended."""
    name = "next_seconds_between_status_checks"
    monkeypatch.setattr(plugin.Executor, name, getattr(plugin.Executor, name))
    executor = object.__new__(plugin.Executor)
    for longest, expected in ((15, [1, 11, 15, 15]), (180, [1, 11, 21, 31]), (1, [1, 1, 1, 1])):
        profile._look_at_least_every(longest)
        executor.next_seconds_between_status_checks = 1
        seen = [executor.next_seconds_between_status_checks]
        for _ in range(3):
            executor.next_seconds_between_status_checks += 10
            seen.append(executor.next_seconds_between_status_checks)
        assert seen == expected


@pytest.mark.parametrize("flag", ["-n", "-np", "--dry-run", "--dryrun"])
def test_a_dry_run_needs_no_slurm(monkeypatch, capsys, flag):
    monkeypatch.setattr(profile.cluster, "is_here", lambda: False)
    monkeypatch.setattr("sys.argv", ["snakemake", "--cores", "8", "--profile", "slurm", flag])
    profile.slurm.cache_clear()
    assert profile.slurm().name == profile.cluster.job_name(Path())
    assert "no Slurm was found" in capsys.readouterr().err
    profile.slurm.cache_clear()
    monkeypatch.setattr("sys.argv", ["snakemake", "--cores", "8", "--profile", "slurm", "--nolock"])
    with pytest.raises(SystemExit, match="no Slurm answers: this machine has no sbatch"):
        profile.slurm()
    profile.slurm.cache_clear()

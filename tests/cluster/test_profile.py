"""What the Slurm profile changes in Snakemake's plugin; what it does on a cluster is in tests/cluster."""

import asyncio

import pytest
import snakemake_executor_plugin_slurm as plugin

from scorebench.cluster import profile


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ({"1": "CANCELLED by 0", "2": "COMPLETED"}, {"1": "CANCELLED", "2": "COMPLETED"}),
        ({}, {}),
        (None, None),
    ],
)
def test_a_state_is_its_first_word(monkeypatch, told, taken):
    """sacct adds who cancelled a job; the plugin knows the bare word only. None: Slurm did not answer."""

    async def query(command, logger):
        return told, 0.5

    monkeypatch.setattr(plugin, "query_job_status", query)
    profile._see_who_is_cancelled()
    assert asyncio.run(plugin.query_job_status("sacct", None)) == (taken, 0.5)
